//! `./run chaos`: the whole fleet under a random process, for as long as one likes.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fleet_tests::chaos::{Plan, run};

/// Harm a local fleet in every way that it must survive, and check everything afterwards.
#[derive(Parser)]
struct Cli {
    /// The same seed makes the same choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long faults go on
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// At least so many videos
    #[arg(long, default_value_t = 30)]
    videos: usize,
    /// Agents at the most
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    agents: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    anyhow::ensure!(
        cli.minutes.is_finite() && cli.minutes >= 0.0,
        "--minutes is {}; it must be 0 or more",
        cli.minutes
    );
    let filter = tracing_subscriber::EnvFilter::try_from_env("FRAMEFLEET_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "error".into()))
        .with_writer(std::io::stderr)
        .init();
    let plan = Plan {
        seed: cli.seed,
        videos: cli.videos,
        agents: cli.agents,
        faults_for: Duration::from_secs_f64(cli.minutes * 60.0),
    };
    let counts = run(&plan).await?;
    counts.print();
    Ok(match counts.violations.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
