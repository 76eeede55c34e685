//! AUTH, TLS, lost scripts, and a server that is away, hangs, or comes back.

mod common;

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{LEASE, Rig, call, job};
use redis_scripts::testing::{Server, free_port};
use redis_scripts::{Advice, Completion, Connection, Fleet, Jobs, Opening, Options};

fn quick(url: String) -> Options {
    Options {
        connect_timeout: Duration::from_millis(300),
        reply_timeout: Duration::from_millis(300),
        retries: 0,
        ..Options::new(url)
    }
}

#[tokio::test]
async fn every_script_runs_from_a_flushed_script_cache() {
    let (rig, job) = (Rig::start().await, job());
    let instance = "i-a".parse().unwrap();
    macro_rules! flushed {
        ($call:expr) => {{
            rig.raw::<String>(&["SCRIPT", "FLUSH"]).await;
            call!(rig, $call)
        }};
    }
    let failure = fleet_core::Failure::plain(fleet_core::Reason::Internal);
    flushed!(rig.jobs.open_job(&job, 1));
    let reply = flushed!(rig.jobs.complete_segment(&job, 0, "a", 1, 1, LEASE));
    let Completion::Finalize { token, .. } = reply else {
        panic!("{reply:?}");
    };
    flushed!(rig.jobs.renew_finalizer(&job, token, LEASE));
    flushed!(rig.jobs.commit_job(&job, token));
    flushed!(rig.jobs.fail_job(&job.video, &failure));
    flushed!(rig.jobs.cancel_job(&job.video));
    flushed!(rig.jobs.restore_job(&job, 1, &[]));
    flushed!(rig.jobs.job_results(&job));
    flushed!(rig.jobs.job_progress(&job.video));
    flushed!(rig.fleet.report_idle(&instance));
    flushed!(rig.fleet.begin_task(&instance, "t", "r"));
    flushed!(rig.fleet.hand_back("t", "r"));
    flushed!(rig.fleet.condemn(std::slice::from_ref(&instance), LEASE));
    flushed!(rig.fleet.retire(std::slice::from_ref(&instance)));
    flushed!(rig.fleet.reprieve(&instance, LEASE));
    flushed!(rig.fleet.forget(&instance));
    flushed!(rig.fleet.fleet_status());
    flushed!(rig.fleet.candidates(std::time::Duration::from_secs(45)));
    // Nothing was left out above.
    let lua = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/lua")).unwrap();
    assert_eq!(lua.count(), 18);
}

#[test]
fn every_script_is_short_and_says_what_it_does() {
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/lua")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() < 60, "{path:?}");
        for word in ["-- KEYS ", "-- Reply ", "-- E.g. ", "->"] {
            assert!(text.contains(word), "{path:?} has no {word:?}");
        }
        assert_eq!(
            text.contains("ARGV["),
            text.contains("-- ARGV "),
            "{path:?}"
        );
    }
}

#[tokio::test]
async fn a_password_is_asked_for_and_never_shown() {
    let server = Server::start_with(&["--requirepass", "s3cret"]);
    let url = |password: &str| server.url().replace("://", &format!("://:{password}@"));
    Connection::open(&quick(url("s3cret"))).await.unwrap();
    for url in [url("wr0ng"), server.url()] {
        let options = quick(url);
        let error = Connection::open(&options).await.err().unwrap();
        assert_eq!(error.advice(), Advice::Reject, "{error:?}");
        assert!(!format!("{error:?} {error} {options:?}").contains("wr0ng"));
    }
    let bad = Options::new("http://:s3cret@localhost");
    let error = Connection::lazy(&bad).err().unwrap();
    assert_eq!(error.advice(), Advice::Reject);
    assert!(!format!("{error:?} {error} {bad:?}").contains("s3cret"));
}

#[tokio::test]
async fn tls_verifies_the_server_and_then_works() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")])
        .output()
        .expect("run openssl");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let tls_port = free_port();
    let _server = Server::start_with(&[
        "--tls-port",
        &tls_port.to_string(),
        "--tls-cert-file",
        &path("cert.pem"),
        "--tls-key-file",
        &path("key.pem"),
        "--tls-auth-clients",
        "no",
        "--requirepass",
        "s3cret",
    ]);
    let mut options = quick(format!("rediss://:s3cret@localhost:{tls_port}"));
    options.connect_timeout = Duration::from_secs(5);
    let untrusted = Connection::open(&options).await.err().unwrap();
    assert!(
        format!("{untrusted:?}").contains("certificate"),
        "{untrusted:?}"
    );
    options.ca_pem = Some(std::fs::read(path("cert.pem")).unwrap());
    let connection = Connection::open(&options).await.unwrap();
    let job = job();
    let opened = Jobs::new(&connection).open_job(&job, 2).await.unwrap();
    assert_eq!(opened, Opening::Opened);
}

#[tokio::test]
async fn a_server_that_is_away_or_hangs_gives_a_retryable_error_in_bounded_time() {
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = hangs.local_addr().unwrap().port();
    for port in [free_port(), port] {
        let options = quick(format!("redis://127.0.0.1:{port}"));
        let start = Instant::now();
        let error = Connection::open(&options).await.err().unwrap();
        assert_eq!(error.advice(), Advice::Retry, "{error:?}");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        // A lazy one answers the same at its first call, and does not panic or wait for ever.
        let fleet = Fleet::new(&Connection::lazy(&options).unwrap(), "f").unwrap();
        let error = fleet.fleet_status().await.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
    }
}

#[tokio::test]
async fn a_connection_outlives_a_restart_of_the_server() {
    let mut server = Server::start();
    let connection = Connection::open(&Options::new(server.url())).await.unwrap();
    let jobs = Jobs::new(&connection);
    let job = job();
    jobs.open_job(&job, 1).await.unwrap();
    server.restart();
    // Calls fail, retryably, until the connection is back; then the emptied server is seen as such.
    let deadline = Instant::now() + Duration::from_secs(20);
    let reply = loop {
        match jobs.complete_segment(&job, 0, "a", 1, 1, LEASE).await {
            Ok(reply) => break reply,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
        assert!(Instant::now() < deadline, "not reconnected");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(reply, Completion::Unknown);
}

#[tokio::test]
async fn foreign_data_under_our_key_is_an_error_to_reject() {
    let (rig, job) = (Rig::start().await, job());
    let key = format!("framefleet:{{{}}}:job", job.video);
    rig.raw::<String>(&["SET", &key, "text", "EX", "60"]).await;
    let error = rig.jobs.open_job(&job, 1).await.unwrap_err();
    assert_eq!(error.advice(), Advice::Reject, "{error:?}");
}
