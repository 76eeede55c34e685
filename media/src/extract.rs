//! Carries out one segment of a plan.

use std::io;

use num_rational::Ratio;

use crate::error::MediaError;
use crate::plan::Plan;
use crate::request::ImageOptions;
use crate::source::RangeRead;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractedImage {
    /// In the whole archive, from 0.
    pub index: u64,
    /// Seconds from the first frame, where the selection is by time.
    pub requested: Option<Ratio<i64>>,
    /// In ticks of the video's time base.
    pub pts: i64,
    /// Seconds from the first frame.
    pub time: Ratio<i64>,
    pub keyframe: bool,
    pub width: u32,
    pub height: u32,
    /// The encoded image.
    pub data: Vec<u8>,
    /// MD5 of the decoded planes, padding left out, not scaled or turned. Only when asked for.
    pub frame_md5: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentOutcome {
    pub images: u64,
    pub frames_decoded: u64,
    pub packets_skipped: u64,
    pub warnings: Vec<String>,
}

/// Decodes one segment and hands its images to `sink`, in order. Blocks.
pub fn extract(
    source: Box<dyn RangeRead>,
    plan: &Plan,
    segment: usize,
    image: &ImageOptions,
    sink: &mut dyn FnMut(ExtractedImage) -> io::Result<()>,
) -> Result<SegmentOutcome, MediaError> {
    let _ = (source, plan, segment, image, sink);
    Err(MediaError::Unsupported {
        what: "extracting is not built yet".into(),
    })
}
