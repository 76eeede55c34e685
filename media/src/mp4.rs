//! A look at an MP4's boxes before FFmpeg sees them: what it announces, and whether that can be true.
//!
//! Only counts and names are read. FFmpeg builds its tables from the same numbers without asking
//! whether the file could hold so many samples, and decodes encrypted samples to garbage.

use std::io;

use crate::error::{MediaError, RejectReason};
use crate::source::RangeRead;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boxes {
    pub fragmented: bool,
    pub has_index: bool,
    pub has_media: bool,
    pub encrypted_video: bool,
    /// A track's samples are of several kinds: clips were joined without coding them again.
    pub several_kinds: bool,
    /// Where the first `moov` box ends.
    pub header_end: Option<u64>,
}

const MAX_DEPTH: usize = 12;
const MAX_BOXES: usize = 200_000;
/// A sample table may announce this many samples whatever the file's size.
const FREE_SAMPLES: u64 = 10_000;

const CONTAINERS: &[&[u8; 4]] = &[
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf", b"udta",
    b"dinf", b"sinf", b"schi", b"tref", b"gmhd", b"wave",
];

pub fn inspect(source: &mut dyn RangeRead) -> Result<Boxes, MediaError> {
    let len = source.len();
    let mut walk = Walk {
        window: Window {
            source,
            at: 0,
            bytes: Vec::new(),
        },
        found: Boxes::default(),
        boxes: 0,
        samples: 0,
        handler: *b"none",
        len,
    };
    walk.children(0, len, 0)?;
    let found = walk.found;
    if !found.has_index {
        return Err(match found.has_media {
            true => MediaError::reject(
                RejectReason::NoIndex,
                "the MP4 has no moov box, so it was probably cut short; upload it again",
            ),
            false => MediaError::reject(
                RejectReason::NotMedia,
                "the file starts like an MP4 and holds no media",
            ),
        });
    }
    if found.encrypted_video {
        return Err(MediaError::reject(
            RejectReason::Encrypted,
            "the video track is encrypted",
        ));
    }
    Ok(found)
}

struct Walk<'a> {
    window: Window<'a>,
    found: Boxes,
    boxes: usize,
    samples: u64,
    /// Of the track being walked.
    handler: [u8; 4],
    len: u64,
}

fn bomb(detail: String) -> MediaError {
    MediaError::reject(RejectReason::IndexBomb, detail)
}

impl Walk<'_> {
    fn children(&mut self, mut at: u64, end: u64, depth: usize) -> Result<(), MediaError> {
        if depth > MAX_DEPTH {
            return Err(bomb(format!("boxes are nested more than {MAX_DEPTH} deep")));
        }
        while at + 8 <= end {
            self.boxes += 1;
            if self.boxes > MAX_BOXES {
                return Err(bomb(format!("the index has more than {MAX_BOXES} boxes")));
            }
            let header = self.window.get::<16>(at)?;
            let kind = [header[4], header[5], header[6], header[7]];
            let (size, head) = match u32::from_be_bytes(header[..4].try_into().expect("4 bytes")) {
                0 => (end - at, 8),
                1 => (
                    u64::from_be_bytes(header[8..].try_into().expect("8 bytes")),
                    16,
                ),
                size => (u64::from(size), 8),
            };
            if size < head {
                return Ok(());
            }
            // A box may claim to be longer than what is left: the file was cut.
            let stop = at.saturating_add(size).min(end);
            self.visit(&kind, at + head, stop, depth)?;
            if &kind == b"moov" && depth == 0 {
                self.found.header_end.get_or_insert(stop);
            }
            // Fragments repeat to the end of the file; the first tells all that is needed.
            if self.found.has_index && &kind == b"moof" {
                return Ok(());
            }
            at = stop;
        }
        Ok(())
    }

    fn visit(&mut self, kind: &[u8; 4], at: u64, end: u64, depth: usize) -> Result<(), MediaError> {
        match kind {
            b"moov" => self.found.has_index = true,
            b"mdat" => self.found.has_media |= end > at,
            b"moof" => (self.found.fragmented, self.found.has_media) = (true, true),
            b"mvex" => self.found.fragmented = true,
            b"trak" => self.handler = *b"none",
            b"hdlr" if depth == 3 && end - at >= 12 => {
                let head = self.window.get::<12>(at)?;
                self.handler = [head[8], head[9], head[10], head[11]];
            }
            b"stsd" if end - at >= 16 => {
                let entry = self.window.get::<16>(at)?;
                if &entry[12..16] == b"encv" {
                    self.found.encrypted_video = true;
                }
                self.found.several_kinds |= entry[4..8] != [0, 0, 0, 1];
            }
            b"stsz" | b"stz2" if end - at >= 12 => {
                let count = u64::from(self.u32(at + 8)?);
                // The smallest coded picture we have seen takes some bytes; sound may take one.
                let fits = if &self.handler == b"vide" {
                    self.len / 4
                } else {
                    self.len.saturating_mul(8)
                };
                self.announce(count, fits.max(FREE_SAMPLES))?;
            }
            b"trun" if end - at >= 8 => {
                let count = u64::from(self.u32(at + 4)?);
                self.announce(count, self.len.max(FREE_SAMPLES))?;
            }
            _ => {}
        }
        if CONTAINERS.contains(&kind) {
            self.children(at, end, depth + 1)?;
        }
        Ok(())
    }

    fn announce(&mut self, count: u64, fits: u64) -> Result<(), MediaError> {
        self.samples += count;
        if count > fits {
            let len = self.len;
            return Err(bomb(format!(
                "the index announces {count} samples in a file of {len} bytes"
            )));
        }
        Ok(())
    }

    fn u32(&mut self, at: u64) -> Result<u32, MediaError> {
        Ok(u32::from_be_bytes(self.window.get::<4>(at)?))
    }
}

