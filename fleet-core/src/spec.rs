//! What to extract, as the API takes it. The meaning of each selection is in ARCHITECTURE.md
//! ("What a frame is"); the media crate carries it out.

use serde::{Deserialize, Serialize};

use crate::object;
use crate::rational::Rational;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractSpec {
    pub select: Select,
    #[serde(
        deserialize_with = "object::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub range: Option<TimeRange>,
    #[serde(deserialize_with = "object::object")]
    pub image: ImageSpec,
    pub naming: Naming,
    pub duplicates: Duplicates,
}

/// Exactly one way to choose frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Select {
    /// The frames at t = 0, 1/r, 2/r, …
    Fps(Rational),
    /// The frames at t = 0, s, 2s, …
    EverySeconds(Rational),
    /// Frames 0, n, 2n, … in presentation order.
    EveryNth(u64),
    /// The frame at each of these times, in seconds from the first frame.
    Timestamps(Vec<Rational>),
    /// n frames spread evenly over the video.
    Count(u64),
    /// Every frame that can be decoded on its own.
    Keyframes(True),
    /// The first frame of each scene.
    Scenes(#[serde(deserialize_with = "object::object")] Scenes),
    All(True),
}

/// `true`, and nothing else: `{"all": false}` would be a selection of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value {
            Ok(True)
        } else {
            Err("expected true; leave the selection out instead")
        }
    }
}

impl From<True> for bool {
    fn from(_: True) -> bool {
        true
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenes {
    /// How different two neighbours must be, from 0 (any change) to 1 (nothing in common).
    #[serde(default = "default_threshold")]
    pub threshold: Rational,
}

fn default_threshold() -> Rational {
    Rational::new(3, 10)
}

/// Seconds from the first frame; `start` is included, `end` is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRange {
    #[serde(default = "zero")]
    pub start: Rational,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Rational>,
}

fn zero() -> Rational {
    Rational::new(0, 1)
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSpec {
    pub format: Format,
    /// 1 to 100, for jpeg and webp.
    pub quality: u8,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fit: Fit,
    /// Apply the rotation and mirroring that the container asks players for.
    pub orient: bool,
    /// Scale so that pixels are square, as players show them.
    pub square_pixels: bool,
}

impl Default for ImageSpec {
    fn default() -> Self {
        Self {
            format: Format::Jpeg,
            quality: 90,
            width: None,
            height: None,
            fit: Fit::Contain,
            orient: true,
            square_pixels: true,
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

impl Format {
    pub fn extension(self) -> &'static str {
        match self {
            Format::Jpeg => "jpg",
            Format::Png => "png",
            Format::Webp => "webp",
        }
    }
}

/// What to do when `width` and `height` are both given and the shape differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Fit inside, keeping the shape.
    #[default]
    Contain,
    /// Fill, keeping the shape and cutting what sticks out.
    Cover,
    /// Fill exactly, changing the shape.
    Fill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// `frame_000001.jpg`
    #[default]
    Index,
    /// `t_000012.345.jpg`
    Time,
}

/// Two requested times that fall on the same frame give two images, or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    #[default]
    Keep,
    Skip,
}

impl Default for Select {
    fn default() -> Self {
        Select::Fps(Rational::new(1, 1))
    }
}

impl Select {
    pub fn name(&self) -> &'static str {
        match self {
            Select::Fps(_) => "fps",
            Select::EverySeconds(_) => "every_seconds",
            Select::EveryNth(_) => "every_nth",
            Select::Timestamps(_) => "timestamps",
            Select::Count(_) => "count",
            Select::Keyframes(_) => "keyframes",
            Select::Scenes(_) => "scenes",
            Select::All(_) => "all",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_means_one_jpeg_a_second() {
        let spec: ExtractSpec = serde_json::from_str("{}").unwrap();
        assert_eq!(spec, ExtractSpec::default());
        assert_eq!(spec.select, Select::Fps(Rational::new(1, 1)));
        assert_eq!((spec.image.format, spec.image.quality), (Format::Jpeg, 90));
    }

    #[test]
    fn every_selection_is_written_as_one_field() {
        for json in [
            r#"{"fps":"30000/1001"}"#,
            r#"{"every_seconds":2}"#,
            r#"{"every_nth":10}"#,
            r#"{"timestamps":[0,"1/2"]}"#,
            r#"{"count":5}"#,
            r#"{"keyframes":true}"#,
            r#"{"scenes":{"threshold":"2/5"}}"#,
            r#"{"all":true}"#,
        ] {
            let select: Select = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&select).unwrap(), json);
            assert!(json.contains(select.name()));
        }
    }

    #[test]
    fn two_selections_or_an_unknown_word_are_refused() {
        for json in [
            r#"{"select":{"fps":1,"count":2}}"#,
            r#"{"select":{}}"#,
            r#"{"select":{"all":false}}"#,
            r#"{"selekt":{"fps":1}}"#,
            r#"{"image":{"format":"tiff"}}"#,
            r#"{"range":{"begin":1}}"#,
            // A list is not an object, though its items would fit the fields.
            r#"{"range":[1,2]}"#,
            r#"{"image":[]}"#,
            r#"{"select":{"scenes":["1/3"]}}"#,
        ] {
            assert!(serde_json::from_str::<ExtractSpec>(json).is_err(), "{json}");
        }
    }
}
