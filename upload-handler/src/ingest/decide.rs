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

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_aws::row::Source;
    use fleet_core::ExtractSpec;

    fn row(state: VideoState, source: Option<&str>) -> Row {
        let mut row = Row::new("t".parse().unwrap(), "a".into(), 5, ExtractSpec::default());
        row.state = state;
        row.upload_keys = ["k1", "k2"].map(str::to_owned).into();
        row.source = source.map(|key| Source {
            key: key.into(),
            etag: "e".into(),
        });
        row
    }

    fn object(key: &str, size: u64, etag: &str) -> Created {
        Created {
            bucket: "b".into(),
            key: key.into(),
            size,
            etag: etag.into(),
        }
    }

    #[test]
    fn only_the_first_whole_upload_under_a_known_key_moves_a_video() {
        use Verdict::*;
        use VideoState::*;
        let good = object("k1", 5, "e");
        for (row, object, verdict) in [
            (None, good.clone(), Ignore(Why::NoSuchVideo)),
            (Some(row(Uploading, None)), good.clone(), Accept),
            (
                Some(row(Uploading, None)),
                object("k3", 5, "e"),
                Ignore(Why::ForeignKey),
            ),
            (
                Some(row(Uploading, None)),
                object("k3", 4, "e"),
                Ignore(Why::ForeignKey),
            ),
            (Some(row(Uploading, None)), object("k1", 4, "e"), WrongSize),
            (Some(row(Uploading, None)), object("k1", 6, "e"), WrongSize),
            (Some(row(Queued, Some("k1"))), good.clone(), SendAgain),
            (
                Some(row(Queued, Some("k1"))),
                object("k1", 5, "f"),
                Ignore(Why::Late),
            ),
            (
                Some(row(Queued, Some("k2"))),
                good.clone(),
                Ignore(Why::SecondUpload),
            ),
            (Some(row(Queued, None)), good.clone(), Ignore(Why::Late)),
            (
                Some(row(Planning, Some("k1"))),
                good.clone(),
                Ignore(Why::Late),
            ),
            (
                Some(row(Done, Some("k1"))),
                object("k1", 4, "e"),
                Ignore(Why::Late),
            ),
            (Some(row(Cancelled, None)), good.clone(), Ignore(Why::Late)),
            (Some(row(Expired, None)), good, Ignore(Why::Late)),
        ] {
            assert_eq!(decide(row.as_ref(), &object), verdict, "{row:?} {object:?}");
        }
    }

    #[test]
    fn work_is_estimated_from_bytes() {
        let per_second = 5_000_000.try_into().unwrap();
        assert_eq!(estimated_work_seconds(1, per_second), 1.0);
        assert_eq!(estimated_work_seconds(1_000_000_000, per_second), 200.0);
    }
}