/// A few kilobytes at a time: boxes lie close together, and each read may be a request to S3.
struct Window<'a> {
    source: &'a mut dyn RangeRead,
    at: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// Past the end of the file there are zeros.
    fn get<const N: usize>(&mut self, at: u64) -> Result<[u8; N], MediaError> {
        let inside = at >= self.at && at + N as u64 <= self.at + self.bytes.len() as u64;
        if !inside {
            let left = self.source.len().saturating_sub(at);
            let size = left.min(16 * 1024) as usize;
            self.bytes.resize(size, 0);
            self.at = at;
            let mut have = 0;
            while have < size {
                match self
                    .source
                    .read_at(at + have as u64, &mut self.bytes[have..])
                {
                    Ok(0) => return Err(MediaError::Source(io::ErrorKind::UnexpectedEof.into())),
                    Ok(n) => have += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(MediaError::Source(e)),
                }
            }
        }
        let mut out = [0; N];
        let from = (at - self.at) as usize;
        let have = self.bytes.len().saturating_sub(from).min(N);
        out[..have].copy_from_slice(&self.bytes[from..from + have]);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);

    impl RangeRead for Bytes {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let from = (offset as usize).min(self.0.len());
            let n = buf.len().min(self.0.len() - from);
            buf[..n].copy_from_slice(&self.0[from..from + n]);
            Ok(n)
        }
    }

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut out = (body.len() as u32 + 8).to_be_bytes().to_vec();
        out.extend_from_slice(kind);
        out.extend_from_slice(body);
        out
    }

    fn nest(kinds: &[&[u8; 4]], body: Vec<u8>) -> Vec<u8> {
        kinds
            .iter()
            .rev()
            .fold(body, |body, kind| boxed(kind, &body))
    }

    fn reason(bytes: Vec<u8>) -> Option<RejectReason> {
        match inspect(&mut Bytes(bytes)) {
            Err(MediaError::Reject { reason, .. }) => Some(reason),
            Err(other) => panic!("{other}"),
            Ok(_) => None,
        }
    }

    #[test]
    fn announcements_are_checked_against_the_file() {
        let table = |count: u32| {
            let mut body = vec![0, 0, 0, 0, 0, 0, 0, 1];
            body.extend(count.to_be_bytes());
            nest(
                &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz"],
                body,
            )
        };
        let entry = |kind: &[u8; 4]| {
            let mut body = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8];
            body.extend(kind);
            nest(
                &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"],
                body,
            )
        };
        assert_eq!(reason(table(100)), None);
        assert_eq!(reason(table(20_000_000)), Some(RejectReason::IndexBomb));
        assert_eq!(reason(entry(b"avc1")), None);
        assert_eq!(reason(entry(b"encv")), Some(RejectReason::Encrypted));
        assert_eq!(reason(boxed(b"mdat", &[0; 9])), Some(RejectReason::NoIndex));
        assert_eq!(
            reason(boxed(b"ftyp", b"isom")),
            Some(RejectReason::NotMedia)
        );
        let deep = (0..40).fold(Vec::new(), |body, _| boxed(b"moov", &body));
        assert_eq!(reason(deep), Some(RejectReason::IndexBomb));
    }

    #[test]
    fn fragments_are_seen() {
        let mut file = boxed(b"moov", &boxed(b"mvex", &[]));
        file.extend(boxed(b"moof", &[]));
        let found = inspect(&mut Bytes(file)).unwrap();
        assert!(found.fragmented && found.has_index && !found.encrypted_video);
        let kinds = |count| {
            let body = [&[0, 0, 0, 0, 0, 0, 0, count, 0, 0, 0, 8][..], b"avc1"].concat();
            let file = nest(
                &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"],
                body,
            );
            inspect(&mut Bytes(file)).unwrap().several_kinds
        };
        assert!(!kinds(1) && kinds(2));
    }
}
