use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use fleet_core::{Failure, VideoId};
use serde::{Deserialize, Serialize};

/// Which plan of a video: 0, and one higher each time the video is planned again.
pub type Generation = u32;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobId {
    pub video: VideoId,
    pub generation: Generation,
}

impl JobId {
    pub fn new(video: VideoId, generation: Generation) -> Self {
        Self { video, generation }
    }
}

/// A fencing token: each new finalizer of a video gets a higher one than any before it, also after
/// Redis has forgotten everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

impl Token {
    pub(crate) fn new(value: u64) -> Self {
        Self(value)
    }

    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a video ended. The first of these stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terminal {
    Committed,
    Failed(Failure),
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    Opened,
    /// This generation is open already; nothing was changed.
    Exists,
    /// A newer plan exists: this one is void.
    Superseded(Generation),
    Ended(Terminal),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// The result is recorded, others are missing: delete the message. Sums are over all segments
    /// done so far.
    Waiting {
        left: u32,
        frames: u64,
        bytes: u64,
    },
    /// All segments are done, and another finalizer holds the lease for so much longer. Do not
    /// delete the message: it may be the very one that finalizer left behind. Let it come back.
    Finalizing {
        frames: u64,
        bytes: u64,
        lease_left: Duration,
    },
    /// The caller is the finalizer now, and keeps its message until it has committed.
    Finalize {
        token: Token,
        frames: u64,
        bytes: u64,
    },
    Committed,
    Failed(Failure),
    Cancelled,
    /// A newer plan of the video exists: this segment is void.
    Superseded(Generation),
    /// Redis has lost the job, or may have lost part of it: `restore_job`, then call again.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    Held,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    Committed,
    /// A newer finalizer or plan exists, the video failed or was cancelled, or Redis lost the job.
    Lost,
    Already,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restoration {
    /// Rebuilt from a list that may be older than the loss: list and restore once more.
    Restored {
        left: u32,
    },
    /// The job is whole; what the list had more was added.
    Exists,
    Superseded(Generation),
    Ended(Terminal),
}

/// One segment's result as S3 holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentResult {
    pub segment: u32,
    pub result: String,
    pub frames: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobResults {
    pub segments: u32,
    /// By segment, from 0.
    pub results: BTreeMap<u32, String>,
}

impl JobResults {
    /// The results in order, if none is missing.
    pub fn complete(self) -> Option<Vec<String>> {
        (self.results.len() == self.segments as usize).then(|| self.results.into_values().collect())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub generation: Generation,
    /// 0 where the video ended before it was planned.
    pub segments: u32,
    pub done: u32,
    pub frames: u64,
    pub bytes: u64,
    /// A finalizer holds a live lease.
    pub finalizing: bool,
    pub ended: Option<Terminal>,
}
