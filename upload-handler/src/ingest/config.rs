//! The ingest function's configuration: every variable it reads, named once.

use std::num::NonZeroU64;

use fleet_aws::clients::Patience;
use fleet_core::config::{ConfigError, Lookup};

#[derive(Debug, Clone)]
pub struct Config {
    pub fleet: String,
    pub table: String,
    pub uploads_bucket: String,
    pub tasks_queue_url: String,
    pub metrics_namespace: String,
    /// What one agent gets through in a second, for the scale-out metric. Only an estimate can be
    /// had before the video is probed; the planner's is better, and later.
    pub bytes_per_work_second: NonZeroU64,
    pub patience: Patience,
}

impl Config {
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            fleet: lookup.required("FRAMEFLEET_FLEET")?,
            table: lookup.required("FRAMEFLEET_TABLE")?,
            uploads_bucket: lookup.required("FRAMEFLEET_UPLOADS_BUCKET")?,
            tasks_queue_url: lookup.required("FRAMEFLEET_TASKS_QUEUE_URL")?,
            metrics_namespace: lookup.required("FRAMEFLEET_METRICS_NAMESPACE")?,
            bytes_per_work_second: lookup
                .parsed_or("FRAMEFLEET_BYTES_PER_WORK_SECOND", BYTES_PER_WORK_SECOND)?,
            patience: Patience::from_lookup(lookup)?,
        })
    }
}

const BYTES_PER_WORK_SECOND: NonZeroU64 = NonZeroU64::new(5_000_000).unwrap();
