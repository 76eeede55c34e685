//! Which bytes of the archive S3 copies by itself, and which must be downloaded and joined.
//!
//! S3 takes parts of 5 MiB to 5 GiB, only the last may be smaller, at most 10,000 of them; and it
//! copies a range only out of an object of more than 5 MiB. A piece below 5 MiB therefore has to be
//! downloaded and joined with its neighbours, or with bytes borrowed from the ends of theirs.

mod layout;
mod search;

use thiserror::Error;

/// S3's limits, as values so that tests can scale them down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartLimits {
    /// Of every part but the last, and of everything that is copied.
    pub min_part: u64,
    /// At least twice `min_part`.
    pub max_part: u64,
    pub max_parts: usize,
    /// Longer uploads are divided into parts of about this size where the number of parts allows:
    /// they are held in memory. At least `min_part`.
    pub upload_part: u64,
}

impl PartLimits {
    pub const S3: PartLimits = PartLimits {
        min_part: 5 << 20,
        max_part: 5 << 30,
        max_parts: 10_000,
        upload_part: 16 << 20,
    };
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplicePlan {
    /// In the order of the archive.
    pub parts: Vec<Part>,
    /// Bytes of fragments that must be downloaded.
    pub downloaded: u64,
    /// Length of the archive.
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// UploadPartCopy of a range of one fragment.
    Copy {
        fragment: usize,
        start: u64,
        len: u64,
    },
    /// UploadPart of these pieces, joined.
    Upload(Vec<Piece>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A range of a fragment, to be downloaded.
    Fragment {
        fragment: usize,
        start: u64,
        len: u64,
    },
    /// A range of the generated entries.
    Extra { start: u64, len: u64 },
    /// A range of the central directory.
    Tail { start: u64, len: u64 },
}

/// None of these passes by itself: reject.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SpliceError {
    #[error("the archive has {total} bytes; the limit is {limit} bytes")]
    TooLarge { total: u128, limit: u128 },
    #[error(
        "part limits are inconsistent: max_part must be at least twice min_part, which must be at least 1"
    )]
    BadLimits,
}

impl Part {
    pub fn length(&self) -> u64 {
        match self {
            Part::Copy { len, .. } => *len,
            Part::Upload(pieces) => pieces.iter().map(Piece::length).sum(),
        }
    }
}

impl Piece {
    pub fn length(&self) -> u64 {
        match self {
            Piece::Fragment { len, .. } | Piece::Extra { len, .. } | Piece::Tail { len, .. } => {
                *len
            }
        }
    }
}

/// `pieces`: the entry bytes of each fragment, in order. `extra`: bytes of the generated entries
/// after them. `tail_len`: bytes of the central directory.
pub fn plan(pieces: &[u64], extra: u64, tail_len: u64) -> Result<SplicePlan, SpliceError> {
    plan_with(&PartLimits::S3, pieces, extra, tail_len)
}

/// The downloaded bytes are the fewest possible, as long as the plan that has the fewest needs no
/// more than `max_parts`. Past that, parts are joined at the cost of more downloads, near the
/// fewest.
pub fn plan_with(
    limits: &PartLimits,
    pieces: &[u64],
    extra: u64,
    tail_len: u64,
) -> Result<SplicePlan, SpliceError> {
    let PartLimits {
        min_part, max_part, ..
    } = *limits;
    if min_part == 0 || max_part / 2 < min_part || limits.max_parts == 0 {
        return Err(SpliceError::BadLimits);
    }
    let total = pieces.iter().map(|&p| u128::from(p)).sum::<u128>()
        + u128::from(extra)
        + u128::from(tail_len);
    let limit = (u128::from(max_part) * limits.max_parts as u128).min(u128::from(u64::MAX));
    if total > limit {
        return Err(SpliceError::TooLarge { total, limit });
    }
    Ok(search::search(limits, pieces, extra, tail_len))
}
