//! What the caller wants: which frames, and what the images look like.

use num_rational::Ratio;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub selection: Selection,
    pub range: Option<TimeRange>,
    pub duplicates: Duplicates,
    /// The most images the whole archive may hold; more is `too_many_images`.
    pub max_images: u64,
}

impl Request {
    pub fn new(selection: Selection) -> Self {
        Self {
            selection,
            range: None,
            duplicates: Duplicates::Keep,
            max_images: 1_000_000,
        }
    }
}

/// Times are seconds from the first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    Fps(Ratio<i64>),
    EverySeconds(Ratio<i64>),
    EveryNth(u64),
    Timestamps(Vec<Ratio<i64>>),
    Count(u64),
    Keyframes,
    Scenes { threshold: Ratio<i64> },
    All,
}

/// `start` is included, `end` is not. Times asked for count from `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    pub start: Ratio<i64>,
    pub end: Option<Ratio<i64>>,
}

/// Two requested times that fall on the same frame give two images, or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    #[default]
    Keep,
    Skip,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageOptions {
    pub format: Format,
    /// 1 to 100, for jpeg and webp.
    pub quality: u8,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fit: Fit,
    /// Turn and mirror as players do.
    pub orient: bool,
    /// Scale so that pixels are square.
    pub square_pixels: bool,
    /// Also give the md5 of each decoded frame, for tests and seam checks.
    pub frame_md5: bool,
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self {
            format: Format::Jpeg,
            quality: 90,
            width: None,
            height: None,
            fit: Fit::Contain,
            orient: true,
            square_pixels: true,
            frame_md5: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Jpeg,
    Png,
    Webp,
}

/// What to do when `width` and `height` are both given and the shape differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    #[default]
    Contain,
    Cover,
    Fill,
}
