//! The quick pass: packets are read ahead, and only those that wanted frames need are decoded.
//!
//! Nothing here may change an image. Each answer is checked against the timestamps of all packets
//! seen, and whatever is not as foretold ends the pass as irregular; the plain pass then takes over.

use std::collections::{BTreeSet, VecDeque};

use ffmpeg_next::Packet;

use crate::access::Access;
use crate::av1;
use crate::decode::{Decoder, Prefer};
use crate::entries::{clock_goes_back, codec_of};
use crate::entry::Codec;
use crate::feed::{self, Item, Use};
use crate::ffi;
use crate::input::VideoInput;
use crate::mend::Mender;
use crate::run::{MAX_PIXELS, Run, Sink, Stop};
use crate::select::Chooser;

/// Bounds on what is read ahead.
const MAX_PACKETS: usize = 600;
const MAX_BYTES: usize = 64 << 20;

/// Selections by time, in codecs whose random access points we can tell.
pub fn applies(run: &Run, input: &VideoInput) -> bool {
    matches!(run.chooser, Chooser::Times(_)) && codec_of(input).divisible()
}

pub fn run(
    run: &mut Run,
    input: &mut VideoInput,
    first: Option<Packet>,
    sink: Sink,
) -> Result<(), Stop> {
    let mut ahead = Ahead::new(input, first, run.plan.segments.len() > 1)?;
    run.known = Some(BTreeSet::new());
    // Only here: whatever libvpx may do otherwise than FFmpeg's own decoder is left to the plain pass.
    let vp9 = ahead.access.codec == Codec::Vp9 && run.plan.video.pixel_format == "yuv420p";
    if vp9 && !run.decoder.is_foreign() {
        run.decoder = Decoder::open(input, MAX_PIXELS, Prefer::Speed)?;
    }
    while !run.chooser.is_done() {
        let group = loop {
            if let Some(group) = feed::group(&ahead.items, ahead.ended, ahead.is_full()) {
                break group;
            }
            ahead.read(input)?;
        };
        run.mended = ahead.packets.count;
        if !feed::regular(&ahead.items, group) {
            return Err(run.misordered());
        }
        let known = run.known.as_mut().expect("set above");
        known.extend(ahead.items.iter().filter(|i| i.shown).map(|i| i.pts));
        // A decoded frame has its packet's duration, so the end is where decoding all would find it.
        let last = ahead.last().map(|(pts, shown)| run.foretell(pts, shown));
        let end = last.map(|last| last.pts.saturating_add(last.duration));
        let decision = feed::decide(&ahead.items, group, end, |from, to| asked(run, from, to));
        for what in decision.uses {
            let packet = ahead.pop();
            match what {
                Use::Drop => {
                    run.outcome.packets_skipped += 1;
                    continue;
                }
                Use::Decode => run.decoder.skip_unreferenced(false),
                Use::OnlyIfReferred => run.decoder.skip_unreferenced(ahead.skippable),
            }
            run.decoder.send(Some(&packet));
            let done = run.receive(sink)?;
            check(run)?;
            if done {
                return Ok(());
            }
        }
        let over = ahead.ended && ahead.items.is_empty();
        if decision.drain || over {
            run.decoder.send(None);
            run.receive(sink)?;
            check(run)?;
            run.decoder.flush();
        }
        if over {
            run.reached_end = true;
            return match last {
                Some(last) => run.end_at(last, sink),
                None => Ok(()),
            };
        }
        if decision.drain {
            let point = ahead.items[0].pts;
            let at = run.clock.seconds(point.saturating_sub(run.plan.first_pts));
            run.settle(at, sink)?;
            let known = run.known.as_mut().expect("set above");
            *known = known.split_off(&point);
            jump(run, input, &mut ahead)?;
        }
    }
    Ok(())
}

fn asked(run: &Run, from: i64, to: Option<i64>) -> bool {
    let Chooser::Times(picker) = &run.chooser else {
        return true;
    };
    let at = |pts: i64| run.clock.seconds(pts.saturating_sub(run.plan.first_pts));
    picker.asked_between(at(from), to.map(at))
}

/// Damage and odd timestamps are for the plain pass, which sees every frame.
fn check(run: &Run) -> Result<(), Stop> {
    let odd = run.decoder.errors > 0
        || run.timeline.missing > 0
        || run.timeline.backward > 0
        || run.decoder.misplaced > 0
        // The two VP9 decoders are not known to agree there.
        || (run.resized && run.decoder.is_foreign());
    if odd { Err(Stop::Irregular) } else { Ok(()) }
}

/// Leaves out whole GOPs without reading them, where the next wanted time lies past them.
fn jump(run: &mut Run, input: &mut VideoInput, ahead: &mut Ahead) -> Result<(), Stop> {
    let Chooser::Times(picker) = &run.chooser else {
        return Ok(());
    };
    let Some(asked) = picker.wanted() else {
        return Ok(());
    };
    let target = run
        .plan
        .first_pts
        .saturating_add(run.clock.ticks(asked.time));
    let here = ahead.items[0].pts;
    let read = ahead.items.iter().map(|i| i.pts).max().unwrap_or(here);
    if ahead.unread_index && read < target {
        // Matroska's cues are read on the first seek.
        ahead.unread_index = false;
        go_back(input, ahead, here)?;
        ahead.keyframes = keyframes(input);
        return Ok(());
    }
    if !ahead.can_jump(read, target) {
        return Ok(());
    }
    if input.seek(target)?
        && let Some(packet) = input.next_packet()?
        && packet.pts().is_some_and(|pts| pts > here && pts <= target)
        && ahead.access.is_entry(&packet)
    {
        ahead.restart(packet);
        return Ok(());
    }
    // The index promised what is not there: go back, and never trust it again.
    ahead.keyframes.clear();
    go_back(input, ahead, here)
}

