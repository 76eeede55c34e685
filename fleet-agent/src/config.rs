//! Every variable the agent reads, once.

use std::net::SocketAddr;
use std::time::Duration;

use fleet_aws::clients::Patience;
use fleet_core::config::{ConfigError, Lookup};
use fleet_core::{DecoderLimits, InstanceId, Limits};

use crate::notice::Allowance;

/// About half a second of one core: short videos are divided too, and a lost machine loses little.
const SEGMENT_PIXELS: u64 = 150_000_000;

#[derive(Debug, Clone)]
pub struct Config {
    pub fleet: String,
    pub instance: InstanceId,
    pub table: String,
    pub uploads_bucket: String,
    pub results_bucket: String,
    pub queue_url: String,
    pub redis_url: String,
    /// Where the URL's password is kept, if the server asks for one.
    pub redis_secret_id: Option<String>,
    pub metrics_namespace: String,
    /// Where a Prometheus server may ask; nowhere if not set.
    pub prometheus: Option<SocketAddr>,
    /// Tasks at once.
    pub concurrency: usize,
    /// One long poll; SQS allows at most 20 s.
    pub poll: Duration,
    /// Visibility timeout of a message in work; extended three times as often.
    pub lease: Duration,
    /// How long the finalizer may be silent before another may take over.
    pub finalizer_lease: Duration,
    /// How long a job's keys live in Redis without being touched.
    pub job_ttl: Duration,
    /// How long running tasks may go on after SIGTERM before they are handed back.
    pub drain: Duration,
    /// Between two looks at instance metadata.
    pub metadata_poll: Duration,
    /// There is none, as on a laptop.
    pub metadata_disabled: bool,
    /// What running work gets of each kind of notice.
    pub allowance: Allowance,
    /// The Auto Scaling group and its terminating hook, where there are any.
    pub hook: Option<HookName>,
    /// Between heartbeats of the terminating hook.
    pub hook_heartbeat: Duration,
    /// Auto Scaling may spare an instance that it was offered, and a refresh may be called off; after
    /// this long without a task the instance asks to work again.
    pub reprieve_after: Duration,
    /// Attempts at one task that may end with a dead agent before its video fails.
    pub attempts: u32,
    /// Decode work worth one segment, in pixels.
    pub segment_pixels: u64,
    pub max_segments: usize,
    /// Bytes of video kept in memory for neighbouring segments.
    pub cache_bytes: u64,
    pub limits: Limits,
    pub decoder_limits: DecoderLimits,
    pub patience: Patience,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookName {
    pub group: String,
    pub hook: String,
}

impl Config {
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let plan = media::PlanOptions::default();
        let seconds = |name, default: u64| lookup.parsed_or(name, default).map(Duration::from_secs);
        let reprieve_after = seconds("FRAMEFLEET_REPRIEVE_SECONDS", 5 * 60)?;
        Ok(Self {
            fleet: lookup.required("FRAMEFLEET_FLEET")?,
            instance: lookup
                .parsed("FRAMEFLEET_INSTANCE_ID")?
                .ok_or(ConfigError::Missing("FRAMEFLEET_INSTANCE_ID"))?,
            table: lookup.required("FRAMEFLEET_TABLE")?,
            uploads_bucket: lookup.required("FRAMEFLEET_UPLOADS_BUCKET")?,
            results_bucket: lookup.required("FRAMEFLEET_RESULTS_BUCKET")?,
            queue_url: lookup.required("FRAMEFLEET_TASKS_QUEUE_URL")?,
            redis_url: lookup.required("FRAMEFLEET_REDIS_URL")?,
            redis_secret_id: lookup.text("FRAMEFLEET_REDIS_SECRET_ID"),
            metrics_namespace: lookup.required("FRAMEFLEET_METRICS_NAMESPACE")?,
            prometheus: lookup.parsed("FRAMEFLEET_PROMETHEUS_LISTEN")?,
            concurrency: lookup.parsed_or("FRAMEFLEET_CONCURRENCY", cores)?.max(1),
            poll: seconds("FRAMEFLEET_POLL_SECONDS", 20)?.min(Duration::from_secs(20)),
            lease: seconds("FRAMEFLEET_LEASE_SECONDS", 60)?.max(Duration::from_secs(3)),
            finalizer_lease: seconds("FRAMEFLEET_FINALIZER_LEASE_SECONDS", 30)?
                .max(Duration::from_secs(3)),
            job_ttl: seconds("FRAMEFLEET_JOB_TTL_SECONDS", 7 * 24 * 60 * 60)?,
            drain: seconds("FRAMEFLEET_DRAIN_SECONDS", 90)?,
            metadata_poll: seconds("FRAMEFLEET_METADATA_POLL_SECONDS", 5)?
                .max(Duration::from_secs(1)),
            // The SDK's own variable.
            metadata_disabled: lookup
                .text("AWS_EC2_METADATA_DISABLED")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
            allowance: Allowance {
                margin: seconds("FRAMEFLEET_INTERRUPTION_MARGIN_SECONDS", 20)?,
                termination: seconds("FRAMEFLEET_TERMINATION_SECONDS", 60 * 60)?,
                aside: reprieve_after,
            },
            hook: hook(lookup)?,
            hook_heartbeat: seconds("FRAMEFLEET_HOOK_HEARTBEAT_SECONDS", 60)?
                .max(Duration::from_secs(1)),
            reprieve_after,
            attempts: lookup.parsed_or("FRAMEFLEET_ATTEMPTS", 3)?,
            segment_pixels: lookup.parsed_or("FRAMEFLEET_SEGMENT_PIXELS", SEGMENT_PIXELS)?,
            max_segments: lookup.parsed_or("FRAMEFLEET_MAX_SEGMENTS", plan.max_segments)?,
            cache_bytes: lookup.parsed_or("FRAMEFLEET_CACHE_BYTES", 128 * 1024 * 1024)?,
            limits: Limits::from_lookup(lookup)?,
            decoder_limits: DecoderLimits::from_lookup(lookup)?,
            patience: Patience::from_lookup(lookup)?,
        })
    }
}

