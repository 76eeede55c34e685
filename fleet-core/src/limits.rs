//! Every limit, in one place: its name, its default, and the sentence a caller gets past it.

use serde::Serialize;
use thiserror::Error;

use crate::config::{ConfigError, Lookup};
use crate::spec::{ExtractSpec, Select};

/// S3's own limit for one PUT. Uploads in parts would lift it; there are none yet.
pub const PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// Each field can be set by the environment variable named beside its default below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    pub video_bytes: u64,
    pub duration_seconds: u64,
    pub side_pixels: u32,
    pub frame_pixels: u64,
    pub images: u64,
    pub timestamps: usize,
    pub body_bytes: usize,
    pub filename_bytes: usize,
    /// Upload URLs given out for one video; each is recorded in its row.
    pub upload_urls: u32,
    /// From registration; a video whose upload has not come by then is expired.
    pub upload_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            video_bytes: 50_000_000_000,
            duration_seconds: 24 * 60 * 60,
            side_pixels: 16_384,
            // 16,384 by 8,192. A frame of twice that costs over 2 GB to decode.
            frame_pixels: 134_217_728,
            images: 1_000_000,
            timestamps: 10_000,
            body_bytes: 256 * 1024,
            filename_bytes: 1_024,
            upload_urls: 500,
            upload_seconds: 24 * 60 * 60,
        }
    }
}

/// A request that asks for more than a limit allows. `field` is the JSON path at fault.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{message}")]
pub struct Refused {
    pub field: &'static str,
    pub message: String,
}

fn refuse<T>(field: &'static str, message: String) -> Result<T, Refused> {
    Err(Refused { field, message })
}

