//! Which instances to condemn, and which to mark as retiring. Pure, and linear in the instances of
//! event and fleet. The outcome is a wish: `condemn` alone says who is still idle.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use fleet_core::InstanceId;
use redis_scripts::{Candidates, Market, Place};

use crate::event::{Event, Instance};

/// An idle agent reports every 20 s; one that missed two reports may be gone or stuck.
pub const SEEN_WITHIN: Duration = Duration::from_secs(45);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// To condemn and, once confirmed, to name. Within every bucket's quota.
    pub offer: Vec<InstanceId>,
    /// Busy ones that the group wants replaced: they refuse their next task.
    pub retire: Vec<InstanceId>,
}

pub fn decide(event: &Event<'_>, fleet: &Candidates) -> Decision {
    let mut quotas = Quotas::of(event);
    let listed: HashMap<&str, Bucket<'_>> = event
        .instances
        .iter()
        .map(|i| (i.instance_id.as_ref(), bucket(i)))
        .collect();

    // Those condemned before come first: an earlier answer was lost, or Auto Scaling spared them.
    // Being listed says that they are not on their way out already.
    let condemned = fleet
        .condemned
        .iter()
        .filter_map(|id| Some((id, *listed.get(id.as_str())?)));
    let idle = fleet.idle.iter().filter(|i| i.seen).filter_map(|i| {
        let known = listed.get(i.id.as_str()).copied();
        let said = || {
            i.place
                .as_ref()
                .map(place)
                .filter(|_| !event.cause.only_listed())
        };
        Some((&i.id, known.or_else(said)?))
    });
    let offer = condemned
        .chain(idle)
        .filter(|(_, bucket)| quotas.take(bucket))
        .map(|(id, _)| id.clone())
        .collect();

    let retire = match event.cause.only_listed() {
        true => retire(event, fleet, quotas),
        false => Vec::new(),
    };
    Decision { offer, retire }
}

/// As many busy ones as are still wanted, those marked before counted first: an instance refresh
/// lists a whole zone, and must not stop all of it at once.
fn retire<'a>(event: &'a Event<'_>, fleet: &Candidates, mut quotas: Quotas<'a>) -> Vec<InstanceId> {
    let free: HashSet<&str> = fleet
        .idle
        .iter()
        .map(|i| &i.id)
        .chain(&fleet.condemned)
        .map(InstanceId::as_str)
        .collect();
    let marked: HashSet<&str> = fleet.retiring.iter().map(InstanceId::as_str).collect();
    let (before, others): (Vec<_>, Vec<_>) = event
        .instances
        .iter()
        .filter(|i| !free.contains(i.instance_id.as_ref()))
        .partition(|i| marked.contains(i.instance_id.as_ref()));
    for instance in before {
        quotas.take(&bucket(instance));
    }
    others
        .into_iter()
        .filter(|i| quotas.take(&bucket(i)))
        .filter_map(|i| i.instance_id.parse().ok())
        .collect()
}

type Bucket<'a> = (&'a str, Market);

fn bucket<'a>(instance: &'a Instance<'_>) -> Bucket<'a> {
    (&instance.availability_zone, instance.instance_market_option)
}

fn place(place: &Place) -> Bucket<'_> {
    (&place.zone, place.market)
}

struct Quotas<'a>(HashMap<Bucket<'a>, u64>);

impl<'a> Quotas<'a> {
    fn of(event: &'a Event<'_>) -> Self {
        let mut quotas = HashMap::new();
        for c in &event.capacity_to_terminate {
            let bucket = (c.availability_zone.as_ref(), c.instance_market_option);
            let quota: &mut u64 = quotas.entry(bucket).or_default();
            *quota = quota.saturating_add(c.capacity);
        }
        Self(quotas)
    }

    fn take(&mut self, bucket: &Bucket<'a>) -> bool {
        match self.0.get_mut(bucket) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
