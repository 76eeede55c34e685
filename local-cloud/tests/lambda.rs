//! The Lambda stand-in against real processes: a small shell function, and the real ingest.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use local_cloud::{Cloud, Function, InvokeError, Options, Settings, UPLOADS_BUCKET};

/// Generous: nothing here takes more than seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn function(directory: &Path, script: &str, timeout: Duration) -> Function {
    let binary = directory.join("bootstrap");
    std::fs::write(&binary, format!("#!/bin/sh\nset -eu\n{script}\n")).unwrap();
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
    Function::new(Settings {
        name: "under-test".into(),
        binary,
        env: Vec::new(),
        timeout,
        memory_mb: 128,
        log: directory.join("function.log"),
    })
}

/// Fetches one invocation after another, and hands `$id` and `$body` to `act`.
fn runtime(act: &str) -> String {
    format!(
        r#"api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
dir=${{0%/*}}
while :; do
  body=$(curl -sS -D "$dir/h" "$api/invocation/next")
  id=$(tr -d '\r' <"$dir/h" | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
  deadline=$(tr -d '\r' <"$dir/h" | sed -n 's/^lambda-runtime-deadline-ms: //Ip')
  {act}
done"#
    )
}

#[tokio::test]
async fn an_invocation_carries_its_payload_id_and_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let echo = r#"curl -sS -d "{\"got\":$body,\"deadline\":$deadline,\"pid\":$$}" "$api/invocation/$id/response""#;
    let function = function(dir.path(), &runtime(echo), PATIENCE);
    let before = std::time::SystemTime::now();
    let said = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let first = said(&function.invoke("{\"a\":1}").await.unwrap());
    assert_eq!(first["got"]["a"], 1);
    let deadline = Duration::from_millis(first["deadline"].as_u64().unwrap());
    let earliest = before.duration_since(std::time::UNIX_EPOCH).unwrap() + PATIENCE;
    assert!(deadline + Duration::from_millis(1) >= earliest);
    let second = said(&function.invoke("{\"a\":2}").await.unwrap());
    assert_eq!(second["got"]["a"], 2);
    assert_eq!(
        second["pid"], first["pid"],
        "the second start should be warm"
    );
    assert_eq!(function.pid().map(u64::from), first["pid"].as_u64());
}

#[tokio::test]
async fn an_error_that_the_function_reports_is_its_answer() {
    let dir = tempfile::tempdir().unwrap();
    let fail = r#"curl -sS -d "{\"errorMessage\":\"no luck\"}" "$api/invocation/$id/error""#;
    let function = function(dir.path(), &runtime(fail), PATIENCE);
    match function.invoke("{}").await {
        Err(InvokeError::Failed(error)) => assert!(error.contains("no luck"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_function_that_overruns_its_timeout_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let hang = format!("echo $$ >{}/pid; sleep 600", dir.path().display());
    let function = function(dir.path(), &runtime(&hang), Duration::from_secs(3));
    let error = function.invoke("{}").await.unwrap_err();
    assert!(matches!(error, InvokeError::TimedOut(_)), "{error}");
    let pid = std::fs::read_to_string(dir.path().join("pid")).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists());
}

#[tokio::test]
async fn a_process_that_ends_is_noticed_at_once_and_started_anew() {
    let dir = tempfile::tempdir().unwrap();
    let once = format!(
        r#"if [ "$body" = '"die"' ]; then exit 7; fi
  echo >>{}/alive
  curl -sS -d '"ok"' "$api/invocation/$id/response""#,
        dir.path().display()
    );
    let function = function(dir.path(), &runtime(&once), PATIENCE);
    let error = function.invoke("\"die\"").await.unwrap_err();
    assert!(matches!(error, InvokeError::Ended { status, .. } if status.code() == Some(7)));
    assert_eq!(function.invoke("1").await.unwrap(), "\"ok\"");
}

/// The real ingest function, fed by the real event notification: a foreign object is none of its
/// business, an upload becomes one plan task, and a killed process loses nothing.
#[tokio::test]
async fn the_real_ingest_turns_uploads_into_tasks_also_after_it_was_killed() {
    let cloud = Cloud::start(Options::default().agents(0)).await.unwrap();
    let s3 = aws_sdk_s3::Client::new(&cloud.sdk_config().await);
    s3.put_object()
        .bucket(UPLOADS_BUCKET)
        .key("not/ours")
        .body("x".as_bytes().to_vec().into())
        .send()
        .await
        .unwrap();
    // The bucket's own test event was there first.
    until(&cloud, "the foreign events are done with", |d| {
        d.events == 0
    })
    .await;

    for expected in 1..=2 {
        upload(&cloud).await;
        until(&cloud, "the upload is a task", |d| d.tasks == expected).await;
        until(&cloud, "its event is done with", |d| d.events == 0).await;
        let pid = cloud.ingest_pid().expect("it stays warm");
        let kill = std::process::Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status();
        assert!(kill.unwrap().success());
    }
    let depths = cloud.queue_depths().await.unwrap();
    assert_eq!((depths.events_dead, depths.tasks_dead), (0, 0));
    cloud.shutdown().await;
}

async fn upload(cloud: &Cloud) {
    let client = local_cloud::http_client();
    let body = serde_json::json!({"filename": "v.mp4", "size": 5});
    let answer = client
        .post(format!("{}/api/videos", cloud.api_url()))
        .header("x-api-key", cloud.api_key())
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let answer: serde_json::Value = answer.json().await.unwrap();
    let mut put = client
        .put(answer["upload"]["url"].as_str().unwrap())
        .body("12345");
    for (name, value) in answer["upload"]["headers"]
        .as_object()
        .into_iter()
        .flatten()
    {
        if name != "content-length" {
            put = put.header(name, value.as_str().unwrap());
        }
    }
    assert_eq!(put.send().await.unwrap().status(), 200);
}

async fn until(cloud: &Cloud, what: &str, reached: impl Fn(&local_cloud::QueueDepths) -> bool) {
    let limit = Instant::now() + PATIENCE;
    loop {
        let depths = cloud.queue_depths().await.unwrap();
        if reached(&depths) {
            return;
        }
        assert!(Instant::now() < limit, "{what}: still {depths:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
