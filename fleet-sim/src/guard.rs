//! Who is terminated when Auto Scaling wants fewer machines. Absent: the decision itself where it
//! is ours; that is the scale-in guard's.

use fleet_core::scaling::Millis;

use crate::agenda::MachineId;
use crate::machine::{Fleet, State, bucket};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Ours: only machines still idle, and a condemned one is refused its next task.
    Condemns,
    /// Reads the list of idle machines and terminates them, with nothing in between: the bug that
    /// comparable projects have.
    ReadsOnly,
    /// None: the default termination policy.
    Absent,
}

/// The idle machines to name, at most `quotas` of each bucket, longest idle first.
pub fn choose(fleet: &Fleet, quotas: &[u32]) -> Vec<MachineId> {
    let mut idle: Vec<(Millis, MachineId)> = fleet
        .living()
        .iter()
        .filter_map(|&id| {
            let machine = fleet.get(id);
            let listed = machine.state == State::Receiving;
            machine.idle_since.filter(|_| listed).map(|since| (since, id))
        })
        .collect();
    idle.sort_unstable();
    let mut left = quotas.to_vec();
    let mut chosen = Vec::new();
    for (_, id) in idle {
        let machine = fleet.get(id);
        let quota = &mut left[bucket(machine.zone, machine.spot)];
        if *quota > 0 {
            *quota -= 1;
            chosen.push(id);
        }
    }
    chosen
}
