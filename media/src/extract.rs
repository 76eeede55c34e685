//! Carries out one segment of a plan.

use ffmpeg_next::Packet;
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::entries::codec_of;
use crate::entry::Codec;
use crate::error::{MediaError, RejectReason};
use crate::fast;
use crate::ffi;
use crate::fragments;
use crate::input::{SharedSource, VideoInput, share};
use crate::keyscan;
use crate::plain;
use crate::plan::{Plan, PlannedSegment};
use crate::request::{ImageOptions, Selection};
use crate::run::{MAX_PIXELS, Run, Sink, Stop};
use crate::select::{Chooser, FramePicker, Picker};
use crate::sniff;
use crate::source::RangeRead;
use crate::times::{Clock, Times};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractedImage {
    /// In the whole archive, from 0.
    pub index: u64,
    /// Seconds from the first frame, where the selection is by time.
    pub requested: Option<Ratio<i64>>,
    /// In ticks of the video's time base.
    pub pts: i64,
    /// Seconds from the first frame.
    pub time: Ratio<i64>,
    pub keyframe: bool,
    pub width: u32,
    pub height: u32,
    /// The encoded image; never part of a message about it.
    #[serde(skip)]
    pub data: Vec<u8>,
    /// MD5 of the decoded planes, padding left out, not scaled or turned. Only when asked for.
    pub frame_md5: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SegmentOutcome {
    pub images: u64,
    /// Frames that the segment owns, where the selection is by frame.
    pub frames: u64,
    /// The first wanted frame of this segment, and of the next one as this one's decoder sees it.
    /// Only where the plan asks for the seam check.
    pub opening: Option<Glimpse>,
    pub beyond: Option<Glimpse>,
    pub frames_decoded: u64,
    pub packets_skipped: u64,
    pub warnings: Vec<String>,
}

/// A frame as one worker saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glimpse {
    /// Ticks from the first frame.
    pub rel: i64,
    /// Of the decoded planes.
    pub md5: String,
}

/// Decodes one segment and hands its images to `sink`, in order. Blocks.
pub fn extract(
    source: Box<dyn RangeRead>,
    plan: &Plan,
    segment: usize,
    image: &ImageOptions,
    sink: Sink,
) -> Result<SegmentOutcome, MediaError> {
    let planned = plan
        .segments
        .get(segment)
        .ok_or_else(|| MediaError::Unsupported {
            what: format!(
                "the plan has {} segments, and no number {segment}",
                plan.segments.len()
            ),
        })?;
    let source = share(source);
    let choose = || chooser(plan, planned);
    let (mut input, mut first) = start(&source, plan, planned)?;
    let mut run = Run::new(&input, plan, planned, choose()?, image)?;
    let mut outcome = SegmentOutcome::default();
    if fast::applies(&run, &input) {
        match fast::run(&mut run, &mut input, first, sink) {
            Ok(()) => return run.finish(&input, sink),
            Err(Stop::Media(e)) => return Err(e),
            // Damage, or timestamps that foretell nothing: decode everything, and go on after the
            // images already given, which were checked one by one.
            Err(Stop::Irregular) => {
                outcome = run.outcome.clone();
                let chooser = match run.chooser {
                    Chooser::Times(picker) => Chooser::Times(picker),
                    Chooser::Frames(_) => {
                        outcome.frames = 0;
                        choose()?
                    }
                };
                drop(run.decoder);
                (input, first) = start(&source, plan, planned)?;
                run = Run::new(&input, plan, planned, chooser, image)?;
                if let Chooser::Frames(_) = run.chooser {
                    run.repeat = outcome.images;
                }
            }
        }
    }
    run.outcome = outcome;
    if keyscan::applies(&run, &input) {
        match keyscan::run(&mut run, &mut input, first, sink) {
            Ok(()) => return run.finish(&input, sink),
            Err(Stop::Media(e)) => return Err(e),
            Err(Stop::Irregular) => {
                let outcome = SegmentOutcome {
                    frames: 0,
                    ..run.outcome.clone()
                };
                let given = outcome.images;
                drop(run.decoder);
                (input, first) = start(&source, plan, planned)?;
                run = Run::new(&input, plan, planned, choose()?, image)?;
                run.outcome = outcome;
                run.repeat = given;
            }
        }
    }
    // FFmpeg's H.264 decoder would leave out recovery points, which it marks as keyframes too.
    let marks = matches!(codec_of(&input), Codec::Hevc { .. } | Codec::Vp8);
    if plan.request.selection == Selection::Keyframes && marks {
        run.decoder.keyframes_only();
    }
    plain::run(&mut run, &mut input, first, sink)?;
    run.finish(&input, sink)
}

