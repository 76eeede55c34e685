//! Every reply of the fleet scripts, from a real redis-server.
// `[a.clone()]` reads better in a table than `std::slice::from_ref(&a)`.
#![allow(clippy::cloned_ref_to_slice_refs)]

mod common;

use std::time::Duration;

use common::{Rig, SHORT, call};
use fleet_core::InstanceId;
use redis_scripts::{Begun, Candidate, Fleet, Place, Reported, Reprieve};

const SEEN: Duration = Duration::from_secs(45);
const ZERO: Duration = Duration::ZERO;
const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn id(name: &str) -> InstanceId {
    name.parse().unwrap()
}

async fn begin(rig: &Rig, instance: &InstanceId, task: &str, receipt: &str) -> Begun {
    call!(rig, rig.fleet.begin_task(instance, task, receipt))
}

async fn condemn(rig: &Rig, ids: &[&InstanceId], seen: Duration) -> Vec<InstanceId> {
    let ids: Vec<InstanceId> = ids.iter().map(|i| (*i).clone()).collect();
    call!(rig, rig.fleet.condemn(&ids, seen))
}

#[tokio::test]
async fn an_instance_goes_from_idle_to_work_and_back() {
    let (rig, a) = (Rig::start().await, id("i-a"));
    assert_eq!(call!(rig, rig.fleet.report_idle(&a)), Reported::Idle);
    tokio::time::sleep(SHORT).await;
    assert_eq!(call!(rig, rig.fleet.report_idle(&a)), Reported::Idle);
    let status = call!(rig, rig.fleet.fleet_status());
    assert_eq!(status.idle.len(), 1);
    // Idle since the first report, seen at the second.
    assert!(status.idle[0].idle_for >= SHORT, "{status:?}");
    assert!(status.idle[0].unseen_for < status.idle[0].idle_for);
    assert_eq!(
        begin(&rig, &a, "t", "r").await,
        Begun::Granted { attempt: 1 }
    );
    assert!(call!(rig, rig.fleet.fleet_status()).idle.is_empty());
    assert!(condemn(&rig, &[&a], SEEN).await.is_empty());
    assert_eq!(call!(rig, rig.fleet.report_idle(&a)), Reported::Idle);
    assert_eq!(condemn(&rig, &[&a], SEEN).await, [a]);
}

fn candidate(id: &InstanceId, seen: bool, place: Option<&str>) -> Candidate {
    Candidate {
        id: id.clone(),
        seen,
        place: place.map(|p| p.parse().unwrap()),
    }
}

/// More than Lua takes as arguments at once.
#[tokio::test]
async fn the_guard_sees_thousands_longest_idle_first_and_where_they_are() {
    let rig = Rig::start().await;
    let there = rig
        .fleet
        .clone()
        .with_place("us-east-1b/spot".parse().unwrap());
    let mut expected = Vec::new();
    for i in 0..2_100 {
        let id = id(&format!("i-{i:04}"));
        let place = (i % 2 == 0).then_some("us-east-1b/spot");
        let fleet = if place.is_some() { &there } else { &rig.fleet };
        call!(rig, fleet.report_idle(&id));
        expected.push(candidate(&id, true, place));
    }
    call!(rig, rig.fleet.retire(&[id("i-busy")]));
    let candidates = call!(rig, rig.fleet.candidates(SEEN));
    assert_eq!(candidates.retiring, [id("i-busy")]);
    // Within a millisecond the order is the names', which is theirs here too.
    assert_eq!(candidates.idle, expected);
    assert!(candidates.condemned.is_empty());
}

