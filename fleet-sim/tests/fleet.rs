//! What must hold in every run, and what must differ between strategies.

use clap::Parser;
use fleet_core::scaling::{DEFAULT_SCALING, ScalingFile};
use fleet_sim::compare::{compare, fixed, tracking};
use fleet_sim::engine::run;
use fleet_sim::guard::Guard;
use fleet_sim::model::Model;
use fleet_sim::outcome::Outcome;
use fleet_sim::scaler::Strategy;
use fleet_sim::workload::{Arrivals, Workload, WorkloadArgs};

fn file() -> ScalingFile {
    ScalingFile::parse(DEFAULT_SCALING).unwrap()
}

fn workload_args(arrivals: Arrivals, videos: u32) -> WorkloadArgs {
    #[derive(Parser)]
    struct Just {
        #[command(flatten)]
        workload: WorkloadArgs,
    }
    WorkloadArgs {
        arrivals,
        videos: Some(videos),
        ..Just::parse_from(["workload"]).workload
    }
}

fn workload(arrivals: Arrivals, videos: u32, seed: u64) -> Workload {
    workload_args(arrivals, videos).generate(seed)
}

fn world(seed: u64) -> Model {
    Model {
        seed,
        ..Model::default()
    }
}

/// Every segment recorded exactly once, every video finished, every machine's time accounted for.
fn assert_conserved(outcome: &Outcome, workload: &Workload, slots: u32) {
    let name = &outcome.name;
    assert_eq!(outcome.segments, workload.segments.len() as u64, "{name}");
    assert_eq!(outcome.recorded, outcome.segments, "{name}");
    assert_eq!(outcome.recorded_twice, 0, "{name}");
    assert_eq!(outcome.unfinished, 0, "{name}");
    assert_eq!(outcome.times.len(), workload.videos.len(), "{name}");
    let paid = outcome.instance_millis * u64::from(slots);
    assert!(
        outcome.useful_millis + outcome.lost_millis <= paid,
        "{name}"
    );
    let least = workload.total_work() * 1_000.0;
    assert!(outcome.useful_millis as f64 >= least * 0.999, "{name}");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_does_not() {
    let run_with = |seed| {
        let workload = workload(Arrivals::Steady, 300, seed);
        run(&world(seed), &workload, &Strategy::ours(&file()))
    };
    assert_eq!(run_with(7), run_with(7));
    assert_ne!(run_with(7).times, run_with(8).times);
}

#[test]
fn nothing_is_lost_or_done_twice_whoever_runs_the_fleet() {
    for (arrivals, videos) in [
        (Arrivals::Steady, 600),
        (Arrivals::Burst, 1_500),
        (Arrivals::Trickle, 40),
        (Arrivals::Daily, 1_500),
    ] {
        for seed in [1, 2] {
            let workload = workload(arrivals, videos, seed);
            let model = world(seed);
            for outcome in compare(&model, &workload, &file()) {
                assert_conserved(&outcome, &workload, model.slots);
            }
        }
    }
}

#[test]
fn with_the_guard_no_working_machine_is_ever_taken() {
    for arrivals in [Arrivals::Steady, Arrivals::Daily, Arrivals::Burst] {
        for seed in 1..=3 {
            let workload = workload(arrivals, 2_000, seed);
            let outcome = run(&world(seed), &workload, &Strategy::ours(&file()));
            assert_eq!(outcome.busy_kills, 0, "{arrivals:?} {seed}");
            assert_eq!(outcome.named_busy, 0, "{arrivals:?} {seed}");
            assert_eq!(outcome.redelivered, 0, "{arrivals:?} {seed}");
            assert!(
                outcome.scaled_in > 0,
                "{arrivals:?} {seed}: nothing was taken"
            );
        }
    }
}

#[test]
fn without_the_guard_or_without_its_claim_working_machines_are_killed() {
    let workload = workload(Arrivals::Steady, 2_000, 1);
    let model = world(1);
    let ours = Strategy::ours(&file());
    let reads_only = Strategy {
        guard: Guard::ReadsOnly,
        ..ours.clone()
    };
    let absent = Strategy {
        guard: Guard::Absent,
        ..ours
    };
    for strategy in [reads_only, absent, tracking(&model, &workload, &file())] {
        let outcome = run(&model, &workload, &strategy);
        assert!(outcome.busy_kills > 0, "{}", outcome.name);
        assert!(outcome.redelivered > 0, "{}", outcome.name);
        assert_conserved(&outcome, &workload, model.slots);
    }
}

#[test]
fn a_condemned_machine_that_is_given_a_task_hands_it_back() {
    // Long terminations keep condemned machines in their long polls.
    let model = Model {
        termination: 60.0,
        ..world(1)
    };
    let workload = workload(Arrivals::Steady, 2_000, 1);
    let outcome = run(&model, &workload, &Strategy::ours(&file()));
    assert!(outcome.refusals > 0);
    assert_eq!(outcome.busy_kills, 0);
    assert_conserved(&outcome, &workload, model.slots);
}

#[test]
fn the_fleet_is_empty_again_after_the_work() {
    for (arrivals, videos) in [
        (Arrivals::Burst, 3_000),
        (Arrivals::Steady, 500),
        (Arrivals::Trickle, 20),
    ] {
        let workload = workload(arrivals, videos, 1);
        let outcome = run(&world(1), &workload, &Strategy::ours(&file()));
        assert_eq!(outcome.points.first().unwrap().machines, 0);
        assert_eq!(outcome.still_running, 0, "{arrivals:?}");
        let minutes = outcome.minutes_to_zero().unwrap();
        assert!(minutes < 60.0, "{arrivals:?}: {minutes} minutes");
    }
}

#[test]
fn interrupted_machines_finish_or_hand_back_and_nothing_is_lost() {
    let model = Model {
        interruptions: 10.0,
        ..world(1)
    };
    // A small fleet: in a large one some replacement is always warming up, which holds scale-in back.
    let mut file = file();
    file.group.max_size = 20;
    // Segments of several minutes: some cannot be finished within the notice.
    let args = WorkloadArgs {
        work_ratio: 3.0,
        ..workload_args(Arrivals::Burst, 200)
    };
    let workload = args.generate(1);
    let outcome = run(&model, &workload, &Strategy::ours(&file));
    assert!(outcome.interruptions > 50, "{}", outcome.interruptions);
    assert!(outcome.handed_back > 0);
    assert!(outcome.lost_millis > 0);
    assert_eq!(outcome.busy_kills, 0);
    assert_conserved(&outcome, &workload, model.slots);
}

#[test]
fn the_first_upload_raises_its_alarm_within_20_s() {
    for seed in 1..=50 {
        let workload = workload(Arrivals::Trickle, 1, seed);
        let outcome = run(&world(seed), &workload, &Strategy::ours(&file()));
        let alarm = outcome.first_alarm.unwrap();
        assert!(alarm <= 20_000, "seed {seed}: {alarm} ms");
    }
}

#[test]
fn a_fixed_fleet_is_what_it_says() {
    let workload = workload(Arrivals::Steady, 200, 1);
    let outcome = run(&world(1), &workload, &fixed("fixed", 5));
    assert_eq!((outcome.most_machines, outcome.busy_kills), (5, 0));
    assert_eq!(outcome.scaled_in, 0);
}

/// The issue asks for under a minute on a release build; the limit here is for any build, on a busy
/// machine.
#[test]
fn a_million_segments_on_ten_thousand_machines() {
    let mut file = file();
    file.group.max_size = 10_000;
    let workload = workload(Arrivals::Burst, 145_000, 1);
    assert!(workload.segments.len() >= 1_000_000);
    let begin = std::time::Instant::now();
    let outcome = run(&world(1), &workload, &Strategy::ours(&file));
    assert!(begin.elapsed().as_secs() < 600);
    assert!(outcome.most_machines >= 10_000);
    assert!(outcome.points.iter().all(|point| point.desired <= 10_000));
    assert_eq!((outcome.unfinished, outcome.busy_kills), (0, 0));
    assert_eq!(outcome.recorded, outcome.segments);
}
