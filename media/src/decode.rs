//! One decoder, one thread, frames in presentation order. Damage is counted, never hidden.

use ffmpeg_next::codec::{self, context::Context};
use ffmpeg_next::{Discard, Error, Packet, decoder, frame};

use crate::access::has_alpha;
use crate::entries::codec_of;
use crate::entry::Codec;
use crate::error::{MediaError, RejectReason};
use crate::ffi;
use crate::input::VideoInput;
use crate::sniff;

pub struct Decoder {
    video: decoder::Video,
    draining: bool,
    /// Packets refused, and complaints logged while decoding.
    pub errors: u64,
    pub first_error: Option<String>,
    /// Frames whose timestamps are not in the order in which the codec shows them. From the first one on
    /// FFmpeg may go by decoding times, so where decoding began makes a difference.
    pub misplaced: u64,
    last_pts: Option<i64>,
    /// It asked for memory that it was not given.
    pub out_of_memory: bool,
    /// What comes out now may show damage: something went wrong since the last good keyframe.
    pub suspect: bool,
    /// Of a decoder that calls every frame a keyframe: its packets are asked instead.
    judge: Option<Codec>,
    packet_is_key: bool,
}

/// A frame, and whether it can be decoded on its own.
pub struct Decoded {
    pub frame: frame::Video,
    pub key: bool,
}

/// FFmpeg has two decoders for VP8 and VP9: its own, and libvpx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefer {
    /// FFmpeg's own, always.
    Native,
    /// libvpx, where WebM keeps alpha beside each picture: FFmpeg's own leave it out.
    Alpha,
}

impl Decoder {
    pub fn open(input: &VideoInput, max_pixels: u64, prefer: Prefer) -> Result<Self, MediaError> {
        let stream = input
            .input
            .stream(input.stream)
            .expect("the stream was chosen from this input");
        let parameters = stream.parameters();
        let id = parameters.id();
        let unsupported =
            |detail: String| MediaError::reject(RejectReason::UnsupportedCodec, detail);
        let foreign = libvpx(input, id, prefer);
        let judge = foreign.map(|_| codec_of(input));
        let codec = foreign
            .or_else(|| decoder::find(id))
            .filter(|c| sniff::DECODERS.contains(&c.name()))
            .ok_or_else(|| unsupported(format!("there is no decoder for {}", codec_name(id))))?;
        let mut context = Context::from_parameters(parameters)
            .map_err(|e| unsupported(format!("the codec parameters cannot be used: {e}")))?;
        ffi::bound_decoder(&mut context, max_pixels, input.reorder);
        let mut opening = context.decoder();
        opening.set_packet_time_base(stream.time_base());
        let video = opening
            .open_as(codec)
            .and_then(|opened| opened.video())
            .map_err(|e| {
                unsupported(format!(
                    "the {} decoder refused the stream: {e}",
                    codec_name(id)
                ))
            })?;
        Ok(Self {
            video,
            draining: false,
            errors: 0,
            first_error: None,
            misplaced: 0,
            last_pts: None,
            out_of_memory: false,
            suspect: false,
            judge,
            packet_is_key: false,
        })
    }

    /// Gives the decoder one packet, or the end. Call [`receive`](Self::receive) until None first.
    pub fn send(&mut self, packet: Option<&Packet>) {
        let result = match packet {
            Some(packet) => {
                if let Some(codec) = self.judge {
                    self.packet_is_key = packet.data().is_some_and(|data| codec.is_entry(data));
                }
                self.video.send_packet(packet)
            }
            None if self.draining => return,
            None => {
                self.draining = true;
                self.video.send_eof()
            }
        };
        if let Err(e) = result {
            self.note(e);
        }
        self.count_complaints();
    }

    /// The next frame; None: it wants more packets, or it is drained.
    pub fn receive(&mut self) -> Option<Decoded> {
        let mut frame = frame::Video::empty();
        // A drained decoder may report damage once a frame it still holds, and no more often.
        for _ in 0..1024 {
            match self.video.receive_frame(&mut frame) {
                Ok(()) => {
                    let damaged = frame.is_corrupt() || frame.has_decode_errors();
                    let complained = self.count_complaints();
                    let key = match self.judge {
                        Some(_) => self.packet_is_key,
                        None => frame.is_key(),
                    };
                    if key && !damaged && !complained {
                        self.suspect = false;
                    }
                    self.suspect |= damaged;
                    self.judge_time(&frame);
                    return Some(Decoded { frame, key });
                }
                Err(Error::Eof) => return None,
                Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => return None,
                Err(e) => {
                    self.note(e);
                    if !self.draining {
                        return None;
                    }
                }
            }
        }
        None
    }

    fn judge_time(&mut self, frame: &frame::Video) {
        let Some(pts) = frame.pts() else {
            return;
        };
        let back = self.last_pts.is_some_and(|last| pts <= last);
        let otherwise = frame.timestamp().is_some_and(|chosen| chosen != pts);
        self.misplaced += u64::from(back || otherwise);
        self.last_pts = Some(pts);
    }

    /// Whether pictures that no other refers to are left out, from the next packet on.
    pub fn skip_unreferenced(&mut self, skip: bool) {
        let discard = if skip {
            Discard::NonReference
        } else {
            Discard::Default
        };
        self.video.skip_frame(discard);
    }

    /// From now on only frames that stand alone come out.
    pub fn keyframes_only(&mut self) {
        self.video.skip_frame(Discard::NonKey);
    }

    /// Forgets everything; the next packet must be a random access point.
    pub fn flush(&mut self) {
        self.video.flush();
        self.last_pts = None;
        self.draining = false;
    }

    /// A decoder conceals damage and answers with success; its log is the only witness.
    fn count_complaints(&mut self) -> bool {
        let complaints = ffi::take_errors();
        self.errors += complaints;
        self.suspect |= complaints > 0;
        complaints > 0
    }

    fn note(&mut self, error: Error) {
        self.errors += 1;
        self.suspect = true;
        let enomem = ffmpeg_next::error::ENOMEM;
        self.out_of_memory |= error == Error::Other { errno: enomem };
        self.first_error.get_or_insert_with(|| error.to_string());
    }

    /// A starved decoder says nothing about the video, so what it gave is no result.
    pub fn check_memory(&self) -> Result<(), MediaError> {
        match self.out_of_memory {
            true => Err(MediaError::reject(
                RejectReason::OutOfMemory,
                "the decoder was refused memory",
            )),
            false => Ok(()),
        }
    }

    /// Whether this is another decoder than FFmpeg's own.
    pub fn is_foreign(&self) -> bool {
        self.judge.is_some()
    }

    pub fn profile(&self) -> codec::Profile {
        self.video.profile()
    }
}

fn libvpx(input: &VideoInput, id: codec::Id, prefer: Prefer) -> Option<ffmpeg_next::Codec> {
    let name = match (prefer, id) {
        (Prefer::Alpha, codec::Id::VP8) => "libvpx",
        (Prefer::Alpha, codec::Id::VP9) => "libvpx-vp9",
        _ => return None,
    };
    has_alpha(input)
        .then(|| decoder::find_by_name(name))
        .flatten()
}

pub fn codec_name(id: codec::Id) -> &'static str {
    id.name()
}
