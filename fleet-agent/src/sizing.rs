//! How large a segment should be. Pure.
//!
//! Two wishes pull apart: many segments, so that many machines can help; and fragments over 5 MiB,
//! so that S3 can splice them without their bytes being downloaded again.

use media::{PlanOptions, Selection, VideoFacts};
use num_rational::Ratio;

/// Bytes a pixel of a JPEG at quality 90 of ordinary footage; rather low than high.
const BYTES_A_PIXEL: f64 = 0.12;
/// A fragment of about this size can be copied by S3 (its minimum is 5 MiB).
const FRAGMENT_BYTES: f64 = 8.0 * 1024.0 * 1024.0;
/// Parallelism comes first: segments are not made larger for splicing below this many.
const WANTED_SEGMENTS: f64 = 8.0;
/// Pixels that one core decodes in a second, roughly: 1080p H.264 at 150 frames a second.
const PIXELS_A_SECOND: f64 = 150.0 * 1920.0 * 1080.0;

pub fn options(
    facts: &VideoFacts,
    selection: &Selection,
    segment_pixels: u64,
    max_segments: usize,
) -> PlanOptions {
    let mut options = PlanOptions {
        segment_pixels,
        max_segments,
        ..PlanOptions::default()
    };
    let (Some(rate), Some(total)) = (images_a_second(selection), pixels(facts)) else {
        return options;
    };
    let image_bytes = f64::from(facts.width) * f64::from(facts.height) * BYTES_A_PIXEL;
    let seconds = FRAGMENT_BYTES / (image_bytes * rate);
    let pixels_a_second = total / facts.claimed_duration.unwrap_or(1.0).max(0.001);
    let for_splicing = seconds * pixels_a_second;
    let for_machines = total / WANTED_SEGMENTS;
    let wanted = for_splicing.min(for_machines).max(segment_pixels as f64);
    options.segment_pixels = wanted as u64;
    options
}

/// What the plan will cost, in seconds of one core, for the scale-out metric.
pub fn work_seconds(facts: &VideoFacts) -> f64 {
    // A video whose length is not known is taken for a minute of its frame size.
    pixels(facts).unwrap_or(f64::from(facts.width) * f64::from(facts.height) * 1800.0)
        / PIXELS_A_SECOND
}

/// All pixels that decoding the whole video makes.
fn pixels(facts: &VideoFacts) -> Option<f64> {
    let duration = facts.claimed_duration.filter(|d| *d > 0.0)?;
    let rate = facts
        .average_frame_rate
        .as_deref()
        .and_then(fraction)
        .unwrap_or(30.0);
    Some(duration * rate * f64::from(facts.width) * f64::from(facts.height))
}

fn images_a_second(selection: &Selection) -> Option<f64> {
    let as_f64 = |r: &Ratio<i64>| *r.numer() as f64 / *r.denom() as f64;
    match selection {
        Selection::Fps(rate) => Some(as_f64(rate)),
        Selection::EverySeconds(step) => Some(1.0 / as_f64(step)),
        _ => None,
    }
}

fn fraction(text: &str) -> Option<f64> {
    let (n, d) = text.split_once('/').unwrap_or((text, "1"));
    let (n, d): (f64, f64) = (n.parse().ok()?, d.parse().ok()?);
    (d > 0.0).then(|| n / d).filter(|rate| *rate > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(width: u32, height: u32, duration: Option<f64>) -> VideoFacts {
        VideoFacts {
            container: "mov".into(),
            codec: "h264".into(),
            profile: None,
            pixel_format: "yuv420p".into(),
            width,
            height,
            rotation: 0,
            mirrored: false,
            sample_aspect_ratio: "1:1".into(),
            time_base: "1/30".into(),
            first_pts: 0,
            claimed_duration: duration,
            size_bytes: 1,
            average_frame_rate: Some("30/1".into()),
            variable_frame_rate: None,
            color: media::Color::default(),
            audio_tracks: 0,
            stream_index: 0,
        }
    }

    const SECOND_1080P: u64 = 30 * 1920 * 1080;

    #[test]
    fn long_videos_get_fragments_that_s3_can_copy() {
        let fps = Selection::Fps(Ratio::new(1, 1));
        let hour = facts(1920, 1080, Some(3600.0));
        let options = options(&hour, &fps, 10 * SECOND_1080P, 10_000);
        let seconds = options.segment_pixels / SECOND_1080P;
        assert!((30..40).contains(&seconds), "{seconds}");
        assert!(seconds as f64 * 1920.0 * 1080.0 * BYTES_A_PIXEL > 5.0 * 1024.0 * 1024.0);
    }

    #[test]
    fn short_videos_stay_divided() {
        let fps = Selection::Fps(Ratio::new(1, 1));
        let minute = facts(1920, 1080, Some(60.0));
        let options = options(&minute, &fps, 5 * SECOND_1080P, 10_000);
        assert_eq!(options.segment_pixels, 60 * SECOND_1080P / 8);
    }

    #[test]
    fn what_is_not_known_leaves_the_default() {
        let fps = Selection::Fps(Ratio::new(1, 1));
        let unknown = facts(1920, 1080, None);
        assert_eq!(options(&unknown, &fps, 77, 5).segment_pixels, 77);
        assert!(work_seconds(&unknown) > 1.0);
    }
}
