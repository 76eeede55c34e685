//! Is this packet a true random access point? Judged by the codec's own bits, because containers
//! mark pictures as keyframes that refer to what came before. Pure.

use crate::{av1, mjpeg};

/// How a codec's packets are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    H264 {
        length_size: usize,
    },
    Hevc {
        length_size: usize,
    },
    Vp8,
    Vp9,
    Av1,
    Mjpeg,
    /// Every picture stands alone.
    Intra,
    /// Cannot be entered in the middle exactly, as far as we know.
    Other,
}

/// What a packet needs to be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing but itself.
    Alone,
    /// Earlier pictures; and no decoder marks it as a keyframe.
    Leans,
    /// Marked as a keyframe, and perhaps made of earlier pictures.
    Unclear,
}

impl Codec {
    pub fn new(name: &str, extradata: &[u8]) -> Self {
        // avcC and hvcC start with version 1; without them packets hold start codes (length 0).
        let configured = extradata.first() == Some(&1);
        let length = |at: usize| match extradata.get(at) {
            Some(byte) if configured => usize::from(byte & 3) + 1,
            _ => 0,
        };
        match name {
            "h264" => Codec::H264 {
                length_size: length(4),
            },
            "hevc" => Codec::Hevc {
                length_size: length(21),
            },
            "vp8" => Codec::Vp8,
            "vp9" => Codec::Vp9,
            "av1" => Codec::Av1,
            "mjpeg" => Codec::Mjpeg,
            // Not CineForm: its pictures may come in pairs.
            "prores" | "dnxhd" | "huffyuv" | "ffvhuff" | "utvideo" | "png" => Codec::Intra,
            _ => Codec::Other,
        }
    }

    pub fn divisible(self) -> bool {
        self != Codec::Other
    }

    /// Whether pictures may be shown in another order than they are coded in.
    pub fn reorders(self) -> bool {
        matches!(self, Codec::H264 { .. } | Codec::Hevc { .. })
    }

    /// Whether the decoder can tell, picture by picture, that no other refers to it.
    pub fn marks_unreferenced(self, extradata: &[u8]) -> bool {
        match self {
            Codec::H264 { .. } => true,
            // With temporal layers, "not referred to" holds within a layer only.
            Codec::Hevc { length_size } => {
                length_size > 0 && extradata.get(21).is_some_and(|b| (b >> 3) & 7 <= 1)
            }
            Codec::Vp8 | Codec::Vp9 => true,
            Codec::Av1 | Codec::Mjpeg | Codec::Intra | Codec::Other => false,
        }
    }

    /// Whether the packet gives a frame; VP8 has pictures that are only referred to.
    pub fn is_shown(self, data: &[u8]) -> bool {
        self != Codec::Vp8 || data.first().is_some_and(|b| b & 0x10 != 0)
    }

    /// Only for H.264, VP8, VP9 and AV1; others are left to their decoders.
    pub fn standing(self, data: &[u8]) -> Standing {
        let length_size = match self {
            Codec::H264 { length_size } => length_size,
            Codec::Vp8 if self.is_entry(data) => return Standing::Alone,
            Codec::Vp8 => return Standing::Leans,
            Codec::Vp9 => return vp9_standing(data),
            Codec::Av1 => return av1_standing(data),
            _ => return Standing::Unclear,
        };
        let (mut recovery, mut idr, mut intra) = (false, false, true);
        for nal in nals(data, length_size) {
            match nal[0] & 0x1f {
                5 => idr = true,
                1..=4 => intra &= slice_is_intra(&nal[1..]),
                6 => recovery |= has_recovery_point(&nal[1..]),
                _ => {}
            }
        }
        match (idr, recovery, intra) {
            (true, ..) | (_, true, true) => Standing::Alone,
            (_, true, false) => Standing::Unclear,
            _ => Standing::Leans,
        }
    }

