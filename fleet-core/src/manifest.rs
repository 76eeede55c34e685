//! The manifest: one line of facts for every image, and what the video was.
//!
//! It holds nothing that depends on which machine worked when, so the same video and spec always
//! give the same manifest, byte for byte. Who did what is in the video's row and the agents' logs.

use serde::{Deserialize, Serialize};

use crate::spec::ExtractSpec;

pub const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub version: u32,
    pub filename: String,
    pub video: VideoFacts,
    /// The spec as understood, defaults filled in.
    pub extract: ExtractSpec,
    pub plan: PlanFacts,
    pub warnings: Vec<String>,
    pub images: Vec<Image>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    pub file: String,
    /// From 0, in the order of the archive.
    pub index: u64,
    /// The frame's presentation timestamp, in ticks of the video's time base.
    pub pts: i64,
    /// Exact seconds from the first frame, as a fraction: `"1001/30000"`.
    pub time_exact: String,
    /// The same, for people.
    pub time: f64,
    /// The time asked for, where the selection is by time; a fraction likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<String>,
    pub keyframe: bool,
    pub width: u32,
    pub height: u32,
    pub bytes: u64,
    /// Eight hexadecimal digits.
    pub crc32: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoFacts {
    pub container: String,
    pub codec: String,
    pub profile: Option<String>,
    pub pixel_format: String,
    /// Size as stored, after the codec's own cropping.
    pub width: u32,
    pub height: u32,
    /// Degrees clockwise that players turn the picture; None where the matrix is not a right angle.
    pub rotation: i32,
    pub mirrored: bool,
    pub sample_aspect_ratio: String,
    /// Ticks a second, as a fraction of a second a tick: `"1/12800"`.
    pub time_base: String,
    pub first_pts: i64,
    /// Seconds as the container claims them; the images tell the truth.
    pub claimed_duration: Option<f64>,
    pub size_bytes: u64,
    pub average_frame_rate: Option<String>,
    /// None where it could not be known without decoding everything.
    pub variable_frame_rate: Option<bool>,
    pub color: Color,
    pub audio_tracks: u32,
    pub stream_index: u32,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Color {
    pub range: Option<String>,
    pub matrix: Option<String>,
    pub primaries: Option<String>,
    pub transfer: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFacts {
    pub segments: Vec<SegmentFacts>,
    /// Why the video was, or was not, divided.
    pub division: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentFacts {
    /// Presentation timestamp of the entry point; None where decoding starts with the file.
    pub entry_pts: Option<i64>,
    pub images: u64,
}
