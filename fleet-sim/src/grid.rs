//! The search for the default steps: scaling files made from a few numbers, each run on every kind
//! of arrivals. `terraform/scaling.json` holds the winner.

use clap::{Parser, ValueEnum};
use fleet_core::scaling::{AdjustmentType, ScalingFile, StepAdjustment};

use crate::engine::run;
use crate::model::Model;
use crate::outcome::Outcome;
use crate::report::{number, plain_table};
use crate::scaler::Strategy;
use crate::workload::{Arrivals, Workload, WorkloadArgs};

/// What a scaling file is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Seconds in which one step's machines should do the work that called for them.
    pub drain: f64,
    /// Each step is for this many times the work of the one before.
    pub growth: f64,
    /// Seconds of warm-up.
    pub warmup: u64,
    /// Seconds in which the machines of a backlog step should empty the queue.
    pub backlog_drain: f64,
    /// Idle machines that stay for one that goes, in each minute.
    pub keep: f64,
}

const MOST_STEPS: u32 = 20;
/// For sizing steps: a task's seconds and a machine's slots, as the model has them.
const TASK_SECONDS: f64 = 3.0;
const SLOTS: f64 = 2.0;
/// An idle machine publishes one every 20 s.
const POLLS_A_MINUTE: f64 = 3.0;

impl Recipe {
    pub fn cook(&self, base: &ScalingFile) -> ScalingFile {
        let mut file = base.clone();
        file.group.default_instance_warmup = self.warmup;
        let max = f64::from(file.group.max_size);
        let set = |file: &mut ScalingFile, name: &str, steps: Vec<StepAdjustment>| {
            if let Some(policy) = file.policies.get_mut(name) {
                policy.adjustment_type = AdjustmentType::ChangeInCapacity;
                policy.min_adjustment_magnitude = None;
                policy.step_adjustments = steps;
            }
        };
        let work = steps(self.growth, max, self.drain * SLOTS);
        let backlog = steps(self.growth, max, self.backlog_drain * SLOTS / TASK_SECONDS);
        let threshold = file.alarms["idle"].threshold;
        // From the machine that is idle for a whole minute upwards.
        let idle = steps(self.growth, max, POLLS_A_MINUTE * self.keep)
            .into_iter()
            .map(|step| shifted(step, threshold))
            .collect();
        set(&mut file, "grow-with-work", work);
        set(&mut file, "grow-with-backlog", backlog);
        set(&mut file, "shrink-when-idle", idle);
        file
    }
}

/// Steps of 1, then `growth` times more each, where one machine is due for each `each` of the metric.
fn steps(growth: f64, max: f64, each: f64) -> Vec<StepAdjustment> {
    let mut steps = Vec::new();
    let mut machines = 1.0_f64;
    let mut low = 0.0;
    for _ in 0..MOST_STEPS {
        let next = (machines * growth).round().max(machines + 1.0).min(max);
        // The step holds up to where its machines would need longer than asked for.
        let high = (machines * each).round().max(low + 1.0);
        let last = machines >= max;
        steps.push(StepAdjustment {
            metric_interval_lower_bound: Some(low),
            metric_interval_upper_bound: (!last).then_some(high),
            scaling_adjustment: machines as i64,
        });
        if last {
            break;
        }
        low = high;
        machines = next;
    }
    if let Some(step) = steps.last_mut() {
        step.metric_interval_upper_bound = None;
    }
    steps
}

/// A growing step turned into a shrinking one, measured from the alarm's threshold.
fn shifted(step: StepAdjustment, threshold: f64) -> StepAdjustment {
    let shift = |bound: f64| (bound - threshold).max(0.0);
    StepAdjustment {
        metric_interval_lower_bound: step.metric_interval_lower_bound.map(shift),
        metric_interval_upper_bound: step.metric_interval_upper_bound.map(|b| shift(b).max(1.0)),
        scaling_adjustment: -step.scaling_adjustment,
    }
}

/// Every recipe on every kind of arrivals: p95 and cost of each.
pub fn run_grid(model: &Model, base: &ScalingFile) -> String {
    let scenarios = scenarios(model);
    let mut header = ["drain", "growth", "warm-up", "backlog", "keep"]
        .map(str::to_owned)
        .to_vec();
    for (name, _) in &scenarios {
        header.extend([format!("{name} p50"), "p95".into(), "$".into()]);
    }
    header.push("score".into());
    let mut scored: Vec<(f64, Vec<String>)> = recipes()
        .iter()
        .map(|recipe| {
            let strategy = Strategy::ours(&recipe.cook(base));
            let outcomes: Vec<Outcome> = scenarios
                .iter()
                .map(|(_, workload)| run(model, workload, &strategy))
                .collect();
            (score(&outcomes), row(recipe, &outcomes))
        })
        .collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rows: Vec<Vec<String>> = scored.into_iter().map(|(_, row)| row).collect();
    plain_table(&header, &rows)
}

fn scenarios(model: &Model) -> Vec<(String, Workload)> {
    #[derive(Parser)]
    struct Just {
        #[command(flatten)]
        workload: WorkloadArgs,
    }
    Arrivals::value_variants()
        .iter()
        .map(|&arrivals| {
            let defaults = Just::parse_from(["workload"]).workload;
            let args = WorkloadArgs {
                arrivals,
                ..defaults
            };
            let name = format!("{arrivals:?}").to_lowercase();
            (name, args.generate(model.seed))
        })
        .collect()
}

/// Geometric mean over the kinds of arrivals of p95 (squared) times cost: a result twice as fast is
/// worth four times the money.
fn score(outcomes: &[Outcome]) -> f64 {
    let logs: f64 = outcomes
        .iter()
        .map(|o| {
            let p95 = o.percentile(0.95).unwrap_or(f64::INFINITY);
            2.0 * p95.ln() + o.cost.ln()
        })
        .sum();
    (logs / outcomes.len() as f64 / 3.0).exp()
}

fn recipes() -> Vec<Recipe> {
    let mut recipes = Vec::new();
    for drain in [15.0, 30.0, 60.0, 120.0] {
        for growth in [1.5, 2.0, 4.0] {
            for warmup in [30, 60, 120] {
                for backlog_drain in [30.0, 120.0, 300.0] {
                    for keep in [1.0, 3.0] {
                        recipes.push(Recipe {
                            drain,
                            growth,
                            warmup,
                            backlog_drain,
                            keep,
                        });
                    }
                }
            }
        }
    }
    recipes
}

fn row(recipe: &Recipe, outcomes: &[Outcome]) -> Vec<String> {
    let mut row = vec![
        format!("{:.0}", recipe.drain),
        format!("{:.1}", recipe.growth),
        recipe.warmup.to_string(),
        format!("{:.0}", recipe.backlog_drain),
        format!("{:.0}", recipe.keep),
    ];
    for outcome in outcomes {
        row.push(number(outcome.percentile(0.5), 0));
        row.push(number(outcome.percentile(0.95), 0));
        row.push(number(Some(outcome.cost), 2));
    }
    row.push(format!("{:.1}", score(outcomes)));
    row
}
