//! Sequence parameter sets: whether a video has one, or several. Pure.
//!
//! With several, what one of them leaves out (colours, say) stays as the one before it said, and who
//! enters in the middle must be told.

use crate::entry::{Codec, nals};

/// Whether the header describes all pictures with one set.
pub fn is_one(codec: Codec, extradata: &[u8]) -> bool {
    match codec {
        Codec::H264 { length_size } if length_size > 0 => {
            extradata.get(5).is_some_and(|b| b & 0x1f == 1)
        }
        Codec::Hevc { length_size } if length_size > 0 => count_hevc(extradata) == Some(1),
        _ => false,
    }
}

/// Whether a packet brings a set that is not in the header: clips were joined without coding them again.
pub fn brings_another(codec: Codec, data: &[u8], extradata: &[u8]) -> bool {
    let (length_size, is_set): (usize, fn(u8) -> bool) = match codec {
        Codec::H264 { length_size } => (length_size, |b| b & 0x1f == 7),
        Codec::Hevc { length_size } => (length_size, |b| (b >> 1) & 0x3f == SEQUENCE),
        _ => return false,
    };
    nals(data, length_size)
        .filter(|nal| is_set(nal[0]))
        .any(|nal| !extradata.windows(nal.len()).any(|known| known == nal))
}

const SEQUENCE: u8 = 33;

/// In an hvcC; None: it ends too early.
fn count_hevc(extradata: &[u8]) -> Option<usize> {
    let number = |at: usize| -> Option<usize> {
        Some(usize::from(*extradata.get(at)?) << 8 | usize::from(*extradata.get(at + 1)?))
    };
    let (mut at, mut sets) = (23, 0);
    for _ in 0..*extradata.get(22)? {
        let kind = extradata.get(at)? & 0x3f;
        let count = number(at + 1)?;
        at += 3;
        for _ in 0..count {
            at += 2 + number(at)?;
        }
        sets += if kind == SEQUENCE { count } else { 0 };
    }
    Some(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_sets_are_counted() {
        let avc = |sets: u8| [1, 100, 0, 31, 0xff, 0xe0 | sets, 0, 4];
        let h264 = |extradata: &[u8]| is_one(Codec::new("h264", extradata), extradata);
        assert!(h264(&avc(1)));
        assert!(!h264(&avc(2)));
        assert!(!h264(&[0, 0, 0, 1, 0x67, 0xe1]));
        // Arrays of one VPS, some SPS and one PPS, of two bytes each.
        let hvc = |sets: u8| {
            let mut out = vec![1; 22];
            out.extend([3, 32, 0, 1, 0, 2, 9, 9, 33, 0, sets]);
            (0..sets).for_each(|_| out.extend([0, 2, 9, 9]));
            out.extend([0x80 | 34, 0, 1, 0, 2, 9, 9]);
            out
        };
        let hevc = |extradata: &[u8]| is_one(Codec::new("hevc", extradata), extradata);
        assert!(hevc(&hvc(1)));
        assert!(!hevc(&hvc(2)));
        assert!(!hevc(&hvc(1)[..32]));
    }

    #[test]
    fn a_packets_own_sets_are_compared_with_the_headers() {
        let header = [1, 100, 0, 31, 0xff, 0xe1, 0, 3, 0x67, 7, 8];
        let avc = Codec::new("h264", &header);
        let packet = |set: &[u8]| [&[0, 0, 0, 3][..], set, &[0, 0, 0, 2, 0x65, 1]].concat();
        assert!(!brings_another(avc, &packet(&[0x67, 7, 8]), &header));
        assert!(brings_another(avc, &packet(&[0x67, 7, 9]), &header));
        assert!(!brings_another(avc, &packet(&[0x68, 7, 9]), &header));
        let hevc = Codec::Hevc { length_size: 4 };
        assert!(brings_another(hevc, &packet(&[33 << 1, 1, 2]), &header));
        assert!(!brings_another(Codec::Vp9, &packet(&[0x67, 7, 9]), &header));
    }
}