/// Both names or none: with one of them no hook can be completed, and a machine would be kept for
/// its whole timeout each time.
fn hook(lookup: &Lookup<'_>) -> Result<Option<HookName>, ConfigError> {
    let group = lookup.text("FRAMEFLEET_GROUP_NAME");
    let hook = lookup.text("FRAMEFLEET_HOOK_NAME");
    match (group, hook) {
        (Some(group), Some(hook)) => Ok(Some(HookName { group, hook })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::Missing("FRAMEFLEET_HOOK_NAME")),
        (None, Some(_)) => Err(ConfigError::Missing("FRAMEFLEET_GROUP_NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Option<String> {
        Some(match name {
            "FRAMEFLEET_FLEET" => "f".into(),
            "FRAMEFLEET_INSTANCE_ID" => "i-1".into(),
            "FRAMEFLEET_POLL_SECONDS" => "60".into(),
            "FRAMEFLEET_TABLE"
            | "FRAMEFLEET_UPLOADS_BUCKET"
            | "FRAMEFLEET_RESULTS_BUCKET"
            | "FRAMEFLEET_TASKS_QUEUE_URL"
            | "FRAMEFLEET_REDIS_URL"
            | "FRAMEFLEET_METRICS_NAMESPACE" => "x".into(),
            _ => return None,
        })
    }

    #[test]
    fn a_poll_is_never_longer_than_sqs_allows() {
        let config = Config::from_lookup(&Lookup::new(&table)).unwrap();
        assert_eq!(config.poll, Duration::from_secs(20));
        assert!(config.concurrency >= 1);
    }

    #[test]
    fn group_and_hook_are_named_together_or_not_at_all() {
        for (group, hook, want) in [
            (None, None, Ok(None)),
            (
                Some("g"),
                None,
                Err(ConfigError::Missing("FRAMEFLEET_HOOK_NAME")),
            ),
            (
                None,
                Some("h"),
                Err(ConfigError::Missing("FRAMEFLEET_GROUP_NAME")),
            ),
            (Some("g"), Some("h"), Ok(Some(("g".into(), "h".into())))),
        ] {
            let lookup = |name: &str| match name {
                "FRAMEFLEET_GROUP_NAME" => group.map(str::to_owned),
                "FRAMEFLEET_HOOK_NAME" => hook.map(str::to_owned),
                _ => table(name),
            };
            let config = Config::from_lookup(&Lookup::new(&lookup));
            let named = config.map(|c| c.hook.map(|names| (names.group, names.hook)));
            assert_eq!(named, want);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let partial = |name: &str| table(name).filter(|_| name != "FRAMEFLEET_TABLE");
        let error = Config::from_lookup(&Lookup::new(&partial)).unwrap_err();
        assert_eq!(error, ConfigError::Missing("FRAMEFLEET_TABLE"));
    }
}