    /// Whether every frame with a pts at or after this packet's decodes exactly from here.
    pub fn is_entry(self, data: &[u8]) -> bool {
        match self {
            // An IDR picture; recovery points and open GOPs are not enough.
            Codec::H264 { length_size } => {
                nals(data, length_size)
                    .map(|nal| nal[0] & 0x1f)
                    .find(|kind| (1..=5).contains(kind))
                    == Some(5)
            }
            // BLA, IDR or CRA: pictures that follow in output order never refer to earlier ones.
            Codec::Hevc { length_size } => nals(data, length_size)
                .map(|nal| (nal[0] >> 1) & 0x3f)
                .find(|kind| *kind < 32)
                .is_some_and(|kind| (16..=21).contains(&kind)),
            Codec::Vp8 => data.first().is_some_and(|b| b & 1 == 0),
            Codec::Vp9 => vp9_key(data),
            Codec::Av1 => av1_unit(data).is_some_and(|unit| unit.is_entry()),
            Codec::Mjpeg => mjpeg::stands_alone(data),
            Codec::Intra => true,
            Codec::Other => false,
        }
    }

    /// No picture is made of others.
    pub fn is_intra(self) -> bool {
        matches!(self, Codec::Mjpeg | Codec::Intra)
    }
}

/// The NAL units of a packet, by length prefixes or (0) start codes. Never empty slices.
pub fn nals(data: &[u8], length_size: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        loop {
            let nal;
            if length_size == 0 {
                let start = rest.windows(3).position(|w| w == [0, 0, 1])? + 3;
                let end = rest[start..].windows(3).position(|w| w == [0, 0, 1]);
                let end = end.map_or(rest.len(), |e| start + e);
                nal = &rest[start..end];
                rest = &rest[end..];
            } else {
                let size = rest
                    .get(..length_size)?
                    .iter()
                    .fold(0usize, |n, b| (n << 8) | usize::from(*b));
                let end = length_size.checked_add(size)?;
                nal = rest.get(length_size..end)?;
                rest = &rest[end..];
            }
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    })
}

/// An H.264 slice header begins with first_mb_in_slice and slice_type, both Exp-Golomb.
fn slice_is_intra(payload: &[u8]) -> bool {
    let mut bits = payload
        .iter()
        .take(16)
        .flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1));
    let mut golomb = || -> Option<u32> {
        let zeros = bits.by_ref().take(33).position(|bit| bit == 1)? as u32;
        let rest = (0..zeros).try_fold(0u32, |n, _| Some(n << 1 | u32::from(bits.next()?)))?;
        (1u32.checked_shl(zeros)? - 1).checked_add(rest)
    };
    let _first_mb = golomb();
    // 2: I, 4: SI; five more where all slices of the picture are alike.
    matches!(golomb(), Some(2 | 4 | 7 | 9))
}

/// Whether an H.264 SEI unit holds a recovery point message (type 6).
fn has_recovery_point(mut payload: &[u8]) -> bool {
    // A type and a size, each a run of 255s and one byte less than that.
    fn number(payload: &mut &[u8]) -> Option<usize> {
        let mut sum = 0;
        loop {
            let (byte, rest) = payload.split_first()?;
            *payload = rest;
            sum += usize::from(*byte);
            if *byte != 255 {
                return Some(sum);
            }
        }
    }
    while payload.len() > 2 {
        let (Some(kind), Some(size)) = (number(&mut payload), number(&mut payload)) else {
            return false;
        };
        if kind == 6 {
            return true;
        }
        // Emulation prevention bytes inside make a message longer than it says.
        let mut left = size;
        let mut zeros = 0;
        while left > 0 {
            let Some((byte, rest)) = payload.split_first() else {
                return false;
            };
            payload = rest;
            if zeros >= 2 && *byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            left -= 1;
        }
    }
    false
}

/// Marker 10, not show_existing_frame, frame_type 0.
fn vp9_key(data: &[u8]) -> bool {
    vp9_type(data) == Some([0, 0])
}

/// show_existing_frame and frame_type.
fn vp9_type(data: &[u8]) -> Option<[u8; 2]> {
    let &b = data.first()?;
    let bit = |n: u8| (b >> (7 - n)) & 1;
    let profile = bit(2) | (bit(3) << 1);
    let at = if profile == 3 { 5 } else { 4 };
    (b >> 6 == 2).then(|| [bit(at), bit(at + 1)])
}

