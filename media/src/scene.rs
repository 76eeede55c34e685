//! How different a frame is from the one before: the scene score of FFmpeg's `select` filter, so that
//! thresholds people know keep their meaning.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling::{Context, Flags};

#[derive(Default)]
pub struct SceneScore {
    luma: Option<(u32, u32, Vec<u8>)>,
    last_difference: f64,
    scaler: Option<Context>,
}

impl SceneScore {
    /// From 0 (the same) to 1. The first frame, and one of another size, scores 1.
    pub fn of(&mut self, frame: &frame::Video) -> f64 {
        let Some(luma) = self.read(frame) else {
            return 1.0;
        };
        let (width, height) = (frame.width(), frame.height());
        let before = self.luma.replace((width, height, luma));
        let (_, _, now) = self.luma.as_ref().expect("set above");
        match before {
            Some((w, h, before)) if (w, h) == (width, height) => {
                let (score, difference) = score(&before, now, self.last_difference);
                self.last_difference = difference;
                score
            }
            _ => 1.0,
        }
    }

    /// 8-bit luma without padding.
    fn read(&mut self, frame: &frame::Video) -> Option<Vec<u8>> {
        let (w, h) = (frame.width(), frame.height());
        let name = frame.format().descriptor()?.name();
        let planar = matches!(
            name,
            "yuv420p"
                | "yuvj420p"
                | "yuv422p"
                | "yuvj422p"
                | "yuv444p"
                | "yuvj444p"
                | "gray"
                | "yuva420p"
        );
        if planar && frame.stride(0) <= i32::MAX as usize {
            let rows = frame.data(0).chunks(frame.stride(0)).take(h as usize);
            return Some(rows.flat_map(|row| &row[..w as usize]).copied().collect());
        }
        let fits = |s: &Context| {
            (s.input().format, s.input().width, s.input().height) == (frame.format(), w, h)
        };
        if !self.scaler.as_ref().is_some_and(fits) {
            let flags = Flags::BILINEAR | Flags::BITEXACT | Flags::ACCURATE_RND;
            self.scaler = Context::get(frame.format(), w, h, Pixel::GRAY8, w, h, flags).ok();
        }
        let mut grey = frame::Video::empty();
        self.scaler.as_mut()?.run(frame, &mut grey).ok()?;
        let rows = grey.data(0).chunks(grey.stride(0)).take(h as usize);
        Some(rows.flat_map(|row| &row[..w as usize]).copied().collect())
    }
}

/// The score, and the mean difference that the next score is compared with.
fn score(before: &[u8], now: &[u8], last_difference: f64) -> (f64, f64) {
    let sum: u64 = before
        .iter()
        .zip(now)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    let difference = sum as f64 / now.len().max(1) as f64;
    let jump = (difference - last_difference).abs();
    ((difference.min(jump) / 100.0).clamp(0.0, 1.0), difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_scores_high_and_steady_motion_low() {
        let (dark, bright) = ([10u8; 64], [200u8; 64]);
        assert_eq!(score(&dark, &dark, 0.0), (0.0, 0.0));
        assert_eq!(score(&dark, &bright, 0.0), (1.0, 190.0));
        // As different again as the last time: flicker, not a cut.
        assert_eq!(score(&bright, &dark, 190.0).0, 0.0);
    }
}
