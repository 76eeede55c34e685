//! Finds true random access points: candidates from the container's index, each one's packet read.

use std::collections::HashMap;

use crate::access::Access;
use crate::entry::Codec;
use crate::error::MediaError;
use crate::ffi;
use crate::input::VideoInput;
use crate::plan::EntryPoint;
use crate::positions;
use crate::probe::{Entry, Estimate};
use crate::sets;
use crate::source::Stretch;

pub struct Found {
    pub entries: Vec<Entry>,
    pub division: String,
    pub estimate: Option<Estimate>,
    pub warning: Option<String>,
    /// Reading from here on meets the packets of the last frames.
    pub tail: Option<i64>,
    pub seam_check: bool,
    /// Some entry point's packet has parameter sets that the header lacks.
    pub several_sets: bool,
}

impl Found {
    pub fn none(why: &str) -> Self {
        Self {
            entries: Vec::new(),
            division: format!("one segment: {why}"),
            estimate: None,
            warning: None,
            tail: None,
            seam_check: false,
            several_sets: false,
        }
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    pub first_pts: i64,
    pub frame_duration: i64,
    /// Bytes of the file.
    pub size: u64,
    /// At most so many entry points, spread evenly.
    pub limit: usize,
    /// Also where to begin so that two frames before each entry point are seen.
    pub lead_ins: bool,
}

/// An MP4's last frames are among this many last packets; reordering never goes further.
const TAIL_PACKETS: usize = 200;
/// What looking at a keyframe reads: the index tells little of it in Matroska, and may lie.
const LEAST_READ: u32 = 64 * 1024;
const MOST_READ: u32 = 1024 * 1024;
/// Leading pictures follow their entry point at once, and no codec allows more.
const MAX_LEADING: usize = 64;

pub fn find(input: &mut VideoInput, search: Search) -> Result<Found, MediaError> {
    if positions::applies(input) {
        return positions::find(input, search);
    }
    if !(input.is_mp4() || input.is_matroska()) {
        return Ok(Found::none(
            "only MP4, MOV, Matroska, WebM and MPEG-TS can be entered in the middle exactly",
        ));
    }
    let access = Access::of(input);
    if !access.codec.divisible() {
        return Ok(Found::none(
            "this codec cannot be entered in the middle exactly",
        ));
    }
    let met = ffi::index(&mut input.input, input.stream);
    // Matroska reads its cues on the first seek.
    if !input.seek(search.first_pts)? {
        return Ok(Found::none("the container cannot seek"));
    }
    let mut index = ffi::index(&mut input.input, input.stream);
    let mut last = index.last().map(|e| e.timestamp);
    if input.is_matroska() {
        // Seeking to the last cue makes FFmpeg read on to the end of the file.
        index.pop();
    }
    let mut found = Found::none("");
    if input.is_mp4() {
        found.warning = cut_short(&mut index, search.size);
        last = index.last().map(|e| e.timestamp);
    }
    if index.windows(2).any(|w| w[0].timestamp > w[1].timestamp) {
        found.division = "one segment: the index is not in order of time".into();
        return Ok(found);
    }
    if input.is_matroska() && (clock_goes_back(&index) || contradicts(&index, &met)) {
        found.division = "one segment: keyframes are not in order of time".into();
        return Ok(found);
    }
    let tail = index.len().checked_sub(1).map(|last| match input.is_mp4() {
        true => last.saturating_sub(TAIL_PACKETS),
        false => last,
    });
    found.tail = tail.map(|at| index[at].timestamp);
    let keyframes = targets(&index, input.is_mp4());
    let span = last.map_or(0, |last| last.saturating_sub(search.first_pts).max(0));
    found.estimate = Some(match input.is_mp4() {
        true => Estimate {
            frames: index.len() as u64,
            keyframes: keyframes.len() as u64 + 1,
            span,
        },
        false => by_cues(index.len(), span, search.frame_duration),
    });
    if keyframes.is_empty() {
        found.division = "one segment: the index lists no keyframe after the first".into();
        return Ok(found);
    }
    let counts = Counts::new(&index, input.is_mp4());
    let step = keyframes.len().div_ceil(search.limit.max(1));
    let looked_at: Vec<Keyframe> = keyframes.into_iter().step_by(step).collect();
    let stretches: Vec<Stretch> = looked_at.iter().map(|k| k.stretch).collect();
    input.expect(&stretches);
    for keyframe in looked_at {
        let Some(landing) = approach(input, access, keyframe.target)? else {
            continue;
        };
        found.several_sets |= landing.brings_sets;
        let point = landing.point;
        let before = found.entries.last().map(|e| e.point.pts);
        if point.pts <= before.unwrap_or(search.first_pts) {
            continue;
        }
        let (frames_before, keyframes_before) = counts.before(&point, landing.leading);
        let lead_in = match search.lead_ins {
            true => lead_in(input, access, point, search.frame_duration)?,
            false => None,
        };
        found.entries.push(Entry {
            point,
            frames_before,
            keyframes_before,
            lead_in,
        });
    }
    found.division = match found.entries.len() {
        0 => "one segment: no keyframe of the index is a true random access point".into(),
        n => format!("{n} random access points were found and checked"),
    };
    Ok(found)
}

pub fn codec_of(input: &VideoInput) -> Codec {
    let stream = input.input.stream(input.stream).expect("chosen");
    let extradata = ffi::extradata(&input.input, input.stream);
    Codec::new(stream.parameters().id().name(), &extradata)
}

/// Matroska's index lists keyframes only, here without the last one, which `span` ends with. After
/// that comes some part of a GOP: half of one, for all we know.
fn by_cues(cues: usize, span: i64, frame_duration: i64) -> Estimate {
    /// What a GOP may be guessed to have at most, where frames do not tell their duration.
    const LONGEST_GOP: u64 = 600;
    let gops = cues.max(1) as i64;
    let span = span.saturating_add(span / gops / 2);
    let frames = (span / frame_duration.max(1)).max(0) as u64;
    let keyframes = cues as u64 + 1;
    Estimate {
        frames: frames.clamp(keyframes, keyframes * LONGEST_GOP),
        keyframes,
        span,
    }
}

/// Drops samples that the index lists past the end of the file.
fn cut_short(index: &mut Vec<ffi::IndexEntry>, size: u64) -> Option<String> {
    let listed = index.len();
    index.retain(|e| e.position.max(0) as u64 + u64::from(e.size) <= size);
    let held = index.len();
    (held < listed).then(|| {
        format!("the file is cut short: it holds {held} of the {listed} samples in its index")
    })
}

/// What the index says of the frames before an entry point.
struct Counts {
    /// By byte position where every packet is listed, else by time: frames and keyframes before.
    before: HashMap<i64, (u64, u64)>,
    complete: bool,
}

impl Counts {
    fn new(index: &[ffi::IndexEntry], complete: bool) -> Self {
        let mut before = HashMap::new();
        let (mut frames, mut keyframes) = (0, 0);
        for entry in index {
            let name = if complete {
                entry.position
            } else {
                entry.timestamp
            };
            before.insert(name, (frames, keyframes));
            // What an edit list hides is decoded and shown to nobody.
            frames += u64::from(!entry.discard);
            keyframes += u64::from(entry.keyframe && !entry.discard);
        }
        Self { before, complete }
    }

