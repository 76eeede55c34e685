//! The simulator names the very machines that the scale-in guard would name.

use fleet_core::InstanceId;
use fleet_sim::guard::{Idle, pick};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use redis_scripts::{Candidate, Candidates, Market, Place};
use scale_in_guard::decide::decide;
use scale_in_guard::event::{Capacity, Cause, Event, Instance};

const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

fn instance_id(id: u32) -> InstanceId {
    format!("i-{id:017x}").parse().unwrap()
}

fn place(bucket: usize) -> Place {
    Place {
        zone: ZONES[bucket / 2].into(),
        market: match bucket % 2 {
            0 => Market::OnDemand,
            _ => Market::Spot,
        },
    }
}

#[test]
fn pick_is_decide_for_a_scale_in() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut named = 0;
    for round in 0..300 {
        let count = rng.random_range(0..40_u32);
        // No two since the same moment: between such the guard's order is Redis' own.
        let mut idle: Vec<Idle> = (0..count)
            .map(|id| Idle {
                since: rng.random_range(0..1_000) * 64 + u64::from(id),
                id,
                bucket: rng.random_range(0..6),
            })
            .collect();
        idle.sort_unstable();
        let quotas: Vec<u32> = (0..6).map(|_| rng.random_range(0..6)).collect();

        let status = Candidates {
            idle: idle
                .iter()
                .map(|machine| Candidate {
                    id: instance_id(machine.id),
                    seen: true,
                    place: Some(place(machine.bucket)),
                })
                .collect(),
            ..Candidates::default()
        };
        let ids: Vec<String> = idle.iter().map(|i| instance_id(i.id).to_string()).collect();
        let event = Event {
            auto_scaling_group_name: "fleet".into(),
            capacity_to_terminate: (0..6)
                .map(|bucket| Capacity {
                    availability_zone: ZONES[bucket / 2].into(),
                    capacity: u64::from(quotas[bucket]),
                    instance_market_option: place(bucket).market,
                })
                .collect(),
            // Half of them listed: a scale-in may name others as well.
            instances: idle
                .iter()
                .zip(&ids)
                .filter(|(machine, _)| machine.id % 2 == 0)
                .map(|(machine, id)| Instance {
                    availability_zone: ZONES[machine.bucket / 2].into(),
                    instance_id: id.as_str().into(),
                    instance_market_option: place(machine.bucket).market,
                })
                .collect(),
            cause: Cause::ScaleIn,
            has_more_instances: false,
        };

        let ours: Vec<InstanceId> = pick(idle, &quotas).into_iter().map(instance_id).collect();
        assert_eq!(decide(&event, &status).offer, ours, "round {round}");
        named += ours.len();
    }
    assert!(
        named > 500,
        "{named}: the test names too few to mean anything"
    );
}