/// How many of a packet's frames are shown. None: it holds something else.
pub fn vp9_shown(data: &[u8]) -> Option<usize> {
    let shown = |frame: &[u8]| -> Option<bool> {
        let [again, _] = vp9_type(frame)?;
        let profile_3 = frame[0] & 0x30 == 0x30;
        let show_frame = frame[0] >> if profile_3 { 0 } else { 1 } & 1;
        Some(again == 1 || show_frame == 1)
    };
    let frames: Vec<bool> = vp9_frames(data)?
        .into_iter()
        .map(shown)
        .collect::<Option<_>>()?;
    Some(frames.into_iter().filter(|shown| *shown).count())
}

fn vp9_standing(data: &[u8]) -> Standing {
    let types: Option<Vec<_>> =
        vp9_frames(data).and_then(|frames| frames.into_iter().map(vp9_type).collect());
    match types.as_deref() {
        Some([[0, 0]]) => Standing::Alone,
        // A frame shown again may be a keyframe.
        Some(types) if types.iter().all(|kind| *kind == [0, 1]) => Standing::Leans,
        _ => Standing::Unclear,
    }
}

/// Only what is known without an earlier packet's sequence header is asked of it.
fn av1_unit(data: &[u8]) -> Option<av1::Unit> {
    av1::Reader::default().read(data)
}

fn av1_standing(data: &[u8]) -> Standing {
    match av1_unit(data) {
        Some(unit) if unit.is_entry() && unit.frames.len() == 1 => Standing::Alone,
        // A hidden keyframe may be shown later.
        Some(unit) if unit.frames.iter().any(|frame| frame.key) => Standing::Unclear,
        Some(unit) if !unit.frames.is_empty() => Standing::Leans,
        _ => Standing::Unclear,
    }
}

