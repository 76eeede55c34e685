//! What the agent and its decoder process say to each other.
//!
//! Over a socket on the decoder's standard input: a [`Job`], then ranged reads, question and answer,
//! until [`Range::END`]; [`Range::hints`] in between are not answered; and perhaps another job for
//! the same video. Over a pipe on its standard output: [`Answer`]s. Messages are JSON behind a length; the
//! bytes of the video and of images are not wrapped. The agent trusts no length it is told.

use std::io::{self, Read, Write};

use media::{ExtractedImage, ImageOptions, Plan, Probe, ProbeLimits, SegmentOutcome, Stretch};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::confine::InForce;
use super::misdeed::Misdeed;

/// Messages hold no images. A job holds at most a plan and the timestamps that were asked for.
pub const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// The most that one ranged read gives.
pub const READ_BYTES: usize = 1024 * 1024;
/// In place of a count: the read failed, and the agent knows why.
pub const READ_FAILED: u32 = u32::MAX;

#[derive(Debug, Serialize, Deserialize)]
pub enum Job {
    /// Say what is in force, and end.
    Describe,
    Probe {
        video_bytes: u64,
        limits: ProbeLimits,
    },
    Extract {
        video_bytes: u64,
        plan: Box<Plan>,
        segment: usize,
        image: ImageOptions,
    },
    /// For tests and the doctor: do what a captured decoder might try.
    Misbehave(Misdeed),
}

impl Job {
    pub fn video_bytes(&self) -> u64 {
        match self {
            Job::Probe { video_bytes, .. } | Job::Extract { video_bytes, .. } => *video_bytes,
            Job::Describe | Job::Misbehave(_) => 0,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// First of all, before the job is read.
    Confined(InForce),
    /// As many bytes of image data follow the message.
    Image {
        image: ExtractedImage,
        bytes: u64,
    },
    Probed(Box<Probe>),
    Extracted(SegmentOutcome),
    Rejected {
        reason: String,
        detail: String,
    },
    EntryPoint {
        detail: String,
    },
    Unsupported {
        what: String,
    },
    /// A ranged read failed.
    SourceFailed,
    /// What came of a misdeed.
    Refused {
        how: String,
    },
    Succeeded,
    Nothing,
}

pub fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len())
        .ok()
        .filter(|_| body.len() <= MESSAGE_BYTES)
        .ok_or_else(|| io::Error::other("the message is too long"))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&body)?;
    to.flush()
}

pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MESSAGE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a message is too long",
        ));
    }
    let body = bytes(from, length as u64)?;
    serde_json::from_slice(&body).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

/// Exactly so many bytes. Memory grows with what comes, not with what was announced.
pub fn bytes(from: &mut impl Read, count: u64) -> io::Result<Vec<u8>> {
    const AT_ONCE: u64 = 4 * 1024 * 1024;
    let mut data = Vec::with_capacity(usize::try_from(count.min(AT_ONCE)).unwrap_or(0));
    from.take(count).read_to_end(&mut data)?;
    if data.len() as u64 != count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(data)
}

/// A ranged read as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub offset: u64,
    pub length: u32,
}

impl Range {
    pub const BYTES: usize = 12;
    /// Nothing more is read for this job.
    pub const END: Range = Range {
        offset: u64::MAX,
        length: 0,
    };
    /// In a length: this is a hint.
    const HINT: u32 = 1 << 31;

    /// Say what will be read soon, in pieces that are read at once.
    pub fn hints(stretch: Stretch) -> impl Iterator<Item = Self> {
        let piece = READ_BYTES as u32;
        (0..stretch.length.max(1))
            .step_by(READ_BYTES)
            .map(move |at| Self {
                offset: stretch.offset.saturating_add(at.into()),
                length: (stretch.length - at).min(piece) | Self::HINT,
            })
    }

    pub fn hinted(self) -> Option<Stretch> {
        let length = (self.length & !Self::HINT).min(READ_BYTES as u32);
        (self.length & Self::HINT != 0).then_some(Stretch {
            offset: self.offset,
            length,
        })
    }

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let (offset, length) = bytes.split_at(8);
        Self {
            offset: u64::from_le_bytes(offset.try_into().expect("8 bytes")),
            length: u32::from_le_bytes(length.try_into().expect("4 bytes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let mut pipe = Vec::new();
        send(&mut pipe, &Job::Describe).unwrap();
        let rejected = Answer::Rejected {
            reason: "empty".into(),
            detail: "ü".into(),
        };
        send(&mut pipe, &rejected).unwrap();
        let mut rest = pipe.as_slice();
        assert!(matches!(receive::<Job>(&mut rest), Ok(Job::Describe)));
        let Answer::Rejected { reason, detail } = receive(&mut rest).unwrap() else {
            panic!("another answer");
        };
        assert_eq!((reason.as_str(), detail.as_str()), ("empty", "ü"));
        assert!(rest.is_empty());
    }

    #[test]
    fn a_length_is_only_a_claim() {
        let mut claim = u32::MAX.to_le_bytes().to_vec();
        claim.extend_from_slice(b"{}");
        assert!(receive::<Answer>(&mut claim.as_slice()).is_err());
        let short = bytes(&mut &b"abc"[..], u64::MAX).unwrap_err();
        assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(bytes(&mut &b"abcd"[..], 3).unwrap(), b"abc");
    }

    #[test]
    fn a_range_survives_the_socket() {
        let range = Range {
            offset: u64::MAX - 1,
            length: 77,
        };
        assert_eq!(Range::from_bytes(range.to_bytes()), range);
        assert_eq!(range.hinted(), None);
        let hinted = |range: Range| Range::from_bytes(range.to_bytes()).hinted();
        let piece = READ_BYTES as u32;
        let stretch = |offset, length| Stretch { offset, length };
        let pieces: Vec<_> = Range::hints(stretch(7, 2 * piece + 5))
            .filter_map(hinted)
            .collect();
        let second = 7 + u64::from(piece);
        let expected = [
            stretch(7, piece),
            stretch(second, piece),
            stretch(second + u64::from(piece), 5),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(Range::hints(stretch(7, 0)).count(), 1);
        // Whatever a decoder says of its own accord.
        let longer = Range {
            offset: 7,
            length: u32::MAX,
        };
        assert_eq!(longer.hinted(), Some(stretch(7, piece)));
    }
}
