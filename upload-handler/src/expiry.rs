//! An upload that never came: its video becomes `expired` when somebody next looks at it.
//!
//! Absent: a clock that expires rows by itself. Such a row costs nothing and nobody waits for it;
//! an object that comes late all the same is foreign to ingest, and left to the lifecycle rule.

use fleet_aws::Row;
use fleet_aws::row::{Millis, now};
use fleet_aws::videos::{Advance, Change};
use fleet_core::VideoState;

use crate::app::App;
use crate::problem::{Answer, Problem};

/// The row as it is now that time has passed.
pub async fn settled(app: &App, row: Row) -> Answer<Row> {
    if !overdue(&row, now(), app.limits().upload_seconds) {
        return Ok(row);
    }
    let (to, change) = (VideoState::Expired, Change::default());
    match app
        .videos
        .advance(&row.tenant, &row.video, to, change)
        .await?
    {
        Advance::Entered(row) => {
            tracing::info!(tenant = %row.tenant, video = %row.video, "the upload never came");
            Ok(*row)
        }
        // It came in this moment.
        Advance::Refused(row) => Ok(*row),
        Advance::Missing => Err(Problem::video_not_found()),
    }
}

/// For a list of one state: which recorded states may turn out to be it.
pub fn recorded_as(wanted: VideoState) -> Vec<VideoState> {
    match wanted {
        VideoState::Expired => vec![VideoState::Expired, VideoState::Uploading],
        other => vec![other],
    }
}

fn overdue(row: &Row, now: Millis, upload_seconds: u64) -> bool {
    let since = row.entered.get(&VideoState::Uploading).copied();
    row.state == VideoState::Uploading
        && since
            .is_some_and(|since| now > since.saturating_add(upload_seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use fleet_core::{ExtractSpec, TenantId};

    use super::*;

    #[test]
    fn only_an_upload_that_is_late_is_overdue() {
        let tenant: TenantId = "alice".parse().unwrap();
        let row = |state, since| {
            let mut row = Row::new(tenant.clone(), "a.mp4".into(), 1, ExtractSpec::default());
            row.state = state;
            row.entered = [(VideoState::Uploading, since)].into();
            row
        };
        for (state, since, now, expected) in [
            (VideoState::Uploading, 1000, 61_000, false),
            (VideoState::Uploading, 1000, 61_001, true),
            (VideoState::Uploading, 61_001, 1000, false),
            (VideoState::Queued, 1000, 99_000, false),
            (VideoState::Done, 1000, 99_000, false),
        ] {
            let row = row(state, since);
            assert_eq!(overdue(&row, now, 60), expected, "{state} {since} {now}");
        }
    }
}
