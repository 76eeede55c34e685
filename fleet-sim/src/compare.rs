//! The strategies that are compared, and how those without a natural size are given one.

use fleet_core::scaling::ScalingFile;

use crate::engine::{TAIL, run};
use crate::guard::Guard;
use crate::model::Model;
use crate::outcome::Outcome;
use crate::scaler::{Sizing, Strategy};
use crate::workload::Workload;

/// Seconds that target tracking lets a message wait; its target follows from it.
const ACCEPTABLE_WAIT: f64 = 60.0;

/// Ours, ours with a guard that only reads, target tracking without a guard, and two fixed fleets:
/// one for the money that ours cost, one as large as ours at its largest.
pub fn compare(model: &Model, workload: &Workload, file: &ScalingFile) -> Vec<Outcome> {
    let strategy = Strategy::ours(file);
    let ours = run(model, workload, &strategy);
    let reads_only = Strategy {
        name: "steps, guard only reads".into(),
        guard: Guard::ReadsOnly,
        ..strategy
    };
    let window = (workload.window + TAIL) as f64 / 3_600_000.0;
    let same_hours = (ours.instance_hours() / window).round().max(1.0) as u32;
    let peak = ours.most_machines.max(1);
    let mut outcomes = vec![
        run(model, workload, &reads_only),
        run(model, workload, &tracking(model, workload, file)),
        run(model, workload, &fixed("fixed, our hours", same_hours)),
        run(model, workload, &fixed("fixed, our peak", peak)),
    ];
    outcomes.insert(0, ours);
    outcomes
}

pub fn tracking(model: &Model, workload: &Workload, file: &ScalingFile) -> Strategy {
    let tasks = workload.segments.len() + workload.videos.len();
    let work = workload.total_work() + workload.videos.len() as f64 * model.plan;
    let mean = work / tasks.max(1) as f64;
    let backlog_per_machine = ACCEPTABLE_WAIT / mean * f64::from(model.slots);
    Strategy {
        name: "target tracking, no guard".into(),
        sizing: Sizing::TargetTracking {
            backlog_per_machine,
        },
        guard: Guard::Absent,
        // Backlog per machine says nothing about a fleet of none: such fleets keep one.
        min: 1,
        max: file.group.max_size,
    }
}

pub fn fixed(name: &str, machines: u32) -> Strategy {
    Strategy {
        name: format!("{name} ({machines})"),
        sizing: Sizing::Fixed(machines),
        guard: Guard::Absent,
        min: machines,
        max: machines,
    }
}