#[tokio::test]
async fn only_those_still_idle_and_seen_lately_are_condemned() {
    let rig = Rig::start().await;
    let [busy, stale, idle, never] = ["i-busy", "i-stale", "i-idle", "i-never"].map(id);
    for one in [&busy, &stale] {
        call!(rig, rig.fleet.report_idle(one));
    }
    assert_eq!(
        begin(&rig, &busy, "t", "r").await,
        Begun::Granted { attempt: 1 }
    );
    tokio::time::sleep(SHORT * 3).await;
    call!(rig, rig.fleet.report_idle(&idle));
    assert_eq!(
        condemn(&rig, &[&busy, &stale, &idle, &never], SHORT * 2).await,
        [idle.clone()]
    );
    let status = call!(rig, rig.fleet.fleet_status());
    assert_eq!(status.idle[0].id, stale);
    assert_eq!(status.condemned[0].id, idle);
    let candidates = call!(rig, rig.fleet.candidates(SHORT * 2));
    assert_eq!(candidates.idle, [candidate(&stale, false, None)]);
    assert_eq!(candidates.condemned, [idle]);
}

#[tokio::test]
async fn a_condemned_instance_takes_no_task_and_a_spared_one_works_again() {
    let (rig, a) = (Rig::start().await, id("i-a"));
    assert_eq!(
        call!(rig, rig.fleet.reprieve(&a, ZERO)),
        Reprieve::NotCondemned
    );
    call!(rig, rig.fleet.report_idle(&a));
    assert_eq!(condemn(&rig, &[&a], SEEN).await, [a.clone()]);
    assert_eq!(begin(&rig, &a, "t", "r").await, Begun::Condemned);
    assert_eq!(call!(rig, rig.fleet.report_idle(&a)), Reported::Condemned);
    match call!(rig, rig.fleet.reprieve(&a, FIVE_MINUTES)) {
        Reprieve::Condemned { left } => assert!(left <= FIVE_MINUTES && left > SHORT),
        other => panic!("{other:?}"),
    }
    assert_eq!(begin(&rig, &a, "t", "r").await, Begun::Condemned);
    assert_eq!(call!(rig, rig.fleet.reprieve(&a, ZERO)), Reprieve::Idle);
    // The refusals were free.
    assert_eq!(
        begin(&rig, &a, "t", "r").await,
        Begun::Granted { attempt: 1 }
    );
}

/// The guard's answer may be lost, and Auto Scaling asks again; then no reprieve may cross it.
#[tokio::test]
async fn condemning_again_confirms_and_starts_the_time_again() {
    let (rig, a) = (Rig::start().await, id("i-a"));
    call!(rig, rig.fleet.report_idle(&a));
    assert_eq!(condemn(&rig, &[&a], SEEN).await, [a.clone()]);
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(condemn(&rig, &[&a], SEEN).await, [a.clone()]);
    let least = SHORT * 2;
    let reply = call!(rig, rig.fleet.reprieve(&a, least));
    assert!(matches!(reply, Reprieve::Condemned { .. }), "{reply:?}");
    tokio::time::sleep(least).await;
    assert_eq!(call!(rig, rig.fleet.reprieve(&a, least)), Reprieve::Idle);
}

#[tokio::test]
async fn a_retiring_instance_refuses_its_next_task_and_is_condemned_once_idle() {
    let rig = Rig::start().await;
    let [busy, condemned] = ["i-busy", "i-condemned"].map(id);
    begin(&rig, &busy, "t", "r").await;
    call!(rig, rig.fleet.report_idle(&condemned));
    condemn(&rig, &[&condemned], SEEN).await;
    let both = [busy.clone(), condemned.clone()];
    assert_eq!(call!(rig, rig.fleet.retire(&both)), 1);
    assert_eq!(call!(rig, rig.fleet.retire(&both)), 1);
    assert_eq!(call!(rig, rig.fleet.retire(&[])), 0);
    assert_eq!(
        call!(rig, rig.fleet.fleet_status()).retiring,
        [busy.clone()]
    );
    assert_eq!(begin(&rig, &busy, "u", "r").await, Begun::Retiring);
    assert!(
        condemn(&rig, &[&busy], SEEN).await.is_empty(),
        "it never said it was idle"
    );
    call!(rig, rig.fleet.report_idle(&busy));
    assert_eq!(condemn(&rig, &[&busy], SEEN).await, [busy.clone()]);
    // A refresh that was called off must not leave an instance that refuses work for ever.
    assert_eq!(call!(rig, rig.fleet.reprieve(&busy, ZERO)), Reprieve::Idle);
    assert_eq!(
        begin(&rig, &busy, "u", "r").await,
        Begun::Granted { attempt: 1 }
    );
    call!(rig, rig.fleet.retire(&[busy.clone()]));
    assert_eq!(
        call!(rig, rig.fleet.reprieve(&busy, ZERO)),
        Reprieve::NotCondemned
    );
    assert_eq!(
        begin(&rig, &busy, "u", "r2").await,
        Begun::Granted { attempt: 2 }
    );
}

