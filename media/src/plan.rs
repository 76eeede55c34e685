//! The segment plan: made once from what the probe saw, and immutable from then on.
//!
//! Pure. It knows nothing of machines, so the same probe, request and options give the same plan.

use serde::{Deserialize, Serialize};

use crate::error::MediaError;
use crate::facts::VideoFacts;
use crate::probe::Probe;
use crate::request::Request;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOptions {
    /// Decode work worth one segment, in pixels decoded.
    pub segment_pixels: u64,
    pub max_segments: usize,
    /// Exactly this many, where there are entry points for it. For tests.
    pub forced_segments: Option<usize>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            // 10 s of 1080p at 30 fps.
            segment_pixels: 300 * 1920 * 1080,
            max_segments: 64,
            forced_segments: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub video: VideoFacts,
    pub request: Request,
    /// Seconds a tick, numerator and denominator.
    pub time_base: (i64, i64),
    pub first_pts: i64,
    pub segments: Vec<PlannedSegment>,
    /// Why the video was, or was not, divided.
    pub division: String,
    pub warnings: Vec<String>,
}

/// A range of requested times, from this segment's boundary up to the next one's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSegment {
    /// Where decoding starts; None: with the file.
    pub entry: Option<EntryPoint>,
    /// Ticks from the first frame; None: up to the last frame there really is.
    pub end_rel: Option<i64>,
    /// Number of the segment's first image in the whole archive, from 0.
    pub first_image: u64,
    /// How many images it gives; None: known when it is decoded (the last segment).
    pub images: Option<u64>,
    /// Number of the first frame at or after the entry point in presentation order, where it matters.
    pub first_frame: u64,
}

/// A packet from which decoding gives exact frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPoint {
    /// Byte position of the packet, or of the cluster it is in.
    pub position: u64,
    pub pts: i64,
    /// What the demuxer is asked to seek to.
    pub seek_ts: i64,
}

pub fn plan(probe: &Probe, request: &Request, options: &PlanOptions) -> Result<Plan, MediaError> {
    let _ = (probe, request, options);
    Err(MediaError::Unsupported {
        what: "planning is not built yet".into(),
    })
}
