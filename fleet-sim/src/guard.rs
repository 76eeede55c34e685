//! Who is terminated when Auto Scaling wants fewer machines.
//!
//! `pick` is the scale-in guard's `decide` for a scale-in, over the simulator's numbers instead of
//! AWS' names: linking the Lambda would bring the AWS SDK along. `tests/guard_agrees.rs` holds the
//! two together. Absent: refreshes, maximum lifetimes, rebalancing.

use fleet_core::scaling::{Millis, bucket};

use crate::agenda::MachineId;
use crate::machine::{Fleet, State};

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

/// A member of the KillMe set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Idle {
    pub since: Millis,
    pub id: u32,
    /// Its zone and market.
    pub bucket: usize,
}

/// The idle machines to name, at most `quotas` of each bucket, longest idle first.
pub fn pick(mut idle: Vec<Idle>, quotas: &[u32]) -> Vec<u32> {
    idle.sort_unstable();
    let mut left = quotas.to_vec();
    idle.into_iter()
        .filter(|idle| match left.get_mut(idle.bucket) {
            Some(quota) if *quota > 0 => {
                *quota -= 1;
                true
            }
            _ => false,
        })
        .map(|idle| idle.id)
        .collect()
}

pub(crate) fn choose(fleet: &Fleet, quotas: &[u32]) -> Vec<MachineId> {
    let idle = fleet
        .living()
        .iter()
        .filter_map(|&id| {
            let machine = fleet.get(id);
            let since = machine.idle_since?;
            let bucket = bucket(machine.zone, machine.spot);
            (machine.state == State::Receiving).then_some(Idle { since, id, bucket })
        })
        .collect();
    pick(idle, quotas)
}
