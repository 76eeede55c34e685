//! What one decoder process may use, and the sentence its video gets past it.
//!
//! A video decides how its decoder behaves, so nothing here is trusted to the decoder: the kernel
//! and the agent enforce each limit from outside.

use serde::Serialize;

use crate::config::{ConfigError, Lookup};
use crate::failure::{Failure, Reason};

/// One process decodes one segment, or probes one video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecoderLimits {
    /// Memory beyond the program itself.
    pub memory_bytes: u64,
    pub cpu_seconds: u64,
    pub wall_seconds: u64,
    /// How long it may neither read nor hand over an image, while nobody keeps it waiting.
    pub stall_seconds: u64,
    /// Images of one segment, together.
    pub output_bytes: u64,
    /// One image, or one other answer.
    pub image_bytes: u64,
    /// How many times the video's bytes it may read, and [`REREAD_FLOOR`] more.
    pub rereads: u64,
}

/// Small videos are read several times over by honest demuxers.
pub const REREAD_FLOOR: u64 = 256 * 1024 * 1024;

impl Default for DecoderLimits {
    fn default() -> Self {
        Self {
            // The largest frame that is accepted, a decoder's references, and the picture made of it.
            memory_bytes: 2 * 1024 * 1024 * 1024,
            // A day of video that cannot be divided takes hours on one core.
            cpu_seconds: 6 * 60 * 60,
            wall_seconds: 12 * 60 * 60,
            stall_seconds: 300,
            output_bytes: 64 * 1024 * 1024 * 1024,
            image_bytes: 1024 * 1024 * 1024,
            rereads: 20,
        }
    }
}

/// The limit that a decoder process ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecoderLimit {
    Memory,
    Cpu,
    Wall,
    Stall,
    Output,
    Image,
    Reads,
}

impl DecoderLimits {
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let d = Self::default();
        Ok(Self {
            memory_bytes: lookup
                .parsed_or("FRAMEFLEET_LIMIT_DECODER_MEMORY_BYTES", d.memory_bytes)?,
            cpu_seconds: lookup.parsed_or("FRAMEFLEET_LIMIT_DECODER_CPU_SECONDS", d.cpu_seconds)?,
            wall_seconds: lookup
                .parsed_or("FRAMEFLEET_LIMIT_DECODER_WALL_SECONDS", d.wall_seconds)?,
            stall_seconds: lookup
                .parsed_or("FRAMEFLEET_LIMIT_DECODER_STALL_SECONDS", d.stall_seconds)?,
            output_bytes: lookup
                .parsed_or("FRAMEFLEET_LIMIT_DECODER_OUTPUT_BYTES", d.output_bytes)?,
            image_bytes: lookup.parsed_or("FRAMEFLEET_LIMIT_DECODER_IMAGE_BYTES", d.image_bytes)?,
            rereads: lookup.parsed_or("FRAMEFLEET_LIMIT_DECODER_REREADS", d.rereads)?,
        })
    }

    /// Bytes that may be read of a video of this size.
    pub fn read_bytes(&self, video_bytes: u64) -> u64 {
        video_bytes
            .saturating_mul(self.rereads)
            .saturating_add(REREAD_FLOOR)
    }

    pub fn exceeded(&self, limit: DecoderLimit) -> Failure {
        let (reason, what) = match limit {
            DecoderLimit::Memory => (
                Reason::OutOfMemory,
                format!("the limit is {} bytes", self.memory_bytes),
            ),
            DecoderLimit::Cpu => (
                Reason::TimedOut,
                format!("the limit is {} seconds of one core", self.cpu_seconds),
            ),
            DecoderLimit::Wall => (
                Reason::TimedOut,
                format!("the limit is {} seconds", self.wall_seconds),
            ),
            DecoderLimit::Stall => (
                Reason::TimedOut,
                format!("nothing happened for {} seconds", self.stall_seconds),
            ),
            DecoderLimit::Reads => (
                Reason::TimedOut,
                format!("the video was read more than {} times over", self.rereads),
            ),
            DecoderLimit::Output => (
                Reason::TooManyImages,
                format!(
                    "the images of one segment have over {} bytes",
                    self.output_bytes
                ),
            ),
            DecoderLimit::Image => (
                Reason::OutOfMemory,
                format!("one image has over {} bytes", self.image_bytes),
            ),
        };
        let sentence = reason.sentence().trim_end_matches('.');
        Failure::new(reason, format!("{sentence} ({what})."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_a_variable_of_its_own() {
        for (name, get) in [
            (
                "FRAMEFLEET_LIMIT_DECODER_MEMORY_BYTES",
                (|l| l.memory_bytes) as fn(&DecoderLimits) -> u64,
            ),
            ("FRAMEFLEET_LIMIT_DECODER_CPU_SECONDS", |l| l.cpu_seconds),
            ("FRAMEFLEET_LIMIT_DECODER_WALL_SECONDS", |l| l.wall_seconds),
            ("FRAMEFLEET_LIMIT_DECODER_STALL_SECONDS", |l| {
                l.stall_seconds
            }),
            ("FRAMEFLEET_LIMIT_DECODER_OUTPUT_BYTES", |l| l.output_bytes),
            ("FRAMEFLEET_LIMIT_DECODER_IMAGE_BYTES", |l| l.image_bytes),
            ("FRAMEFLEET_LIMIT_DECODER_REREADS", |l| l.rereads),
        ] {
            let table = |asked: &str| (asked == name).then(|| "7".to_owned());
            let limits = DecoderLimits::from_lookup(&Lookup::new(&table)).unwrap();
            assert_eq!(get(&limits), 7, "{name}");
            let others = DecoderLimits::from_lookup(&Lookup::new(&|_| None)).unwrap();
            assert_eq!(others, DecoderLimits::default());
        }
    }

    #[test]
    fn past_a_limit_the_sentence_names_it() {
        let limits = DecoderLimits {
            memory_bytes: 11,
            cpu_seconds: 12,
            wall_seconds: 13,
            stall_seconds: 14,
            output_bytes: 15,
            image_bytes: 16,
            rereads: 17,
        };
        for (limit, reason, number) in [
            (DecoderLimit::Memory, Reason::OutOfMemory, "11"),
            (DecoderLimit::Cpu, Reason::TimedOut, "12"),
            (DecoderLimit::Wall, Reason::TimedOut, "13"),
            (DecoderLimit::Stall, Reason::TimedOut, "14"),
            (DecoderLimit::Output, Reason::TooManyImages, "15"),
            (DecoderLimit::Image, Reason::OutOfMemory, "16"),
            (DecoderLimit::Reads, Reason::TimedOut, "17"),
        ] {
            let failure = limits.exceeded(limit);
            assert_eq!(failure.reason, reason, "{limit:?}");
            assert!(failure.detail.contains(number), "{}", failure.detail);
            assert!(failure.detail.ends_with(")."), "{}", failure.detail);
        }
    }

    #[test]
    fn a_video_may_be_read_several_times_but_not_for_ever() {
        let limits = DecoderLimits::default();
        assert_eq!(limits.read_bytes(0), REREAD_FLOOR);
        assert_eq!(limits.read_bytes(1000), 20_000 + REREAD_FLOOR);
        assert_eq!(limits.read_bytes(u64::MAX), u64::MAX);
    }
}