/// A packet's frames: several, all but one of them hidden, where an index at its end says so.
fn vp9_frames(data: &[u8]) -> Option<Vec<&[u8]>> {
    let &marker = data.last()?;
    let (count, width) = (
        usize::from(marker & 7) + 1,
        usize::from(marker >> 3 & 3) + 1,
    );
    let index = data.len().checked_sub(2 + count * width);
    let Some(index) = index.filter(|at| marker & 0xe0 == 0xc0 && data[*at] == marker) else {
        return Some(vec![data]);
    };
    let (mut rest, sizes) = data.split_at(index);
    let sizes = sizes[1..=count * width].chunks_exact(width);
    sizes
        .map(|size| {
            let size = size.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
            let (frame, after) = rest.split_at_checked(size)?;
            rest = after;
            Some(frame)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_random_access_points_count() {
        let avc = Codec::new("h264", &[1, 0, 0, 0, 0xff]);
        assert_eq!(avc, Codec::H264 { length_size: 4 });
        let hevc = Codec::Hevc { length_size: 4 };
        let annex_b = Codec::new("h264", &[0, 0, 0, 1, 0x67]);
        for (codec, data, expected) in [
            (avc, &[0, 0, 0, 1, 6, 0, 0, 0, 2, 0x65, 1][..], true),
            // A recovery point SEI and a non-IDR slice.
            (avc, &[0, 0, 0, 1, 6, 0, 0, 0, 2, 0x41, 1], false),
            (avc, &[0, 0, 0, 9, 0x65], false),
            (avc, &[], false),
            (annex_b, &[0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x65, 3], true),
            (annex_b, &[0, 0, 1, 0x41, 9, 0, 0, 1, 0x65, 3], false),
            (hevc, &[0, 0, 0, 2, 21 << 1, 1], true),
            (hevc, &[0, 0, 0, 2, 19 << 1, 1], true),
            (hevc, &[0, 0, 0, 2, 1 << 1, 1], false),
            (
                hevc,
                &[0, 0, 0, 2, 32 << 1, 1, 0, 0, 0, 2, 1 << 1, 1],
                false,
            ),
            (Codec::Vp8, &[0x10], true),
            (Codec::Vp8, &[0x11], false),
            (Codec::Vp9, &[0b1000_0010], true),
            (Codec::Vp9, &[0b1000_0110], false),
            (Codec::Vp9, &[0b1000_1000], false),
            (Codec::Intra, &[], true),
            (Codec::Other, &[1], false),
        ] {
            assert_eq!(codec.is_entry(data), expected, "{codec:?} {data:02x?}");
        }
    }

    #[test]
    fn a_vp9_packet_may_hold_several_frames() {
        let (key, inter, again) = (0b1000_0010, 0b1000_0110, 0b1000_1000);
        for (data, expected) in [
            (&[key, 1, 2][..], Standing::Alone),
            (&[inter, 1, 2], Standing::Leans),
            (&[again], Standing::Unclear),
            // Two frames of two bytes and one; sizes of one byte, then of two.
            (&[inter, 9, inter, 0xc1, 2, 1, 0xc1], Standing::Leans),
            (&[inter, 9, inter, 0xc9, 2, 0, 1, 0, 0xc9], Standing::Leans),
            (&[inter, 9, again, 0xc1, 2, 1, 0xc1], Standing::Unclear),
            (&[key, 9, inter, 0xc1, 2, 1, 0xc1], Standing::Unclear),
            // Larger than the packet; no index after all; nothing.
            (&[inter, 9, inter, 0xc1, 2, 9, 0xc1], Standing::Unclear),
            (&[inter, 9, inter, 0xc2, 2, 1, 0xc1], Standing::Leans),
            (&[0xc1], Standing::Unclear),
            (&[], Standing::Unclear),
        ] {
            assert_eq!(Codec::Vp9.standing(data), expected, "{data:02x?}");
        }
        assert_eq!(Codec::Vp8.standing(&[0x10]), Standing::Alone);
        assert_eq!(Codec::Vp8.standing(&[0x11]), Standing::Leans);
    }

    #[test]
    fn a_hidden_av1_keyframe_may_be_shown_later() {
        let sequence = [0x0a, 11, 0, 0, 0, 4, 0x3c, 0xfe, 0xcc, 0xfb, 0xf9, 2, 0x40];
        let frame = |header: u8| [0x32, 2, header, 0];
        let [key, hidden_key, inter] = [0x10, 0x00, 0x30].map(frame);
        for (data, standing, entry) in [
            ([&sequence[..], &key].concat(), Standing::Alone, true),
            (
                [&sequence[..], &hidden_key].concat(),
                Standing::Unclear,
                false,
            ),
            (
                [&sequence[..], &key, &inter].concat(),
                Standing::Unclear,
                true,
            ),
            ([&sequence[..], &inter].concat(), Standing::Leans, false),
            (key.to_vec(), Standing::Unclear, false),
            (inter.to_vec(), Standing::Leans, false),
            // Shown again: no keyframe, as none was hidden.
            (vec![0x1a, 1, 0xe8], Standing::Leans, false),
            (vec![0x12, 0], Standing::Unclear, false),
            (vec![0x32, 9], Standing::Unclear, false),
        ] {
            assert_eq!(Codec::Av1.standing(&data), standing, "{data:02x?}");
            assert_eq!(Codec::Av1.is_entry(&data), entry, "{data:02x?}");
        }
    }

    #[test]
    fn recovery_points_stand_alone_only_where_all_slices_are_intra() {
        let avc = Codec::H264 { length_size: 0 };
        // first_mb 0 (1), slice_type 7 (0001000): I; slice_type 5 (00110): P.
        let (intra, inter) = ([0b1000_1000, 0], [0b1001_1000, 0]);
        let packet = |sei: &[u8], kind: u8, slice: [u8; 2]| {
            let mut out = vec![0, 0, 1, 6];
            out.extend_from_slice(sei);
            out.extend_from_slice(&[0, 0, 1, kind]);
            out.extend_from_slice(&slice);
            out
        };
        // Buffering period of 4 bytes, one of them an emulation prevention byte; recovery point.
        let recovery = [0, 3, 0, 0, 3, 1, 6, 1, 0xc4, 0x80];
        let other = [1, 1, 6, 0x80];
        for (data, expected) in [
            (packet(&other, 0x65, intra), Standing::Alone),
            (packet(&recovery, 0x41, intra), Standing::Alone),
            (packet(&recovery, 0x41, inter), Standing::Unclear),
            (packet(&other, 0x41, intra), Standing::Leans),
            (packet(&other, 0x41, inter), Standing::Leans),
        ] {
            assert_eq!(avc.standing(&data), expected, "{data:02x?}");
        }
    }
}
