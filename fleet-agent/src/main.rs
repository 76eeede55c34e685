//! The worker that the AMI carries: takes tasks from the FIFO queue, plans videos, extracts
//! segments, and splices archives, until it is told to stop or taken away while idle.

mod blocks;
mod cleanup;
mod config;
mod context;
mod convert;
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
mod records;
mod restore;
mod segment;
mod sizing;
mod source;
mod splice;
mod store;
mod task;
mod watch;
mod watchdog;
mod worker;

use anyhow::Context as _;
use fleet_core::config::{Lookup, from_env};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().any(|arg| arg == "--version") {
        println!("fleet-agent {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    let lookup = Lookup::new(&from_env);
    fleet_aws::logging::init(&lookup)?;
    let config = config::Config::from_lookup(&lookup).context("read the configuration")?;
    let drain = drain::Drain::default();
    drain.on_signal(config.drain);
    let context = context::Context::connect(config).await.context("connect")?;
    if let Some(listen) = context.config.prometheus {
        let served = prometheus::serve(context.meter.clone(), listen).await;
        served.with_context(|| format!("serve metrics at {listen}"))?;
    }
    watchdog::start(context.heart.clone(), context.config.patience.operation);
    worker::run(context, drain).await;
    watchdog::stopping();
    Ok(())
}
