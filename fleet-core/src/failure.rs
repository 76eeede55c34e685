//! Why a video failed, from a fixed list, in words for the person who uploaded it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub reason: Reason,
    /// One sentence: what was found, and what to do about it.
    pub detail: String,
}

impl Failure {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    /// The reason with its standard sentence.
    pub fn plain(reason: Reason) -> Self {
        Self::new(reason, reason.sentence())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

macro_rules! reasons {
    ($($variant:ident $name:literal $sentence:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason { $($variant),* }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $name),* }
            }

            pub fn sentence(self) -> &'static str {
                match self { $(Reason::$variant => $sentence),* }
            }
        }
    };
}

reasons! {
    // Found by the probe, before any work is queued.
    Empty "empty" "The file has no bytes."
    NotMedia "not_media" "The file is not a video: no known container format was recognised."
    PlaylistOrScript "playlist_or_script" "The file is a playlist, manifest or drawing that points elsewhere; upload the video itself."
    NoIndex "no_index" "The container's index is missing, so the file was probably cut short; upload it again."
    NoVideoStream "no_video_stream" "The file has no video stream."
    StillImage "still_image" "The file is a still image, not a video."
    Encrypted "encrypted" "The video is encrypted and cannot be decoded without its key."
    UnsupportedCodec "unsupported_codec" "The video's codec is not supported."
    TooLargeDimensions "too_large_dimensions" "The picture is larger than the limit."
    TooLong "too_long" "The video is longer than the limit."
    TooManyImages "too_many_images" "The selection would give more images than the limit."
    IndexBomb "index_bomb" "The container announces far more samples than the file could hold."
    // Found while decoding.
    NothingDecodable "nothing_decodable" "No frame of the video could be decoded."
    OutOfMemory "out_of_memory" "Decoding needed more memory than the limit."
    TimedOut "timed_out" "Decoding took longer than the limit."
    // Found by the fleet.
    UnsupportedSpec "unsupported_spec" "This selection or image option is not supported yet."
    SourceChanged "source_changed" "The uploaded object changed or vanished while it was being processed; upload it again."
    Poison "poison" "Processing stopped its machine each time it was tried."
    Internal "internal" "Processing failed for a reason on our side."
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|r| r.as_str() == text)
            .ok_or_else(|| format!("unknown failure reason {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_the_same_in_json_and_text() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert!(reason.sentence().ends_with('.'));
        }
    }
}
