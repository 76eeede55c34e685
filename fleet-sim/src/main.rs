use clap::Parser;
use fleet_sim::cli::{SimulateArgs, run_cli};

#[derive(Parser)]
#[command(name = "fleet-sim", version, about = "Simulate the fleet")]
struct Cli {
    #[command(flatten)]
    simulate: SimulateArgs,
}

fn main() -> anyhow::Result<()> {
    run_cli(&Cli::parse().simulate)
}
