//! Every state of the protocol within the bounds; and what each part of it is there for: without
//! it, the model must find the counterexample.

use std::time::{Duration, Instant};

use coordination_model::properties::*;
use coordination_model::redis::Mutant;
use coordination_model::world::{Bounds, Faults};
use stateright::{Checker, HasDiscoveries, Model, UniformChooser};

const NONE: Faults = Faults {
    crashes: 0,
    redeliveries: 0,
    pauses: 0,
    wipes: 0,
    failovers: 0,
    slow_answers: 0,
    cancels: 0,
    retirements: 0,
};

/// Three agents, two videos of three segments, two guard calls.
fn whole(faults: Faults) -> Bounds {
    bounds(3, 2, 3, 2, faults)
}

fn bounds(agents: u8, jobs: usize, segments: u8, guard_calls: u8, faults: Faults) -> Bounds {
    Bounds {
        agents,
        jobs,
        segments,
        guard_calls,
        faults,
        mutant: None,
        strict: false,
    }
}

/// No counterexample, and every situation that must be reachable was reached.
fn judge(name: &str, checker: &impl Checker<Bounds>, start: Instant, sometimes: &[&'static str]) {
    println!(
        "{name}: {} states, depth {}, {:.1?}",
        checker.unique_state_count(),
        checker.max_depth(),
        start.elapsed()
    );
    for property in checker.model().properties() {
        if property.expectation.discovery_is_failure()
            && let Some(path) = checker.discovery(property.name)
        {
            panic!("{}: {:#?}", property.name, path.into_actions());
        }
    }
    for name in sometimes {
        assert!(checker.discovery(name).is_some(), "never: {name}");
    }
}

fn exhaust(name: &str, bounds: Bounds, sometimes: &[&'static str]) {
    let start = Instant::now();
    // `sometimes` properties are found early; only a failure may end the search.
    let checker = bounds
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    assert!(checker.is_done());
    judge(name, &checker, start, sometimes);
}

const ENDS: &str = "all videos end";
const TAKEN_OVER: &str = "a finalizer is taken over";

#[test]
fn without_faults() {
    exhaust("no faults", whole(NONE), &[ENDS, SPARED_WORKS]);
}

#[test]
fn an_agent_dies() {
    let faults = Faults { crashes: 1, ..NONE };
    exhaust("crash", whole(faults), &[ENDS, SPARED_WORKS, TAKEN_OVER]);
}

#[test]
fn a_message_is_delivered_twice() {
    let faults = Faults {
        redeliveries: 1,
        ..NONE
    };
    exhaust("redelivery", whole(faults), &[ENDS]);
}

#[test]
fn a_finalizer_sleeps_past_its_lease_and_the_guard_is_late() {
    let faults = Faults {
        pauses: 1,
        slow_answers: 1,
        ..NONE
    };
    exhaust("pause and slow answer", whole(faults), &[ENDS]);
}

#[test]
fn all_of_these_at_once() {
    let faults = Faults {
        crashes: 1,
        redeliveries: 1,
        pauses: 1,
        slow_answers: 1,
        ..NONE
    };
    exhaust(
        "all at once, 2 agents, 1 video",
        bounds(2, 1, 2, 2, faults),
        &[ENDS, TAKEN_OVER],
    );
}

#[test]
fn redis_loses_everything() {
    let faults = Faults { wipes: 1, ..NONE };
    exhaust(
        "wipe, 2 agents, 1 video",
        bounds(2, 1, 2, 2, faults),
        &[ENDS, SPARED_WORKS],
    );
}

#[test]
fn redis_fails_over_to_a_replica_that_is_behind() {
    let faults = Faults {
        failovers: 1,
        pauses: 1,
        ..NONE
    };
    exhaust(
        "failover and pause, 2 agents, 1 video",
        bounds(2, 1, 2, 1, faults),
        &[ENDS],
    );
}

#[test]
fn a_video_is_cancelled_and_an_instance_retired() {
    let faults = Faults {
        cancels: 1,
        retirements: 1,
        crashes: 1,
        ..NONE
    };
    exhaust(
        "cancel, retire, crash, 2 agents",
        bounds(2, 1, 2, 1, faults),
        &[ENDS],
    );
}

/// Beyond what can be exhausted: more of everything, all faults together, along random paths.
#[test]
fn random_walks_with_every_fault() {
    let faults = Faults {
        crashes: 2,
        redeliveries: 3,
        pauses: 2,
        wipes: 2,
        failovers: 2,
        slow_answers: 2,
        cancels: 1,
        retirements: 2,
    };
    let start = Instant::now();
    let bounds = Bounds {
        strict: true,
        ..bounds(4, 3, 4, 6, faults)
    };
    let checker = bounds
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(100_000)
        .timeout(Duration::from_secs(30))
        .spawn_simulation(20_260_101, UniformChooser)
        .join();
    assert!(
        checker.state_count() > 1_000,
        "{} steps",
        checker.state_count()
    );
    println!("random walks: {} steps", checker.state_count());
    judge("random walks", &checker, start, &[]);
}

/// Without `mutant`'s part of the protocol, `property` must fall.
fn misses(mutant: Mutant, faults: Faults, property: &'static str) {
    misses_in(bounds(2, 1, 2, 2, faults), mutant, property);
}

fn misses_in(bounds: Bounds, mutant: Mutant, property: &'static str) {
    let start = Instant::now();
    let checker = Bounds {
        mutant: Some(mutant),
        ..bounds
    }
    .checker()
    .finish_when(HasDiscoveries::AnyOf([property].into()))
    .spawn_bfs()
    .join();
    let path = checker.discovery(property);
    let path = path.unwrap_or_else(|| panic!("{mutant:?} does no harm to {property:?}"));
    let steps = path.into_actions();
    println!(
        "{mutant:?}: {property}, in {} steps, {:.1?}: {steps:?}",
        steps.len(),
        start.elapsed()
    );
}

#[test]
fn without_the_check_in_begin_task_a_busy_machine_is_killed() {
    misses(Mutant::NoRecheck, NONE, NO_BUSY_KILL);
    misses(Mutant::NoRecheck, NONE, NOT_NAMED_WHILE_BUSY);
}

#[test]
fn without_the_fencing_token_two_finalizers_commit() {
    let faults = Faults {
        pauses: 1,
        redeliveries: 1,
        ..NONE
    };
    misses(Mutant::NoFencing, faults, ONE_COMMIT);
    misses(Mutant::NoFencing, faults, NO_STALE_COMMIT);
}

#[test]
fn without_if_none_match_the_archive_is_written_twice() {
    let faults = Faults {
        pauses: 1,
        redeliveries: 1,
        ..NONE
    };
    misses(Mutant::NoIfNoneMatch, faults, ONE_ARCHIVE);
}

#[test]
fn trusting_counts_across_a_failover_leaves_a_video_without_an_end() {
    misses(
        Mutant::NoHistory,
        Faults {
            failovers: 1,
            ..NONE
        },
        EVERY_VIDEO_ENDS,
    );
}

#[test]
fn granting_tasks_right_after_a_loss_kills_a_busy_machine() {
    misses(
        Mutant::NoQuarantine,
        Faults { wipes: 1, ..NONE },
        NO_BUSY_KILL,
    );
}

#[test]
fn condemning_on_reports_from_before_a_failover_kills_a_busy_machine() {
    misses(
        Mutant::NoNewSighting,
        Faults {
            failovers: 1,
            ..NONE
        },
        NO_BUSY_KILL,
    );
}

#[test]
fn a_reprieve_that_crosses_an_offer_kills_a_busy_machine() {
    misses(Mutant::EarlyReprieve, NONE, NO_BUSY_KILL);
}

/// Found by a random walk: Redis is lost between the list and the restoration, a second time.
#[test]
fn restoring_from_one_list_leaves_a_video_without_an_end() {
    let faults = Faults { wipes: 2, ..NONE };
    misses_in(
        bounds(2, 1, 3, 0, faults),
        Mutant::OneList,
        EVERY_VIDEO_ENDS,
    );
}

#[test]
fn redis_loses_everything_twice() {
    let faults = Faults { wipes: 2, ..NONE };
    exhaust(
        "two wipes, 2 agents, 1 video",
        bounds(2, 1, 3, 0, faults),
        &[ENDS],
    );
}
