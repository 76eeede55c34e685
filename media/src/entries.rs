//! Finds true random access points: candidates from the container's index, each one's packet read.

use crate::entry::Codec;
use crate::error::MediaError;
use crate::ffi;
use crate::input::VideoInput;
use crate::plan::EntryPoint;
use crate::probe::Estimate;

pub struct Found {
    pub entries: Vec<EntryPoint>,
    pub division: String,
    pub estimate: Option<Estimate>,
    pub warning: Option<String>,
}

impl Found {
    pub fn none(why: &str) -> Self {
        Self {
            entries: Vec::new(),
            division: format!("one segment: {why}"),
            estimate: None,
            warning: None,
        }
    }
}

/// At most `limit` entry points after `first_pts`, spread evenly, and a sentence about them.
pub fn find(
    input: &mut VideoInput,
    first_pts: i64,
    size: u64,
    limit: usize,
) -> Result<Found, MediaError> {
    let mut cut = None;
    let one = |why: &str, warning| {
        Ok(Found {
            warning,
            ..Found::none(why)
        })
    };
    if !(input.is_mp4() || input.is_matroska()) {
        return one(
            "only MP4, MOV, Matroska and WebM can be entered in the middle exactly",
            cut,
        );
    }
    let codec = codec_of(input);
    if !codec.divisible() {
        return one("this codec cannot be entered in the middle exactly", cut);
    }
    // Matroska reads its cues on the first seek.
    if !input.seek(first_pts)? {
        return one("the container cannot seek", cut);
    }
    let mut index = ffi::index(&mut input.input, input.stream);
    if input.is_matroska() {
        // Seeking to the last cue makes FFmpeg read on to the end of the file.
        index.pop();
    }
    if input.is_mp4() {
        cut = cut_short(&mut index, size);
    }
    if index.windows(2).any(|w| w[0].timestamp > w[1].timestamp) {
        return one("the index is not in order of time", cut);
    }
    let keyframes = targets(&index, input.is_mp4());
    let last = index.last().map_or(first_pts, |e| e.timestamp);
    let estimate = Estimate {
        // Matroska's index lists keyframes only; a GOP of 120 is a fair guess.
        frames: index.len() as u64 * if input.is_mp4() { 1 } else { 120 },
        keyframes: keyframes.len() as u64 + 1,
        span: last.saturating_sub(first_pts),
    };
    if keyframes.is_empty() {
        return one("the index lists no keyframe after the first", cut);
    }
    let step = keyframes.len().div_ceil(limit.max(1));
    let mut entries: Vec<EntryPoint> = Vec::new();
    for target in keyframes.into_iter().step_by(step) {
        let Some(found) = land(input, codec, target)? else {
            continue;
        };
        // Where the worker will ask for the packet by its own time, it must get this very one.
        let again = land(input, codec, found.pts)?;
        if again.is_some_and(|a| a.position == found.position && a.pts == found.pts)
            && found.pts > entries.last().map_or(first_pts, |e| e.pts)
        {
            entries.push(EntryPoint {
                seek_ts: found.pts,
                ..found
            });
        }
    }
    if entries.is_empty() {
        return one(
            "no keyframe of the index is a true random access point",
            cut,
        );
    }
    let found = entries.len();
    let division = format!("{found} random access points were found and checked");
    Ok(Found {
        entries,
        division,
        estimate: Some(estimate),
        warning: cut,
    })
}

pub fn codec_of(input: &VideoInput) -> Codec {
    let stream = input.input.stream(input.stream).expect("chosen");
    let extradata = ffi::extradata(&input.input, input.stream);
    Codec::new(stream.parameters().id().name(), &extradata)
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

/// One time to seek to for each keyframe after the first.
///
/// An MP4's index knows decoding times, and seeking goes by presentation times, which are later. Any
/// time inside the GOP finds its keyframe, so the last tick before the next keyframe is asked for.
fn targets(index: &[ffi::IndexEntry], by_decoding_time: bool) -> Vec<i64> {
    let keyframes: Vec<i64> = index
        .iter()
        .skip(1)
        .filter(|e| e.keyframe && !e.discard)
        .map(|e| e.timestamp)
        .collect();
    if !by_decoding_time {
        return keyframes;
    }
    let last = index.last().map(|e| e.timestamp);
    let ends = keyframes.iter().skip(1).map(|t| t - 1).chain(last);
    keyframes
        .iter()
        .zip(ends)
        .map(|(start, end)| end.max(*start))
        .collect()
}

/// Seeks, and says what the first packet there is if it is a true entry point.
fn land(
    input: &mut VideoInput,
    codec: Codec,
    seek_ts: i64,
) -> Result<Option<EntryPoint>, MediaError> {
    if !input.seek(seek_ts)? {
        return Ok(None);
    }
    let Some(packet) = input.next_packet()? else {
        return Ok(None);
    };
    let (Some(pts), Some(data)) = (packet.pts(), packet.data()) else {
        return Ok(None);
    };
    if !packet.is_key() || !codec.is_entry(data) {
        return Ok(None);
    }
    let position = packet.position().max(0) as u64;
    Ok(Some(EntryPoint {
        position,
        pts,
        seek_ts,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(targets(&index, true), [7, 10]);
        assert_eq!(targets(&index, false), [4, 8]);
        assert!(targets(&index[..2], true).is_empty());
    }
}
