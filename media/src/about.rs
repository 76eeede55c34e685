//! What the linked FFmpeg is and lacks, for the doctor; what it needs before it is shut in.

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

/// To be called before a sandbox closes the file system: later, it would be tried and refused.
pub fn prepare_for_sandbox() {
    ffi::read_time_zone();
}
