//! Which zone and market Auto Scaling picks, for a launch and for a termination. Pure.
//!
//! After the Amazon EC2 Auto Scaling User Guide, pages "Default termination policy" and "Create a
//! custom termination policy with Lambda". Absent: instance types and launch template versions.

/// Where a machine of that zone and market is counted, among two buckets a zone.
pub fn bucket(zone: u32, spot: bool) -> usize {
    zone as usize * 2 + usize::from(spot)
}

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
}
