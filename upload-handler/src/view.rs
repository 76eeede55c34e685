//! A row as callers see it. Pure, so that what is promised about progress can be tested as a table.

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use fleet_aws::Row;
use fleet_aws::row::Millis;
use fleet_core::{ExtractSpec, Failure, VideoId, VideoState};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    pub id: VideoId,
    pub state: VideoState,
    pub filename: String,
    pub size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    pub extract: ExtractSpec,
    /// When each state was entered, RFC 3339.
    pub entered: BTreeMap<VideoState, String>,
    pub progress: ProgressView,
    /// Seconds spent in each state, the present one included while it can still change.
    pub timings: BTreeMap<VideoState, f64>,
    pub cost: Cost,
    pub warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveView>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProgressView {
    pub segments: u64,
    pub segments_done: u64,
    pub images: u64,
    pub image_bytes: u64,
    /// From 0 to 1; it never shrinks.
    pub fraction: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// Seconds of all agents together; null until the video is done.
    pub instance_seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArchiveView {
    pub bytes: u64,
    pub images: u64,
}

impl View {
    pub fn of(row: &Row, now: Millis) -> Self {
        Self {
            id: row.video.clone(),
            state: row.state,
            filename: row.filename.clone(),
            size: row.size,
            sha256: row.sha256.clone(),
            extract: row.extract.clone(),
            entered: row
                .entered
                .iter()
                .map(|(s, at)| (*s, rfc3339(*at)))
                .collect(),
            progress: ProgressView {
                segments: row.progress.segments,
                segments_done: row.progress.segments_done,
                images: row.progress.images,
                image_bytes: row.progress.image_bytes,
                fraction: fraction(row),
            },
            timings: timings(&row.entered, now),
            cost: Cost {
                instance_seconds: row.archive.as_ref().map(|a| a.instance_seconds),
            },
            warnings: row.warnings.clone(),
            failure: row.failure.clone(),
            archive: row.archive.as_ref().map(|a| ArchiveView {
                bytes: a.bytes,
                images: a.images,
            }),
        }
    }
}

/// Shares of the whole that are reached when the first plan is there, when its segments are done,
/// and when those of a later plan are.
const PLANNED: f64 = 0.03;
const SEGMENTS_DONE: f64 = 0.95;
const SEGMENTS_DONE_AGAIN: f64 = 0.99;

/// A video that is planned a second time, because a seam did not hold, starts again with a count of
/// zero: its later plans share what the first one left.
fn fraction(row: &Row) -> f64 {
    use VideoState::*;
    let (from, to) = match row.generation {
        0 => (PLANNED, SEGMENTS_DONE),
        _ => (SEGMENTS_DONE, SEGMENTS_DONE_AGAIN),
    };
    let done = row.progress.segments_done as f64 / row.progress.segments.max(1) as f64;
    let processing = from + (to - from) * done.min(1.0);
    let reached = |state| row.entered.contains_key(&state);
    match row.state {
        Uploading | Queued => 0.0,
        Planning => PLANNED / 3.0,
        Processing => processing,
        Finalizing => to,
        Done => 1.0,
        // How far it had come when it ended.
        Failed | Cancelled | Expired if reached(Finalizing) => to,
        Failed | Cancelled | Expired if reached(Processing) => processing,
        Failed | Cancelled | Expired if reached(Planning) => PLANNED / 3.0,
        Failed | Cancelled | Expired => 0.0,
    }
}

fn timings(entered: &BTreeMap<VideoState, Millis>, now: Millis) -> BTreeMap<VideoState, f64> {
    let mut order: Vec<(Millis, VideoState)> = entered.iter().map(|(s, at)| (*at, *s)).collect();
    // Two states entered within one millisecond keep the order of their lives.
    order.sort();
    let ends = order.iter().skip(1).map(|(at, _)| *at).chain([now]);
    order
        .iter()
        .zip(ends)
        .filter(|((_, state), _)| !state.is_terminal())
        .map(|((at, state), end)| (*state, end.saturating_sub(*at) as f64 / 1000.0))
        .collect()
}

pub fn rfc3339(at: Millis) -> String {
    let at = i64::try_from(at).unwrap_or(i64::MAX);
    DateTime::from_millis(at)
        .fmt(Format::DateTime)
        .unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_aws::row::Progress;
    use fleet_core::VideoState::*;

    fn row(state: VideoState, generation: u32, done: u64, segments: u64) -> Row {
        let mut row = Row::new("t".parse().unwrap(), "a".into(), 1, ExtractSpec::default());
        row.state = state;
        row.generation = generation;
        row.progress = Progress {
            segments,
            segments_done: done,
            ..Progress::default()
        };
        row.entered.insert(state, fleet_aws::row::now());
        row
    }

    #[test]
    fn the_fraction_only_grows_also_when_a_video_is_planned_again() {
        let walk = [
            row(Uploading, 0, 0, 0),
            row(Queued, 0, 0, 0),
            row(Planning, 0, 0, 0),
            row(Processing, 0, 0, 4),
            row(Processing, 0, 1, 4),
            row(Processing, 0, 4, 4),
            row(Finalizing, 0, 4, 4),
            // A seam did not hold.
            row(Processing, 1, 0, 1),
            row(Processing, 1, 1, 1),
            row(Finalizing, 1, 1, 1),
            row(Done, 1, 1, 1),
        ];
        let fractions: Vec<f64> = walk.iter().map(fraction).collect();
        assert!(fractions.is_sorted(), "{fractions:?}");
        assert_eq!((fractions[0], fractions[10]), (0.0, 1.0));
        assert!(fractions[5] > fractions[4] && fractions[4] > fractions[3]);
    }

    #[test]
    fn a_video_that_ended_early_keeps_the_fraction_it_had() {
        for before in [
            row(Planning, 0, 0, 0),
            row(Processing, 0, 2, 4),
            row(Finalizing, 1, 1, 1),
        ] {
            let mut after = before.clone();
            after.state = Failed;
            assert_eq!(fraction(&after), fraction(&before), "{}", before.state);
        }
    }

    #[test]
    fn each_stage_has_its_seconds_and_the_present_one_runs() {
        let entered = BTreeMap::from([(Uploading, 1000), (Queued, 3000), (Processing, 3500)]);
        assert_eq!(
            timings(&entered, 10_000),
            BTreeMap::from([(Uploading, 2.0), (Queued, 0.5), (Processing, 6.5)])
        );
        let entered = BTreeMap::from([(Uploading, 1000), (Queued, 3000), (Done, 3000)]);
        assert_eq!(
            timings(&entered, 10_000),
            BTreeMap::from([(Uploading, 2.0), (Queued, 0.0)])
        );
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
    }
}
