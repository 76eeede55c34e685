//! What a video is, as the manifest tells it. Texts from the file itself never come in here.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VideoFacts {
    pub container: String,
    pub codec: String,
    pub profile: Option<String>,
    pub pixel_format: String,
    /// Size as stored, after the codec's own cropping.
    pub width: u32,
    pub height: u32,
    /// Degrees clockwise that players turn the picture: 0, 90, 180 or 270.
    pub rotation: i32,
    /// Players mirror the picture left to right, after turning it.
    pub mirrored: bool,
    /// `"4:3"`; `"1:1"` where the file says nothing.
    pub sample_aspect_ratio: String,
    /// Seconds a tick: `"1/12800"`.
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
