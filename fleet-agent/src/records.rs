//! What the agents leave for each other in S3.

use fleet_core::manifest::Image;
use fleet_core::task::Reads;
use media::Plan;
use serde::{Deserialize, Serialize};
use zip_splice::FragmentIndex;

/// `plan-{generation}.json`: everything a worker needs, written once and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    pub generation: u32,
    pub filename: String,
    pub extract: fleet_core::ExtractSpec,
    pub source_key: String,
    pub source_etag: String,
    pub source_bytes: u64,
    pub plan: Plan,
    /// Decode work of the whole plan, in seconds of one core.
    pub work_seconds: f64,
}

impl PlanRecord {
    pub fn reads(&self, segment: u32) -> Reads {
        let entry = |segment: usize| self.plan.segments.get(segment).and_then(|s| s.entry);
        let at = segment as usize;
        Reads {
            from: entry(at).map_or(0, |entry| entry.begins()),
            to: entry(at + 1).map_or(self.source_bytes, |entry| entry.begins()),
        }
    }
}

/// Beside each fragment, written after it: what the finalizer needs without opening the fragment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FragmentRecord {
    pub segment: u32,
    pub attempt: String,
    pub agent: String,
    pub zip: FragmentIndex,
    pub images: Vec<Image>,
    pub warnings: Vec<String>,
    /// Frames that the segment owns, where the selection is by frame.
    #[serde(default)]
    pub frames: u64,
    /// What joins the segment to its neighbours, where the plan asks for the seam check.
    #[serde(default)]
    pub opening: Option<media::Glimpse>,
    #[serde(default)]
    pub beyond: Option<media::Glimpse>,
    /// Bytes of the video read from S3 for this segment.
    pub bytes_read: u64,
    pub frames_decoded: u64,
    pub seconds: f64,
    /// Seconds the decoder stood waiting for S3.
    pub source_wait_seconds: f64,
}
