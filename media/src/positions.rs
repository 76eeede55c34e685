//! Entry points of a container without an index: MPEG-TS, which is made to be tuned into anywhere.
//!
//! Reading starts at places spread over the file and goes on to the next IDR or CRA picture. The
//! codec's bits are as good as in an MP4; what the container promises is not, so neighbouring
//! segments compare what they see (`seam_check`).

use crate::entries::{Found, Search, codec_of};
use crate::entry::Codec;
use crate::error::MediaError;
use crate::input::VideoInput;
use crate::plan::EntryPoint;
use crate::probe::Entry;
use crate::source::Stretch;

/// One place to look for each of these many bytes: finding a picture reads up to a GOP.
const SPACING: u64 = 4 << 20;
/// Small files are worth more places: they are read at once.
const FEWEST: u64 = 8;
/// What finding one often takes.
pub const EXPECTED_READ: u32 = 512 * 1024;
/// A GOP longer than this is passed over.
const MAX_PACKETS: usize = 2_000;

pub fn applies(input: &VideoInput) -> bool {
    input.format == "mpegts"
}

pub fn find(input: &mut VideoInput, search: Search) -> Result<Found, MediaError> {
    let codec = codec_of(input);
    if !matches!(codec, Codec::H264 { .. } | Codec::Hevc { .. }) {
        return Ok(Found::none(
            "this codec cannot be entered in the middle exactly",
        ));
    }
    let places = places(&search);
    let mut found = Found::none("no IDR or CRA picture was found after the first");
    announce(input, &places);
    for from in places {
        let Some(point) = next_entry(input, codec, from)? else {
            continue;
        };
        let last = found.entries.last().map(|e| e.point);
        let later = point.pts > last.map_or(search.first_pts, |p| p.pts)
            && point.position > last.map_or(0, |p| p.position);
        // The worker must meet the same packet first.
        if later && first_packet(input, codec, point.position)? == Some(point) {
            found.entries.push(Entry {
                point,
                frames_before: None,
                keyframes_before: 0,
                lead_in: None,
            });
        }
    }
    if !found.entries.is_empty() {
        let n = found.entries.len();
        found.seam_check = true;
        found.division = format!(
            "{n} IDR or CRA pictures were found; neighbouring segments compared what they saw"
        );
    }
    Ok(found)
}

/// Where to look, spread evenly, without the start of the file.
pub fn places(search: &Search) -> Vec<u64> {
    let limit = search.limit.max(1) as u64;
    let count = (search.size / SPACING).clamp(FEWEST.min(limit), limit);
    let place = |n| (u128::from(search.size) * u128::from(n) / u128::from(count)) as u64;
    (1..count).map(place).collect()
}

/// That reading will begin at each of them.
pub fn announce(input: &VideoInput, places: &[u64]) {
    let stretch = |offset: &u64| Stretch {
        offset: *offset,
        length: EXPECTED_READ,
    };
    let stretches: Vec<Stretch> = places.iter().map(stretch).collect();
    input.expect(&stretches);
}

fn next_entry(
    input: &mut VideoInput,
    codec: Codec,
    from: u64,
) -> Result<Option<EntryPoint>, MediaError> {
    if !input.seek_byte(from)? {
        return Ok(None);
    }
    for _ in 0..MAX_PACKETS {
        let Some(packet) = input.next_packet()? else {
            return Ok(None);
        };
        if let Some(point) = entry_point(&packet, codec) {
            return Ok(Some(point));
        }
    }
    Ok(None)
}

fn first_packet(
    input: &mut VideoInput,
    codec: Codec,
    position: u64,
) -> Result<Option<EntryPoint>, MediaError> {
    if !input.seek_byte(position)? {
        return Ok(None);
    }
    let packet = input.next_packet()?;
    Ok(packet.and_then(|packet| entry_point(&packet, codec)))
}

fn entry_point(packet: &ffmpeg_next::Packet, codec: Codec) -> Option<EntryPoint> {
    let (pts, data) = (packet.pts()?, packet.data()?);
    let position = u64::try_from(packet.position()).ok()?;
    (packet.is_key() && !packet.is_corrupt() && codec.is_entry(data)).then_some(EntryPoint {
        position,
        pts,
        seek_ts: pts,
        by_position: true,
        hidden: None,
    })
}
