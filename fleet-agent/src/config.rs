//! Every variable the agent reads, once.

use std::time::Duration;

use fleet_aws::clients::Patience;
use fleet_core::config::{ConfigError, Lookup};
use fleet_core::{InstanceId, Limits};

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
    /// Attempts at one task that may end with a dead agent before its video fails.
    pub attempts: u32,
    /// Decode work worth one segment, in pixels.
    pub segment_pixels: u64,
    pub max_segments: usize,
    /// Bytes of video kept in memory for neighbouring segments.
    pub cache_bytes: u64,
    pub limits: Limits,
    pub patience: Patience,
}

impl Config {
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let plan = media::PlanOptions::default();
        let seconds = |name, default: u64| lookup.parsed_or(name, default).map(Duration::from_secs);
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
            concurrency: lookup.parsed_or("FRAMEFLEET_CONCURRENCY", cores)?.max(1),
            poll: seconds("FRAMEFLEET_POLL_SECONDS", 20)?.min(Duration::from_secs(20)),
            lease: seconds("FRAMEFLEET_LEASE_SECONDS", 60)?.max(Duration::from_secs(3)),
            finalizer_lease: seconds("FRAMEFLEET_FINALIZER_LEASE_SECONDS", 30)?
                .max(Duration::from_secs(3)),
            job_ttl: seconds("FRAMEFLEET_JOB_TTL_SECONDS", 7 * 24 * 60 * 60)?,
            drain: seconds("FRAMEFLEET_DRAIN_SECONDS", 90)?,
            attempts: lookup.parsed_or("FRAMEFLEET_ATTEMPTS", 3)?,
            segment_pixels: lookup.parsed_or("FRAMEFLEET_SEGMENT_PIXELS", SEGMENT_PIXELS)?,
            max_segments: lookup.parsed_or("FRAMEFLEET_MAX_SEGMENTS", plan.max_segments)?,
            cache_bytes: lookup.parsed_or("FRAMEFLEET_CACHE_BYTES", 128 * 1024 * 1024)?,
            limits: Limits::from_lookup(lookup)?,
            patience: Patience::from_lookup(lookup)?,
        })
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
    fn what_is_missing_is_named() {
        let partial = |name: &str| table(name).filter(|_| name != "FRAMEFLEET_TABLE");
        let error = Config::from_lookup(&Lookup::new(&partial)).unwrap_err();
        assert_eq!(error, ConfigError::Missing("FRAMEFLEET_TABLE"));
    }
}
