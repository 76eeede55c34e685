//! Measurements, as ratios against named peers in the same run. Absolute times mean nothing on a
//! machine that others share, so none is promised.

mod concurrency;
mod guard;
mod idle;
mod lua;
mod reads;
mod stats;
mod trip;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

#[derive(Parser)]
struct Cli {
    /// trip, reads, idle, lua, guard or concurrency; all of them without a name
    names: Vec<String>,
    /// Paired runs of each comparison
    #[arg(long, default_value_t = 5)]
    runs: usize,
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
            ["trip", "reads", "idle", "lua", "guard", "concurrency"].contains(&name.as_str()),
            "no measurement {name:?}"
        );
    }
    if wanted("trip") {
        trip::run(&cli.footage, cli.runs)
            .await
            .context("measure the whole trip")?;
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
