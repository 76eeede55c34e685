//! The group's machines by zone and market, and what the group lacks. Pure.

use fleet_core::scaling::{Capacity, Millis, bucket, quotas};

/// In the words of Auto Scaling's instance lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Launched, still booting.
    Pending,
    InService,
    /// In the terminating lifecycle hook.
    Terminating,
    Terminated,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: String,
    pub zone: u32,
    pub spot: bool,
    pub stage: Stage,
    /// When it counts as capacity, in the eyes of a step policy.
    pub warm: Millis,
}

#[derive(Debug, Clone, Default)]
pub struct Roster {
    zones: u32,
    members: Vec<Member>,
}

/// What the group does next about its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    Nothing,
    Launch(u32),
    /// How many to take from each bucket.
    Terminate(Vec<u32>),
}

impl Roster {
    pub fn new(zones: usize) -> Self {
        Self {
            zones: u32::try_from(zones.max(1)).unwrap_or(u32::MAX),
            members: Vec::new(),
        }
    }

    pub fn add(&mut self, member: Member) {
        self.members.push(member);
    }

    pub fn members(&self) -> &[Member] {
        &self.members
    }

    pub fn get(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.id == id)
    }

    /// It counts as capacity from `warm` on.
    pub fn in_service(&mut self, id: &str, warm: Millis) -> bool {
        let entered = self.advance(id, Stage::InService);
        if let Some(member) = self.members.iter_mut().find(|m| m.id == id) {
            member.warm = warm;
        }
        entered
    }

    /// False where the machine had gone further already.
    pub fn advance(&mut self, id: &str, stage: Stage) -> bool {
        match self.members.iter_mut().find(|m| m.id == id) {
            Some(member) if (member.stage as u8) < stage as u8 => {
                member.stage = stage;
                true
            }
            _ => false,
        }
    }

    /// Machines that count against the desired capacity.
    pub fn kept(&self) -> u32 {
        self.count(|m| m.is_kept())
    }

    /// The kept ones of each zone and market.
    pub fn buckets(&self) -> Vec<u32> {
        let mut buckets = vec![0; self.zones as usize * 2];
        for member in self.members.iter().filter(|m| m.is_kept()) {
            buckets[bucket(member.zone, member.spot)] += 1;
        }
        buckets
    }

    pub fn capacity(&self, (min, max): (u32, u32), desired: u32, now: Millis) -> Capacity {
        let warm = |m: &Member| m.stage == Stage::InService && m.warm <= now;
        Capacity {
            min,
            max,
            desired,
            in_service: self.count(warm),
            warming: self.count(|m| m.is_kept() && !warm(m)),
            terminating: self.count(|m| m.stage == Stage::Terminating),
        }
    }

    pub fn need(&self, desired: u32, spot_share: f64) -> Need {
        let kept = self.kept();
        match kept.cmp(&desired) {
            std::cmp::Ordering::Less => Need::Launch(desired - kept),
            std::cmp::Ordering::Equal => Need::Nothing,
            std::cmp::Ordering::Greater => {
                Need::Terminate(quotas(&self.buckets(), kept - desired, spot_share))
            }
        }
    }

    /// What zone rebalancing moves: one machine of the fullest zone, and the zone that gets another.
    /// None where there is no machine, or only one zone.
    pub fn to_rebalance(&self) -> Option<(Vec<u32>, u32)> {
        let buckets = self.buckets();
        let zones: Vec<u32> = buckets.chunks(2).map(|zone| zone.iter().sum()).collect();
        let fullest = (0..zones.len()).max_by_key(|&z| zones[z])?;
        let emptiest = (0..zones.len())
            .filter(|&z| z != fullest)
            .min_by_key(|&z| zones[z])?;
        if zones[fullest] == 0 {
            return None;
        }
        let zone = fullest as u32;
        let spot = buckets[bucket(zone, true)] > 0;
        let mut quotas = vec![0; buckets.len()];
        quotas[bucket(zone, spot)] = 1;
        Some((quotas, emptiest as u32))
    }

    fn count(&self, what: impl Fn(&Member) -> bool) -> u32 {
        let count = self.members.iter().filter(|m| what(m)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

impl Member {
    pub fn is_kept(&self) -> bool {
        matches!(self.stage, Stage::Pending | Stage::InService)
    }

    pub fn bucket(&self) -> usize {
        bucket(self.zone, self.spot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stage::*;

    fn roster(stages: &[(u32, bool, Stage)]) -> Roster {
        let mut roster = Roster::new(2);
        for (n, &(zone, spot, stage)) in stages.iter().enumerate() {
            roster.add(Member {
                id: format!("i-{n}"),
                zone,
                spot,
                stage,
                warm: 100,
            });
        }
        roster
    }

    #[test]
    fn the_group_lacks_what_is_neither_pending_nor_in_service() {
        let stages = [
            (0, true, Pending),
            (0, true, InService),
            (1, false, InService),
            (1, true, Terminating),
            (0, true, Terminated),
        ];
        for (desired, expected) in [
            (5, Need::Launch(2)),
            (3, Need::Nothing),
            (2, Need::Terminate(vec![0, 1, 0, 0])),
            (0, Need::Terminate(vec![0, 2, 1, 0])),
        ] {
            assert_eq!(roster(&stages).need(desired, 0.5), expected, "{desired}");
        }
        let capacity = roster(&stages).capacity((0, 9), 3, 100);
        assert_eq!(
            (capacity.in_service, capacity.warming, capacity.terminating),
            (2, 1, 1)
        );
        let before = roster(&stages).capacity((0, 9), 3, 99);
        assert_eq!((before.in_service, before.warming), (0, 3));
    }

    #[test]
    fn a_machine_never_goes_back() {
        let mut roster = roster(&[(0, true, Terminating)]);
        for (stage, moved) in [(InService, false), (Terminating, false), (Terminated, true)] {
            assert_eq!(roster.advance("i-0", stage), moved, "{stage:?}");
        }
        assert!(!roster.advance("i-9", Terminated));
    }

    #[test]
    fn rebalancing_moves_one_from_the_fullest_zone() {
        for (stages, expected) in [
            (&[][..], None),
            (&[(0, true, Terminating)], None),
            (&[(0, true, InService)], Some((vec![0, 1, 0, 0], 1))),
            (
                &[(1, false, InService), (1, false, Pending)],
                Some((vec![0, 0, 1, 0], 0)),
            ),
        ] {
            assert_eq!(roster(stages).to_rebalance(), expected, "{stages:?}");
        }
        let mut one_zone = Roster::new(1);
        one_zone.add(roster(&[(0, true, InService)]).members[0].clone());
        assert_eq!(one_zone.to_rebalance(), None);
    }
}
