//! A whole local cloud, from start to end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::runtime::Runtime;

use crate::agent::Agent;
use crate::backends::{redis_connection, restart_redis, start_emulator, start_redis};
use crate::cdn::{Cdn, Distribution, KeyGroup, Signer};
use crate::child::Child;
use crate::depths::QueueDepths;
use crate::error::StartError;
use crate::group::{Edges, FleetStatus, Group, Happening, Metrics};
use crate::lambda::{Function, Mapping, Settings, run_mapping};
use crate::lifecycle::Lifecycle;
use crate::machines::Machines;
use crate::metadata::Market;
use crate::options::{Component, Options};
use crate::place;
use crate::programs::{Addresses, Programs};
use crate::resources::{self, Queues, RESULTS_BUCKET};
use crate::scratch::Scratch;
use crate::sdk;
use crate::status::StatusServer;

/// Longer than any orderly end takes here: nothing local is worth a long drain.
const GRACE: Duration = Duration::from_secs(5);
/// Ingest's timeout, as Terraform sets it; below the events' visibility timeout.
const INGEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Auto Scaling gives up after 2 s.
const GUARD_TIMEOUT: Duration = Duration::from_secs(2);
const _: () = assert!(INGEST_TIMEOUT.as_secs() < resources::EVENT_VISIBILITY as u64);

/// Stops and removes everything when dropped. Fields end in this order: workers before what they
/// work with.
pub struct Cloud {
    group: Arc<Group>,
    core: Core,
    /// Servers and loops live here, not in the caller's runtime, which may be one test's.
    runtime: Option<Runtime>,
}

struct Core {
    mapping: Mutex<Option<tokio::task::JoinHandle<()>>>,
    handler: Mutex<Option<Child>>,
    ingest: Arc<Function>,
    cdn: Cdn,
    cdn_keys: KeyGroup,
    lifecycle: Arc<Lifecycle>,
    status: StatusServer,
    /// Auto Scaling's loop.
    scaling: Mutex<Option<tokio::task::JoinHandle<()>>>,
    guard: Arc<Function>,
    addresses: Addresses,
    api_key: String,
    queues: Queues,
    redis: Mutex<Child>,
    emulator: Child,
    scratch: Scratch,
}

