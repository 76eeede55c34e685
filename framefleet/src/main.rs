//! The command people type: extract frames from a video through the REST API, ask how a video is
//! doing, run the whole fleet on this machine, or simulate a large one.
//!
//! Absent: any work on videos. It only calls the API, and starts the `local-cloud` program.

mod api;
mod cli;
mod demo;
mod download;
mod embedded;
mod extract;
mod fleet;
mod outcome;
mod output;
mod progress;
mod status;
mod upload;
mod verify;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use fleet_sim::cli::run_cli;
use outcome::Ended;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    // Ring, as everywhere in this workspace; the first call wins, and this is it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("FRAMEFLEET_LOG")
                .unwrap_or_else(|_| "error".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("framefleet: start a runtime: {error}");
            return ExitCode::from(outcome::UNREACHABLE);
        }
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            // Dropping the work stops an embedded local cloud, and waits for it.
            ended = run(cli.command) => ended.map_err(Some),
            _ = tokio::signal::ctrl_c() => Err(None),
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(None) => ExitCode::from(INTERRUPTED),
        Err(Some(ended)) => {
            eprintln!("framefleet: {ended}");
            ExitCode::from(ended.code())
        }
    }
}

async fn run(command: Command) -> Result<(), Ended> {
    match command {
        Command::Extract(args) => extract::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Up(args) => demo::up(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Simulate(args) => tokio::task::spawn_blocking(move || run_cli(&args))
            .await
            .map_err(|e| Ended::service(format!("simulate: {e}")))?
            .map_err(|e| Ended::usage(format!("{e:#}"))),
    }
}