fn chooser(plan: &Plan, planned: &PlannedSegment) -> Result<Chooser, MediaError> {
    let clock = Clock::new(plan.time_base);
    let end = plan.end_rel.map(|rel| clock.seconds(rel));
    if matches!(plan.request.selection, Selection::Count(_)) && end.is_none() {
        return Err(MediaError::Unsupported {
            what: "a count needs a plan that knows where the video ends".into(),
        });
    }
    Ok(match Times::new(&plan.request, end) {
        Some(times) => {
            let bound = planned.end_rel.map(|rel| clock.seconds(rel));
            let picker = Picker::new(times, planned.first_image, bound);
            Chooser::Times(match plan.seam_check {
                true => picker.with_seam(),
                false => picker,
            })
        }
        None => Chooser::Frames(FramePicker::new(&plan.request, planned, clock)),
    })
}

fn start(
    source: &SharedSource,
    plan: &Plan,
    planned: &PlannedSegment,
) -> Result<(VideoInput, Option<Packet>), MediaError> {
    let mut input = open(source, plan, planned)?;
    let first = enter(&mut input, planned)?;
    // Complaints from opening are not about this segment.
    ffi::take_errors();
    Ok((input, first))
}

fn open(
    source: &SharedSource,
    plan: &Plan,
    planned: &PlannedSegment,
) -> Result<VideoInput, MediaError> {
    // The plan may have come from outside; it cannot name a demuxer that the probe would refuse.
    let format = &plan.video.container;
    sniff::judge_format(format).map_err(|(reason, detail)| MediaError::reject(reason, detail))?;
    let shown = match planned.entry.and_then(|entry| entry.hidden) {
        Some(hidden) => fragments::hide(source, hidden)?,
        None => source.clone(),
    };
    let mut input = VideoInput::open(shown, format)?;
    match plan.reorder {
        // Nothing else is missing, and the start of the file need not be read for it. But the last
        // frame's duration may be FFmpeg's guess, made from what it decodes there.
        Some(_) if input.is_mp4() && planned.end_rel.is_some() => input.reorder = plan.reorder,
        _ => input.find_stream_info(MAX_PIXELS)?,
    }
    let stream = plan.video.stream_index as usize;
    if input.video_stream() != Some(stream) {
        return Err(MediaError::EntryPoint {
            detail: format!("stream {stream} is not the video any more"),
        });
    }
    input.stream = stream;
    ffi::keep_only(&mut input.input, stream);
    Ok(input)
}

/// Goes to the segment's entry point and checks that the packet there is the planned one.
fn enter(input: &mut VideoInput, planned: &PlannedSegment) -> Result<Option<Packet>, MediaError> {
    let Some(entry) = planned.entry else {
        return Ok(None);
    };
    let wrong = |found: String| MediaError::EntryPoint {
        detail: format!(
            "expected a packet with pts {} at byte {}, found {found}",
            entry.pts, entry.position
        ),
    };
    let sought = match entry.by_position {
        // It is the first that there is.
        _ if entry.hidden.is_some() => true,
        true => input.seek_byte(entry.position)?,
        false => input.seek(entry.seek_ts)?,
    };
    if !sought {
        return Err(wrong("that the container cannot seek there".into()));
    }
    let Some(packet) = input.next_packet()? else {
        return Err(wrong("the end".into()));
    };
    let position = packet.position().max(0) as u64;
    if packet.pts() != Some(entry.pts) || position != entry.position {
        return Err(wrong(format!("pts {:?} at byte {position}", packet.pts())));
    }
    if !Access::of(input).is_entry(&packet) {
        return Err(wrong("a picture that refers to earlier ones".into()));
    }
    Ok(Some(packet))
}

impl MediaError {
    /// Nothing came out: of the whole video, or only from where a segment starts.
    pub(crate) fn nothing_decoded(entered: bool, why: Option<&str>) -> Self {
        let why = why.map_or(String::new(), |e| format!(" ({e})"));
        match entered {
            true => Self::EntryPoint {
                detail: format!("nothing could be decoded from there{why}"),
            },
            false => Self::reject(
                RejectReason::NothingDecodable,
                format!("no frame of the video could be decoded{why}"),
            ),
        }
    }
}
