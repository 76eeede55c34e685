//! The random process that harms the fleet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fleet_core::Task;
use local_cloud::Agent;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::fleet::{Harmed, PAST_A_LEASE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    ScaleIn,
    ScaleOut,
    Kill,
    KillFinalizer,
    SpotNotice,
    Pause,
    RestartRedis,
    CutRedis,
    Duplicate,
    Late,
    Rebalance,
}

/// How often each is chosen, relative to the others.
const KINDS: [(Kind, &str, u32); 11] = [
    (Kind::ScaleIn, "scaled in", 6),
    (Kind::ScaleOut, "scaled out", 6),
    (Kind::Kill, "agents killed", 4),
    (Kind::KillFinalizer, "finalizers killed", 3),
    (Kind::SpotNotice, "Spot interruptions", 3),
    (Kind::Pause, "agents paused past a lease", 4),
    (Kind::RestartRedis, "Redis restarted empty", 2),
    (Kind::CutRedis, "Redis cut off", 2),
    (Kind::Duplicate, "tasks delivered twice", 5),
    (Kind::Late, "deliveries delayed", 4),
    (Kind::Rebalance, "zones rebalanced", 2),
];

/// Between two faults, in milliseconds.
const PAUSE: std::ops::Range<u64> = 300..1_800;

pub struct Faults {
    stop: watch::Sender<bool>,
    process: JoinHandle<Result<BTreeMap<&'static str, u64>>>,
}

impl Faults {
    pub fn start(harmed: Arc<Harmed>, seed: u64) -> Self {
        let (stop, stopped) = watch::channel(false);
        let process = tokio::spawn(go_on(harmed, seed, stopped));
        Self { stop, process }
    }

    /// How many of each kind there were.
    pub async fn stop(&mut self) -> Result<BTreeMap<&'static str, u64>> {
        self.stop.send_replace(true);
        (&mut self.process).await.context("end the faults")?
    }
}

async fn go_on(
    harmed: Arc<Harmed>,
    seed: u64,
    mut stopped: watch::Receiver<bool>,
) -> Result<BTreeMap<&'static str, u64>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut counts: BTreeMap<&'static str, u64> = KINDS.map(|(_, name, _)| (name, 0)).into();
    let mut under_way = JoinSet::new();
    let mut kinds = Vec::new();
    while !*stopped.borrow() {
        if kinds.is_empty() {
            kinds = shuffled(&mut rng);
        }
        let (kind, name) = kinds.pop().expect("it was just filled");
        if harm(&harmed, kind, &mut rng, &mut under_way).await? {
            *counts.entry(name).or_default() += 1;
        }
        let pause = Duration::from_millis(rng.random_range(PAUSE));
        let _ = tokio::time::timeout(pause, stopped.wait_for(|stop| *stop)).await;
    }
    // Whoever is paused is resumed, and a line that is cut is whole again.
    while under_way.join_next().await.is_some() {}
    Ok(counts)
}

/// Each kind as often as its weight, so that a short run has them all.
fn shuffled(rng: &mut StdRng) -> Vec<(Kind, &'static str)> {
    let mut left: Vec<_> = KINDS
        .iter()
        .flat_map(|&(kind, name, weight)| (0..weight).map(move |_| (kind, name)))
        .collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        order.push(left.swap_remove(rng.random_range(0..left.len())));
    }
    order
}

/// False where there was nothing to harm.
async fn harm(
    harmed: &Arc<Harmed>,
    kind: Kind,
    rng: &mut StdRng,
    under_way: &mut JoinSet<()>,
) -> Result<bool> {
    let cloud = &harmed.cloud;
    let victim = harmed.running().choose(rng).cloned();
    let bounds = cloud.status().bounds.context("the group has bounds")?;
    match kind {
        Kind::ScaleIn => {
            if bounds.desired <= 1 {
                return Ok(false);
            }
            cloud.set_desired(rng.random_range(1..bounds.desired));
        }
        Kind::ScaleOut => {
            if bounds.desired >= bounds.max {
                return Ok(false);
            }
            cloud.set_desired(rng.random_range(bounds.desired + 1..=bounds.max));
        }
        Kind::Kill => return kill(victim),
        Kind::KillFinalizer => return kill_a_finalizer(harmed).await,
        Kind::SpotNotice => {
            let notice = Duration::from_secs(rng.random_range(2..12));
            return Ok(victim.is_some_and(|v| cloud.interrupt(v.instance_id(), notice)));
        }
        Kind::Pause => {
            let Some(victim) = victim else {
                return Ok(false);
            };
            victim.pause()?;
            let pause = PAST_A_LEASE + Duration::from_millis(rng.random_range(0..4_000));
            under_way.spawn(async move {
                tokio::time::sleep(pause).await;
                let _ = victim.resume();
            });
        }
        Kind::RestartRedis => cloud.restart_redis().await?,
        Kind::CutRedis => {
            harmed.cut_redis(true);
            let pause = Duration::from_millis(rng.random_range(500..6_000));
            let harmed = harmed.clone();
            under_way.spawn(async move {
                tokio::time::sleep(pause).await;
                harmed.cut_redis(false);
            });
        }
        Kind::Duplicate => return duplicate(harmed, rng).await,
        Kind::Late => {
            let deliveries = rng.random_range(1..4);
            harmed.late.fetch_add(deliveries, Ordering::SeqCst);
        }
        Kind::Rebalance => return Ok(cloud.rebalance()),
    }
    Ok(true)
}

fn kill(victim: Option<Arc<Agent>>) -> Result<bool> {
    if let Some(victim) = &victim {
        victim.kill()?;
    }
    Ok(victim.is_some())
}

/// Waits a while for an agent to begin a finalization, and kills it at that moment.
async fn kill_a_finalizer(harmed: &Harmed) -> Result<bool> {
    let finalizations = |agent: &Agent| {
        let log = std::fs::read_to_string(agent.log()).unwrap_or_default();
        log.matches("\"finalizing\"").count()
    };
    let before: BTreeMap<String, usize> = harmed
        .running()
        .iter()
        .map(|a| (a.instance_id().to_owned(), finalizations(a)))
        .collect();
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        for agent in harmed.running() {
            let known = before.get(agent.instance_id()).copied().unwrap_or(0);
            if finalizations(&agent) > known {
                agent.kill()?;
                return Ok(true);
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(false)
}

/// Copies of a video's tasks, under ids of their own, so that SQS hands each out while the first
/// one may be in work.
async fn duplicate(harmed: &Harmed, rng: &mut StdRng) -> Result<bool> {
    let Some(id) = harmed.open_videos().choose(rng).cloned() else {
        return Ok(false);
    };
    let video = harmed.caller.show(&id).await?;
    let segments = video["progress"]["segments"].as_u64().unwrap_or(0);
    let tenant: fleet_core::TenantId = local_cloud::TENANT.parse()?;
    let mut tasks = vec![Task::plan(tenant.clone(), id.parse()?)];
    for segment in 0..u32::try_from(segments)? {
        tasks.push(Task::segment(tenant.clone(), id.parse()?, 0, segment));
    }
    let task = tasks.choose(rng).context("there is a task")?;
    let name = format!("copy-{:032x}", rng.random::<u128>());
    aws_sdk_sqs::Client::new(&harmed.cloud.sdk_config().await)
        .send_message()
        .queue_url(&harmed.cloud.queues().tasks)
        .message_body(task.to_body())
        .message_group_id(&name)
        .message_deduplication_id(&name)
        .send()
        .await?;
    Ok(true)
}
