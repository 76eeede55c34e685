//! An agent as the service manager and Prometheus see it.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fleet_tests::caller::PATIENCE;
use fleet_tests::{corpus, fleet};
use serde_json::json;

/// Waits for a message among those that come.
fn hear(manager: &UnixDatagram, wanted: &str) -> Result<()> {
    let started = Instant::now();
    let mut buffer = [0; 4096];
    while started.elapsed() < PATIENCE {
        let Ok(length) = manager.recv(&mut buffer) else {
            continue;
        };
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.lines().any(|line| line == wanted) {
            return Ok(());
        }
    }
    anyhow::bail!("the agent never said {wanted}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_says_that_it_is_ready_alive_and_ending_and_what_it_did() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path)?;
    manager.set_read_timeout(Some(Duration::from_secs(1)))?;
    // A port that was free a moment ago.
    let metrics = TcpListener::bind("127.0.0.1:0")?.local_addr()?;

    let (cloud, caller) = fleet::start(fleet::options(0)).await?;
    let agent = cloud.start_agent(&[
        ("NOTIFY_SOCKET", &path.to_string_lossy()),
        ("WATCHDOG_USEC", "20000000"),
        ("FRAMEFLEET_PROMETHEUS_LISTEN", &metrics.to_string()),
    ])?;
    tokio::task::block_in_place(|| hear(&manager, "READY=1"))?;
    tokio::task::block_in_place(|| hear(&manager, "WATCHDOG=1"))?;

    let video = &corpus::good()?[0];
    let id = caller
        .submit(
            &video.name(),
            video.bytes()?,
            &json!({ "select": { "fps": 1 } }),
        )
        .await?;
    let ended = caller.ended(&id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    let manifest = caller.download(&id, "manifest").await?;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest)?;
    let images = manifest["images"].as_array().map_or(0, Vec::len);

    // The last task is counted a moment after its video is done.
    let url = format!("http://{metrics}/metrics");
    let wanted = [
        r#"framefleet_agent_tasks_total{kind="plan",ending="settled"} 1"#.to_owned(),
        r#"framefleet_agent_tasks_total{kind="segment",ending="settled"}"#.to_owned(),
        format!("framefleet_agent_images_total {images}"),
        r#"framefleet_agent_standing{standing="receiving"} 1"#.to_owned(),
    ];
    let started = Instant::now();
    loop {
        let answer = local_cloud::http_client().get(&url).send().await?;
        ensure!(
            answer.headers()["content-type"]
                .to_str()?
                .contains("openmetrics-text")
        );
        let text = answer.text().await?;
        if wanted.iter().all(|line| text.contains(line)) {
            break;
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "{wanted:?} are not all in\n{text}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    agent.terminate()?;
    tokio::task::block_in_place(|| hear(&manager, "STOPPING=1"))?;
    let status = agent.wait(PATIENCE).await;
    ensure!(status.is_some_and(|s| s.success()), "{status:?}");
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn an_agent_that_cannot_listen_says_where() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let (cloud, _) = fleet::start(fleet::options(0)).await?;
    let agent = cloud.start_agent(&[("FRAMEFLEET_PROMETHEUS_LISTEN", &address)])?;
    let status = agent.wait(PATIENCE).await;
    ensure!(status.is_some_and(|s| !s.success()), "{status:?}");
    let log = std::fs::read_to_string(agent.log())?;
    ensure!(
        log.contains(&format!("serve metrics at {address}")),
        "{log}"
    );
    cloud.shutdown().await;
    Ok(())
}
