//! One pass of decoding over a segment: frames come in, images go out, damage is noted.

use std::collections::BTreeSet;
use std::io;

use ffmpeg_next::frame;
use md5::{Digest, Md5};

use crate::decode::{Decoded, Decoder, Prefer};
use crate::error::MediaError;
use crate::extract::{ExtractedImage, Glimpse, SegmentOutcome};
use crate::ffi;
use crate::input::VideoInput;
use crate::orient::Orientation;
use crate::picture::{Encoded, Painter};
use crate::plan::{Plan, PlannedSegment, too_many};
use crate::request::{Duplicates, Format, ImageOptions};
use crate::scene::SceneScore;
use crate::select::{Asked, Chooser, Missed};
use crate::timeline::{Placed, Timeline};
use crate::times::{Clock, Time, narrow};

pub type Sink<'a> = &'a mut dyn FnMut(ExtractedImage) -> io::Result<()>;

/// A picture may be this large while decoding; the probe's limits are usually tighter.
pub const MAX_PIXELS: u64 = 268_500_000;

/// Why a pass ended before its time.
pub enum Stop {
    Media(MediaError),
    /// What was foretold from packets did not come true.
    Irregular,
}

impl From<MediaError> for Stop {
    fn from(e: MediaError) -> Self {
        Stop::Media(e)
    }
}

/// A frame that may yet be the answer to the next time.
struct Held {
    frame: frame::Video,
    key: bool,
    placed: Placed,
    suspect: bool,
    /// Encoded at most once, however many times fall on it.
    encoded: Option<(Encoded, Option<String>)>,
    given: bool,
}

impl Held {
    fn glimpse(&self) -> Glimpse {
        Glimpse {
            rel: self.placed.rel,
            md5: md5_of(&self.frame),
        }
    }
}

pub struct Run<'a> {
    pub decoder: Decoder,
    pub timeline: Timeline,
    pub chooser: Chooser,
    pub clock: Clock,
    pub outcome: SegmentOutcome,
    pub plan: &'a Plan,
    pub planned: &'a PlannedSegment,
    pub reached_end: bool,
    /// Where packets were left out: the pts of all frames there are, to check each answer against.
    pub known: Option<BTreeSet<i64>>,
    /// Packets told that the segment is over, and perhaps that nothing in it is wanted.
    pub past_end: bool,
    /// The video's last frame, where it was not decoded.
    left_out: Option<Placed>,
    /// So many images of this segment were given before this pass.
    pub repeat: u64,
    /// The first frame that is not this segment's is not the one that the next segment begins with.
    astray: bool,
    /// So many timestamps were out of line.
    pub mended: u64,
    previous: Option<Held>,
    painter: Painter,
    image: &'a ImageOptions,
    scene: SceneScore,
    /// Images that may show damage: first, last, how many.
    suspects: Option<(u64, u64, u64)>,
}

impl<'a> Run<'a> {
    pub fn new(
        input: &VideoInput,
        plan: &'a Plan,
        planned: &'a PlannedSegment,
        chooser: Chooser,
        image: &'a ImageOptions,
    ) -> Result<Self, MediaError> {
        let video = &plan.video;
        let prefer = match image.format {
            Format::Jpeg => Prefer::Native,
            Format::Png | Format::Webp => Prefer::Alpha,
        };
        let orientation = Orientation {
            rotation: video.rotation,
            mirrored: video.mirrored,
        };
        Ok(Self {
            decoder: Decoder::open(input, MAX_PIXELS, prefer)?,
            timeline: Timeline::new(plan.first_pts, plan.frame_duration),
            chooser,
            clock: Clock::new(plan.time_base),
            outcome: SegmentOutcome::default(),
            plan,
            planned,
            reached_end: false,
            known: None,
            past_end: false,
            left_out: None,
            repeat: 0,
            astray: false,
            mended: 0,
            previous: None,
            painter: Painter::new(image, orientation, sar(plan))?,
            image,
            scene: SceneScore::default(),
            suspects: None,
        })
    }

