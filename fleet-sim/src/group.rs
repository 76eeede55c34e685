//! Whom Auto Scaling takes by its default termination policy. Pure.
//!
//! After the Amazon EC2 Auto Scaling User Guide, page "Default termination policy". Absent: instance
//! types and launch template versions; zones and markets are `fleet_core::scaling`'s.

use fleet_core::scaling::{Millis, bucket};

use crate::agenda::MachineId;
use crate::machine::{Fleet, State};

/// Without a guard: of the bucket's machines, those nearest to the end of a billing hour.
pub fn default_policy(fleet: &Fleet, quotas: &[u32], now: Millis) -> Vec<MachineId> {
    const HOUR: Millis = 3_600_000;
    let mut chosen = Vec::new();
    for (index, &quota) in quotas.iter().enumerate().filter(|(_, quota)| **quota > 0) {
        let mut candidates: Vec<(Millis, MachineId)> = fleet
            .living()
            .iter()
            .copied()
            .filter(|&id| {
                let machine = fleet.get(id);
                let kept = !matches!(machine.state, State::Condemned | State::Gone);
                kept && machine.launched <= now && bucket(machine.zone, machine.spot) == index
            })
            .map(|id| (HOUR - (now - fleet.get(id).launched) % HOUR, id))
            .collect();
        candidates.sort_unstable();
        chosen.extend(candidates.iter().take(quota as usize).map(|&(_, id)| id));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_takes_whoever_ends_an_hour_first() {
        let mut fleet = Fleet::new(1);
        let ids: Vec<_> = [0, 600_000, 1_200_000]
            .into_iter()
            .map(|launched| fleet.launch(launched, 0, true))
            .collect();
        assert_eq!(default_policy(&fleet, &[0, 2], 1_900_000), ids[..2]);
        assert!(default_policy(&fleet, &[1, 0], 1_900_000).is_empty());
    }
}
