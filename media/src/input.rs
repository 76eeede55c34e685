//! An opened video: the demuxer over a [`RangeRead`], one chosen stream, and its packets.
//!
//! A read error of the source is kept aside and always wins, because demuxers turn errors into an
//! early end of file.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};

use ffmpeg_next::format::context::{Input, StreamIo};
use ffmpeg_next::{Error, Packet, format::stream::Disposition, media::Type};

use crate::error::{MediaError, RejectReason};
use crate::ffi;
use crate::sniff;
use crate::source::{RangeRead, Stretch};

type Slot = Arc<Mutex<Option<io::Error>>>;

/// One source for several openings, one after the other.
pub type SharedSource = Arc<Mutex<Box<dyn RangeRead>>>;

pub fn share(source: Box<dyn RangeRead>) -> SharedSource {
    Arc::new(Mutex::new(source))
}

/// A `RangeRead` as FFmpeg wants it: one position, and no way to lose an error.
struct Reader {
    source: SharedSource,
    len: u64,
    position: u64,
    slot: Slot,
}

impl Read for Reader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.len {
            return Ok(0);
        }
        match self
            .source
            .lock()
            .expect("source")
            .read_at(self.position, buf)
        {
            // Shorter than it said it was: the object changed, or the transport lied.
            Ok(0) if !buf.is_empty() => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the source ended early",
            )),
            other => other,
        }
        .inspect(|n| self.position += *n as u64)
        .map_err(|e| {
            let kind = e.kind();
            if kind != io::ErrorKind::Interrupted {
                self.slot.lock().expect("slot").get_or_insert(e);
            }
            io::Error::from(kind)
        })
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::Current(n) => self.position.checked_add_signed(n),
            SeekFrom::End(n) => self.len.checked_add_signed(n),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

pub struct VideoInput {
    pub input: Input,
    pub stream: usize,
    /// How many frames the decoder must hold back, where that was found out before.
    pub reorder: Option<u32>,
    pub format: String,
    /// What the demuxer stumbled over, in words for the manifest.
    pub damage: Option<String>,
    source: SharedSource,
    slot: Slot,
}

/// Demuxers may ask to be called again, or skip damage; a file must not make them do so for ever.
const MAX_RETRIES: u32 = 10_000;

impl VideoInput {
    /// Opens with a demuxer that was judged before. Streams are chosen by the caller.
    pub fn open(source: SharedSource, format: &str) -> Result<Self, MediaError> {
        ffi::init();
        let slot = Slot::default();
        let len = source.lock().expect("source").len();
        let reader = Reader {
            source: source.clone(),
            len,
            position: 0,
            slot: slot.clone(),
        };
        let decoders = sniff::DECODERS.join(",");
        let options = [
            ("format_whitelist", format),
            ("codec_whitelist", decoders.as_str()),
            ("protocol_whitelist", "none"),
            ("ignore_chapters", "1"),
        ];
        let opened = StreamIo::from_read_seek_with_capacity(reader, 64 * 1024)
            .and_then(|io| ffi::open(io, first_name(format), &options));
        let input = match opened {
            Ok(input) => input,
            Err(e) => return Err(source_error(&slot).unwrap_or_else(|| open_error(format, e))),
        };
        let opened = Self {
            input,
            stream: 0,
            reorder: None,
            format: format.to_owned(),
            damage: None,
            source,
            slot,
        };
        // A demuxer takes an error for the end, and may be content with what it has.
        opened.check_source()?;
        Ok(opened)
    }

    pub fn find_stream_info(&mut self, max_pixels: u64) -> Result<(), MediaError> {
        let result = ffi::find_stream_info(&mut self.input, max_pixels);
        self.check_source()?;
        result.map_err(|e| {
            MediaError::reject(
                RejectReason::NotMedia,
                format!("FFmpeg found no streams: {e}"),
            )
        })
    }

    pub fn check_source(&self) -> Result<(), MediaError> {
        source_error(&self.slot).map_or(Ok(()), Err)
    }

