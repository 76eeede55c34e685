//! The packets that the quick pass has read and not yet decided on.

use std::collections::VecDeque;

use ffmpeg_next::Packet;

use crate::access::Access;
use crate::av1;
use crate::countable::gives_one_frame;
use crate::entries::clock_goes_back;
use crate::entry::Codec;
use crate::feed::{self, Group, Item};
use crate::ffi;
use crate::input::VideoInput;
use crate::landings::Landings;
use crate::mend::{Mender, lookahead};
use crate::run::{Run, Stop};

/// Bounds on what is read ahead.
pub const MAX_PACKETS: usize = 600;
const MAX_BYTES: usize = 64 << 20;
/// A group is over with the next keyframe, and where pictures are reordered once that one's leading
/// pictures were seen: this many at most, as a rule.
const GROUP_END: usize = 2;
const GROUP_END_REORDERED: usize = 8;

pub struct Ahead {
    pub access: Access,
    /// The decoder can tell unreferenced pictures from their own bits.
    pub skippable: bool,
    /// Tells them where the decoder does not.
    av1: Option<av1::Reader>,
    /// None: pictures are coded in the order in which they are shown.
    order: Option<ffi::PictureOrder>,
    pub packets: Mender,
    /// Frames are counted from packets.
    pub counting: bool,
    /// Then: a packet may give no frame, or more than one, or half of one.
    pub uneven: bool,
    packets_read: i64,
    by_decoding_time: bool,
    pub landings: Landings,
    /// By so much a keyframe's presentation time is later than its decoding time, by which an MP4's index
    /// goes.
    pub delay: i64,
    /// There is one, though, that was not read yet.
    pub unread_index: bool,
    window: VecDeque<Packet>,
    pub items: Vec<Item>,
    bytes: usize,
    pub ended: bool,
}

impl Ahead {
    /// Irregular: the order of pictures cannot be told.
    pub fn new(run: &Run, input: &mut VideoInput, first: Option<Packet>) -> Result<Self, Stop> {
        let divided = run.plan.segments.len() > 1;
        // Without cues FFmpeg would look for them to the end of the file; who divides has seen some.
        let unread_index = input.is_matroska() && divided && first.is_none();
        let access = Access::of(input);
        // Before the first seek a Matroska's index is what FFmpeg has happened to read: it tells nothing of
        // what is between two keyframes, nor whether the clock goes back.
        let landings = match input.is_matroska() && first.is_none() {
            true => Landings::default(),
            false => landings(input, access),
        };
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
            landings,
            delay: 0,
            packets: Mender::new(input, first, run.plan.border(run.planned)),
            counting: false,
            uneven: false,
            packets_read: 0,
            by_decoding_time: input.is_mp4(),
            access,
            unread_index,
            window: VecDeque::new(),
            items: Vec::new(),
            bytes: 0,
            ended: false,
        })
    }

    /// The pts and duration of the video's last frame, once its end was reached.
    pub fn last(&self) -> Option<(i64, i64)> {
        let read = self.items.iter().zip(&self.window);
        let shown = read.filter(|(item, _)| self.ended && item.shown);
        let last = shown.max_by_key(|(item, _)| item.pts)?;
        Some((last.0.pts, last.1.duration()))
    }

    /// The packets to decide on next; None: read on.
    pub fn group(&self) -> Option<Group> {
        let full = self.window.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES;
        feed::group(&self.items, self.ended, full, self.order.is_some())
    }

    pub fn read(&mut self, input: &mut VideoInput) -> Result<(), Stop> {
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
            Some(order) => {
                let place = order.of(&packet).ok_or(Stop::Irregular)?;
                self.uneven |= place.field;
                i64::from(place.order)
            }
            None => self.packets_read,
        };
        let unit = self.av1.as_mut().and_then(|reader| reader.read(data));
        let shown = !hidden && self.access.codec.is_shown(data);
        let entry = self.access.is_entry(&packet);
        if entry && self.by_decoding_time {
            self.delay = packet.dts().map_or(0, |dts| pts.saturating_sub(dts)).max(0);
        }
        if self.access.codec == Codec::Mjpeg && !entry {
            // All must be decoded, and pictures are too large to be kept for nothing.
            return Err(Stop::Irregular);
        }
        self.uneven |=
            self.counting && shown && !gives_one_frame(self.access.codec, data, unit.as_ref());
        self.items.push(Item {
            pts,
            entry,
            shown,
            unreferenced: unit.is_some_and(|unit| unit.is_unreferenced()),
            order,
        });
        self.bytes += data.len();
        self.window.push_back(packet);
        Ok(())
    }

    pub fn pop(&mut self) -> Packet {
        let packet = self
            .window
            .pop_front()
            .expect("a group is no longer than the window");
        self.bytes -= packet.size();
        self.items.remove(0);
        packet
    }

    pub fn restart(&mut self, packet: Packet) {
        self.packets.restart(packet);
        self.window.clear();
        self.items.clear();
        self.bytes = 0;
        self.ended = false;
    }
}

/// Where the container says that decoding can begin; nowhere: it is not to be asked.
pub fn landings(input: &mut VideoInput, access: Access) -> Landings {
    if !(input.is_mp4() || input.is_matroska()) {
        return Landings::default();
    }
    let index = ffi::index(&mut input.input, input.stream);
    let past = match access.codec.reorders() {
        true => GROUP_END_REORDERED,
        false => GROUP_END + lookahead(access),
    };
    match input.is_mp4() {
        true => Landings::of_packets(&index, past, !is_fragmented(input)),
        false if clock_goes_back(&index) => Landings::default(),
        false => Landings::of_cues(&index, past, access.codec.is_intra()),
    }
}

/// The header of a fragmented MP4 lists no samples.
fn is_fragmented(input: &VideoInput) -> bool {
    let stream = input.input.stream(input.stream).expect("chosen");
    stream.frames() <= 0
}
