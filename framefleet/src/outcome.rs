//! How the command ends other than well, and the exit status that says so.

use fleet_core::Failure;
use thiserror::Error;

pub const FAILED: u8 = 1;
pub const USAGE: u8 = 2;
pub const UNREACHABLE: u8 = 3;

#[derive(Debug, Error)]
pub enum Ended {
    /// The service did its part; the video has no result.
    #[error("the video failed: {} ({})", .0.detail, .0.reason)]
    VideoFailed(Failure),
    #[error("the video was {0} before it was done")]
    VideoStopped(String),
    /// What was asked for, or given, cannot be used. Asking again changes nothing.
    #[error("{0}")]
    Usage(String),
    /// Worth another try later.
    #[error("{0}")]
    Service(String),
    /// What arrived is not what the manifest promises.
    #[error("check the archive: {0}")]
    BadArchive(String),
}

impl Ended {
    pub fn usage(why: impl Into<String>) -> Self {
        Self::Usage(why.into())
    }

    pub fn service(why: impl Into<String>) -> Self {
        Self::Service(why.into())
    }

    pub fn code(&self) -> u8 {
        match self {
            Self::VideoFailed(_) | Self::VideoStopped(_) => FAILED,
            Self::Usage(_) => USAGE,
            Self::Service(_) | Self::BadArchive(_) => UNREACHABLE,
        }
    }
}
