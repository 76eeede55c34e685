//! How large an image becomes: square pixels, turning, and what the caller asked for. Pure.

use crate::request::{Fit, ImageOptions};

/// Past this, a sample aspect ratio is nonsense rather than a picture.
const MAX_ASPECT: u64 = 8;

/// What to do with a stored picture, before it is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizing {
    pub width: u32,
    pub height: u32,
    /// Cut to this afterwards, around the centre.
    pub crop: Option<(u32, u32)>,
}

/// The sample aspect ratio as far as it can be believed.
pub fn believable(sar: (i32, i32)) -> Option<(u64, u64)> {
    let (num, den) = (u64::try_from(sar.0).ok()?, u64::try_from(sar.1).ok()?);
    (num > 0 && den > 0 && num <= den * MAX_ASPECT && den <= num * MAX_ASPECT).then_some((num, den))
}

/// `swapped`: the picture is turned by a quarter afterwards, so the wishes are for the other sides.
pub fn sizing(
    (width, height): (u32, u32),
    sar: (i32, i32),
    swapped: bool,
    options: &ImageOptions,
    side_limit: u32,
) -> Sizing {
    let (w, h) = (u64::from(width), u64::from(height));
    let (num, den) = match believable(sar) {
        Some(sar) if options.square_pixels => sar,
        _ => (1, 1),
    };
    let limit = u64::from(side_limit);
    // The shape is w·num : h·den; the natural size stretches the width only.
    let natural = (rounded(w * num, den).clamp(1, limit.max(w)), h);
    let shape = (w * num, h * den);
    let (want_w, want_h) = match swapped {
        true => (options.height, options.width),
        false => (options.width, options.height),
    };
    let by_width = |want: u64| (want, rounded(want * shape.1, shape.0).clamp(1, limit));
    let by_height = |want: u64| (rounded(want * shape.0, shape.1).clamp(1, limit), want);
    let mut crop = None;
    let (w, h) = match (want_w.map(u64::from), want_h.map(u64::from)) {
        (None, None) => natural,
        (Some(want), None) => by_width(want),
        (None, Some(want)) => by_height(want),
        (Some(want_w), Some(want_h)) => {
            let wider = shape.0 * want_h >= shape.1 * want_w;
            match options.fit {
                Fit::Fill => (want_w, want_h),
                Fit::Contain if wider => by_width(want_w),
                Fit::Contain => by_height(want_h),
                Fit::Cover => {
                    crop = Some((want_w as u32, want_h as u32));
                    let (w, h) = if wider {
                        by_height(want_h)
                    } else {
                        by_width(want_w)
                    };
                    (w.max(want_w), h.max(want_h))
                }
            }
        }
    };
    Sizing {
        width: w as u32,
        height: h as u32,
        crop: crop.filter(|c| *c != (w as u32, h as u32)),
    }
}

fn rounded(num: u64, den: u64) -> u64 {
    (2 * num + den) / (2 * den)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_shape_wish_and_turn() {
        let none = ImageOptions::default();
        let raw = ImageOptions {
            square_pixels: false,
            ..none.clone()
        };
        let wish = |w, h, fit| ImageOptions {
            width: w,
            height: h,
            fit,
            ..none.clone()
        };
        for (stored, sar, swapped, options, expected, crop) in [
            ((640, 272), (1, 1), false, none.clone(), (640, 272), None),
            (
                (176, 144),
                (128, 117),
                false,
                none.clone(),
                (193, 144),
                None,
            ),
            ((176, 144), (128, 117), false, raw, (176, 144), None),
            (
                (1280, 1080),
                (3, 2),
                false,
                none.clone(),
                (1920, 1080),
                None,
            ),
            ((64, 64), (30000, 1), false, none.clone(), (64, 64), None),
            ((64, 64), (0, 1), false, none.clone(), (64, 64), None),
            (
                (640, 360),
                (1, 1),
                false,
                wish(Some(320), None, Fit::Contain),
                (320, 180),
                None,
            ),
            (
                (640, 360),
                (1, 1),
                false,
                wish(None, Some(90), Fit::Contain),
                (160, 90),
                None,
            ),
            (
                (640, 360),
                (1, 1),
                false,
                wish(Some(100), Some(100), Fit::Contain),
                (100, 56),
                None,
            ),
            (
                (640, 360),
                (1, 1),
                false,
                wish(Some(100), Some(100), Fit::Fill),
                (100, 100),
                None,
            ),
            (
                (640, 360),
                (1, 1),
                false,
                wish(Some(100), Some(100), Fit::Cover),
                (178, 100),
                Some((100, 100)),
            ),
            (
                (640, 360),
                (1, 1),
                true,
                wish(Some(90), None, Fit::Contain),
                (160, 90),
                None,
            ),
        ] {
            let got = sizing(stored, sar, swapped, &options, 16384);
            assert_eq!(
                (got.width, got.height),
                expected,
                "{stored:?} {sar:?} {options:?}"
            );
            assert_eq!(got.crop, crop, "{stored:?} {options:?}");
        }
    }
}
