//! Entry points of a fragmented MP4, whose index is spread over the file: each fragment (`moof`) lists
//! its own samples.
//!
//! FFmpeg finds a fragment only by reading all before it. So a segment's worker is shown the file
//! without them: in place of what lies between the header (`moov`) and its fragment there is a `free`
//! box, which every demuxer passes over. All else stays where it was, so byte positions hold.
//!
//! Fragments are found like MPEG-TS pictures, by reading on from places spread over the file, and
//! neighbouring segments compare what they see (`seam_check`).

use std::io;

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::entries::{Found, Search};
use crate::error::MediaError;
use crate::ffi;
use crate::input::{SharedSource, VideoInput, share};
use crate::plan::EntryPoint;
use crate::positions;
use crate::probe::{Entry, Estimate};
use crate::sets;
use crate::source::{RangeRead, Stretch};

/// Bytes that a worker is not shown: `from` included, `to` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    pub from: u64,
    pub to: u64,
}

/// A box header with a 64-bit size.
const HEADER: u64 = 16;

impl Hidden {
    fn header(self) -> [u8; HEADER as usize] {
        let mut header = [0; HEADER as usize];
        header[3] = 1;
        header[4..8].copy_from_slice(b"free");
        header[8..].copy_from_slice(&(self.to - self.from).to_be_bytes());
        header
    }
}

/// The source without what is hidden. Nothing of that is read.
pub fn hide(source: &SharedSource, hidden: Hidden) -> Result<SharedSource, MediaError> {
    let room = hidden.to.checked_sub(hidden.from);
    let length = source.lock().expect("source").len();
    if room.is_none_or(|room| room < HEADER) || hidden.to > length {
        return Err(MediaError::EntryPoint {
            detail: format!("{hidden:?} cannot be left out of {length} bytes"),
        });
    }
    Ok(share(Box::new(Shown {
        source: source.clone(),
        length,
        hidden,
    })))
}

struct Shown {
    source: SharedSource,
    length: u64,
    hidden: Hidden,
}

impl RangeRead for Shown {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let Hidden { from, to } = self.hidden;
        if !(from..to).contains(&offset) {
            // Up to where it begins, and no further.
            let most = match from.checked_sub(offset) {
                Some(left) => buf.len().min(usize::try_from(left).unwrap_or(usize::MAX)),
                None => buf.len(),
            };
            return self
                .source
                .lock()
                .expect("source")
                .read_at(offset, &mut buf[..most]);
        }
        let count = buf
            .len()
            .min(usize::try_from(to - offset).unwrap_or(usize::MAX));
        let header = self.hidden.header();
        let rest = header.get((offset - from) as usize..).unwrap_or(&[]);
        buf[..count].fill(0);
        for (to, byte) in buf[..count].iter_mut().zip(rest) {
            *to = *byte;
        }
        Ok(count)
    }

    fn expect(&mut self, stretches: &[Stretch]) {
        self.source.lock().expect("source").expect(stretches);
    }
}

/// A fragment longer than this is passed over.
const LONGEST_SEARCH: u64 = 8 << 20;
/// Fragments need not begin with a keyframe (low-latency streams), or with the video; but looking at one
/// costs reading the header again.
const MOST_LOOKS: usize = 256;
const READ: usize = 64 * 1024;
/// What is announced of a search that goes on.
const READ_ON: u32 = 1024 * 1024;

/// `header_end`: where the `moov` box ends.
pub fn find(
    input: &VideoInput,
    source: &SharedSource,
    search: Search,
    header_end: u64,
) -> Result<Found, MediaError> {
    let access = Access::of(input);
    if !access.codec.divisible() {
        return Ok(Found::none(
            "this codec cannot be entered in the middle exactly",
        ));
    }
    let places = positions::places(&search);
    positions::announce(input, &places);
    let mut looks = MOST_LOOKS;
    let mut found = Found::none("no fragment that begins with a random access point was found");
    for (n, place) in places.iter().enumerate() {
        let end = places.get(n + 1).copied().unwrap_or(search.size);
        let end = end.min(place.saturating_add(LONGEST_SEARCH));
        let Some((point, brings_sets)) =
            next_entry(input, source, access, header_end, (*place, end), &mut looks)?
        else {
            continue;
        };
        if brings_sets {
            return Ok(Found::none(
                "fragments of a fragmented MP4 have parameter sets of their own",
            ));
        }
        let last = found.entries.last().map(|e| e.point);
        if point.pts > last.map_or(search.first_pts, |p| p.pts)
            && point.position > last.map_or(0, |p| p.position)
        {
            found.entries.push(Entry {
                point,
                frames_before: None,
                keyframes_before: 0,
                lead_in: None,
            });
        }
    }
    if let Some(last) = found.entries.last() {
        let n = found.entries.len();
        found.seam_check = true;
        found.estimate = Some(estimate(&search, last.point, n as u64));
        found.division = format!(
            "{n} fragments that begin with random access points were found; neighbouring segments compared what they saw"
        );
    }
    Ok(found)
}

