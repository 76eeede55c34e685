//! Bytes: what an agent reads of the video for a segment, and what the finalizer downloads.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fleet_tests::caller::Caller;
use fleet_tests::fleet;
use local_cloud::{Cloud, Options};
use serde_json::{Value, json};

const FPS: f64 = 10.0;

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
        .submit("1080p.mp4", bytes, &json!({ "select": { "fps": FPS } }))
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
    let total_images: f64 = segments.iter().filter_map(|s| s["images"].as_f64()).sum();
    let packets = packets(&large)?;
    let mut worst = 0.0_f64;
    let mut images = 0.0;
    for segment in segments {
        let read = number(segment, "bytes_read")?;
        let from = images / FPS;
        images += number(segment, "images")?;
        // The last one goes on to the end.
        let to = match total_images - images {
            left if left > 0.0 => images / FPS,
            _ => f64::INFINITY,
        };
        let own = packets.iter().filter(|(at, _)| (from..to).contains(at));
        let share: f64 = own.map(|(_, bytes)| bytes).sum();
        total += read;
        worst = worst.max(read / share);
        println!(
            "    segment {:>2}: {read:>9.0} bytes read of {share:>9.0} of its own: {:.3}, {} images",
            segment["segment"],
            read / share,
            segment["images"]
        );
    }
    println!(
        "(c) read for a segment / its share of the video: {:.3} over {} segments, worst {:.3}",
        total / size,
        segments.len(),
        worst
    );
    Ok(())
}

/// Seconds from the first frame, and bytes, of each of a video's packets.
fn packets(video: &Path) -> Result<Vec<(f64, f64)>> {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"])
        .args(["-show_entries", "packet=pts_time,size"])
        .arg(video)
        .output()?;
    ensure!(out.status.success(), "ffprobe: {}", out.status);
    let mut packets = Vec::new();
    for line in String::from_utf8(out.stdout)?.lines() {
        let (at, bytes) = line.split_once(',').context("a line of ffprobe's")?;
        packets.push((at.parse()?, bytes.trim_end_matches(',').parse()?));
    }
    let first = packets.iter().map(|(at, _)| *at).fold(f64::MAX, f64::min);
    Ok(packets.into_iter().map(|(at, b)| (at - first, b)).collect())
}
