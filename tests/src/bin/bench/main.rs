//! Measurements, as ratios against named peers in the same run. Absolute times mean nothing on a
//! machine that others share, so none is promised.

mod concurrency;
mod guard;
mod idle;
mod lua;
mod media;
mod process;
mod quality;
mod reads;
mod stats;
mod trip;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use fleet_tests::{corpus, fleet};

#[derive(Parser)]
struct Cli {
    /// trip, media, reads, idle, lua, guard or concurrency; all of them without a name
    names: Vec<String>,
    /// Paired runs of each comparison
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Of `media`, only comparisons whose name holds this: a clip's, keyframes, all frames, jpeg
    #[arg(long, default_value = "")]
    only: String,
    /// A folder for the clips of `media`, made there by tools/bench/footage.sh
    #[arg(long, env = "FRAMEFLEET_BENCH_CLIPS")]
    clips: Option<PathBuf>,
    /// A Python with PyAV and OpenCV, for `media`
    #[arg(long, env = "FRAMEFLEET_BENCH_PYTHON")]
    python: Option<PathBuf>,
    /// A video to measure with
    #[arg(long, env = "FRAMEFLEET_FOOTAGE")]
    footage: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let wanted = |name: &str| cli.names.is_empty() || cli.names.iter().any(|n| n == name);
    for name in &cli.names {
        anyhow::ensure!(
            [
                "trip",
                "media",
                "reads",
                "idle",
                "lua",
                "guard",
                "concurrency"
            ]
            .contains(&name.as_str()),
            "no measurement {name:?}"
        );
    }
    if wanted("trip") {
        trip::run(&cli.footage, cli.runs)
            .await
            .context("measure the whole trip")?;
    }
    if wanted("media") {
        let clips = cli.clips.context("media needs --clips")?;
        let tools = media::Tools {
            engine: fleet::programs()
                .context("find our programs")?
                .join("local_extract"),
            python: cli.python.context("media needs --python")?,
            loops: corpus::root().join("tools/bench/loops.py"),
        };
        media::run(&clips, &tools, cli.runs, &cli.only).context("measure the engine")?;
    }
    if wanted("reads") {
        reads::run(&cli.footage).await.context("measure bytes")?;
    }
    if wanted("idle") {
        idle::run(&cli.footage)
            .await
            .context("measure idle decoders")?;
    }
    if wanted("lua") {
        lua::run().await.context("measure complete_segment")?;
    }
    if wanted("guard") {
        guard::run().await.context("measure the guard")?;
    }
    if wanted("concurrency") {
        concurrency::run(&cli.footage, cli.runs)
            .await
            .context("measure tasks at once")?;
    }
    Ok(())
}
