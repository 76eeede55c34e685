//! What every task needs at hand: the configuration and the clients.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use fleet_aws::{Metrics, TaskQueue, Videos};
use futures::FutureExt;
use futures::future::BoxFuture;
use redis_scripts::{Connection, Fleet, Jobs, Options};

use crate::config::Config;
use crate::hook::Hook;
use crate::machine::Machine;
use crate::prometheus::Meter;
use crate::sandbox::Sandbox;
use crate::source::BlockCache;
use crate::store::Store;
use crate::watchdog::Heart;

pub struct Context {
    pub config: Config,
    pub videos: Videos,
    pub queue: TaskQueue,
    /// The results bucket.
    pub store: Store,
    pub jobs: Jobs,
    pub fleet: Fleet,
    pub metrics: Metrics,
    pub cache: BlockCache,
    /// None where instance metadata is disabled.
    pub machine: Option<Machine>,
    /// None outside a group.
    pub hook: Option<Hook>,
    pub meter: Meter,
    pub heart: Heart,
    pub sandbox: Sandbox,
}

impl Context {
    pub async fn connect(config: Config) -> anyhow::Result<Self> {
        let aws = fleet_aws::load_config(&config.patience).await;
        // Lazily: Redis may be away when a machine boots, and the first call waits for it.
        let secret = config.redis_secret_id.as_deref();
        let redis_url = fleet_aws::secrets::redis_url(&aws, &config.redis_url, secret).await?;
        let redis = Connection::lazy(&Options::new(redis_url))?;
        let s3 = aws_sdk_s3::Client::new(&aws);
        let machine = (!config.metadata_disabled).then(|| Machine::new(&aws));
        let mut fleet = Fleet::new(&redis, &config.fleet)?;
        if let Some(machine) = &machine {
            match machine.place().await {
                Ok(Some(place)) => fleet = fleet.with_place(place),
                Ok(None) => {}
                // The guard then knows the place of an idle machine from the group's list only.
                Err(error) => tracing::warn!(%error, "could not learn zone and market"),
            }
        }
        let hook = config.hook.as_ref().map(|names| Hook {
            client: aws_sdk_autoscaling::Client::new(&aws),
            group: names.group.clone(),
            name: names.hook.clone(),
            instance: config.instance.clone(),
            every: config.hook_heartbeat,
        });
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&aws);
        Ok(Self {
            videos: Videos::new(aws_sdk_dynamodb::Client::new(&aws), &config.table),
            queue: TaskQueue::new(aws_sdk_sqs::Client::new(&aws), &config.queue_url),
            store: Store {
                client: s3,
                bucket: config.results_bucket.clone(),
            },
            jobs: Jobs::new(&redis).with_ttl(config.job_ttl),
            fleet,
            metrics: Metrics::new(cloudwatch, &config.metrics_namespace, &config.fleet),
            cache: BlockCache::new(config.cache_bytes),
            machine,
            hook,
            meter: Meter::new(),
            heart: Heart::default(),
            sandbox: Sandbox::new(config.decoder_limits.clone()),
            config,
        })
    }
}

/// Calls Redis until it answers, for about a minute. Every script may be repeated.
///
/// Boxed: the compiler cannot see that the nested futures are Send for every lifetime.
pub fn patiently<'a, T, C, F>(call: C) -> BoxFuture<'a, Result<T, redis_scripts::Error>>
where
    T: Send + 'a,
    C: FnMut() -> F + Send + 'a,
    F: Future<Output = Result<T, redis_scripts::Error>> + Send + 'a,
{
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(12)
        .with_jitter();
    call.retry(backoff)
        .when(redis_scripts::Error::is_retryable)
        .notify(|error, pause| tracing::warn!(%error, ?pause, "calling Redis; trying again"))
        .into_future()
        .boxed()
}
