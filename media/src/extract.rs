//! Carries out one segment of a plan.

use std::io;

use ffmpeg_next::{Packet, frame};
use md5::{Digest, Md5};
use num_rational::Ratio;

use crate::decode::Decoder;
use crate::entries::codec_of;
use crate::error::{MediaError, RejectReason};
use crate::ffi;
use crate::input::VideoInput;
use crate::orient::Orientation;
use crate::picture::{Encoded, Painter};
use crate::plan::{Plan, PlannedSegment, too_many};
use crate::request::{Duplicates, ImageOptions, Selection};
use crate::select::{Asked, Picker};
use crate::sniff;
use crate::source::RangeRead;
use crate::timeline::{Placed, Timeline};
use crate::times::{Clock, Times, narrow};

#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The encoded image.
    pub data: Vec<u8>,
    /// MD5 of the decoded planes, padding left out, not scaled or turned. Only when asked for.
    pub frame_md5: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentOutcome {
    pub images: u64,
    pub frames_decoded: u64,
    pub packets_skipped: u64,
    pub warnings: Vec<String>,
}

type Sink<'a> = &'a mut dyn FnMut(ExtractedImage) -> io::Result<()>;

/// A picture may be this large while decoding; the probe's limits are usually tighter.
const MAX_PIXELS: u64 = 268_500_000;

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
    let clock = Clock::new(plan.time_base);
    let times = supported_times(plan)?;
    let bound = planned.end_rel.map(|rel| clock.seconds(rel));
    let painter = Painter::new(image, orientation(plan), sar(plan))?;
    let mut input = open(source, plan)?;
    let first = enter(&mut input, planned)?;
    // Complaints from opening are not about this segment.
    ffi::take_errors();
    let mut run = Run {
        decoder: Decoder::open(&input, MAX_PIXELS)?,
        timeline: Timeline::new(plan.first_pts, plan.frame_duration),
        picker: Picker::new(times, planned.first_image, bound),
        clock,
        previous: None,
        painter,
        image,
        max_images: plan.request.max_images,
        entered: planned.entry.is_some(),
        reached_end: false,
        suspects: None,
        outcome: SegmentOutcome::default(),
    };
    run.all(&mut input, first, sink)?;
    run.finish(&input, sink, plan, planned)
}

fn supported_times(plan: &Plan) -> Result<Times, MediaError> {
    let refuse = |what: &str| {
        Err(MediaError::Unsupported {
            what: format!("{what} is not supported yet"),
        })
    };
    if plan.request.duplicates == Duplicates::Skip {
        return refuse("duplicates: skip");
    }
    match &plan.request.selection {
        Selection::EveryNth(_) => refuse("every_nth"),
        Selection::Keyframes => refuse("keyframes"),
        Selection::Scenes { .. } => refuse("scenes"),
        Selection::All => refuse("all"),
        Selection::Count(_) => refuse("count"),
        _ => Times::new(&plan.request, None).ok_or_else(|| MediaError::Unsupported {
            what: "this selection is not supported yet".into(),
        }),
    }
}

fn orientation(plan: &Plan) -> Orientation {
    Orientation {
        rotation: plan.video.rotation,
        mirrored: plan.video.mirrored,
    }
}

fn sar(plan: &Plan) -> (i32, i32) {
    let parts = plan.video.sample_aspect_ratio.split_once(':');
    parts
        .and_then(|(n, d)| Some((n.parse().ok()?, d.parse().ok()?)))
        .unwrap_or((1, 1))
}

fn open(source: Box<dyn RangeRead>, plan: &Plan) -> Result<VideoInput, MediaError> {
    // The plan may have come from outside; it cannot name a demuxer that the probe would refuse.
    let format = &plan.video.container;
    sniff::judge_format(format).map_err(|(reason, detail)| MediaError::reject(reason, detail))?;
    let mut input = VideoInput::open(source, format)?;
    input.find_stream_info(MAX_PIXELS)?;
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
    if !input.seek(entry.seek_ts)? {
        return Err(wrong("that the container cannot seek there".into()));
    }
    let Some(packet) = input.next_packet()? else {
        return Err(wrong("the end".into()));
    };
    let position = packet.position().max(0) as u64;
    if packet.pts() != Some(entry.pts) || position != entry.position {
        return Err(wrong(format!("pts {:?} at byte {position}", packet.pts())));
    }
    if !packet
        .data()
        .is_some_and(|data| codec_of(input).is_entry(data))
    {
        return Err(wrong("a picture that refers to earlier ones".into()));
    }
    Ok(Some(packet))
}

/// A frame that may yet be the answer to the next time.
struct Held {
    frame: frame::Video,
    placed: Placed,
    suspect: bool,
    /// Encoded at most once, however many times fall on it.
    encoded: Option<(Encoded, Option<String>)>,
}

struct Run<'a> {
    decoder: Decoder,
    timeline: Timeline,
    picker: Picker,
    clock: Clock,
    previous: Option<Held>,
    painter: Painter,
    image: &'a ImageOptions,
    max_images: u64,
    entered: bool,
    reached_end: bool,
    /// Images that may show damage: first, last, how many.
    suspects: Option<(u64, u64, u64)>,
    outcome: SegmentOutcome,
}

