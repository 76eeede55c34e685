//! From the API's words to the media engine's, and back. The two never meet elsewhere: media knows
//! no jobs, and fleet-core no FFmpeg.

use fleet_core::limits::Limits;
use fleet_core::manifest;
use fleet_core::spec::{self, ExtractSpec, Select};
use fleet_core::{Failure, Reason};
use media::{ImageOptions, ProbeLimits, RejectReason, Request, Selection};

pub fn request(spec: &ExtractSpec, limits: &Limits) -> Request {
    let selection = match &spec.select {
        Select::Fps(rate) => Selection::Fps(rate.ratio()),
        Select::EverySeconds(step) => Selection::EverySeconds(step.ratio()),
        Select::EveryNth(n) => Selection::EveryNth(*n),
        Select::Timestamps(times) => {
            Selection::Timestamps(times.iter().map(|t| t.ratio()).collect())
        }
        Select::Count(n) => Selection::Count(*n),
        Select::Keyframes(_) => Selection::Keyframes,
        Select::Scenes(scenes) => Selection::Scenes {
            threshold: scenes.threshold.ratio(),
        },
        Select::All(_) => Selection::All,
    };
    let range = spec.range.as_ref().map(|range| media::TimeRange {
        start: range.start.ratio(),
        end: range.end.map(|end| end.ratio()),
    });
    let duplicates = match spec.duplicates {
        spec::Duplicates::Keep => media::Duplicates::Keep,
        spec::Duplicates::Skip => media::Duplicates::Skip,
    };
    Request {
        range,
        duplicates,
        max_images: limits.images,
        ..Request::new(selection)
    }
}

pub fn image_options(image: &spec::ImageSpec) -> ImageOptions {
    ImageOptions {
        format: match image.format {
            spec::Format::Jpeg => media::Format::Jpeg,
            spec::Format::Png => media::Format::Png,
            spec::Format::Webp => media::Format::Webp,
        },
        quality: image.quality,
        width: image.width,
        height: image.height,
        fit: match image.fit {
            spec::Fit::Contain => media::Fit::Contain,
            spec::Fit::Cover => media::Fit::Cover,
            spec::Fit::Fill => media::Fit::Fill,
        },
        orient: image.orient,
        square_pixels: image.square_pixels,
        ..ImageOptions::default()
    }
}

pub fn probe_limits(limits: &Limits, request: &Request) -> ProbeLimits {
    ProbeLimits {
        side_pixels: limits.side_pixels,
        frame_pixels: limits.frame_pixels,
        duration_seconds: limits.duration_seconds,
        request: Some(request.clone()),
        ..ProbeLimits::default()
    }
}

/// The names are the same on both sides; a test holds them together. What the engine found follows
/// the sentence that people are given for the reason.
pub fn failure(reason: RejectReason, detail: &str) -> Failure {
    let reason = reason.as_str().parse().unwrap_or(Reason::Internal);
    let sentence = reason.sentence().trim_end_matches('.');
    Failure::new(reason, format!("{sentence} ({detail})."))
}

pub fn video_facts(facts: &media::VideoFacts) -> manifest::VideoFacts {
    manifest::VideoFacts {
        container: facts.container.clone(),
        codec: facts.codec.clone(),
        profile: facts.profile.clone(),
        pixel_format: facts.pixel_format.clone(),
        width: facts.width,
        height: facts.height,
        rotation: facts.rotation,
        mirrored: facts.mirrored,
        sample_aspect_ratio: facts.sample_aspect_ratio.clone(),
        time_base: facts.time_base.clone(),
        first_pts: facts.first_pts,
        claimed_duration: facts.claimed_duration,
        size_bytes: facts.size_bytes,
        average_frame_rate: facts.average_frame_rate.clone(),
        variable_frame_rate: facts.variable_frame_rate,
        color: manifest::Color {
            range: facts.color.range.clone(),
            matrix: facts.color.matrix.clone(),
            primaries: facts.color.primaries.clone(),
            transfer: facts.color.transfer.clone(),
        },
        audio_tracks: facts.audio_tracks,
        stream_index: facts.stream_index,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rejection_of_the_engine_is_a_reason_of_the_fleet() {
        for reason in RejectReason::ALL {
            let failure = failure(*reason, "x");
            assert_eq!(failure.reason.as_str(), reason.as_str());
        }
    }
}
