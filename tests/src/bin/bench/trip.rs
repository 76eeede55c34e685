//! The whole trip, upload request to archive on disk, against one machine with ffmpeg and zip.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fleet_tests::caller::Caller;
use fleet_tests::fleet;
use local_cloud::{Cloud, Options};
use serde_json::json;

use crate::stats::{median, spread};

pub async fn run(footage: &Path, runs: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = Options {
        bin_dir: fleet::programs(),
        ..Options::default()
    }
    .agents(2)
    .agent_env("FRAMEFLEET_CONCURRENCY", 1);
    let cloud = Cloud::start(options).await?;
    let caller = Caller::new(cloud.api_url(), cloud.api_key());
    println!("trip: {} at 1 fps, {runs} paired runs", footage.display());
    // One of each that is not counted: caches, connections, the emulator's first requests.
    ours(&caller, footage, folder.path()).await?;
    theirs(footage, folder.path())?;
    let (mut us, mut them, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let (a, images) = ours(&caller, footage, folder.path()).await?;
        let b = theirs(footage, folder.path())?;
        println!("  fleet of 2 agents {a:.2} s ({images} images), ffmpeg + zip -0 {b:.2} s");
        ratios.push(a / b);
        us.push(a);
        them.push(b);
    }
    cloud.shutdown().await;
    println!(
        "  medians: fleet {:.2} s, ffmpeg + zip -0 {:.2} s",
        median(&us),
        median(&them)
    );
    println!(
        "(a) whole trip / (ffmpeg -vf fps=1 -q:v 2 + zip -0): {}",
        spread(&ratios)
    );
    Ok(())
}

async fn ours(caller: &Caller, footage: &Path, folder: &Path) -> Result<(f64, u64)> {
    let bytes = std::fs::read(footage)?.into();
    let started = Instant::now();
    let id = caller
        .submit("bench.mp4", bytes, &json!({ "select": { "fps": 1 } }))
        .await?;
    let ended = caller.ended(&id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    let archive = caller.download(&id, "archive").await?;
    std::fs::write(folder.join("ours.zip"), &archive)?;
    let seconds = started.elapsed().as_secs_f64();
    Ok((
        seconds,
        ended["progress"]["images"].as_u64().context("images")?,
    ))
}

fn theirs(footage: &Path, folder: &Path) -> Result<f64> {
    let images = folder.join("theirs");
    let archive = folder.join("theirs.zip");
    let _ = std::fs::remove_dir_all(&images);
    let _ = std::fs::remove_file(&archive);
    std::fs::create_dir(&images)?;
    let started = Instant::now();
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-nostdin", "-i"])
        .arg(footage)
        .args(["-vf", "fps=1", "-q:v", "2"])
        .arg(images.join("frame_%06d.jpg"))
        .status()?;
    ensure!(status.success(), "ffmpeg: {status}");
    let status = Command::new("zip")
        .args(["-0", "-q", "-r"])
        .arg(&archive)
        .arg(&images)
        .status()?;
    ensure!(status.success(), "zip: {status}");
    Ok(started.elapsed().as_secs_f64())
}
