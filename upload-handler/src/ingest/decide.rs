//! What an S3 event means for a video's row. Pure: the edge fetches the row and carries out the
//! verdict.

use fleet_aws::Row;
use fleet_core::VideoState;

/// An object that S3 says was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub bucket: String,
    pub key: String,
    pub size: u64,
    /// Without quotes, as S3's events have it.
    pub etag: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The upload is the video: move on.
    Accept,
    /// This very object was accepted before, but its task may never have been sent.
    SendAgain,
    /// Not the length that was announced. The object is deleted, so that nothing is kept that no
    /// row speaks of, and the caller may upload again.
    WrongSize,
    /// Nothing changes.
    Ignore(Why),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    NoSuchVideo,
    /// No URL for this key was ever given out.
    ForeignKey,
    /// The video has gone on, or ended.
    Late,
    /// Another upload of the same video was first.
    SecondUpload,
}

pub fn decide(row: Option<&Row>, object: &Created) -> Verdict {
    let Some(row) = row else {
        return Verdict::Ignore(Why::NoSuchVideo);
    };
    if !row.upload_keys.contains(&object.key) {
        return Verdict::Ignore(Why::ForeignKey);
    }
    match (row.state, &row.source) {
        (VideoState::Uploading, _) if object.size != row.size => Verdict::WrongSize,
        (VideoState::Uploading, _) => Verdict::Accept,
        (_, Some(source)) if source.key != object.key => Verdict::Ignore(Why::SecondUpload),
        (VideoState::Queued, Some(source)) if source.etag == object.etag => Verdict::SendAgain,
        _ => Verdict::Ignore(Why::Late),
    }
}

/// At least one second, so that even the smallest upload wakes a fleet of none.
pub fn estimated_work_seconds(size: u64, bytes_per_work_second: std::num::NonZeroU64) -> f64 {
    (size as f64 / bytes_per_work_second.get() as f64).max(1.0)
}
