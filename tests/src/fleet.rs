//! A fleet for a journey: short leases and polls, so that a death is noticed within seconds.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use local_cloud::{Agent, Cloud, Options};

use crate::caller::{Caller, PATIENCE};

/// Where our programs are: two levels up from this test's own, or where the caller says.
pub fn programs() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let folder = own.parent()?;
    Some(if folder.ends_with("deps") {
        folder.parent()?.to_owned()
    } else {
        folder.to_owned()
    })
}

pub fn options(agents: usize) -> Options {
    let mut options = Options {
        bin_dir: programs(),
        ..Options::default()
    }
    .agents(agents);
    for (name, value) in [
        ("FRAMEFLEET_POLL_SECONDS", "1"),
        ("FRAMEFLEET_LEASE_SECONDS", "6"),
        ("FRAMEFLEET_FINALIZER_LEASE_SECONDS", "6"),
        ("FRAMEFLEET_CONCURRENCY", "1"),
        // About two seconds of the footage: several segments a video.
        ("FRAMEFLEET_SEGMENT_PIXELS", "10000000"),
        ("FRAMEFLEET_LOG_FORMAT", "text"),
    ] {
        options = options.agent_env(name, value);
    }
    options
}

pub async fn start(options: Options) -> Result<(Cloud, Caller)> {
    let cloud = Cloud::start(options)
        .await
        .context("start the local cloud")?;
    let caller = Caller::new(cloud.api_url(), cloud.api_key());
    Ok((cloud, caller))
}

/// Waits until one of the agents has logged `words`, and gives that agent.
pub async fn logged(cloud: &Cloud, words: &str) -> Result<std::sync::Arc<Agent>> {
    let started = Instant::now();
    loop {
        for agent in cloud.agents() {
            let log = std::fs::read_to_string(agent.log()).unwrap_or_default();
            if agent.is_running() && log.contains(words) {
                return Ok(agent);
            }
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "no agent has logged {words:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All queues empty, nothing in flight, nothing in a dead-letter queue.
pub async fn queues_are_clean(cloud: &Cloud) -> Result<()> {
    let started = Instant::now();
    loop {
        let depths = cloud.queue_depths().await?;
        ensure!(
            depths.tasks_dead == 0 && depths.events_dead == 0,
            "dead letters: {depths:?}"
        );
        if depths.tasks == 0 && depths.events == 0 {
            return Ok(());
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "the queues do not empty: {depths:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Every key in a bucket.
pub async fn keys(cloud: &Cloud, bucket: &str) -> Result<Vec<String>> {
    let s3 = aws_sdk_s3::Client::new(&cloud.sdk_config().await);
    let listed = s3.list_objects_v2().bucket(bucket).send().await?;
    Ok(listed
        .contents()
        .iter()
        .filter_map(|o| o.key().map(str::to_owned))
        .collect())
}
