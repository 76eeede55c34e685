//! A fleet that can be harmed: its calls of AWS go through a proxy, its line to Redis can be cut.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use local_cloud::{Agent, Cloud, Component, Options, Scaling};

use super::Plan;
use crate::caller::Caller;
use crate::cut::Line;
use crate::proxy::{Fault, Observer, Proxy, Rule, Seen};

/// Longer than a message's lease: another agent has the task by then.
pub const PAST_A_LEASE: Duration = Duration::from_secs(9);

pub struct Harmed {
    pub cloud: Cloud,
    pub caller: Caller,
    /// Deliveries that are still to come late.
    pub late: Arc<AtomicU64>,
    /// By video: how often S3 said that an archive was there now.
    pub commits: Arc<Mutex<BTreeMap<String, usize>>>,
    line: Arc<OnceLock<Line>>,
    _proxy: Arc<OnceLock<Proxy>>,
    open: Mutex<Vec<String>>,
}

impl Harmed {
    pub async fn start(plan: &Plan) -> Result<Self> {
        let late: Arc<AtomicU64> = Arc::default();
        let commits: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let line: Arc<OnceLock<Line>> = Arc::default();
        let proxy: Arc<OnceLock<Proxy>> = Arc::default();
        // The servers live here, in the caller's runtime.
        let runtime = tokio::runtime::Handle::current();
        let (lines, on) = (line.clone(), runtime.clone());
        let redis_route = move |component: Component, upstream: SocketAddr| {
            // The API is not what is harmed here.
            if component == Component::UploadHandler {
                return upstream;
            }
            let _within = on.enter();
            lines
                .get_or_init(|| Line::start(upstream).expect("a free port"))
                .address
        };
        let (proxies, rule, observer) = (proxy.clone(), rule(late.clone()), watch(commits.clone()));
        let aws_route = move |component: Component, upstream: SocketAddr| {
            if component != Component::Agent {
                return upstream;
            }
            let _within = runtime.enter();
            proxies
                .get_or_init(|| {
                    Proxy::observed(upstream, rule.clone(), observer.clone()).expect("a free port")
                })
                .address
        };
        let scaling = Scaling {
            // The random process is the only one to change the size.
            alarms: false,
            max: plan.agents,
            desired: plan.agents,
            boot: Duration::from_millis(500),
            ask_again: Duration::from_secs(2),
            spare: 0.25,
            hook_timeout: Duration::from_secs(30),
            ..Scaling::default()
        };
        let mut options = Options {
            seed: plan.seed,
            redis_route: Some(Arc::new(redis_route)),
            aws_route: Some(Arc::new(aws_route)),
            ..crate::fleet::options(0)
        }
        .scaling(scaling);
        for (name, value) in [
            ("FRAMEFLEET_LOG_FORMAT", "json"),
            ("FRAMEFLEET_REPRIEVE_SECONDS", "10"),
            ("FRAMEFLEET_METADATA_POLL_SECONDS", "1"),
            ("FRAMEFLEET_INTERRUPTION_MARGIN_SECONDS", "1"),
            // Faults come by the dozen here, and may well meet one task four times. That a message
            // which kills its agents ends as poison is a test of its own.
            ("FRAMEFLEET_ATTEMPTS", "1000"),
        ] {
            options = options.agent_env(name, value);
        }
        let cloud = Cloud::start(options)
            .await
            .context("start the local cloud")?;
        let caller = Caller::new(cloud.api_url(), cloud.api_key());
        Ok(Self {
            cloud,
            caller,
            late,
            commits,
            line,
            _proxy: proxy,
            open: Mutex::default(),
        })
    }

    pub fn add_video(&self, id: &str) {
        self.open().push(id.to_owned());
    }

    pub fn remove_video(&self, id: &str) {
        self.open().retain(|open| open != id);
    }

    /// Videos that have not ended, as far as we have seen.
    pub fn open_videos(&self) -> Vec<String> {
        self.open().clone()
    }

    pub fn running(&self) -> Vec<Arc<Agent>> {
        let agents = self.cloud.agents();
        agents.into_iter().filter(|a| a.is_running()).collect()
    }

    pub fn cut_redis(&self, cut: bool) {
        if let Some(line) = self.line.get() {
            line.set_cut(cut);
        }
    }

    /// Nothing is harmed any more, and the fleet is as large as it may be.
    pub fn heal(&self, agents: u32) {
        self.cut_redis(false);
        self.late.store(0, Ordering::SeqCst);
        for agent in self.running() {
            let _ = agent.resume();
        }
        self.cloud.set_desired(agents);
    }

    /// Copies every log to where the next run does not remove it.
    pub fn keep_logs(&self) -> Result<()> {
        let kept = tempfile::Builder::new()
            .prefix("framefleet-chaos-")
            .tempdir()?
            .keep();
        for entry in std::fs::read_dir(self.cloud.run_dir())? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|e| e == "log") {
                std::fs::copy(entry.path(), kept.join(entry.file_name()))?;
            }
        }
        let happenings = serde_json::to_vec_pretty(&self.cloud.happenings())?;
        std::fs::write(kept.join("happenings.json"), happenings)?;
        println!("  logs                         {}", kept.display());
        Ok(())
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rule(late: Arc<AtomicU64>) -> Rule {
    Arc::new(move |seen: &Seen| {
        if seen.action != "AmazonSQS.ReceiveMessage" {
            return Fault::None;
        }
        let took = late.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match took {
            Ok(_) => Fault::Late(PAST_A_LEASE),
            Err(_) => Fault::None,
        }
    })
}

/// An archive is there from the moment that S3 has answered its upload with success.
fn watch(commits: Arc<Mutex<BTreeMap<String, usize>>>) -> Observer {
    Arc::new(move |seen: &Seen, status| {
        let (path, query) = seen.target.split_once('?').unwrap_or((seen.target, ""));
        let Some(video) = path
            .strip_suffix("/frames.zip")
            .and_then(|rest| rest.rsplit('/').next())
        else {
            return;
        };
        let whole = seen.method == "PUT" && !query.contains("partNumber");
        let completed = seen.method == "POST" && query.contains("uploadId");
        if status.is_success() && (whole || completed) {
            let mut commits = commits.lock().unwrap_or_else(PoisonError::into_inner);
            *commits.entry(video.to_owned()).or_default() += 1;
        }
    })
}
