//! What some selections need to know of the whole video before it can be divided: where it ends, and
//! how many frames come before their range. Packets are read for it, and nothing is decoded.

use crate::entries::codec_of;
use crate::error::MediaError;
use crate::ffi;
use crate::input::{SharedSource, VideoInput};
use crate::mend::Mender;
use crate::probe::Probe;
use crate::request::{Request, Selection};
use crate::times::{Clock, wide};

/// A GOP longer than this is not counted through.
const MAX_COUNTED: usize = 20_000;

/// `tail`: reading from there on meets the last frames. Without it all packets are read.
pub fn run(
    probe: &mut Probe,
    source: &SharedSource,
    input: &mut VideoInput,
    request: &Request,
    tail: Option<i64>,
) -> Result<(), MediaError> {
    if matches!(request.selection, Selection::Count(_)) {
        let ticks = match tail {
            Some(from) if ffi::seek_any(&mut input.input, input.stream, from).is_ok() => {
                last_end(input, probe.first_pts, probe.frame_duration)?
            }
            _ => {
                let mut fresh = VideoInput::open(source.clone(), &input.format)?;
                fresh.find_stream_info(crate::run::MAX_PIXELS)?;
                fresh.stream = input.stream;
                ffi::keep_only(&mut fresh.input, input.stream);
                last_end(&mut fresh, probe.first_pts, probe.frame_duration)?
            }
        };
        probe.end_rel = Some(ticks);
    }
    if let Selection::EveryNth(_) | Selection::All = request.selection
        && let Some(range) = request.range
        && !probe.entries.is_empty()
    {
        let clock = Clock::new(probe.time_base);
        // A frame at or after the start of the range is inside.
        let start = clock.ticks(-wide(range.start)).saturating_neg();
        probe.frames_before_range = frames_before(probe, input, start)?;
    }
    Ok(())
}

/// Ticks from the first frame to the end of the last one that is shown.
fn last_end(
    input: &mut VideoInput,
    first_pts: i64,
    frame_duration: i64,
) -> Result<i64, MediaError> {
    let codec = codec_of(input);
    let mut last = (first_pts, frame_duration);
    let mut packets = Mender::new(input, None, None);
    while let Some(packet) = packets.next(input)? {
        let shown = packet.data().is_some_and(|data| codec.is_shown(data));
        if !shown || ffi::is_hidden(&packet) {
            continue;
        }
        let duration = match packet.duration() {
            d if d > 0 => d,
            _ => frame_duration,
        };
        if let Some(pts) = packet.pts().filter(|pts| *pts >= last.0) {
            last = (pts, duration);
        }
    }
    Ok(last.0.saturating_sub(first_pts).saturating_add(last.1))
}

/// Frames shown before `start`, in ticks from the first frame: what the index lists up to the last
/// entry point before it, and the packets from there on one by one.
fn frames_before(
    probe: &Probe,
    input: &mut VideoInput,
    start: i64,
) -> Result<Option<u64>, MediaError> {
    let pts = probe.first_pts.saturating_add(start);
    let entry = probe.entries.iter().rfind(|e| e.point.pts <= pts);
    let next = probe.entries.iter().find(|e| e.point.pts > pts);
    let (from, counted) = match entry {
        Some(e) => match e.frames_before {
            Some(frames) => (e.point.seek_ts, frames),
            None => return Ok(None),
        },
        None => (probe.first_pts, 0),
    };
    let first = entry.map_or(i64::MIN, |e| e.point.pts);
    let codec = codec_of(input);
    if !input.seek(from)? {
        return Ok(None);
    }
    let mut inside = 0;
    for _ in 0..MAX_COUNTED {
        let Some(packet) = input.next_packet()? else {
            return Ok(Some(counted + inside));
        };
        let Some(at) = packet.pts() else {
            return Ok(None);
        };
        let shown = packet.data().is_some_and(|data| codec.is_shown(data));
        // Leading pictures of the entry point were counted with those before it.
        if shown && !ffi::is_hidden(&packet) && at >= first && at < pts {
            inside += 1;
        }
        let over = match next {
            Some(next) => at >= next.point.pts,
            None => false,
        };
        if over {
            // The next entry point's leading pictures belong before it.
            return Ok(Some(counted + inside + leading(input, at, pts)?));
        }
    }
    Ok(None)
}

/// Leading pictures of the entry point at `point` that are shown before `pts`.
fn leading(input: &mut VideoInput, point: i64, pts: i64) -> Result<u64, MediaError> {
    let mut count = 0;
    while let Some(at) = input.next_packet()?.and_then(|p| p.pts()) {
        if at >= point {
            break;
        }
        count += u64::from(at < pts);
    }
    Ok(count)
}