    fn before(&self, point: &EntryPoint, leading: u64) -> (Option<u64>, u64) {
        let name = match self.complete {
            true => i64::try_from(point.position).unwrap_or(i64::MAX),
            false => point.pts,
        };
        let Some((frames, keyframes)) = self.before.get(&name) else {
            return (None, 0);
        };
        (self.complete.then_some(frames + leading), *keyframes)
    }
}

/// A keyframe that the index lists.
struct Keyframe {
    /// A time to seek to that finds it.
    target: i64,
    /// Its bytes, as far as the index tells.
    stretch: Stretch,
}

/// FFmpeg sorts an index by time; in a file whose clock only goes on, that is the order of bytes.
pub fn clock_goes_back(index: &[ffi::IndexEntry]) -> bool {
    index.windows(2).any(|w| w[0].position > w[1].position)
}

/// Of two keyframes at one time FFmpeg's index keeps the one it heard of last. `met`: what it had from
/// reading the beginning, before it read what the container lists.
pub fn contradicts(index: &[ffi::IndexEntry], met: &[ffi::IndexEntry]) -> bool {
    met.iter().any(|met| {
        let at = index.binary_search_by_key(&met.timestamp, |e| e.timestamp);
        at.is_ok_and(|at| index[at].position != met.position)
    })
}

/// Each keyframe after the first.
///
/// An MP4's index knows decoding times, and seeking goes by presentation times, which are later. Any
/// time inside the GOP finds its keyframe, so the last tick before the next keyframe is asked for.
fn targets(index: &[ffi::IndexEntry], by_decoding_time: bool) -> Vec<Keyframe> {
    let keyframes = || index.iter().skip(1).filter(|e| e.keyframe && !e.discard);
    let last = index.last().map(|e| e.timestamp);
    let ends = keyframes().skip(1).map(|e| e.timestamp - 1).chain(last);
    let aimed = |(entry, end): (&ffi::IndexEntry, i64)| Keyframe {
        target: match by_decoding_time {
            true => end.max(entry.timestamp),
            false => entry.timestamp,
        },
        stretch: Stretch {
            offset: entry.position.max(0) as u64,
            length: entry.size.clamp(LEAST_READ, MOST_READ),
        },
    };
    keyframes().zip(ends).map(aimed).collect()
}

struct Landing {
    point: EntryPoint,
    /// Pictures coded after the entry point and shown before it.
    leading: u64,
    brings_sets: bool,
}

/// A landing that can be repeated: the worker must get this very packet.
fn approach(
    input: &mut VideoInput,
    access: Access,
    target: i64,
) -> Result<Option<Landing>, MediaError> {
    let Some(found) = land(input, access, target)? else {
        return Ok(None);
    };
    // By its own time, if that leads there. FFmpeg does not go to a CRA picture of an MP4 with sync
    // sample groups (iPhones write them) for times close behind it; there the target must do.
    for seek_ts in [found.point.pts, target] {
        let again = land(input, access, seek_ts)?;
        if let Some(again) = again
            && (again.point.position, again.point.pts) == (found.point.position, found.point.pts)
        {
            return Ok(Some(again));
        }
    }
    Ok(None)
}

/// Seeks, and says what the first packet there is if it is a true entry point.
fn land(
    input: &mut VideoInput,
    access: Access,
    seek_ts: i64,
) -> Result<Option<Landing>, MediaError> {
    if !input.seek(seek_ts)? {
        return Ok(None);
    }
    let Some(packet) = input.next_packet()? else {
        return Ok(None);
    };
    let (Some(pts), Some(data)) = (packet.pts(), packet.data()) else {
        return Ok(None);
    };
    if !packet.is_key() || !access.is_entry(&packet) {
        return Ok(None);
    }
    let extradata = ffi::extradata(&input.input, input.stream);
    let brings_sets = sets::brings_another(access.codec, data, &extradata);
    let point = EntryPoint {
        position: packet.position().max(0) as u64,
        pts,
        seek_ts,
        by_position: false,
        hidden: None,
    };
    let mut leading = 0;
    if matches!(access.codec, Codec::Hevc { .. }) {
        for _ in 0..MAX_LEADING {
            match input.next_packet()?.and_then(|p| p.pts()) {
                Some(next) if next < pts => leading += 1,
                _ => break,
            }
        }
    }
    Ok(Some(Landing {
        point,
        leading,
        brings_sets,
    }))
}

/// An entry point at least two frames, by the nominal rate, before `point`.
fn lead_in(
    input: &mut VideoInput,
    access: Access,
    point: EntryPoint,
    frame_duration: i64,
) -> Result<Option<EntryPoint>, MediaError> {
    let before = point.pts.saturating_sub(3 * frame_duration.max(1));
    let landing = approach(input, access, before)?;
    Ok(landing.map(|l| l.point).filter(|p| p.pts < point.pts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_tell_about_where_the_end_is() {
        // Nine GOPs of 128 frames, and half of a tenth.
        let estimate = by_cues(9, 38_400, 33);
        assert_eq!(
            (estimate.span, estimate.frames, estimate.keyframes),
            (40_533, 1_228, 10)
        );
        // Frames of a millisecond, says the file.
        assert_eq!(by_cues(9, 38_400, 1).frames, 6_000);
        assert_eq!(by_cues(0, 0, 0).frames, 1);
    }

    #[test]
    fn seeks_aim_into_each_gop() {
        let entry = |timestamp, keyframe| ffi::IndexEntry {
            position: 0,
            timestamp,
            size: 0,
            keyframe,
            discard: false,
        };
        let index = [
            entry(-2, true),
            entry(0, false),
            entry(4, true),
            entry(6, false),
            entry(8, true),
            entry(10, false),
        ];
        let times = |by_decoding_time| -> Vec<i64> {
            let keyframes = targets(&index, by_decoding_time);
            keyframes.iter().map(|k| k.target).collect()
        };
        assert_eq!(times(true), [7, 10]);
        assert_eq!(times(false), [4, 8]);
        assert!(targets(&index[..2], true).is_empty());
    }
}
