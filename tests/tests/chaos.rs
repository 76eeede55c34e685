//! A short chaos run with a fixed seed. `./run chaos` makes long ones.

use std::time::Duration;

use anyhow::{Result, ensure};
use fleet_tests::chaos::{Plan, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_survives_a_minute_of_everything_at_once() -> Result<()> {
    let plan = Plan {
        seed: 20_261_121,
        videos: 30,
        agents: 8,
        faults_for: Duration::from_secs(60),
    };
    let counts = run(&plan).await?;
    counts.print();
    ensure!(counts.violations.is_empty(), "{:#?}", counts.violations);
    ensure!(
        counts.videos >= plan.videos,
        "only {} videos",
        counts.videos
    );
    ensure!(
        counts.archives_compared == counts.videos,
        "not all compared"
    );
    ensure!(
        counts.commits == counts.videos,
        "{} commits",
        counts.commits
    );
    // A run in which nothing went wrong shows nothing.
    let faults: u64 = counts.faults.values().sum();
    let kinds = counts.faults.values().filter(|count| **count > 0).count();
    ensure!(faults >= 15 && kinds >= 7, "too tame: {:?}", counts.faults);
    ensure!(counts.named > 0, "the guard has named nobody");
    Ok(())
}
