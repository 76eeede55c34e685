//! The worker that the AMI carries: takes tasks from the FIFO queue, plans videos, extracts
//! segments, and splices archives, until it is told to stop or taken away while idle.

mod blocks;
mod cleanup;
mod cli;
mod config;
mod context;
mod convert;
mod doctor;
mod drain;
mod finalize;
mod fragment;
mod hook;
mod idle;
mod lease;
mod machine;
mod naming;
mod notice;
mod outcome;
mod planner;
mod prometheus;
mod reading;
mod records;
mod renumber;
mod restore;
mod sandbox;
mod seams;
mod segment;
mod sizing;
mod source;
mod splice;
mod store;
mod task;
mod trial;
mod watch;
mod watchdog;
mod worker;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use fleet_core::config::{Lookup, from_env};

use crate::cli::{Cli, Command};

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        // First of all, and before there is a second thread: what shuts it in holds for one.
        Some(Command::Decode {
            memory_bytes,
            cpu_seconds,
        }) => Ok(sandbox::child::run(memory_bytes, cpu_seconds)),
        Some(Command::Misbehave {
            misdeed,
            unconfined,
        }) => trial::misbehave(misdeed, unconfined),
        Some(Command::Try {
            file,
            images,
            unconfined,
        }) => trial::run(&file, images.as_deref(), unconfined),
        Some(Command::Doctor) => doctor::run(),
        None => agent().map(|()| ExitCode::SUCCESS),
    }
}

#[tokio::main]
async fn agent() -> anyhow::Result<()> {
    let lookup = Lookup::new(&from_env);
    fleet_aws::logging::init(&lookup)?;
    let config = config::Config::from_lookup(&lookup).context("read the configuration")?;
    let drain = drain::Drain::default();
    drain.on_signal(config.drain);
    let context = context::Context::connect(config).await.context("connect")?;
    let sandbox = context.sandbox.clone();
    let in_force = tokio::task::spawn_blocking(move || sandbox.describe()).await?;
    sandbox::tell(&in_force.context("start a decoder")?);
    if let Some(listen) = context.config.prometheus {
        let served = prometheus::serve(context.meter.clone(), listen).await;
        served.with_context(|| format!("serve metrics at {listen}"))?;
    }
    watchdog::start(context.heart.clone(), context.config.patience.operation);
    worker::run(context, drain).await;
    watchdog::stopping();
    Ok(())
}
