//! Which zone and market Auto Scaling picks: for a launch, for a termination, and with its default
//! termination policy. Pure.
//!
//! After the Amazon EC2 Auto Scaling User Guide, pages "Default termination policy" and "Create a
//! custom termination policy with Lambda". Absent: instance types and launch template versions.

use fleet_core::scaling::Millis;

use crate::agenda::MachineId;
use crate::machine::{Fleet, State, bucket};

/// Where the next machine goes: the zone with the fewest, the market that lags its share.
pub fn launch_bucket(buckets: &[u32], spot_share: f64) -> (u32, bool) {
    let zones = buckets.len() / 2;
    let of = |zone: usize| buckets[zone * 2] + buckets[zone * 2 + 1];
    let zone = (0..zones).min_by_key(|&zone| of(zone)).unwrap_or(0);
    let total: u32 = buckets.iter().sum();
    let spot: u32 = buckets.iter().skip(1).step_by(2).sum();
    let wants_spot = f64::from(spot) < spot_share * f64::from(total + 1);
    (zone as u32, wants_spot)
}

/// `CapacityToTerminate`: how many of each bucket, keeping zones level and markets at their share.
pub fn quotas(buckets: &[u32], excess: u32, spot_share: f64) -> Vec<u32> {
    let mut left = buckets.to_vec();
    for _ in 0..excess {
        let total: u32 = left.iter().sum();
        let spot: u32 = left.iter().skip(1).step_by(2).sum();
        // Take Spot when it would still have its share afterwards.
        let takes_spot = f64::from(spot) > spot_share * f64::from(total.saturating_sub(1));
        let Some(index) = fullest(&left, takes_spot).or_else(|| fullest(&left, !takes_spot)) else {
            break;
        };
        left[index] -= 1;
    }
    buckets.iter().zip(left).map(|(was, is)| was - is).collect()
}

/// The bucket of that market in the zone with the most machines.
fn fullest(buckets: &[u32], spot: bool) -> Option<usize> {
    (0..buckets.len() / 2)
        .filter(|&zone| buckets[bucket(zone as u32, spot)] > 0)
        .max_by_key(|&zone| {
            (
                buckets[zone * 2] + buckets[zone * 2 + 1],
                std::cmp::Reverse(zone),
            )
        })
        .map(|zone| bucket(zone as u32, spot))
}

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
    fn launches_level_the_zones_and_keep_the_share() {
        let mut buckets = vec![0; 6];
        for _ in 0..100 {
            let (zone, spot) = launch_bucket(&buckets, 0.8);
            buckets[bucket(zone, spot)] += 1;
        }
        let zones: Vec<u32> = buckets.chunks(2).map(|zone| zone.iter().sum()).collect();
        assert!(
            zones.iter().all(|count| (33..=34).contains(count)),
            "{zones:?}"
        );
        let spot: u32 = buckets.iter().skip(1).step_by(2).sum();
        assert_eq!(spot, 80);
    }

    #[test]
    fn quotas_never_pass_what_is_there() {
        for (buckets, excess, expected) in [
            (vec![0, 0], 3, vec![0, 0]),
            (vec![1, 1], 5, vec![1, 1]),
            (vec![0, 4, 0, 2], 2, vec![0, 2, 0, 0]),
            (vec![2, 0, 2, 0], 2, vec![1, 0, 1, 0]),
            (vec![1, 4, 1, 4], 4, vec![0, 2, 0, 2]),
        ] {
            assert_eq!(
                quotas(&buckets, excess, 0.8),
                expected,
                "{buckets:?} - {excess}"
            );
        }
    }

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