/// By what the last of `entries` entry points says of bytes and time: the header often tells no duration.
fn estimate(search: &Search, last: EntryPoint, entries: u64) -> Estimate {
    let passed = last.pts.saturating_sub(search.first_pts).max(0);
    let span = i128::from(passed) * i128::from(search.size) / i128::from(last.position.max(1));
    let span = i64::try_from(span).unwrap_or(passed);
    let frames = (span / search.frame_duration.max(1)).max(1) as u64;
    Estimate {
        frames,
        keyframes: (entries + 1).min(frames),
        span,
    }
}

/// The first fragment between two places whose first picture is a random access point, and whether it
/// brings parameter sets that the header lacks.
fn next_entry(
    input: &VideoInput,
    source: &SharedSource,
    access: Access,
    header_end: u64,
    (mut from, end): (u64, u64),
    looks: &mut usize,
) -> Result<Option<(EntryPoint, bool)>, MediaError> {
    while *looks > 0 {
        *looks -= 1;
        let Some(at) = next_fragment(source, from, end)? else {
            return Ok(None);
        };
        let hidden = Hidden {
            from: header_end,
            to: at,
        };
        if at >= header_end + HEADER
            && let Some(found) = look(input, source, access, hidden)?
        {
            return Ok(Some(found));
        }
        from = at + 8;
    }
    Ok(None)
}

/// What a worker that enters there will see first.
fn look(
    input: &VideoInput,
    source: &SharedSource,
    access: Access,
    hidden: Hidden,
) -> Result<Option<(EntryPoint, bool)>, MediaError> {
    let mut entered = match VideoInput::open(hide(source, hidden)?, &input.format) {
        Ok(entered) => entered,
        Err(MediaError::Source(e)) => return Err(MediaError::Source(e)),
        // Not a fragment after all.
        Err(_) => return Ok(None),
    };
    if entered.video_stream() != Some(input.stream) {
        return Ok(None);
    }
    entered.stream = input.stream;
    ffi::keep_only(&mut entered.input, input.stream);
    let Some(packet) = entered.next_packet()? else {
        return Ok(None);
    };
    let (Some(pts), Some(data), Ok(position)) = (
        packet.pts(),
        packet.data(),
        u64::try_from(packet.position()),
    ) else {
        return Ok(None);
    };
    let true_entry = packet.is_key() && !packet.is_corrupt() && access.is_entry(&packet);
    if !true_entry || position < hidden.to {
        return Ok(None);
    }
    let extradata = ffi::extradata(&input.input, input.stream);
    let brings_sets = sets::brings_another(access.codec, data, &extradata);
    let point = EntryPoint {
        position,
        pts,
        seek_ts: pts,
        by_position: false,
        hidden: Some(hidden),
    };
    Ok(Some((point, brings_sets)))
}

/// Where the next `moof` box begins.
fn next_fragment(source: &SharedSource, from: u64, end: u64) -> Result<Option<u64>, MediaError> {
    let mut source = source.lock().expect("source");
    let mut window = Vec::new();
    // Where the window begins.
    let mut at = from;
    let mut announced = from.saturating_add(positions::EXPECTED_READ.into());
    while at < end {
        let have = window.len();
        if at + have as u64 >= announced {
            source.expect(&[Stretch {
                offset: announced,
                length: READ_ON,
            }]);
            announced += u64::from(READ_ON);
        }
        window.resize(have + READ, 0);
        let read = source
            .read_at(at + have as u64, &mut window[have..])
            .map_err(MediaError::Source)?;
        window.truncate(have + read);
        if let Some(found) = fragment_in(&window) {
            return Ok(Some(at + found as u64).filter(|at| *at < end));
        }
        if read == 0 {
            return Ok(None);
        }
        // A fragment's beginning may lie across two reads.
        let keep = window.len().min(BEGINNING - 1);
        let gone = window.len() - keep;
        window.drain(..gone);
        at += gone as u64;
    }
    Ok(None)
}

