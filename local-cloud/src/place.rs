//! Where the machines of a local fleet are said to be: several zones, both markets, mixed.

pub const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];
/// One machine of so many is on demand. It has no divisor in common with the number of zones, so
/// that every zone gets both markets.
const ON_DEMAND_EVERY: usize = 4;

/// Zone (by its place in `ZONES`) and whether it is Spot, of the nth machine, from 0. The first ones
/// are Spot.
pub fn nth(n: usize) -> (u32, bool) {
    let spot = n % ON_DEMAND_EVERY != ON_DEMAND_EVERY - 1;
    ((n % ZONES.len()) as u32, spot)
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
        for (index, zone) in (0..).zip(ZONES) {
            assert!(zone.starts_with(crate::REGION));
            assert_eq!(buckets[&(index, true)], 3);
            assert_eq!(buckets[&(index, false)], 1);
        }
        assert_eq!(nth(0), (0, true));
    }
}
