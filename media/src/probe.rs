//! Facts about a video and where it can be entered, by ranged reads only.
//!
//! What headers say is used to refuse early, never to promise: the first frame is really decoded, and
//! each entry point's packet is really looked at.

use ffmpeg_next::media::Type;
use ffmpeg_next::{Rational, codec, frame};
use serde::{Deserialize, Serialize};

use crate::decode::{Decoded, Decoder, Prefer};
use crate::entries::{self, Found, Search, codec_of};
use crate::error::{MediaError, RejectReason};
use crate::facts::{Color, VideoFacts};
use crate::ffi;
use crate::fragments;
use crate::input::{VideoInput, detect, share};
use crate::mp4;
use crate::orient::Orientation;
use crate::plan::EntryPoint;
use crate::request::{Request, Selection};
use crate::sets;
use crate::source::RangeRead;
use crate::survey;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeLimits {
    pub side_pixels: u32,
    pub frame_pixels: u64,
    pub duration_seconds: u64,
    /// How many entry points are looked at, spread over the video; each costs one ranged read.
    pub entry_points: usize,
    /// What the plan will be for: some selections need more of the video to be looked at.
    pub request: Option<Request>,
}

impl Default for ProbeLimits {
    fn default() -> Self {
        Self {
            side_pixels: 16_384,
            // 16K by 8K. A decoder holds several frames of up to 6 bytes a pixel.
            frame_pixels: 134_300_000,
            duration_seconds: 24 * 60 * 60,
            entry_points: 64,
            request: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    pub video: VideoFacts,
    /// Seconds a tick, numerator and denominator.
    pub time_base: (i64, i64),
    pub first_pts: i64,
    /// Ticks a frame, for frames that do not say.
    pub frame_duration: i64,
    /// How many frames the decoder holds back to put them in order; None: whoever opens the file
    /// must find out by decoding its start, because the header alone tells too little.
    pub reorder: Option<u32>,
    /// About how many frames and keyframes there are, and ticks to the last one: for weighing work only.
    pub estimate: Estimate,
    /// Ticks from the first frame to the end of the last one; only where the request needs it.
    pub end_rel: Option<i64>,
    /// Frames before the start of the request's range; only where the request needs it, and where
    /// the index tells.
    pub frames_before_range: Option<u64>,
    /// True random access points, in order of time, without the start of the file.
    pub entries: Vec<Entry>,
    /// The container promises nothing about them: neighbouring segments compare what they see.
    pub seam_check: bool,
    /// Why there are none, or what they are.
    pub division: String,
    pub warnings: Vec<String>,
}

/// An entry point, and what a selection by frame needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub point: EntryPoint,
    /// Frames shown before it; None where the index does not list every frame.
    pub frames_before: Option<u64>,
    /// Keyframes that the index lists before it.
    pub keyframes_before: u64,
    /// Where to begin so that two frames before it are seen as well; only where the request needs it.
    pub lead_in: Option<EntryPoint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Estimate {
    pub frames: u64,
    pub keyframes: u64,
    pub span: i64,
}

/// Frames may be long in coming where a file starts in the middle of a GOP.
const FIRST_FRAME_PACKETS: usize = 2_000;

pub fn probe(mut source: Box<dyn RangeRead>, limits: &ProbeLimits) -> Result<Probe, MediaError> {
    ffi::init();
    let size_bytes = source.len();
    let format = detect(source.as_mut())?;
    let boxes = match format.starts_with("mov,") {
        true => Some(mp4::inspect(source.as_mut())?),
        false => None,
    };
    let source = share(source);
    let mut input = VideoInput::open(source.clone(), &format)?;
    check_sizes(&input, limits)?;
    input.find_stream_info(limits.frame_pixels)?;
    check_sizes(&input, limits)?;
    input.stream = input.video_stream().ok_or_else(|| {
        MediaError::reject(RejectReason::NoVideoStream, "the file has no video stream")
    })?;
    check_encryption(&input)?;
    check_duration(&input, limits)?;
    let first = first_frame(&mut input, limits)?;
    let mut warnings = Vec::new();
    let (video, time_base) = facts(&input, &first, size_bytes, &mut warnings);
    let frame_duration = nominal_duration(&input, time_base, first.duration);
    warnings.extend(first.warning.clone());
    let request = limits.request.as_ref();
    let search = Search {
        first_pts: first.pts,
        frame_duration,
        size: size_bytes,
        limit: limits.entry_points,
        lead_ins: request.is_some_and(|r| matches!(r.selection, Selection::Scenes { .. })),
    };
    let several_kinds = boxes.as_ref().is_some_and(|b| b.several_kinds);
    let found = match boxes {
        // Their frames push later ones back, and only who begins with them knows by how much.
        _ if first.untimed => Found::none("the first packets have no timestamps"),
        Some(boxes) if boxes.fragmented => match boxes.header_end {
            Some(end) if !several_kinds => fragments::find(&input, &source, search, end)?,
            _ => Found::none("fragmented MP4 has no complete index"),
        },
        _ => entries::find(&mut input, search)?,
    };
    let estimate = found
        .estimate
        .unwrap_or_else(|| guess(&video, time_base, frame_duration));
    warnings.extend(found.warning);
    let mut probe = Probe {
        video,
        time_base,
        first_pts: first.pts,
        frame_duration,
        reorder: reorder(&input).filter(|_| !several_kinds && !found.several_sets),
        estimate,
        end_rel: None,
        frames_before_range: None,
        entries: found.entries,
        seam_check: found.seam_check,
        division: found.division,
        warnings,
    };
    if let Some(request) = request {
        survey::run(&mut probe, &source, &mut input, request, found.tail)?;
    }
    Ok(probe)
}

/// An MP4's header holds everything else that a decoder of these codecs is opened with.
fn reorder(input: &VideoInput) -> Option<u32> {
    let extradata = ffi::extradata(&input.input, input.stream);
    let told = sets::is_one(codec_of(input), &extradata);
    (input.is_mp4() && told).then(|| ffi::reorder(&input.input, input.stream))
}

/// From what the header claims, for want of an index.
fn guess(video: &VideoFacts, (num, den): (i64, i64), frame_duration: i64) -> Estimate {
    let seconds = video.claimed_duration.unwrap_or(0.0);
    let span = (seconds * den.max(1) as f64 / num.max(1) as f64) as i64;
    let frames = (span / frame_duration.max(1)).max(1) as u64;
    Estimate {
        frames,
        keyframes: 1,
        span,
    }
}

fn check_sizes(input: &VideoInput, limits: &ProbeLimits) -> Result<(), MediaError> {
    for stream in input
        .input
        .streams()
        .filter(|s| s.parameters().medium() == Type::Video)
    {
        let facts = ffi::picture_facts(&input.input, stream.index());
        check_size(facts.width, facts.height, limits)?;
    }
    Ok(())
}

fn check_size(width: u32, height: u32, limits: &ProbeLimits) -> Result<(), MediaError> {
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > limits.side_pixels || pixels > limits.frame_pixels {
        let (side, area) = (limits.side_pixels, limits.frame_pixels);
        return Err(MediaError::reject(
            RejectReason::TooLargeDimensions,
            format!(
                "the picture is {width}x{height}; the limit is {side} pixels a side and {area} in all"
            ),
        ));
    }
    Ok(())
}

fn check_encryption(input: &VideoInput) -> Result<(), MediaError> {
    let stream = input.input.stream(input.stream).expect("chosen");
    let tagged =
        ffi::picture_facts(&input.input, input.stream).codec_tag == u32::from_le_bytes(*b"encv");
    let keyed = stream.metadata().get("enc_key_id").is_some();
    let initialised = stream.side_data().any(|s| {
        use codec::packet::side_data::Type as T;
        matches!(s.kind(), T::EncryptionInitInfo | T::EncryptionInfo)
    });
    if tagged || keyed || initialised {
        return Err(MediaError::reject(
            RejectReason::Encrypted,
            "the video stream is encrypted",
        ));
    }
    Ok(())
}

/// A header's claim alone refuses nothing: the index must agree, where there is one.
fn check_duration(input: &VideoInput, limits: &ProbeLimits) -> Result<(), MediaError> {
    let claimed = input.input.duration().max(0) as u64 / 1_000_000;
    if claimed > limits.duration_seconds {
        let limit = limits.duration_seconds;
        return Err(MediaError::reject(
            RejectReason::TooLong,
            format!("the video claims {claimed} seconds; the limit is {limit}"),
        ));
    }
    Ok(())
}

struct First {
    pts: i64,
    duration: i64,
    frame: frame::Video,
    profile: codec::Profile,
    warning: Option<String>,
    /// A packet up to it has no presentation timestamp.
    untimed: bool,
}

fn first_frame(input: &mut VideoInput, limits: &ProbeLimits) -> Result<First, MediaError> {
    let mut decoder = Decoder::open(input, limits.frame_pixels, Prefer::Native)?;
    let mut oversized = None;
    let mut before_key = 0;
    let mut key_seen = false;
    let mut untimed = false;
    for _ in 0..FIRST_FRAME_PACKETS {
        let packet = input.next_packet()?;
        oversized = oversized.or_else(|| packet.as_ref().and_then(|p| jpeg_size(p.data()?)));
        key_seen |= packet.as_ref().is_some_and(|p| p.is_key());
        before_key += u32::from(!key_seen);
        untimed |= packet.as_ref().is_some_and(|p| p.pts().is_none());
        decoder.send(packet.as_ref());
        if let Some(Decoded { frame, .. }) = decoder.receive() {
            check_size(frame.width(), frame.height(), limits)?;
            let pts = frame.timestamp().or(frame.pts()).unwrap_or(0);
            let (duration, profile) = (frame.packet().duration, decoder.profile());
            let warning = (before_key > 0).then(|| {
                format!("the video starts in the middle of a GOP: {before_key} packets before the first keyframe")
            });
            return Ok(First {
                pts,
                duration,
                frame,
                profile,
                warning,
                untimed,
            });
        }
        if packet.is_none() {
            break;
        }
    }
    if let Some((width, height)) = oversized {
        check_size(width, height, limits)?;
    }
    decoder.check_memory()?;
    let why = decoder
        .first_error
        .map_or(String::new(), |e| format!(" ({e})"));
    Err(MediaError::reject(
        RejectReason::NothingDecodable,
        format!("no frame of the video could be decoded{why}"),
    ))
}

/// The size inside a JPEG, which a motion JPEG's container may hide.
fn jpeg_size(data: &[u8]) -> Option<(u32, u32)> {
    let mut rest = data.strip_prefix(b"\xff\xd8")?;
    while let [0xff, marker, high, low, after @ ..] = rest {
        if matches!(marker, 0xc0..=0xc3) {
            let [_, h1, h0, w1, w0, ..] = after else {
                return None;
            };
            return Some((
                u16::from_be_bytes([*w1, *w0]).into(),
                u16::from_be_bytes([*h1, *h0]).into(),
            ));
        }
        rest = rest.get(2 + usize::from(u16::from_be_bytes([*high, *low]))..)?;
    }
    None
}

fn facts(
    input: &VideoInput,
    first: &First,
    size_bytes: u64,
    warnings: &mut Vec<String>,
) -> (VideoFacts, (i64, i64)) {
    let stream = input.input.stream(input.stream).expect("chosen");
    let picture = ffi::picture_facts(&input.input, input.stream);
    let frame = &first.frame;
    let tb = stream.time_base();
    let orientation = orientation(input, warnings);
    let sar = match frame.aspect_ratio() {
        r if r.numerator() > 0 => (r.numerator(), r.denominator()),
        _ => picture.sample_aspect_ratio,
    };
    if sar.0 > 0 && crate::size::believable(sar).is_none() {
        warnings.push(format!(
            "the sample aspect ratio {}:{} is ignored",
            sar.0, sar.1
        ));
    }
    let sar = if sar.0 > 0 && sar.1 > 0 { sar } else { (1, 1) };
    let profile = format!("{:?}", first.profile);
    let owned = |s: Option<&'static str>| s.map(str::to_owned);
    let rate = stream.avg_frame_rate();
    let claimed = input.input.duration();
    let video = VideoFacts {
        container: input.format.clone(),
        codec: stream.parameters().id().name().to_owned(),
        profile: (!matches!(profile.as_str(), "Unknown" | "Reserved")).then_some(profile),
        pixel_format: frame
            .format()
            .descriptor()
            .map_or("unknown", |d| d.name())
            .to_owned(),
        width: frame.width(),
        height: frame.height(),
        rotation: orientation.rotation,
        mirrored: orientation.mirrored,
        sample_aspect_ratio: format!("{}:{}", sar.0, sar.1),
        time_base: format!("{}/{}", tb.numerator(), tb.denominator()),
        first_pts: first.pts,
        claimed_duration: (claimed > 0).then_some(claimed as f64 / 1e6),
        size_bytes,
        average_frame_rate: positive(rate)
            .map(|r| format!("{}/{}", r.numerator(), r.denominator())),
        variable_frame_rate: None,
        color: Color {
            range: owned(frame.color_range().name()),
            matrix: owned(frame.color_space().name()),
            primaries: owned(frame.color_primaries().name()),
            transfer: owned(frame.color_transfer_characteristic().name()),
        },
        audio_tracks: input
            .input
            .streams()
            .filter(|s| s.parameters().medium() == Type::Audio)
            .count() as u32,
        stream_index: input.stream as u32,
    };
    (video, (tb.numerator().into(), tb.denominator().into()))
}

fn positive(r: Rational) -> Option<Rational> {
    (r.numerator() > 0 && r.denominator() > 0).then_some(r)
}

fn orientation(input: &VideoInput, warnings: &mut Vec<String>) -> Orientation {
    let stream = input.input.stream(input.stream).expect("chosen");
    let mut matrices = stream
        .side_data()
        .filter(|s| s.kind() == codec::packet::side_data::Type::DisplayMatrix);
    let Some(data) = matrices.next() else {
        return Orientation::default();
    };
    let mut matrix = [0; 9];
    for (to, from) in matrix.iter_mut().zip(data.data().chunks_exact(4)) {
        *to = i32::from_ne_bytes(from.try_into().expect("4 bytes"));
    }
    Orientation::from_matrix(matrix).unwrap_or_else(|| {
        warnings.push("the display matrix is no multiple of 90 degrees and is ignored".into());
        Orientation::default()
    })
}

/// Ticks a frame where the frame itself is silent: its packet, else the stream's rate.
fn nominal_duration(input: &VideoInput, (num, den): (i64, i64), first: i64) -> i64 {
    if first > 0 {
        return first;
    }
    let stream = input.input.stream(input.stream).expect("chosen");
    let rate = positive(stream.avg_frame_rate()).or(positive(stream.rate()));
    let (Some(rate), true) = (rate, num > 0 && den > 0) else {
        return 1;
    };
    let ticks = i128::from(rate.denominator()) * i128::from(den)
        / (i128::from(rate.numerator()) * i128::from(num));
    ticks.clamp(1, i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_tells_its_own_size() {
        let data = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x01\x00\x02\x00\x03";
        assert_eq!(jpeg_size(data), Some((512, 256)));
        assert_eq!(jpeg_size(b"\xff\xd8\xff"), None);
        assert_eq!(jpeg_size(b"RIFF"), None);
    }
}