/// A `moof` box begins with its size, its name, and an `mfhd` box of 16 bytes.
const BEGINNING: usize = 16;

fn fragment_in(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(BEGINNING)
        .position(|w| &w[4..8] == b"moof" && w[8..] == *b"\0\0\0\x10mfhd")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes 0, 1, 2 and so on, a few at a time; it never reads what is hidden.
    struct Counting {
        most: usize,
        hidden: Hidden,
    }

    impl RangeRead for Counting {
        fn len(&self) -> u64 {
            200
        }

        fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let left = 200 - offset as usize;
            let count = buf.len().min(left).min(self.most);
            for (i, to) in buf[..count].iter_mut().enumerate() {
                let at = offset + i as u64;
                assert!(!(self.hidden.from..self.hidden.to).contains(&at), "{at}");
                *to = at as u8;
            }
            Ok(count)
        }
    }

    #[test]
    fn hidden_bytes_are_one_free_box_and_the_rest_stays_where_it_was() {
        for (from, to) in [(0, 16), (10, 30), (40, 199), (184, 200)] {
            let hidden = Hidden { from, to };
            let mut expected: Vec<u8> = (0..200).collect();
            expected[from as usize..to as usize].fill(0);
            let header = &mut expected[from as usize..][..16];
            header[3] = 1;
            header[4..8].copy_from_slice(b"free");
            header[15] = (to - from) as u8;
            for most in [1, 7, 500] {
                let inner = share(Box::new(Counting { most, hidden }));
                let shown = hide(&inner, hidden).unwrap();
                let mut shown = shown.lock().unwrap();
                assert_eq!(shown.len(), 200);
                for start in 0..200 {
                    let mut got = Vec::new();
                    while start + got.len() < 200 {
                        let mut buf = [9; 33];
                        let n = shown.read_at((start + got.len()) as u64, &mut buf).unwrap();
                        assert!(n > 0);
                        got.extend_from_slice(&buf[..n]);
                    }
                    assert_eq!(got, expected[start..], "{hidden:?} from {start}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_hidden_is_an_error() {
        for (from, to) in [(10, 25), (10, 10), (30, 10), (100, 201), (0, u64::MAX)] {
            let hidden = Hidden { from, to };
            let source = share(Box::new(Counting { most: 9, hidden }));
            assert!(hide(&source, hidden).is_err(), "{hidden:?}");
        }
    }

    struct Bytes(Vec<u8>);

    impl RangeRead for Bytes {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let rest = self.0.get(offset as usize..).unwrap_or(&[]);
            // Seldom as much as is asked for.
            let count = rest.len().min(buf.len()).min(1000);
            buf[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    #[test]
    fn fragments_are_found_wherever_reads_end() {
        let moof = b"\0\0\0\x60moof\0\0\0\x10mfhd";
        for at in [0, 1, 984, 985, 992, 999, 1000, 3000] {
            let mut file = vec![b'm'; 5000];
            // The name alone is none.
            file[500..508].copy_from_slice(b"moofmoof");
            file[at..at + 16].copy_from_slice(moof);
            let source = share(Box::new(Bytes(file)));
            let at = at as u64;
            let found = |from, end| next_fragment(&source, from, end).unwrap();
            assert_eq!(found(0, 5000), Some(at));
            assert_eq!(found(at, 5000), Some(at));
            assert_eq!(found(at + 1, 5000), None);
            assert_eq!(found(0, at), None);
            assert_eq!(found(0, at + 1), Some(at));
        }
    }

    #[test]
    fn the_last_fragment_tells_about_how_long_the_video_is() {
        let search = Search {
            first_pts: 100,
            frame_duration: 10,
            size: 2_000,
            limit: 9,
            lead_ins: false,
        };
        let last = EntryPoint {
            position: 1_000,
            pts: 1_100,
            seek_ts: 1_100,
            by_position: false,
            hidden: None,
        };
        let estimate = estimate(&search, last, 4);
        assert_eq!((estimate.span, estimate.frames), (2_000, 200));
        assert_eq!(estimate.keyframes, 5);
    }
}
