//! The search for the default steps: scaling files made from a few numbers, each run on every kind
//! of arrivals. `terraform/scaling.json` holds the winner.

use std::str::FromStr;

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
    /// Idle machines for one that is to go.
    pub keep: f64,
}

impl FromStr for Recipe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|n| n.trim().parse()).collect();
        match numbers.as_deref() {
            Ok(&[drain, growth, warmup, backlog_drain, keep])
                if numbers.iter().flatten().all(|n| n.is_finite() && *n >= 0.0)
                    && drain > 0.0
                    && growth > 1.0
                    && backlog_drain > 0.0
                    && keep > 0.0 =>
            {
                Ok(Self {
                    drain,
                    growth,
                    warmup: warmup as u64,
                    backlog_drain,
                    keep,
                })
            }
            _ => Err("give five positive numbers: drain,growth,warm-up,backlog,keep".into()),
        }
    }
}

const MOST_STEPS: u32 = 20;
/// For sizing steps: a task's seconds and a machine's slots, as the model has them.
const TASK_SECONDS: f64 = 3.0;
const SLOTS: f64 = 2.0;
/// An idle machine publishes one for each poll.
const POLL_SECONDS: f64 = 20.0;

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
        set(&mut file, "grow-with-work", work);
        set(&mut file, "grow-with-backlog", backlog);
        for alarm in base
            .alarms
            .values()
            .filter(|a| a.metric_name == "IdlePolls")
        {
            let polls = alarm.period as f64 / POLL_SECONDS;
            let idle = steps(self.growth, max, polls * self.keep);
            let idle = above(idle, alarm.threshold);
            set(&mut file, &alarm.policy, idle);
        }
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

/// Growing steps turned into shrinking ones: those above the threshold, measured from it.
fn above(steps: Vec<StepAdjustment>, threshold: f64) -> Vec<StepAdjustment> {
    let shift = |bound: f64| (bound - threshold).max(0.0);
    steps
        .into_iter()
        .filter(|step| {
            step.metric_interval_upper_bound
                .is_none_or(|b| b > threshold)
        })
        .map(|step| StepAdjustment {
            metric_interval_lower_bound: step.metric_interval_lower_bound.map(shift),
            metric_interval_upper_bound: step.metric_interval_upper_bound.map(shift),
            scaling_adjustment: -step.scaling_adjustment,
        })
        .collect()
}

/// Every recipe on every kind of arrivals, on two seeds: p95 and cost of each, best first.
pub fn run_grid(model: &Model, base: &ScalingFile) -> String {
    let models = [model.seed, model.seed + 1].map(|seed| Model {
        seed,
        ..model.clone()
    });
    let worlds = models.map(|model| (scenarios(&model), model));
    let scenarios = &worlds[0].0;
    let mut header = ["drain", "growth", "warm-up", "backlog", "keep"]
        .map(str::to_owned)
        .to_vec();
    for (name, _) in scenarios {
        header.extend([format!("{name} p50"), "p95".into(), "$".into()]);
    }
    header.push("score".into());
    let mut scored: Vec<(f64, Vec<String>)> = recipes()
        .iter()
        .map(|recipe| {
            let strategy = Strategy::ours(&recipe.cook(base));
            let runs: Vec<Outcome> = worlds
                .iter()
                .flat_map(|(scenarios, model)| scenarios.iter().map(move |(_, w)| (model, w)))
                .map(|(model, workload)| run(model, workload, &strategy))
                .collect();
            let score = score(&runs);
            (score, row(recipe, &runs[..scenarios.len()], score))
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

/// Geometric mean over the kinds of arrivals of (p95 + a grace) times cost. Within the grace nobody
/// waits; beyond it a result twice as fast is worth twice the money.
fn score(outcomes: &[Outcome]) -> f64 {
    const GRACE_SECONDS: f64 = 30.0;
    let logs: f64 = outcomes
        .iter()
        .map(|o| {
            let p95 = o.percentile(0.95).unwrap_or(f64::INFINITY);
            (p95 + GRACE_SECONDS).ln() + o.cost.ln()
        })
        .sum();
    (logs / outcomes.len() as f64).exp()
}

fn recipes() -> Vec<Recipe> {
    let mut recipes = Vec::new();
    for drain in [20.0, 40.0, 80.0, 160.0, 320.0] {
        for growth in [2.0] {
            for warmup in [0, 40] {
                for backlog_drain in [30.0, 60.0, 180.0] {
                    for keep in [0.25, 0.5, 1.0, 2.0] {
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

fn row(recipe: &Recipe, outcomes: &[Outcome], score: f64) -> Vec<String> {
    let mut row = vec![
        format!("{:.0}", recipe.drain),
        format!("{:.1}", recipe.growth),
        recipe.warmup.to_string(),
        format!("{:.0}", recipe.backlog_drain),
        format!("{:.2}", recipe.keep),
    ];
    for outcome in outcomes {
        row.push(number(outcome.percentile(0.5), 0));
        row.push(number(outcome.percentile(0.95), 0));
        row.push(number(Some(outcome.cost), 2));
    }
    row.push(format!("{score:.1}"));
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::scaling::DEFAULT_SCALING;

    /// The recipe that `docs/scaling.md` says the shipped file was made by.
    const CHOSEN: &str = "80,2,0,180,2";

    #[test]
    fn the_shipped_file_is_the_chosen_recipe() {
        let file = ScalingFile::parse(DEFAULT_SCALING).unwrap();
        let recipe: Recipe = CHOSEN.parse().unwrap();
        assert_eq!(recipe.cook(&file), file);
    }

    #[test]
    fn every_recipe_makes_a_file_that_passes_the_checks() {
        let base = ScalingFile::parse(DEFAULT_SCALING).unwrap();
        for recipe in recipes() {
            let json = serde_json::to_string(&recipe.cook(&base)).unwrap();
            ScalingFile::parse(&json).unwrap();
        }
    }

    #[test]
    fn a_recipe_that_is_none_is_refused() {
        for text in [
            "",
            "80",
            "80,2,0,180",
            "80,2,0,180,0",
            "80,1,0,180,2",
            "a,2,0,1,1",
            "nan,2,0,1,1",
        ] {
            let error = text.parse::<Recipe>().unwrap_err();
            assert!(error.contains("five"), "{text}: {error}");
        }
    }
}
