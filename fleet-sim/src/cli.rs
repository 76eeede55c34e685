//! The command: `framefleet simulate`, and `fleet-sim` on its own.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use fleet_core::scaling::{DEFAULT_SCALING, ScalingFile};

use crate::compare::compare;
use crate::engine::run;
use crate::grid::{self, Recipe};
use crate::model::Model;
use crate::outcome::Outcome;
use crate::plot;
use crate::report::table;
use crate::scaler::Strategy;
use crate::workload::{Arrivals, WorkloadArgs};

/// Simulate the fleet: how long results take, what it costs, whether a working machine is killed.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// What to run.
    #[arg(value_enum, default_value_t = What::Compare)]
    pub what: What,
    /// The scaling file; by default the one this was built with.
    #[arg(long)]
    pub scaling: Option<PathBuf>,
    /// With `cook`: drain,growth,warm-up,backlog,keep, as the grid's table shows them.
    #[arg(long)]
    pub recipe: Option<Recipe>,
    /// Bound on the fleet, instead of the scaling file's.
    #[arg(long)]
    pub max_size: Option<u32>,
    /// Where to draw queue and machines over time.
    #[arg(long)]
    pub svg: Option<PathBuf>,
    #[command(flatten)]
    pub workload: WorkloadArgs,
    #[command(flatten)]
    pub model: Model,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Our strategy against others, on one kind of arrivals.
    Compare,
    /// The same on every kind of arrivals.
    All,
    /// Our strategy alone.
    Ours,
    /// Scaling files made from a grid of numbers, each on every kind of arrivals.
    Grid,
    /// Prints the scaling file of one recipe of the grid.
    Cook,
}

/// Runs what is asked for and prints it; the error is one sentence for the user.
pub fn run_cli(args: &SimulateArgs) -> Result<()> {
    args.model.check().map_err(|message| anyhow!(message))?;
    args.workload.check().map_err(|message| anyhow!(message))?;
    let file = scaling_file(args)?;
    let scenarios = match args.what {
        What::Cook => {
            let recipe = args.recipe.context("cook needs --recipe")?;
            println!("{}", serde_json::to_string_pretty(&recipe.cook(&file))?);
            return Ok(());
        }
        What::Grid => {
            println!("{}", grid::run_grid(&args.model, &file));
            return Ok(());
        }
        What::All => Arrivals::value_variants().to_vec(),
        What::Compare | What::Ours => vec![args.workload.arrivals],
    };
    let mut rows: Vec<(String, Vec<Outcome>)> = Vec::new();
    for arrivals in scenarios {
        let workload = WorkloadArgs {
            arrivals,
            ..args.workload.clone()
        };
        rows.push(scenario(args, &workload, &file));
    }
    if let Some(path) = &args.svg {
        let rows: Vec<plot::Row<'_>> = rows
            .iter()
            .map(|(name, outcomes)| (name.as_str(), outcomes.as_slice()))
            .collect();
        plot::draw(path, &rows)?;
        println!("plot: {}", path.display());
    }
    Ok(())
}

fn scenario(
    args: &SimulateArgs,
    workload_args: &WorkloadArgs,
    file: &ScalingFile,
) -> (String, Vec<Outcome>) {
    let begin = Instant::now();
    let workload = workload_args.generate(args.model.seed);
    let outcomes = match args.what {
        What::Ours => vec![run(&args.model, &workload, &Strategy::ours(file))],
        _ => compare(&args.model, &workload, file),
    };
    let name = match workload_args.arrivals.to_possible_value() {
        Some(value) => value.get_name().to_owned(),
        None => String::new(),
    };
    println!(
        "\n## {name}: {} videos, {} segments, {:.1} h of work on one core, seed {}\n",
        workload.videos.len(),
        workload.segments.len(),
        workload.total_work() / 3_600.0,
        args.model.seed
    );
    println!("{}\n", table(&outcomes, args.model.slots));
    let ours = &outcomes[0];
    if let Some(alarm) = ours.first_alarm {
        let seconds = alarm as f64 / 1_000.0;
        println!("first upload to ALARM: {seconds:.1} s");
    }
    let events: u64 = outcomes.iter().map(|outcome| outcome.events).sum();
    let wall = begin.elapsed().as_secs_f64();
    println!("{events} events in {wall:.1} s");
    (name, outcomes)
}

fn scaling_file(args: &SimulateArgs) -> Result<ScalingFile> {
    let json = match &args.scaling {
        None => DEFAULT_SCALING.to_owned(),
        Some(path) => fs::read_to_string(path)
            .with_context(|| format!("read the scaling file {}", path.display()))?,
    };
    let mut file = ScalingFile::parse(&json)?;
    if let Some(max) = args.max_size {
        file.group.max_size = max.max(file.group.min_size);
    }
    Ok(file)
}
