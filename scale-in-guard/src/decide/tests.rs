use redis_scripts::Candidate;

use super::*;
use crate::event::{Capacity, Cause};

const ALL: [Cause; 4] = [
    Cause::ScaleIn,
    Cause::Rebalance,
    Cause::InstanceRefresh,
    Cause::MaxInstanceLifetime,
];

fn event<'a>(cause: Cause, wanted: &[(&'a str, u64)], listed: &[(&'a str, &'a str)]) -> Event<'a> {
    let split = |text: &'a str| match text.strip_suffix('*') {
        Some(zone) => (zone.into(), Market::Spot),
        None => (text.into(), Market::OnDemand),
    };
    Event {
        auto_scaling_group_name: "g".into(),
        capacity_to_terminate: wanted
            .iter()
            .map(|&(bucket, capacity)| {
                let (availability_zone, instance_market_option) = split(bucket);
                Capacity {
                    availability_zone,
                    capacity,
                    instance_market_option,
                }
            })
            .collect(),
        instances: listed
            .iter()
            .map(|&(id, bucket)| {
                let (availability_zone, instance_market_option) = split(bucket);
                Instance {
                    availability_zone,
                    instance_id: id.into(),
                    instance_market_option,
                }
            })
            .collect(),
        cause,
        has_more_instances: false,
    }
}

fn id(name: &str) -> InstanceId {
    name.parse().unwrap()
}

fn idle(name: &str, seen: bool, place: Option<&str>) -> Candidate {
    Candidate {
        id: id(name),
        seen,
        place: place.map(|p| p.parse().unwrap()),
    }
}

fn fleet(idle_ids: &[&str], condemned: &[&str], retiring: &[&str]) -> Candidates {
    Candidates {
        idle: idle_ids.iter().map(|name| idle(name, true, None)).collect(),
        condemned: condemned.iter().map(|name| id(name)).collect(),
        retiring: retiring.iter().map(|name| id(name)).collect(),
    }
}

fn names(ids: &[InstanceId]) -> Vec<&str> {
    ids.iter().map(InstanceId::as_str).collect()
}

#[test]
fn every_bucket_keeps_its_own_quota_and_the_longest_idle_go_first() {
    let listed = [
        ("a1", "a"),
        ("a2", "a"),
        ("a3", "a*"),
        ("b1", "b"),
        ("b2", "b*"),
        ("b3", "b*"),
    ];
    let wanted = [("a", 1), ("a*", 5), ("b*", 1), ("c", 9)];
    for cause in ALL {
        let decision = decide(
            &event(cause, &wanted, &listed),
            &fleet(&["b1", "b3", "a2", "a3", "b2", "a1"], &[], &[]),
        );
        assert_eq!(names(&decision.offer), ["b3", "a2", "a3"], "{cause:?}");
        assert!(decision.retire.is_empty(), "{cause:?}");
    }
}

#[test]
fn capacities_of_one_bucket_add_up() {
    let listed = [("x", "a"), ("y", "a"), ("z", "a")];
    let event = event(Cause::ScaleIn, &[("a", 1), ("a", 1)], &listed);
    let decision = decide(&event, &fleet(&["x", "y", "z"], &[], &[]));
    assert_eq!(names(&decision.offer), ["x", "y"]);
}

#[test]
fn nobody_busy_or_unseen_is_offered() {
    let listed = [("busy", "a"), ("stale", "a"), ("idle", "a")];
    let mut status = fleet(&["idle"], &[], &[]);
    status.idle.insert(0, idle("stale", false, None));
    for cause in ALL {
        let decision = decide(&event(cause, &[("a", 3)], &listed), &status);
        assert_eq!(names(&decision.offer), ["idle"], "{cause:?}");
    }
}

#[test]
fn those_condemned_before_are_offered_again_first_but_only_while_listed() {
    let listed = [("old", "a"), ("new", "a")];
    for cause in ALL {
        let event = event(cause, &[("a", 1)], &listed);
        let decision = decide(&event, &fleet(&["new"], &["leaving", "old"], &[]));
        assert_eq!(names(&decision.offer), ["old"], "{cause:?}");
    }
}

#[test]
fn an_idle_instance_outside_the_list_serves_a_scale_in_or_a_rebalance_of_its_bucket() {
    let listed = [("busy", "a")];
    for cause in ALL {
        let event = event(cause, &[("a", 2)], &listed);
        let mut status = Candidates::default();
        status.idle.push(idle("nowhere", true, None));
        status
            .idle
            .push(idle("elsewhere", true, Some("b/on-demand")));
        status.idle.push(idle("spot", true, Some("a/spot")));
        status.idle.push(idle("here", true, Some("a/on-demand")));
        let decision = decide(&event, &status);
        match cause.only_listed() {
            false => assert_eq!(names(&decision.offer), ["here"], "{cause:?}"),
            true => assert!(decision.offer.is_empty(), "{cause:?}"),
        }
    }
}

#[test]
fn a_refresh_retires_busy_listed_ones_but_no_more_than_wanted() {
    let listed = [
        ("m", "a"),
        ("n", "a"),
        ("o", "a"),
        ("idle", "a"),
        ("p", "b"),
    ];
    for (cause, wanted, retiring, expected) in [
        (Cause::ScaleIn, 3, &[][..], &[][..]),
        (Cause::Rebalance, 3, &[], &[]),
        (Cause::InstanceRefresh, 1, &[], &[]),
        (Cause::InstanceRefresh, 2, &[], &["m"]),
        (Cause::MaxInstanceLifetime, 3, &[], &["m", "n"]),
        (Cause::MaxInstanceLifetime, 9, &[], &["m", "n", "o"]),
        // One marked before is one of those wanted.
        (Cause::InstanceRefresh, 2, &["o"], &[]),
        (Cause::InstanceRefresh, 3, &["o", "gone"], &["m"]),
    ] {
        let event = event(cause, &[("a", wanted)], &listed);
        let decision = decide(&event, &fleet(&["idle"], &[], retiring));
        assert_eq!(names(&decision.offer), ["idle"]);
        assert_eq!(
            names(&decision.retire),
            expected,
            "{cause:?} {wanted} {retiring:?}"
        );
    }
}

#[test]
fn nothing_wanted_or_nothing_idle_is_an_empty_answer() {
    let listed = [("x", "a")];
    for (wanted, status) in [
        (&[][..], fleet(&["x"], &[], &[])),
        (&[("a", 0)], fleet(&["x"], &["y"], &[])),
        (&[("a", 5)], fleet(&[], &[], &[])),
        (&[("a*", 5)], fleet(&["x"], &[], &[])),
    ] {
        let decision = decide(&event(Cause::ScaleIn, wanted, &listed), &status);
        assert_eq!(decision, Decision::default());
    }
}