    /// Takes all frames the decoder has; true: nothing more is wanted.
    pub fn receive(&mut self, sink: Sink) -> Result<bool, Stop> {
        while let Some(decoded) = self.decoder.receive() {
            self.frame(decoded, sink)?;
            if self.chooser.is_done() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn frame(&mut self, Decoded { frame, key }: Decoded, sink: Sink) -> Result<(), Stop> {
        self.outcome.frames_decoded += 1;
        let pts = frame.timestamp().or(frame.pts());
        let placed = self.timeline.place(pts, frame.packet().duration);
        let at = self.clock.seconds(placed.rel);
        self.settle(at, sink)?;
        if let (Some(end), None) = (self.planned.end_rel, &self.known) {
            let before = self
                .previous
                .as_ref()
                .is_none_or(|held| held.placed.rel < end);
            self.astray |= before && placed.rel > end;
        }
        let suspect = self.decoder.suspect;
        let scene = &mut self.scene;
        let chosen = match &mut self.chooser {
            Chooser::Times(_) => None,
            Chooser::Frames(picker) if picker.is_listing() => picker
                .choose_listed(placed.pts)
                .map_err(|Missed| Stop::Irregular)?,
            Chooser::Frames(picker) => picker.choose(at, key, || scene.of(&frame)),
        };
        let held = Held {
            frame,
            key,
            placed,
            suspect,
            encoded: None,
            given: false,
        };
        self.seen(&held)?;
        self.previous = Some(held);
        match chosen {
            Some(index) => self.emit(Asked { index, time: at }, None, sink),
            None => Ok(()),
        }
    }

    /// Timestamps contradict the order of pictures, or tell nothing. A segment cannot know then what
    /// those before it would have made of its times.
    pub fn misordered(&self) -> Stop {
        match self.is_part() {
            true => Stop::Media(MediaError::EntryPoint {
                detail: "timestamps are not in the order of the pictures".into(),
            }),
            false => Stop::Irregular,
        }
    }

    /// Not the whole video from its start.
    pub fn is_part(&self) -> bool {
        self.planned.entry.is_some() || self.planned.end_rel.is_some()
    }

    /// So many frames of this segment were counted, decoded or not.
    pub fn counted(&mut self, frames: u64) {
        self.outcome.frames = frames;
        if let Chooser::Frames(picker) = &mut self.chooser {
            picker.seen = frames;
        }
    }

    /// Of a selection by frame: what joins this segment to its neighbours.
    fn seen(&mut self, held: &Held) -> Result<(), Stop> {
        let Chooser::Frames(picker) = &self.chooser else {
            return Ok(());
        };
        let first = picker.seen == 1 && self.outcome.frames == 0;
        self.outcome.frames = picker.seen;
        if first && self.planned.entry.is_some() && picker.lead_is_short() {
            let detail = format!(
                "{} frames were seen before the segment; scenes need two",
                picker.before
            );
            return Err(MediaError::EntryPoint { detail }.into());
        }
        if self.plan.seam_check {
            if first {
                self.outcome.opening = Some(held.glimpse());
            }
            if picker.past_end() && self.planned.end_rel.is_some() {
                self.outcome.beyond.get_or_insert_with(|| held.glimpse());
            }
        }
        Ok(())
    }

    /// All times before `at` fall on the frame before.
    pub fn settle(&mut self, at: Time, sink: Sink) -> Result<(), Stop> {
        while let Chooser::Times(picker) = &mut self.chooser
            && let Some(mut asked) = picker.settle(at)
        {
            let beyond = picker.is_beyond(asked.index);
            if self.plan.request.duplicates == Duplicates::Skip && !beyond {
                if self.previous.as_ref().is_some_and(|held| held.given) {
                    continue;
                }
                asked.index = self.planned.first_image + self.outcome.images;
            }
            self.emit(asked, Some(asked.time), sink)?;
        }
        Ok(())
    }

    fn emit(&mut self, asked: Asked, requested: Option<Time>, sink: Sink) -> Result<(), Stop> {
        let beyond = match &self.chooser {
            Chooser::Times(picker) => picker.is_beyond(asked.index),
            Chooser::Frames(_) => false,
        };
        // Left out repetitions make the numbers before this segment too large; the sum is checked at the end.
        let before = match self.plan.request.duplicates {
            Duplicates::Skip => self.planned.first_image,
            Duplicates::Keep => 0,
        };
        if !beyond && asked.index.saturating_sub(before) >= self.plan.request.max_images {
            return Err(too_many(self.plan.request.max_images).into());
        }
        if let Some(known) = &self.known {
            let pts = self
                .plan
                .first_pts
                .saturating_add(self.clock.ticks(asked.time));
            let right = known.range(..=pts).next_back();
            if right.is_none() || right != self.previous.as_ref().map(|held| &held.placed.pts) {
                if let Chooser::Times(picker) = &mut self.chooser {
                    picker.unsettle();
                }
                return Err(Stop::Irregular);
            }
        }
        let Some(held) = &mut self.previous else {
            let detail = format!("no frame could be decoded at or before {} s", asked.time);
            return Err(MediaError::EntryPoint { detail }.into());
        };
        if beyond {
            self.outcome.beyond = Some(held.glimpse());
            return Ok(());
        }
        if asked.index - self.planned.first_image < self.repeat {
            return Ok(());
        }
        if self.plan.seam_check && self.outcome.opening.is_none() {
            self.outcome.opening = Some(held.glimpse());
        }
        if held.encoded.is_none() {
            let encoded = self.painter.encode(&held.frame)?;
            let md5 = self.image.frame_md5.then(|| md5_of(&held.frame));
            held.encoded = Some((encoded, md5));
        }
        if held.suspect {
            let (first, _, count) = self.suspects.unwrap_or((asked.index, asked.index, 0));
            self.suspects = Some((first, asked.index, count + 1));
        }
        held.given = true;
        let (encoded, frame_md5) = held.encoded.as_ref().expect("set above");
        self.outcome.images += 1;
        let image = ExtractedImage {
            index: asked.index,
            requested: requested.map(narrow).transpose()?,
            pts: held.placed.pts,
            time: narrow(self.clock.seconds(held.placed.rel))?,
            keyframe: held.key,
            width: encoded.width,
            height: encoded.height,
            data: encoded.data.clone(),
            frame_md5: frame_md5.clone(),
        };
        sink(image).map_err(|e| MediaError::Sink(e).into())
    }

    /// Where a packet's frame will be, if all before it are in order.
    pub fn foretell(&self, pts: i64, duration: i64) -> Placed {
        Timeline::new(self.plan.first_pts, self.plan.frame_duration).place(Some(pts), duration)
    }

    /// The video's end was reached, and its last frame is `last`; nobody wanted it if it did not come.
    pub fn end_at(&mut self, last: Placed, sink: Sink) -> Result<(), Stop> {
        let decoded = self.previous.as_ref().map(|held| held.placed.pts);
        if decoded.is_some_and(|pts| pts >= last.pts) {
            return Ok(());
        }
        let shown = self.clock.seconds(last.rel);
        let gone = self.clock.seconds(last.rel.saturating_add(last.duration));
        self.settle(shown, sink)?;
        self.left_out = Some(last);
        match &self.chooser {
            // The decoder was given it, and kept it to itself.
            Chooser::Times(picker) if picker.asked_between(shown, Some(gone)) => {
                Err(Stop::Irregular)
            }
            _ => Ok(()),
        }
    }

    /// The last frame is shown for its own duration; times past that have no image.
    pub fn finish(mut self, input: &VideoInput, sink: Sink) -> Result<SegmentOutcome, MediaError> {
        if let Some(held) = &self.previous
            && !self.chooser.is_done()
            && self.left_out.is_none()
        {
            let end = held.placed.rel.saturating_add(held.placed.duration);
            // Inside a segment the frame holds until the next segment's first one.
            let end = self
                .clock
                .seconds(end.max(self.planned.end_rel.unwrap_or(end)));
            self.known = None;
            match self.settle(end, sink) {
                Err(Stop::Media(e)) => return Err(e),
                Err(Stop::Irregular) => unreachable!("nothing is foretold any more"),
                Ok(()) => {}
            }
        }
        self.decoder.check_memory()?;
        if self.outcome.frames_decoded == 0 && self.left_out.is_none() && !self.past_end {
            let why = self.decoder.first_error.as_deref();
            return Err(MediaError::nothing_decoded(
                self.planned.entry.is_some(),
                why,
            ));
        }
        // What follows is shown later by as much, which the next segment's worker cannot know.
        if self.timeline.backward > 0 && self.planned.end_rel.is_some() {
            let detail = format!(
                "timestamps go back {} times before the next segment",
                self.timeline.backward
            );
            return Err(MediaError::EntryPoint { detail });
        }
        if (self.decoder.misplaced > 0 || self.astray)
            && let Stop::Media(e) = self.misordered()
        {
            return Err(e);
        }
        let mut warnings = self.damage(input);
        if self.planned.end_rel.is_none() {
            warnings.extend(self.early_end());
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
        if self.mended > 0 {
            out.push(format!(
                "{} timestamps are out of line; those frames stand between their neighbours",
                self.mended
            ));
        }
        if timeline.backward > 0 {
            out.push(format!("timestamps go back {} times", timeline.backward));
        }
        out.extend(input.damage.clone());
        out
    }

    /// The header promised more than there was. Only told where the end was really reached.
    fn early_end(&self) -> Option<String> {
        let claimed = self.plan.video.claimed_duration?;
        let decoded = self.previous.as_ref().map(|held| held.placed);
        let last = self.left_out.or(decoded)?;
        let end = self.clock.seconds(last.rel.saturating_add(last.duration));
        let end = *end.numer() as f64 / *end.denom() as f64;
        (self.reached_end && claimed > end * 1.05 + 1.0)
            .then(|| format!("the video ends at {end:.3} s; the container claims {claimed:.3} s"))
    }
}

fn sar(plan: &Plan) -> (i32, i32) {
    let parts = plan.video.sample_aspect_ratio.split_once(':');
    parts
        .and_then(|(n, d)| Some((n.parse().ok()?, d.parse().ok()?)))
        .unwrap_or((1, 1))
}

fn md5_of(frame: &frame::Video) -> String {
    let digest = Md5::digest(ffi::packed_planes(frame));
    digest.iter().map(|b| format!("{b:02x}")).collect()
}
