//! Facts about a video and where it can be entered, by ranged reads only.

use crate::error::MediaError;
use crate::facts::VideoFacts;
use crate::plan::EntryPoint;
use crate::source::RangeRead;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeLimits {
    pub side_pixels: u32,
    pub frame_pixels: u64,
    pub duration_seconds: u64,
    /// How many entry points are looked at, spread over the video; each costs one ranged read.
    pub entry_points: usize,
}

impl Default for ProbeLimits {
    fn default() -> Self {
        Self {
            side_pixels: 16_384,
            frame_pixels: 268_000_000,
            duration_seconds: 24 * 60 * 60,
            entry_points: 64,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    pub video: VideoFacts,
    /// Seconds a tick, numerator and denominator.
    pub time_base: (i64, i64),
    pub first_pts: i64,
    /// True random access points, in order of time, without the start of the file.
    pub entries: Vec<EntryPoint>,
    /// Why there are none, or what they are.
    pub division: String,
    pub warnings: Vec<String>,
}

pub fn probe(source: Box<dyn RangeRead>, limits: &ProbeLimits) -> Result<Probe, MediaError> {
    let _ = (source, limits);
    Err(MediaError::Unsupported {
        what: "probing is not built yet".into(),
    })
}
