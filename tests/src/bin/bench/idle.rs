//! How long decoders stand waiting for S3 when each of its answers comes 30 ms later.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fleet_tests::caller::Caller;
use fleet_tests::proxy::{Fault, Seen};
use fleet_tests::{fleet, journey};
use local_cloud::Options;
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
    let options = Options {
        bin_dir: fleet::programs(),
        ..Options::default()
    }
    .agents(2)
    .agent_env("FRAMEFLEET_CONCURRENCY", 1);
    let (cloud, caller, _proxies) = journey::with_proxy(options, late).await?;
    let bytes: bytes::Bytes = std::fs::read(footage)?.into();
    // Ten images a second keep the encoder busy; one a second leaves the least work to hide behind. One in
    // ten seconds jumps from GOP to GOP and has next to none, so nothing is asked of it.
    for (fps, target) in [
        ("10", " (target 0.1)"),
        ("1", " (target 0.1)"),
        ("1/10", ""),
    ] {
        measure(&caller, bytes.clone(), fps, target).await?;
    }
    cloud.shutdown().await;
    Ok(())
}

async fn measure(caller: &Caller, bytes: bytes::Bytes, fps: &str, target: &str) -> Result<()> {
    let spec = json!({ "select": { "fps": fps } });
    let id = caller.submit("late.mp4", bytes, &spec).await?;
    let ended = caller.ended(&id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    let report: Value = serde_json::from_slice(&caller.download(&id, "report").await?)?;
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
        "(d) waiting for S3 / segment time, S3 {} ms late, {fps} fps: {:.3} over {} segments{target}",
        LATENCY.as_millis(),
        waited / seconds,
        segments.len()
    );
    Ok(())
}