    /// The next packet of the chosen stream; None at the end.
    pub fn next_packet(&mut self) -> Result<Option<Packet>, MediaError> {
        let mut tries = 0;
        loop {
            let mut packet = Packet::empty();
            let result = packet.read(&mut self.input);
            self.check_source()?;
            match result {
                Ok(()) if packet.stream() == self.stream => return Ok(Some(packet)),
                Ok(()) => tries = 0,
                Err(Error::Eof) => return Ok(None),
                Err(e) => {
                    let again = matches!(e, Error::InvalidData)
                        || e == Error::Other {
                            errno: ffmpeg_next::error::EAGAIN,
                        };
                    tries += 1;
                    if !again || tries > MAX_RETRIES {
                        self.damage = Some(format!("the container is damaged: {e}"));
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Tells the source what will be read.
    pub fn expect(&self, stretches: &[Stretch]) {
        self.source.lock().expect("source").expect(stretches);
    }

    pub fn seek(&mut self, timestamp: i64) -> Result<bool, MediaError> {
        let result = ffi::seek(&mut self.input, self.stream, timestamp);
        self.check_source()?;
        Ok(result.is_ok())
    }

    pub fn seek_byte(&mut self, position: u64) -> Result<bool, MediaError> {
        let result = ffi::seek_byte(&mut self.input, position);
        self.check_source()?;
        Ok(result.is_ok())
    }

    /// The first video stream marked as default, else the first; a cover picture is none.
    pub fn video_stream(&self) -> Option<usize> {
        let video = || {
            self.input.streams().filter(|s| {
                s.parameters().medium() == Type::Video
                    && !s.disposition().contains(Disposition::ATTACHED_PIC)
            })
        };
        video()
            .find(|s| s.disposition().contains(Disposition::DEFAULT))
            .or_else(|| video().next())
            .map(|s| s.index())
    }

    pub fn is_mp4(&self) -> bool {
        self.format.starts_with("mov,")
    }

    pub fn is_matroska(&self) -> bool {
        self.format.starts_with("matroska")
    }
}

/// `mov,mp4,…` is found under any of its names.
fn first_name(format: &str) -> &str {
    format.split(',').next().unwrap_or(format)
}

fn source_error(slot: &Slot) -> Option<MediaError> {
    slot.lock().expect("slot").take().map(MediaError::Source)
}

fn open_error(format: &str, error: Error) -> MediaError {
    if error
        == (Error::Other {
            errno: ffmpeg_next::error::ENOMEM,
        })
    {
        return MediaError::reject(
            RejectReason::OutOfMemory,
            "the header asks for too much memory",
        );
    }
    let reason = match first_name(format) {
        "mov" | "asf" | "flv" | "avi" => RejectReason::NoIndex,
        _ => RejectReason::NotMedia,
    };
    MediaError::reject(
        reason,
        format!("the {format} header could not be read: {error}"),
    )
}

/// Which demuxer a file needs, judged by its first bytes.
pub fn detect(source: &mut dyn RangeRead) -> Result<String, MediaError> {
    if source.is_empty() {
        return Err(MediaError::reject(
            RejectReason::Empty,
            "the file has no bytes",
        ));
    }
    let mut head = Vec::new();
    let mut best: Option<(String, i32)> = None;
    for size in [4 * 1024, 64 * 1024, 1024 * 1024] {
        read_head(source, &mut head, size).map_err(MediaError::Source)?;
        if let Some((reason, detail)) = sniff::refuse_by_bytes(&head) {
            return Err(MediaError::reject(reason, detail));
        }
        best = ffi::detect(&head).or(best);
        // FFmpeg's own threshold for being sure enough to stop reading.
        if best.as_ref().is_some_and(|(_, score)| *score > 25)
            || (head.len() as u64) >= source.len()
        {
            break;
        }
    }
    let (name, _) = best.ok_or_else(|| {
        MediaError::reject(
            RejectReason::NotMedia,
            "no known container format was recognised",
        )
    })?;
    sniff::judge_format(&name).map_err(|(reason, detail)| MediaError::reject(reason, detail))?;
    Ok(name)
}

fn read_head(source: &mut dyn RangeRead, head: &mut Vec<u8>, size: usize) -> io::Result<()> {
    let want = size.min(usize::try_from(source.len()).unwrap_or(usize::MAX));
    let mut at = head.len();
    head.resize(want.max(at), 0);
    while at < want {
        match source.read_at(at as u64, &mut head[at..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => at += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