#[tokio::test]
async fn attempts_count_receives_and_hand_backs_are_free() {
    let rig = Rig::start().await;
    let [a, b] = ["i-a", "i-b"].map(id);
    assert_eq!(
        begin(&rig, &a, "t", "r1").await,
        Begun::Granted { attempt: 1 }
    );
    // The same call again, its reply was lost.
    assert_eq!(
        begin(&rig, &a, "t", "r1").await,
        Begun::Granted { attempt: 1 }
    );
    assert_eq!(
        begin(&rig, &b, "t", "r2").await,
        Begun::Granted { attempt: 2 }
    );
    call!(rig, rig.fleet.hand_back("t", "r2"));
    call!(rig, rig.fleet.hand_back("t", "r2"));
    assert_eq!(
        begin(&rig, &b, "t", "r3").await,
        Begun::Granted { attempt: 2 }
    );
    assert_eq!(
        begin(&rig, &b, "other", "r1").await,
        Begun::Granted { attempt: 1 }
    );
    call!(rig, rig.fleet.hand_back("unheard-of", "r"));
}

#[tokio::test]
async fn a_forgotten_instance_leaves_no_trace() {
    let rig = Rig::start().await;
    let [a, b] = ["i-a", "i-b"].map(id);
    for one in [&a, &b] {
        call!(rig, rig.fleet.report_idle(one));
    }
    condemn(&rig, &[&a], SEEN).await;
    call!(rig, rig.fleet.retire(&[b.clone()]));
    for one in [&a, &b] {
        call!(rig, rig.fleet.forget(one));
        call!(rig, rig.fleet.forget(one));
    }
    assert_eq!(call!(rig, rig.fleet.fleet_status()), Default::default());
    assert_eq!(call!(rig, rig.fleet.report_idle(&a)), Reported::Idle);
}

#[tokio::test]
async fn fleets_share_nothing_and_bad_names_are_refused() {
    let (rig, a) = (Rig::start().await, id("i-a"));
    let other = Fleet::new(&rig.connection, "other").unwrap();
    call!(rig, rig.fleet.report_idle(&a));
    assert!(other.condemn(&[a], SEEN).await.unwrap().is_empty());
    for bad in ["", "a b", "a}", "a:b", &"x".repeat(65)] {
        assert!(Fleet::new(&rig.connection, bad).is_err(), "{bad}");
    }
}

/// Two hundred rounds of the race that kills busy machines elsewhere.
#[tokio::test]
async fn of_condemn_and_begin_task_at_once_exactly_one_succeeds() {
    let rig = Rig::start().await;
    for round in 0..200 {
        let a = id(&format!("i-{round}"));
        rig.fleet.report_idle(&a).await.unwrap();
        let (fleet, instance) = (rig.fleet.clone(), a.clone());
        let begin = tokio::spawn(async move { fleet.begin_task(&instance, "t", "r").await });
        let (fleet, instance) = (rig.fleet.clone(), a.clone());
        let condemn = tokio::spawn(async move { fleet.condemn(&[instance], SEEN).await });
        let begun = begin.await.unwrap().unwrap();
        let condemned = condemn.await.unwrap().unwrap();
        match begun {
            Begun::Granted { .. } => assert!(condemned.is_empty(), "busy and named"),
            Begun::Condemned => assert_eq!(condemned, [a]),
            other => panic!("{other:?}"),
        }
    }
    rig.assert_ttls().await;
}

