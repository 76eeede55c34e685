//! How long decoders stand waiting for S3 when each of its answers comes 30 ms later.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fleet_tests::caller::Caller;
use fleet_tests::fleet;
use fleet_tests::proxy::{Fault, Proxy, Seen};
use local_cloud::{Cloud, Component, Options};
use serde_json::{Value, json};

const LATENCY: Duration = Duration::from_millis(30);

/// S3's requests carry no target header; every other service's do.
fn late(seen: &Seen) -> Fault {
    match seen.action {
        "" => Fault::Delay(LATENCY),
        _ => Fault::None,
    }
}

pub async fn run(footage: &Path) -> Result<()> {
    let proxies: Arc<Mutex<Vec<Proxy>>> = Arc::default();
    let held = proxies.clone();
    let route = move |component, upstream| {
        if component != Component::Agent {
            return upstream;
        }
        let proxy = Proxy::start(upstream, Arc::new(late)).expect("a free port");
        let address = proxy.address;
        held.lock().expect("no poisoned lock").push(proxy);
        address
    };
    let options = Options {
        bin_dir: fleet::programs(),
        aws_route: Some(Arc::new(route)),
        ..Options::default()
    }
    .agents(2)
    .agent_env("FRAMEFLEET_CONCURRENCY", 1);
    let cloud = Cloud::start(options).await?;
    let caller = Caller::new(cloud.api_url(), cloud.api_key());
    let bytes: bytes::Bytes = std::fs::read(footage)?.into();
    let spec = json!({ "select": { "fps": 10 } });
    let id = caller.submit("late.mp4", bytes, &spec).await?;
    let ended = caller.ended(&id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    let report: Value = serde_json::from_slice(&caller.download(&id, "report").await?)?;
    cloud.shutdown().await;
    let segments = report["segments"].as_array().context("segments")?;
    let number = |v: &Value, name: &str| v[name].as_f64().with_context(|| format!("read {name}"));
    let (mut waited, mut seconds) = (0.0, 0.0);
    for segment in segments {
        let (wait, all) = (
            number(segment, "source_wait_seconds")?,
            number(segment, "seconds")?,
        );
        println!(
            "    segment {:>2}: {:>8.0} bytes read, waited {wait:.3} of {all:.3} s",
            segment["segment"],
            number(segment, "bytes_read")?,
        );
        waited += wait;
        seconds += all;
    }
    println!(
        "(d) waiting for S3 / segment time, S3 {} ms late: {:.3} over {} segments",
        LATENCY.as_millis(),
        waited / seconds,
        segments.len()
    );
    Ok(())
}
