//! How many tasks an agent should take at once: one machine's agent with several settings, in turn,
//! against the default of one a core.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use fleet_tests::caller::Caller;
use fleet_tests::fleet;
use local_cloud::{Cloud, Options};
use serde_json::json;

use crate::stats::spread;

pub async fn run(footage: &Path, runs: usize) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let others: Vec<usize> = [1, cores + 1, 2 * cores]
        .into_iter()
        .filter(|n| *n != cores)
        .collect();
    println!("concurrency: one agent on {cores} cores, {runs} runs of each setting in turn");
    // Not counted: caches of the file and of the programs.
    trip(footage, cores).await?;
    let mut ratios = vec![Vec::new(); others.len()];
    for _ in 0..runs {
        let default = trip(footage, cores).await?;
        for (other, ratios) in others.iter().zip(&mut ratios) {
            ratios.push(trip(footage, *other).await? / default);
        }
    }
    for (other, ratios) in others.iter().zip(&ratios) {
        println!(
            "(e) whole trip with {other} at once / with {cores} (one a core): {}",
            spread(ratios)
        );
    }
    Ok(())
}

/// From the upload request to the end, in seconds, on a cloud of its own.
async fn trip(footage: &Path, concurrency: usize) -> Result<f64> {
    let options = Options {
        bin_dir: fleet::programs(),
        ..Options::default()
    }
    .agents(1)
    .agent_env("FRAMEFLEET_CONCURRENCY", concurrency);
    let cloud = Cloud::start(options).await?;
    let caller = Caller::new(cloud.api_url(), cloud.api_key());
    let bytes: bytes::Bytes = std::fs::read(footage)?.into();
    let mut seconds = 0.0;
    // The first video on a new cloud pays for connections; the second is the one that counts.
    for _ in 0..2 {
        let started = Instant::now();
        let id = caller
            .submit(
                "bench.mp4",
                bytes.clone(),
                &json!({ "select": { "fps": 1 } }),
            )
            .await?;
        let ended = caller.ended(&id).await?;
        ensure!(ended["state"] == "done", "{ended}");
        seconds = started.elapsed().as_secs_f64();
    }
    cloud.shutdown().await;
    Ok(seconds)
}
