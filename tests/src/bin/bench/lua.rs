//! `complete_segment` at jobs of 1, 100 and 10,000 segments: flat, because no call looks at more
//! than its own segment.

use std::time::{Duration, Instant};

use anyhow::Result;
use fleet_core::VideoId;
use futures::{StreamExt, TryStreamExt, stream};
use redis_scripts::testing::Server;
use redis_scripts::{Connection, JobId, Jobs, Options};

const CALLS: u32 = 20_000;
const AT_ONCE: usize = 32;

pub async fn run() -> Result<()> {
    let server = Server::start();
    let connection = Connection::open(&Options::new(server.url())).await?;
    let jobs = Jobs::new(&connection);
    let mut first = None;
    // Once more at the beginning, not counted: the script is loaded, the allocator is warm.
    for (segments, counted) in [(100, false), (1, true), (100, true), (10_000, true)] {
        let rate = rate(&jobs, segments).await?;
        if counted {
            let base = *first.get_or_insert(rate);
            println!(
                "(d) complete_segment, {segments} segments a job: {rate:.0} calls/s, {:.2} of the rate at 1",
                rate / base
            );
        }
    }
    Ok(())
}

async fn rate(jobs: &Jobs, segments: u32) -> Result<f64> {
    let lease = Duration::from_secs(30);
    let mut calls = Vec::new();
    for _ in 0..CALLS / segments {
        let job = JobId::new(VideoId::new(), 0);
        jobs.open_job(&job, segments).await?;
        calls.extend((0..segments).map(|segment| (job.clone(), segment)));
    }
    let count = calls.len() as f64;
    let started = Instant::now();
    stream::iter(calls)
        .map(|(job, segment)| {
            let jobs = jobs.clone();
            async move {
                jobs.complete_segment(&job, segment, "attempt", 10, 1000, lease)
                    .await
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(count / started.elapsed().as_secs_f64())
}
