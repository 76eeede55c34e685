//! Does a packet give exactly one frame, as far as its own bits tell? Where frames are counted without
//! being decoded, one that may not must end the counting. Pure.

use crate::av1;
use crate::entry::{Codec, nals, vp9_shown};
use crate::mjpeg;

/// `unit`: what an AV1 packet holds.
pub fn gives_one_frame(codec: Codec, data: &[u8], unit: Option<&av1::Unit>) -> bool {
    match codec {
        Codec::H264 { length_size } => {
            nals(data, length_size).any(|nal| (1..=5).contains(&(nal[0] & 0x1f)))
        }
        Codec::Hevc { length_size } => {
            let kinds = nals(data, length_size).map(|nal| (nal[0] >> 1) & 0x3f);
            let mut pictures = false;
            for kind in kinds {
                // After BLA pictures, and where a sequence ends, leading ones are left out.
                if matches!(kind, 16..=18 | 36 | 37) {
                    return false;
                }
                pictures |= kind < 32;
            }
            pictures
        }
        // A keyframe's start code.
        Codec::Vp8 if codec.is_entry(data) => data.get(3..6) == Some(&[0x9d, 0x01, 0x2a]),
        Codec::Vp8 => data.len() > 3,
        Codec::Vp9 => vp9_shown(data) == Some(1),
        Codec::Av1 => {
            unit.is_some_and(|unit| unit.frames.iter().filter(|frame| frame.shown).count() == 1)
        }
        // Only those that stand alone are counted at all.
        Codec::Mjpeg => data.starts_with(&mjpeg::START),
        // Lost stretches are often filled with zeros.
        Codec::Intra => data.iter().take(16).any(|byte| *byte != 0),
        Codec::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_give_no_frame_or_several_are_told() {
        let avc = Codec::H264 { length_size: 4 };
        let hevc = Codec::Hevc { length_size: 4 };
        for (codec, data, expected) in [
            (avc, &[0, 0, 0, 1, 6, 0, 0, 0, 2, 0x41, 1][..], true),
            (avc, &[0, 0, 0, 1, 6], false),
            (avc, &[], false),
            (hevc, &[0, 0, 0, 2, 1 << 1, 1], true),
            (hevc, &[0, 0, 0, 2, 16 << 1, 1], false),
            (
                hevc,
                &[0, 0, 0, 2, 1 << 1, 1, 0, 0, 0, 2, 36 << 1, 1],
                false,
            ),
            (Codec::Vp8, &[0x10, 0, 0, 0x9d, 1, 0x2a, 0], true),
            (Codec::Vp8, &[0x10, 0, 0, 0, 0, 0, 0], false),
            (Codec::Vp8, &[0x11, 0, 0, 7], true),
            (Codec::Vp8, &[], false),
            // Marker, profile 0, shown or hidden; shown again; two shown in one packet.
            (Codec::Vp9, &[0b1000_0110, 1], true),
            (Codec::Vp9, &[0b1000_0100, 1], false),
            (Codec::Vp9, &[0b1000_1000], true),
            (
                Codec::Vp9,
                &[0b1000_0100, 0b1000_0110, 0xc1, 1, 1, 0xc1],
                true,
            ),
            (
                Codec::Vp9,
                &[0b1000_0110, 0b1000_0110, 0xc1, 1, 1, 0xc1],
                false,
            ),
            (Codec::Vp9, &[0, 0, 0], false),
            (Codec::Mjpeg, &[0xff, 0xd8, 0xff], true),
            (Codec::Mjpeg, &[0; 40], false),
            (Codec::Intra, &[0; 40], false),
            (Codec::Intra, &[0, 0, 1, 2, b'i'], true),
            (Codec::Intra, &[], false),
            (Codec::Other, &[1, 2, 3], false),
        ] {
            assert_eq!(
                gives_one_frame(codec, data, None),
                expected,
                "{codec:?} {data:02x?}"
            );
        }
    }
}
