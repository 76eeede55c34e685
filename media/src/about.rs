//! What the linked FFmpeg is and lacks, for the doctor.

use ffmpeg_next::decoder;

use crate::{ffi, sniff};

pub fn ffmpeg_version() -> String {
    ffi::version()
}

/// Decoders that would be accepted, and are not in this FFmpeg.
pub fn missing_decoders() -> Vec<&'static str> {
    let missing = |name: &&&str| decoder::find_by_name(name).is_none();
    sniff::DECODERS.iter().filter(missing).copied().collect()
}
