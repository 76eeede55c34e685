//! Chaos over the whole local fleet: many short videos, while a seeded random process harms it in
//! every way that it must survive. Then everything is checked from outside: archives byte by byte
//! against a quiet run, commits by S3's own answers, the guard against the agents' own logs.
//!
//! The same seed makes the same choices; when they fall is up to the machine.

mod checks;
mod faults;
mod fleet;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::corpus;
use faults::Faults;
pub use faults::Kind;
use fleet::Harmed;

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    /// At least so many videos; more, as long as faults go on.
    pub videos: usize,
    pub agents: u32,
    pub faults_for: Duration,
}

#[derive(Debug, Default)]
pub struct Counts {
    pub seed: u64,
    pub faults: BTreeMap<&'static str, u64>,
    pub videos: usize,
    pub done: usize,
    pub archives_compared: usize,
    pub commits: usize,
    pub agents_started: usize,
    pub tasks_begun: usize,
    pub guard_calls: usize,
    pub empty_answers: usize,
    pub guard_faults: usize,
    pub named: usize,
    pub spared: usize,
    pub seconds: f64,
    pub violations: Vec<String>,
}

impl Counts {
    pub fn print(&self) {
        println!("chaos, seed {}, {:.0} s", self.seed, self.seconds);
        for (kind, count) in &self.faults {
            println!("  {kind:<28} {count:>6}");
        }
        for (what, count) in [
            ("videos", self.videos),
            ("done", self.done),
            ("archives as in a quiet run", self.archives_compared),
            ("commits", self.commits),
            ("agents started", self.agents_started),
            ("tasks begun", self.tasks_begun),
            ("guard calls answered", self.guard_calls),
            ("  with nobody named", self.empty_answers),
            ("guard calls failed", self.guard_faults),
            ("instances named", self.named),
            ("  and spared", self.spared),
            ("violations", self.violations.len()),
        ] {
            println!("  {what:<28} {count:>6}");
        }
        for violation in &self.violations {
            println!("  VIOLATION {violation}");
        }
    }
}

/// One kind of video: the same bytes and the same request give the same archive.
#[derive(Debug, Clone)]
struct Kit {
    name: String,
    bytes: Bytes,
    spec: Value,
    quiet: Bytes,
}

/// No video may take longer than this once the faults are over.
const END_WITHIN: Duration = Duration::from_secs(300);
const SHRINK_WITHIN: Duration = Duration::from_secs(300);
/// Videos in the fleet at once.
const AT_ONCE: usize = 10;

pub async fn run(plan: &Plan) -> Result<Counts> {
    let started = Instant::now();
    let kits = quiet_run(kinds()?).await.context("make the quiet run")?;
    let harmed = Arc::new(Harmed::start(plan).await?);
    let mut faults = Faults::start(harmed.clone(), plan.seed);
    let mut counts = Counts {
        seed: plan.seed,
        ..Counts::default()
    };

    let until = Instant::now() + plan.faults_for;
    let mut videos: Vec<(String, usize)> = Vec::new();
    let mut open: VecDeque<String> = VecDeque::new();
    while videos.len() < plan.videos || Instant::now() < until {
        if open.len() < AT_ONCE {
            let kind = videos.len() % kits.len();
            let id = submit(&harmed.caller, &kits[kind]).await?;
            harmed.add_video(&id);
            open.push_back(id.clone());
            videos.push((id, kind));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let Some(first) = open.front()
            && is_over(&harmed.caller, first).await?
        {
            let id = open.pop_front().unwrap_or_default();
            harmed.remove_video(&id);
        } else {
            open.rotate_left(1);
        }
    }
    tokio::time::sleep_until(until.into()).await;
    counts.faults = faults.stop().await?;
    harmed.heal(plan.agents);
    counts.videos = videos.len();

    let limit = Instant::now() + END_WITHIN;
    for (id, kind) in &videos {
        let ended = loop {
            let video = harmed.caller.show(id).await?;
            if over(&video) {
                break video;
            }
            if Instant::now() > limit {
                break video;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        if ended["state"] != "done" {
            counts.violations.push(format!("{id} is not done: {ended}"));
            continue;
        }
        counts.done += 1;
        let archive = harmed.caller.download(id, "archive").await?;
        match archive == kits[*kind].quiet {
            true => counts.archives_compared += 1,
            false => counts
                .violations
                .push(format!("the archive of {id} differs from the quiet run's")),
        }
    }
    checks::leftovers(&harmed, videos.len(), &mut counts).await?;
    shrink(&harmed, &mut counts).await?;
    checks::commits(&harmed, &videos, &mut counts);
    checks::guard(&harmed, &mut counts)?;
    counts.seconds = started.elapsed().as_secs_f64();
    match counts.violations.is_empty() {
        true => {}
        false => harmed.keep_logs()?,
    }
    match Arc::try_unwrap(harmed) {
        Ok(harmed) => harmed.cloud.shutdown().await,
        Err(_) => anyhow::bail!("a fault still runs"),
    }
    Ok(counts)
}

/// Distinct videos and requests, all short.
fn kinds() -> Result<Vec<Kit>> {
    const LARGEST: usize = 6_000_000;
    let mut clips = Vec::new();
    for video in corpus::good()? {
        let bytes = video.bytes()?;
        if bytes.len() <= LARGEST && (2..=60).contains(&video.samples.len()) {
            clips.push((video.name(), bytes));
        }
    }
    ensure!(!clips.is_empty(), "there is no short clip");
    clips.sort();
    let specs = [
        json!({ "select": { "fps": 1 } }),
        json!({ "select": { "fps": 2 } }),
        json!({ "select": { "every_seconds": 3 } }),
    ];
    let all = clips
        .iter()
        .flat_map(|clip| specs.iter().map(move |s| (clip, s)));
    let every = (clips.len() * specs.len()).div_ceil(10);
    Ok(all
        .step_by(every)
        .map(|((name, bytes), spec)| Kit {
            name: name.clone(),
            bytes: bytes.clone(),
            spec: spec.clone(),
            quiet: Bytes::new(),
        })
        .collect())
}

async fn quiet_run(mut kits: Vec<Kit>) -> Result<Vec<Kit>> {
    let (cloud, caller) = crate::fleet::start(crate::fleet::options(2)).await?;
    let mut ids = Vec::new();
    for kit in &kits {
        ids.push(submit(&caller, kit).await?);
    }
    for (kit, id) in kits.iter_mut().zip(ids) {
        let ended = caller.ended(&id).await?;
        ensure!(ended["state"] == "done", "{}: {ended}", kit.name);
        kit.quiet = caller.download(&id, "archive").await?;
    }
    cloud.shutdown().await;
    Ok(kits)
}

async fn submit(caller: &Caller, kit: &Kit) -> Result<String> {
    caller.submit(&kit.name, kit.bytes.clone(), &kit.spec).await
}

async fn is_over(caller: &Caller, id: &str) -> Result<bool> {
    Ok(over(&caller.show(id).await?))
}

fn over(video: &Value) -> bool {
    matches!(
        video["state"].as_str(),
        Some("done" | "failed" | "cancelled" | "expired")
    )
}

/// To nothing, by the guard alone.
async fn shrink(harmed: &Harmed, counts: &mut Counts) -> Result<()> {
    harmed.cloud.set_desired(0);
    let limit = Instant::now() + SHRINK_WITHIN;
    loop {
        let left = harmed.cloud.status().instances;
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > limit {
            counts
                .violations
                .push(format!("the fleet does not shrink: {left:?}"));
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