impl Run<'_> {
    /// Decodes until every time of the segment has its frame, or the end.
    fn all(
        &mut self,
        input: &mut VideoInput,
        first: Option<Packet>,
        sink: Sink,
    ) -> Result<(), MediaError> {
        let mut packet = first;
        loop {
            if packet.is_none() {
                packet = input.next_packet()?;
            }
            self.decoder.send(packet.as_ref());
            while let Some(frame) = self.decoder.receive() {
                self.frame(frame, sink)?;
                if self.picker.wanted().is_none() {
                    return Ok(());
                }
            }
            if packet.take().is_none() {
                self.reached_end = true;
                return Ok(());
            }
        }
    }

    fn frame(&mut self, frame: frame::Video, sink: Sink) -> Result<(), MediaError> {
        self.outcome.frames_decoded += 1;
        let pts = frame.timestamp().or(frame.pts());
        let placed = self.timeline.place(pts, frame.packet().duration);
        let at = self.clock.seconds(placed.rel);
        while let Some(asked) = self.picker.settle(at) {
            self.emit(asked, sink)?;
        }
        self.previous = Some(Held {
            frame,
            placed,
            suspect: self.decoder.suspect,
            encoded: None,
        });
        Ok(())
    }

    fn emit(&mut self, asked: Asked, sink: Sink) -> Result<(), MediaError> {
        if asked.index >= self.max_images {
            return Err(too_many(self.max_images));
        }
        let Some(held) = &mut self.previous else {
            return Err(MediaError::EntryPoint {
                detail: format!("no frame could be decoded at or before {} s", asked.time),
            });
        };
        if held.encoded.is_none() {
            let encoded = self.painter.encode(&held.frame)?;
            let md5 = self.image.frame_md5.then(|| md5_of(&held.frame));
            held.encoded = Some((encoded, md5));
        }
        if held.suspect {
            let (first, _, count) = self.suspects.unwrap_or((asked.index, asked.index, 0));
            self.suspects = Some((first, asked.index, count + 1));
        }
        let (encoded, frame_md5) = held.encoded.as_ref().expect("set above");
        self.outcome.images += 1;
        sink(ExtractedImage {
            index: asked.index,
            requested: Some(narrow(asked.time)?),
            pts: held.placed.pts,
            time: narrow(self.clock.seconds(held.placed.rel))?,
            keyframe: held.frame.is_key(),
            width: encoded.width,
            height: encoded.height,
            data: encoded.data.clone(),
            frame_md5: frame_md5.clone(),
        })
        .map_err(MediaError::Sink)
    }

    /// The last frame is shown for its own duration; times past that have no image.
    fn finish(
        mut self,
        input: &VideoInput,
        sink: Sink,
        plan: &Plan,
        planned: &PlannedSegment,
    ) -> Result<SegmentOutcome, MediaError> {
        if self.picker.wanted().is_some()
            && let Some(held) = &self.previous
        {
            let end = held.placed.rel.saturating_add(held.placed.duration);
            // Inside a segment the frame holds until the next segment's first one.
            let end = self.clock.seconds(end.max(planned.end_rel.unwrap_or(end)));
            while let Some(asked) = self.picker.settle(end) {
                self.emit(asked, sink)?;
            }
        }
        if self.outcome.frames_decoded == 0 {
            let why = self
                .decoder
                .first_error
                .map_or(String::new(), |e| format!(" ({e})"));
            return Err(match self.entered {
                true => MediaError::EntryPoint {
                    detail: format!("nothing could be decoded from there{why}"),
                },
                false => MediaError::reject(
                    RejectReason::NothingDecodable,
                    format!("no frame of the video could be decoded{why}"),
                ),
            });
        }
        let mut warnings = self.damage(input);
        if planned.end_rel.is_none() {
            warnings.extend(self.early_end(plan));
        }
        self.outcome.warnings = warnings;
        Ok(self.outcome)
    }

    fn damage(&self, input: &VideoInput) -> Vec<String> {
        let mut out = Vec::new();
        if self.decoder.errors > 0 {
            out.push(format!(
                "the decoder complained {} times about damage",
                self.decoder.errors
            ));
        }
        if let Some((first, last, count)) = self.suspects {
            out.push(format!(
                "{count} images from index {first} to {last} may show damage"
            ));
        }
        let timeline = &self.timeline;
        if timeline.missing > 0 {
            out.push(format!(
                "{} frames have no timestamp and follow their predecessor",
                timeline.missing
            ));
        }
        if timeline.backward > 0 {
            out.push(format!("timestamps go back {} times", timeline.backward));
        }
        out.extend(input.damage.clone());
        out
    }

    /// The header promised more than there was. Only told where the end was really reached.
    fn early_end(&self, plan: &Plan) -> Option<String> {
        let claimed = plan.video.claimed_duration?;
        let last = self.previous.as_ref()?.placed;
        let end = self.clock.seconds(last.rel.saturating_add(last.duration));
        let end = *end.numer() as f64 / *end.denom() as f64;
        (self.reached_end && claimed > end * 1.05 + 1.0)
            .then(|| format!("the video ends at {end:.3} s; the container claims {claimed:.3} s"))
    }
}

fn md5_of(frame: &frame::Video) -> String {
    let digest = Md5::digest(ffi::packed_planes(frame));
    digest.iter().map(|b| format!("{b:02x}")).collect()
}
