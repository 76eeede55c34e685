//! What can go wrong, sorted by what the caller should do about it.

use std::fmt;
use std::io;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum MediaError {
    /// The video itself cannot be processed. Trying again gives the same answer.
    #[error("{reason}: {detail}")]
    Reject {
        reason: RejectReason,
        detail: String,
    },
    /// The segment's entry point is not what the plan says. Plan again with one segment.
    #[error("enter the video in the middle: {detail}")]
    EntryPoint { detail: String },
    /// Reading the video failed. Try again.
    #[error("read the video")]
    Source(#[source] io::Error),
    /// The caller's sink refused an image.
    #[error("hand over an image")]
    Sink(#[source] io::Error),
    /// A selection or image option that this version does not carry out.
    #[error("{what}")]
    Unsupported { what: String },
}

impl MediaError {
    pub(crate) fn reject(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self::Reject {
            reason,
            detail: detail.into(),
        }
    }
}

macro_rules! reasons {
    ($($variant:ident $name:literal)*) => {
        /// The part of the fleet's failure reasons that a video alone can cause; same names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RejectReason { $($variant),* }

        impl RejectReason {
            pub const ALL: &'static [RejectReason] = &[$(RejectReason::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $(RejectReason::$variant => $name),* }
            }
        }
    };
}

reasons! {
    Empty "empty"
    NotMedia "not_media"
    PlaylistOrScript "playlist_or_script"
    NoIndex "no_index"
    NoVideoStream "no_video_stream"
    StillImage "still_image"
    Encrypted "encrypted"
    UnsupportedCodec "unsupported_codec"
    TooLargeDimensions "too_large_dimensions"
    TooLong "too_long"
    TooManyImages "too_many_images"
    IndexBomb "index_bomb"
    NothingDecodable "nothing_decodable"
    OutOfMemory "out_of_memory"
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
