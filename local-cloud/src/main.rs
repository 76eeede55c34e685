//! Runs a local cloud until Ctrl-C, SIGTERM, or, on request, until standard input closes.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use local_cloud::{Cloud, Description, HURRIED_POLL, Options, Scaling};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The whole fleet on this machine: AWS emulator, redis-server, upload handler, ingest, agents, CDN.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Agent processes to start
    #[arg(long, default_value_t = 2)]
    agents: usize,
    /// Instead, a fleet that grows from none to at most so many agents, and shrinks to none. It
    /// does so faster than in production
    #[arg(long, value_name = "N", conflicts_with = "agents", value_parser = clap::value_parser!(u32).range(1..))]
    max_agents: Option<u32>,
    /// Port of the REST API; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    api_port: u16,
    /// Where logs go, and stay. Without it they are removed at the end
    #[arg(long)]
    run_dir: Option<PathBuf>,
    /// Print what runs where as one line of JSON
    #[arg(long)]
    json: bool,
    /// Stop when standard input closes, so that whoever started this cannot leave it behind
    #[arg(long)]
    until_stdin_closes: bool,
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("FRAMEFLEET_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let ran = tokio::runtime::Runtime::new()
        .context("start a runtime")
        .and_then(|runtime| {
            let ran = runtime.block_on(run(Cli::parse()));
            // A read of standard input may still be waiting; nothing waits for it.
            runtime.shutdown_background();
            ran
        });
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-cloud: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    // Watched from here on, so that a Ctrl-C during the start is not lost.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = stdin_closed(cli.until_stdin_closes) => {}
        }
    };
    tokio::pin!(stop);
    let mut options = Options {
        agents: cli.agents,
        api_port: cli.api_port,
        run_dir: cli.run_dir,
        ..Options::default()
    };
    if let Some(max) = cli.max_agents {
        options = options
            .scaling(Scaling::hurried(max))
            .agent_env("FRAMEFLEET_POLL_SECONDS", HURRIED_POLL.as_secs());
    }
    let cloud = tokio::select! {
        cloud = Cloud::start(options) => cloud?,
        () = &mut stop => return Ok(()),
    };
    print(&Description::from(&cloud), cli.json)?;
    let broken = tokio::select! {
        () = stop => None,
        why = until_broken(&cloud) => Some(why),
    };
    cloud.shutdown().await;
    match broken {
        Some(why) => anyhow::bail!(why),
        None => Ok(()),
    }
}

async fn stdin_closed(wanted: bool) {
    if !wanted {
        return std::future::pending().await;
    }
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 64];
    while matches!(stdin.read(&mut ignored).await, Ok(n) if n > 0) {}
}

async fn until_broken(cloud: &Cloud) -> String {
    loop {
        if let Some(why) = cloud.broken() {
            return why;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn print(description: &Description, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(description)?);
        return Ok(());
    }
    println!("REST API  {}", description.api);
    println!("API key   {}", description.api_key);
    println!("CDN       {}", description.cdn);
    println!("AWS       {} ({})", description.aws, description.region);
    println!("Redis     {}", description.redis);
    println!("status    {}", description.status);
    println!("logs      {}", description.run_dir);
    for agent in &description.agents {
        println!("agent     {} (process {})", agent.instance_id, agent.pid);
    }
    println!("Ctrl-C stops everything.");
    Ok(())
}