impl Limits {
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let d = Self::default();
        Ok(Self {
            video_bytes: lookup.parsed_or("FRAMEFLEET_LIMIT_VIDEO_BYTES", d.video_bytes)?,
            duration_seconds: lookup
                .parsed_or("FRAMEFLEET_LIMIT_DURATION_SECONDS", d.duration_seconds)?,
            side_pixels: lookup.parsed_or("FRAMEFLEET_LIMIT_SIDE_PIXELS", d.side_pixels)?,
            frame_pixels: lookup.parsed_or("FRAMEFLEET_LIMIT_FRAME_PIXELS", d.frame_pixels)?,
            images: lookup.parsed_or("FRAMEFLEET_LIMIT_IMAGES", d.images)?,
            timestamps: lookup.parsed_or("FRAMEFLEET_LIMIT_TIMESTAMPS", d.timestamps)?,
            body_bytes: lookup.parsed_or("FRAMEFLEET_LIMIT_BODY_BYTES", d.body_bytes)?,
            filename_bytes: lookup
                .parsed_or("FRAMEFLEET_LIMIT_FILENAME_BYTES", d.filename_bytes)?,
            upload_urls: lookup.parsed_or("FRAMEFLEET_LIMIT_UPLOAD_URLS", d.upload_urls)?,
            upload_seconds: lookup
                .parsed_or("FRAMEFLEET_LIMIT_UPLOAD_SECONDS", d.upload_seconds)?,
        })
    }

    /// What can be known before a byte of the video is there.
    pub fn check_upload(&self, filename: &str, size: u64) -> Result<(), Refused> {
        if filename.is_empty() {
            return refuse("filename", "give the file a name".into());
        }
        if filename.len() > self.filename_bytes {
            let (got, limit) = (filename.len(), self.filename_bytes);
            return refuse(
                "filename",
                format!("the file name has {got} bytes; the limit is {limit}"),
            );
        }
        if size == 0 {
            return refuse(
                "size",
                "the file is empty: size must be at least 1 byte".into(),
            );
        }
        if size > self.video_bytes {
            let limit = self.video_bytes;
            return refuse(
                "size",
                format!("the video has {size} bytes; the limit is {limit} bytes"),
            );
        }
        if size > PUT_BYTES {
            return refuse(
                "size",
                format!(
                    "the video has {size} bytes; one upload takes at most {PUT_BYTES} bytes, and \
                     uploads in parts are not supported yet"
                ),
            );
        }
        Ok(())
    }

    /// What can be known from the spec alone. Counts that depend on the video are checked again by
    /// the planner.
    pub fn check_spec(&self, spec: &ExtractSpec) -> Result<(), Refused> {
        self.check_select(&spec.select)?;
        if let Some(range) = &spec.range
            && range.end.is_some_and(|end| end <= range.start)
        {
            return refuse(
                "extract.range",
                "range.end must be greater than range.start".into(),
            );
        }
        if !(1..=100).contains(&spec.image.quality) {
            return refuse(
                "extract.image.quality",
                "quality must be from 1 to 100".into(),
            );
        }
        for (field, side) in [
            ("extract.image.width", spec.image.width),
            ("extract.image.height", spec.image.height),
        ] {
            if side.is_some_and(|side| side == 0 || side > self.side_pixels) {
                return refuse(
                    field,
                    format!("a side must be from 1 to {} pixels", self.side_pixels),
                );
            }
        }
        Ok(())
    }

    fn check_select(&self, select: &Select) -> Result<(), Refused> {
        let images = self.images;
        match select {
            Select::Fps(rate) if rate.is_zero() => {
                refuse("extract.select.fps", "fps must be greater than 0".into())
            }
            Select::EverySeconds(step) if step.is_zero() => refuse(
                "extract.select.every_seconds",
                "every_seconds must be greater than 0".into(),
            ),
            Select::EveryNth(0) => refuse(
                "extract.select.every_nth",
                "every_nth must be at least 1".into(),
            ),
            Select::Count(0) => refuse("extract.select.count", "count must be at least 1".into()),
            Select::Count(n) if *n > images => refuse(
                "extract.select.count",
                format!("count is {n}; the limit is {images} images an archive"),
            ),
            Select::Timestamps(times) if times.is_empty() => refuse(
                "extract.select.timestamps",
                "give at least one timestamp".into(),
            ),
            Select::Timestamps(times) if times.len() > self.timestamps => {
                let (got, limit) = (times.len(), self.timestamps);
                refuse(
                    "extract.select.timestamps",
                    format!("there are {got} timestamps; the limit is {limit}"),
                )
            }
            Select::Scenes(scenes) if scenes.threshold.as_f64() > 1.0 => refuse(
                "extract.select.scenes.threshold",
                "threshold must be from 0 to 1".into(),
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> ExtractSpec {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_defaults_pass_their_own_limits() {
        let limits = Limits::default();
        assert_eq!(limits.check_spec(&ExtractSpec::default()), Ok(()));
        assert_eq!(limits.check_upload("a.mp4", PUT_BYTES), Ok(()));
    }

    #[test]
    fn past_a_limit_the_message_names_it_and_the_field() {
        let limits = Limits {
            timestamps: 2,
            images: 10,
            filename_bytes: 8,
            ..Limits::default()
        };
        for (json, field, words) in [
            (
                r#"{"select":{"fps":0}}"#,
                "extract.select.fps",
                "greater than 0",
            ),
            (
                r#"{"select":{"every_seconds":0}}"#,
                "extract.select.every_seconds",
                "greater than 0",
            ),
            (
                r#"{"select":{"every_nth":0}}"#,
                "extract.select.every_nth",
                "at least 1",
            ),
            (
                r#"{"select":{"count":0}}"#,
                "extract.select.count",
                "at least 1",
            ),
            (
                r#"{"select":{"count":11}}"#,
                "extract.select.count",
                "limit is 10",
            ),
            (
                r#"{"select":{"timestamps":[]}}"#,
                "extract.select.timestamps",
                "at least one",
            ),
            (
                r#"{"select":{"timestamps":[1,2,3]}}"#,
                "extract.select.timestamps",
                "limit is 2",
            ),
            (
                r#"{"select":{"scenes":{"threshold":2}}}"#,
                "extract.select.scenes.threshold",
                "0 to 1",
            ),
            (
                r#"{"range":{"start":2,"end":2}}"#,
                "extract.range",
                "greater than",
            ),
            (
                r#"{"image":{"quality":0}}"#,
                "extract.image.quality",
                "1 to 100",
            ),
            (r#"{"image":{"width":0}}"#, "extract.image.width", "16384"),
            (
                r#"{"image":{"height":20000}}"#,
                "extract.image.height",
                "16384",
            ),
        ] {
            let refused = limits.check_spec(&spec(json)).unwrap_err();
            assert_eq!(refused.field, field, "{json}");
            assert!(
                refused.message.contains(words),
                "{json}: {}",
                refused.message
            );
        }
        for (name, size, field) in [
            ("", 1, "filename"),
            ("123456789", 1, "filename"),
            ("a", 0, "size"),
            ("a", u64::MAX, "size"),
        ] {
            assert_eq!(limits.check_upload(name, size).unwrap_err().field, field);
        }
    }

    #[test]
    fn what_one_put_cannot_carry_is_refused_before_it_is_sent() {
        let limits = Limits::default();
        for (size, words) in [
            (PUT_BYTES + 1, "at most 5368709120 bytes"),
            (limits.video_bytes, "not supported yet"),
            (limits.video_bytes + 1, "the limit is 50000000000 bytes"),
        ] {
            let refused = limits.check_upload("a.mp4", size).unwrap_err();
            assert_eq!(refused.field, "size");
            assert!(refused.message.contains(words), "{}", refused.message);
        }
    }

    #[test]
    fn limits_come_from_the_environment() {
        let table = |name: &str| (name == "FRAMEFLEET_LIMIT_IMAGES").then(|| "5".to_owned());
        assert_eq!(Limits::from_lookup(&Lookup::new(&table)).unwrap().images, 5);
    }
}