/// What the guard named just before a loss may still be terminated just after it.
#[tokio::test]
async fn after_a_loss_an_instance_that_may_have_been_named_takes_no_task_for_a_while() {
    let rig = Rig::start().await;
    let fleet = rig.fleet.clone().with_settle(SHORT * 4);
    let [named, fresh] = ["i-named", "i-fresh"].map(id);
    call!(rig, fleet.report_idle(&named));
    tokio::time::sleep(SHORT).await;
    assert_eq!(condemn(&rig, &[&named], SEEN).await, [named.clone()]);
    rig.raw::<String>(&["FLUSHALL"]).await;

    let reply = call!(rig, fleet.begin_task(&named, "t", "r"));
    let Begun::Unsettled { wait } = reply else {
        panic!("{reply:?}");
    };
    assert!(wait <= SHORT * 4);
    // Idle again, but what was promised before the loss still stands.
    assert_eq!(call!(rig, fleet.report_idle(&named)), Reported::Idle);
    let reply = call!(rig, fleet.begin_task(&named, "t", "r"));
    assert!(matches!(reply, Begun::Unsettled { .. }), "{reply:?}");
    // One that never reported idle, or only since, cannot have been named.
    let granted = Begun::Granted { attempt: 1 };
    assert_eq!(call!(rig, fleet.begin_task(&fresh, "t", "r")), granted);
    call!(rig, fleet.hand_back("t", "r"));
    call!(rig, fleet.report_idle(&fresh));
    assert_eq!(call!(rig, fleet.begin_task(&fresh, "t", "r")), granted);
    call!(rig, fleet.hand_back("t", "r"));
    tokio::time::sleep(wait).await;
    assert_eq!(call!(rig, fleet.begin_task(&named, "t", "r")), granted);
}

/// A primary that took over may not know that an instance began a task in the last second.
#[tokio::test]
async fn after_a_failover_nobody_is_condemned_before_reporting_idle_again() {
    let rig = Rig::start().await;
    let [idle, condemned] = ["i-idle", "i-condemned"].map(id);
    for one in [&idle, &condemned] {
        call!(rig, rig.fleet.report_idle(one));
    }
    condemn(&rig, &[&condemned], SEEN).await;
    tokio::time::sleep(SHORT).await;
    rig.change_history().await;
    assert!(condemn(&rig, &[&idle, &condemned], SEEN).await.is_empty());
    // Being refused is no sign of being idle: another task may still run.
    let refused = begin(&rig, &condemned, "t", "r").await;
    assert_eq!(refused, Begun::Condemned);
    assert!(condemn(&rig, &[&condemned], SEEN).await.is_empty());
    call!(rig, rig.fleet.report_idle(&idle));
    assert_eq!(
        call!(rig, rig.fleet.report_idle(&condemned)),
        Reported::Condemned
    );
    assert_eq!(
        condemn(&rig, &[&idle, &condemned], SEEN).await,
        [idle, condemned]
    );
}

#[tokio::test]
async fn an_idle_instance_says_where_it_is() {
    let rig = Rig::start().await;
    let place: Place = "us-east-1b/spot".parse().unwrap();
    let there = rig.fleet.clone().with_place(place.clone());
    let [a, b] = ["i-a", "i-b"].map(id);
    call!(rig, there.report_idle(&a));
    call!(rig, rig.fleet.report_idle(&b));
    let status = call!(rig, rig.fleet.fleet_status());
    let places: Vec<_> = status.idle.into_iter().map(|i| (i.id, i.place)).collect();
    assert_eq!(places, [(a.clone(), Some(place)), (b, None)]);
    call!(rig, rig.fleet.forget(&a));
    assert!(
        !rig.raw::<bool>(&["EXISTS", "framefleet:{test-fleet}:places"])
            .await
    );
}