fn go_back(input: &mut VideoInput, ahead: &mut Ahead, here: i64) -> Result<(), Stop> {
    if !input.seek(here)? {
        return Err(Stop::Irregular);
    }
    // Some seeks land earlier than they could (FFmpeg's, before a CRA picture).
    for _ in 0..MAX_PACKETS {
        match input.next_packet()? {
            Some(packet) if packet.pts() == Some(here) => {
                ahead.restart(packet);
                return Ok(());
            }
            Some(_) => {}
            None => break,
        }
    }
    Err(Stop::Irregular)
}

/// Times at which the container says that decoding can begin; none: it is not to be asked.
fn keyframes(input: &mut VideoInput) -> Vec<i64> {
    if !(input.is_mp4() || input.is_matroska()) {
        return Vec::new();
    }
    let index = ffi::index(&mut input.input, input.stream);
    if input.is_matroska() && clock_goes_back(&index) {
        return Vec::new();
    }
    let marked = index.iter().filter(|e| e.keyframe && !e.discard);
    let mut times: Vec<i64> = marked.map(|e| e.timestamp).collect();
    times.sort_unstable();
    if input.is_matroska() {
        // A seek to the last cue makes FFmpeg read on to the end of the file.
        times.pop();
    }
    times
}

struct Ahead {
    access: Access,
    /// The decoder can tell unreferenced pictures from their own bits.
    skippable: bool,
    /// Tells them where the decoder does not.
    av1: Option<av1::Reader>,
    /// None: pictures are coded in the order in which they are shown.
    order: Option<ffi::PictureOrder>,
    packets: Mender,
    packets_read: i64,
    /// Times of the container's keyframes; empty: no jumping.
    keyframes: Vec<i64>,
    /// There is one, though, that was not read yet.
    unread_index: bool,
    window: VecDeque<Packet>,
    items: Vec<Item>,
    bytes: usize,
    ended: bool,
}

impl Ahead {
    /// Irregular: the order of pictures cannot be told.
    fn new(input: &mut VideoInput, first: Option<Packet>, divided: bool) -> Result<Self, Stop> {
        // Without cues FFmpeg would look for them to the end of the file; who divides has seen some.
        let unread_index = input.is_matroska() && divided && first.is_none();
        let access = Access::of(input);
        let order = match access.codec.reorders() {
            true => {
                let order = ffi::PictureOrder::new(&input.input, input.stream);
                Some(order.ok_or(Stop::Irregular)?)
            }
            false => None,
        };
        let extradata = ffi::extradata(&input.input, input.stream);
        Ok(Self {
            skippable: access.codec.marks_unreferenced(&extradata),
            av1: (access.codec == Codec::Av1).then(av1::Reader::default),
            order,
            packets: Mender::new(input, first),
            packets_read: 0,
            access,
            keyframes: keyframes(input),
            unread_index,
            window: VecDeque::new(),
            items: Vec::new(),
            bytes: 0,
            ended: false,
        })
    }

    /// The pts and duration of the video's last frame, once its end was reached.
    fn last(&self) -> Option<(i64, i64)> {
        let read = self.items.iter().zip(&self.window);
        let shown = read.filter(|(item, _)| self.ended && item.shown);
        let last = shown.max_by_key(|(item, _)| item.pts)?;
        Some((last.0.pts, last.1.duration()))
    }

    fn is_full(&self) -> bool {
        self.window.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES
    }

    fn can_jump(&self, read: i64, target: i64) -> bool {
        let next = self.keyframes.partition_point(|k| *k <= read);
        self.keyframes.get(next).is_some_and(|next| *next <= target)
            && self.keyframes.last().is_some_and(|last| *last > target)
    }

    fn read(&mut self, input: &mut VideoInput) -> Result<(), Stop> {
        match self.packets.next(input)? {
            // Nothing before it tells where it belongs.
            Some(_) if self.packets.lost => Err(Stop::Irregular),
            Some(packet) => self.push(packet),
            None if input.damage.is_some() => Err(Stop::Irregular),
            None => {
                self.ended = true;
                Ok(())
            }
        }
    }

    fn push(&mut self, packet: Packet) -> Result<(), Stop> {
        let (Some(pts), Some(data)) = (packet.pts(), packet.data()) else {
            return Err(Stop::Irregular);
        };
        // A packet that the edit list hides is decoded and shown to nobody.
        let hidden = ffi::is_hidden(&packet);
        if packet.is_corrupt() {
            return Err(Stop::Irregular);
        }
        self.packets_read += 1;
        let order = match &mut self.order {
            Some(order) => order.of(&packet).map(i64::from).ok_or(Stop::Irregular)?,
            None => self.packets_read,
        };
        let unit = self.av1.as_mut().and_then(|reader| reader.read(data));
        let shown = !hidden && self.access.codec.is_shown(data);
        self.items.push(Item {
            pts,
            entry: self.access.is_entry(&packet),
            shown,
            unreferenced: unit.is_some_and(|unit| unit.is_unreferenced()),
            order,
        });
        self.bytes += data.len();
        self.window.push_back(packet);
        Ok(())
    }

    fn pop(&mut self) -> Packet {
        let packet = self
            .window
            .pop_front()
            .expect("a group is no longer than the window");
        self.bytes -= packet.size();
        self.items.remove(0);
        packet
    }

    fn restart(&mut self, packet: Packet) {
        self.packets.restart(packet);
        self.window.clear();
        self.items.clear();
        self.bytes = 0;
        self.ended = false;
    }
}
