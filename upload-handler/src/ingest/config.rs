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
    /// The CDN to tell of deletions, and the bucket that it serves; none if not set.
    pub edges: Option<EdgesConfig>,
    pub patience: Patience,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgesConfig {
    pub distribution: String,
    pub results_bucket: String,
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
            edges: edges(lookup)?,
            patience: Patience::from_lookup(lookup)?,
        })
    }
}

const BYTES_PER_WORK_SECOND: NonZeroU64 = NonZeroU64::new(5_000_000).unwrap();

fn edges(lookup: &Lookup<'_>) -> Result<Option<EdgesConfig>, ConfigError> {
    let Some(distribution) = lookup.text("FRAMEFLEET_CDN_DISTRIBUTION_ID") else {
        return Ok(None);
    };
    Ok(Some(EdgesConfig {
        distribution,
        results_bucket: lookup.required("FRAMEFLEET_RESULTS_BUCKET")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_comes_with_its_bucket_or_not_at_all() {
        let bucket = ConfigError::Missing("FRAMEFLEET_RESULTS_BUCKET");
        let both = EdgesConfig {
            distribution: "E1".into(),
            results_bucket: "r".into(),
        };
        for (distribution, results, expected) in [
            (None, None, Ok(None)),
            (None, Some("r"), Ok(None)),
            (Some("E1"), None, Err(bucket)),
            (Some("E1"), Some("r"), Ok(Some(both))),
        ] {
            let find = |name: &str| match name {
                "FRAMEFLEET_CDN_DISTRIBUTION_ID" => distribution.map(str::to_owned),
                "FRAMEFLEET_RESULTS_BUCKET" => results.map(str::to_owned),
                _ => None,
            };
            assert_eq!(edges(&Lookup::new(&find)), expected);
        }
    }
}