impl Cloud {
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("local-cloud")
            .enable_all()
            .build()
            .map_err(|e| StartError::setup("start a runtime", e))?;
        let agents = match options.scaling {
            Some(_) => 0,
            None => options.agents,
        };
        let starting = runtime.spawn(Core::start(options));
        let (core, group) = match starting.await {
            Ok(Ok(started)) => started,
            Ok(Err(error)) => {
                runtime.shutdown_background();
                return Err(error);
            }
            Err(panic) => {
                runtime.shutdown_background();
                return Err(StartError::setup("start the local cloud", panic));
            }
        };
        let cloud = Self {
            group,
            core,
            runtime: Some(runtime),
        };
        for _ in 0..agents {
            cloud.start_agent(&[])?;
        }
        Ok(cloud)
    }

    /// One more agent; `env` is added to what all agents get. Zone and market follow from how many
    /// were started before.
    pub fn start_agent(&self, env: &[(&str, &str)]) -> Result<Arc<Agent>, StartError> {
        self.group.start_agent(None, env)
    }

    pub fn start_agent_in(
        &self,
        zone: &str,
        market: Market,
        env: &[(&str, &str)],
    ) -> Result<Arc<Agent>, StartError> {
        let index = place::ZONES.iter().position(|known| *known == zone);
        let index = index.ok_or_else(|| StartError::setup("start an agent", "no such zone"))?;
        let place = (index as u32, market == Market::Spot);
        self.group.start_agent(Some(place), env)
    }

    /// Instances and what they do, the queue, the alarms, and what has happened.
    pub fn status(&self) -> FleetStatus {
        self.group.status()
    }

    /// What has happened to the fleet, oldest first.
    pub fn happenings(&self) -> Vec<Happening> {
        self.group.happenings()
    }

    /// As an operator does; without effect on a fleet of a fixed size.
    pub fn set_desired(&self, desired: u32) {
        self.group.change_desired(desired, "set by hand");
    }

    /// A Spot interruption: the notice now, and the end after it. False for one that does not run.
    pub fn interrupt(&self, instance_id: &str, notice: Duration) -> bool {
        self.group.interrupt(instance_id, notice)
    }

    /// Zone rebalancing of one machine. False where there is nothing to move.
    pub fn rebalance(&self) -> bool {
        self.group.rebalance()
    }

    /// Where `GET` gives the status as JSON.
    pub fn status_url(&self) -> String {
        self.core.status.url()
    }

    /// Every agent that was started, ended ones too, in that order.
    pub fn agents(&self) -> Vec<Arc<Agent>> {
        self.group.agents()
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.core.addresses.api)
    }

    pub fn api_key(&self) -> &str {
        &self.core.api_key
    }

    /// The emulator itself, whatever route the components take.
    pub fn aws_url(&self) -> String {
        format!("http://{}", self.core.addresses.aws)
    }

    pub fn redis_url(&self) -> String {
        format!("redis://{}", self.core.addresses.redis)
    }

    pub fn cdn_url(&self) -> String {
        self.core.cdn.url()
    }

    pub fn cdn_key_pair_id(&self) -> &str {
        &self.core.addresses.key_pair_id
    }

    /// The terminating hooks of this cloud's agents.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.core.lifecycle
    }

    /// The keys that may sign download URLs; the handler's own is among them.
    pub fn cdn_keys(&self) -> &KeyGroup {
        &self.core.cdn_keys
    }

    pub fn queues(&self) -> &Queues {
        &self.core.queues
    }

    pub fn run_dir(&self) -> &Path {
        self.core.scratch.path()
    }

    /// A fresh one each time: an SDK client's connections belong to the runtime that uses it.
    pub async fn sdk_config(&self) -> SdkConfig {
        sdk::config(self.core.addresses.aws).await
    }

    /// Ingest's process while it is warm and idle.
    pub fn ingest_pid(&self) -> Option<u32> {
        self.core.ingest.pid()
    }

    pub fn handler_log(&self) -> PathBuf {
        self.run_dir().join("upload-handler.log")
    }

    pub async fn flush_redis(&self) -> redis::RedisResult<()> {
        let mut connection = redis_connection(self.core.addresses.redis).await?;
        redis::cmd("FLUSHALL").query_async(&mut connection).await
    }

    /// Another redis-server with nothing in it, at the same address.
    pub async fn restart_redis(&self) -> Result<(), StartError> {
        let address = self.core.addresses.redis;
        let pid = {
            let redis = lock(&self.core.redis);
            let _ = redis.signal(rustix::process::Signal::KILL);
            redis.pid()
        };
        tracing::info!(pid, "killed redis-server");
        let started = restart_redis(self.run_dir(), address).await?;
        *lock(&self.core.redis) = started;
        Ok(())
    }

    pub async fn queue_depths(&self) -> Result<QueueDepths, StartError> {
        let sdk = self.sdk_config().await;
        QueueDepths::count(&sdk, &self.core.queues).await
    }

    /// The first part of the local cloud that ended by itself. Agents may: tests kill them.
    pub fn broken(&self) -> Option<String> {
        let core = &self.core;
        let handler = lock(&core.handler);
        let redis = lock(&core.redis);
        [Some(&core.emulator), Some(&*redis), handler.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|child| {
                let (name, status) = (child.name(), child.ended()?);
                Some(format!(
                    "{name} ended with {status}: {}",
                    child.last_words()
                ))
            })
    }

    /// SIGTERM to what is ours, in the order of the work, then SIGKILL to what is left. Emulator
    /// and redis-server keep nothing, and are killed: the emulator waits for idle connections.
    pub async fn shutdown(self) {
        let agents = self.group.stop();
        for task in [&self.core.scaling, &self.core.mapping] {
            if let Some(task) = lock(task).take() {
                task.abort();
            }
        }
        futures::future::join_all(agents.iter().map(|agent| agent.child().stop(GRACE))).await;
        self.core.guard.stop(GRACE).await;
        self.core.ingest.stop(GRACE).await;
        let handler = lock(&self.core.handler).take();
        if let Some(handler) = handler {
            handler.stop(GRACE).await;
        }
        let redis = lock(&self.core.redis).signal(rustix::process::Signal::KILL);
        drop(redis);
        self.core.emulator.kill().await;
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        for task in [&self.core.scaling, &self.core.mapping] {
            if let Some(task) = lock(task).take() {
                task.abort();
            }
        }
        // Tasks of the runtime may hold them a moment longer.
        for agent in self.group.stop() {
            let _ = agent.kill();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Core {
    async fn start(options: Options) -> Result<(Self, Arc<Group>), StartError> {
        let programs = Programs::find(&options)?;
        let scratch = Scratch::open(options.run_dir.as_deref())
            .map_err(|e| StartError::setup("make the run directory", e))?;
        let (emulator, redis) =
            tokio::join!(start_emulator(scratch.path()), start_redis(scratch.path()));
        let ((emulator, aws), (redis, redis_address)) = (emulator?, redis?);
        let sdk = sdk::config(aws).await;
        let (queues, cdn_key, ()) = tokio::try_join!(
            resources::create_queues(&sdk),
            resources::create_cdn_key(&sdk),
            resources::create_table(&sdk),
        )?;
        resources::create_buckets(&sdk, &queues).await?;

        let listener = Cdn::bind()
            .await
            .map_err(|e| StartError::setup("bind the CDN", e))?;
        let signer = Signer {
            key_pair_id: format!(
                "K{}",
                &uuid::Uuid::new_v4().simple().to_string()[..13].to_uppercase()
            ),
            key: cdn_key,
        };
        let key_pair_id = signer.key_pair_id.clone();
        let cdn_keys = KeyGroup::default();
        cdn_keys.trust(signer);
        let distribution = Distribution {
            s3: aws_sdk_s3::Client::new(&sdk),
            bucket: RESULTS_BUCKET.to_owned(),
            keys: cdn_keys.clone(),
        };
        let cdn = Cdn::start(listener, distribution)
            .map_err(|e| StartError::setup("start the CDN", e))?;

        let lifecycle = Lifecycle::start(crate::GROUP, crate::HOOK)
            .await
            .map_err(|e| StartError::setup("start the Auto Scaling API", e))?;
        let lifecycle = Arc::new(lifecycle);
        let api_key = uuid::Uuid::new_v4().simple().to_string();
        let mut addresses = Addresses {
            aws,
            redis: redis_address,
            cdn_url: cdn.url(),
            tasks_queue: queues.tasks.clone(),
            key_pair_id,
            api_key: api_key.clone(),
            auto_scaling: lifecycle.address(),
            // Known once the handler listens.
            api: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let (handler, api) = programs
            .start_handler(&addresses, scratch.path(), options.api_port)
            .await?;
        addresses.api = api;
        let ingest = Arc::new(Function::new(Settings {
            name: "ingest".to_owned(),
            binary: programs.path(Component::Ingest),
            env: programs.env(Component::Ingest, &addresses),
            timeout: INGEST_TIMEOUT,
            memory_mb: 128,
            log: scratch.path().join("ingest.log"),
        }));
        let mapping = tokio::spawn(run_mapping(
            aws_sdk_sqs::Client::new(&sdk),
            Mapping {
                queue_url: queues.events.clone(),
                queue_arn: queues.events_arn.clone(),
                function: ingest.clone(),
            },
        ));
        let guard = Arc::new(Function::new(Settings {
            name: "scale-in-guard".to_owned(),
            binary: programs.path(Component::Guard),
            env: programs.env(Component::Guard, &addresses),
            timeout: GUARD_TIMEOUT,
            memory_mb: 512,
            log: scratch.path().join("scale-in-guard.log"),
        }));
        let runtime = tokio::runtime::Handle::current();
        let edges = Edges {
            machines: Machines {
                programs: programs.with_logs(scratch.path()),
                addresses: addresses.clone(),
                runtime: runtime.clone(),
            },
            guard: guard.clone(),
            metrics: Metrics {
                cloudwatch: aws_sdk_cloudwatch::Client::new(&sdk),
                sqs: aws_sdk_sqs::Client::new(&sdk),
                queue_url: queues.tasks.clone(),
            },
            redis: redis_scripts::Connection::lazy(&redis_options(redis_address))
                .and_then(|redis| redis_scripts::Fleet::new(&redis, crate::FLEET))
                .map_err(|e| StartError::setup("watch the fleet in Redis", e))?,
            lifecycle: lifecycle.clone(),
            runtime,
        };
        let group = Arc::new(Group::new(options.scaling, options.seed, edges));
        let status = StatusServer::start(group.clone())
            .await
            .map_err(|e| StartError::setup("serve the fleet's status", e))?;
        let scaling = tokio::spawn(group.clone().run());
        let core = Self {
            mapping: Mutex::new(Some(mapping)),
            handler: Mutex::new(Some(handler)),
            ingest,
            cdn,
            cdn_keys,
            lifecycle,
            status,
            scaling: Mutex::new(Some(scaling)),
            guard,
            addresses,
            api_key,
            queues,
            redis: Mutex::new(redis),
            emulator,
            scratch,
        };
        Ok((core, group))
    }
}

/// For looking only, twice a second and more: better no answer than a late one.
fn redis_options(address: SocketAddr) -> redis_scripts::Options {
    redis_scripts::Options {
        connect_timeout: Duration::from_millis(500),
        reply_timeout: Duration::from_millis(500),
        retries: 0,
        ..redis_scripts::Options::new(format!("redis://{address}"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
