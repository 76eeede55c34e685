//! Bytes: what an agent reads of the video for a segment, and what the finalizer downloads.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fleet_tests::caller::Caller;
use fleet_tests::fleet;
use local_cloud::{Cloud, Options};
use serde_json::{Value, json};

pub async fn run(footage: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let large = folder.path().join("1080p.mp4");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-nostdin", "-i"])
        .arg(footage)
        .args([
            "-vf",
            "scale=1920:1080",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-crf",
            "18",
        ])
        .args(["-g", "50"])
        .arg(&large)
        .status()?;
    ensure!(status.success(), "ffmpeg: {status}");
    let options = Options {
        bin_dir: fleet::programs(),
        ..Options::default()
    }
    .agents(2)
    .agent_env("FRAMEFLEET_CONCURRENCY", 1)
    // Every segment pays for its own bytes: no block of a neighbour's is kept for it.
    .agent_env("FRAMEFLEET_CACHE_BYTES", 1);
    let cloud = Cloud::start(options).await?;
    let caller = Caller::new(cloud.api_url(), cloud.api_key());
    let bytes: bytes::Bytes = std::fs::read(&large)?.into();
    let size = bytes.len() as f64;
    let id = caller
        .submit("1080p.mp4", bytes, &json!({ "select": { "fps": 10 } }))
        .await?;
    let ended = caller.ended(&id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    let report: Value = serde_json::from_slice(&caller.download(&id, "report").await?)?;
    cloud.shutdown().await;
    let number = |v: &Value, name: &str| v[name].as_f64().with_context(|| format!("read {name}"));
    let archive = number(&report, "archive_bytes")?;
    let downloaded = number(&report, "bytes_downloaded_by_finalizer")?;
    println!(
        "(b) finalizer downloaded / archive: {:.4} ({:.1} of {:.1} MB)",
        downloaded / archive,
        downloaded / 1e6,
        archive / 1e6
    );
    let segments = report["segments"].as_array().context("segments")?;
    let mut total = 0.0;
    let images: f64 = segments.iter().filter_map(|s| s["images"].as_f64()).sum();
    let mut worst = 0.0_f64;
    for segment in segments {
        let read = number(segment, "bytes_read")?;
        // Its share of the video's bytes, by its share of the images: they are evenly spaced.
        let share = number(segment, "images")? / images;
        total += read;
        worst = worst.max(read / (size * share));
    }
    println!(
        "(c) read for a segment / its share of the video: {:.3} over {} segments, worst {:.3}",
        total / size,
        segments.len(),
        worst
    );
    Ok(())
}
