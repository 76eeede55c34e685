//! Where the machines of a local fleet are said to be: several zones, both markets, mixed.

use crate::metadata::Market;

const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];
/// One machine of so many is on demand. It has no divisor in common with the number of zones, so
/// that every zone gets both markets.
const ON_DEMAND_EVERY: usize = 4;

/// Zone and market of the nth machine, from 0. The first ones are Spot.
pub fn nth(n: usize) -> (&'static str, Market) {
    let market = match n % ON_DEMAND_EVERY {
        last if last == ON_DEMAND_EVERY - 1 => Market::OnDemand,
        _ => Market::Spot,
    };
    (ZONES[n % ZONES.len()], market)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_zone_has_both_markets_within_a_dozen_machines() {
        let mut buckets: HashMap<_, usize> = HashMap::new();
        for n in 0..12 {
            *buckets.entry(nth(n)).or_default() += 1;
        }
        for zone in ZONES {
            assert!(zone.starts_with(crate::REGION));
            assert_eq!(buckets[&(zone, Market::Spot)], 3);
            assert_eq!(buckets[&(zone, Market::OnDemand)], 1);
        }
        assert_eq!(nth(0), ("us-east-1a", Market::Spot));
    }
}
