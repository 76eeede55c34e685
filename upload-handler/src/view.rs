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
            entered: row.entered.iter().map(|(s, at)| (*s, rfc3339(*at))).collect(),
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

/// Shares of the whole that end with each stage; segments take the stretch between the two.
const PLANNED: f64 = 0.03;
const SEGMENTS_DONE: f64 = 0.95;

/// A video that is planned a second time, because a seam did not hold, goes back from finalizing to
/// processing with a count of zero: it waits at the share it had reached.
fn fraction(row: &Row) -> f64 {
    use VideoState::*;
    let reached = |state| row.entered.contains_key(&state);
    if reached(Done) {
        1.0
    } else if reached(Finalizing) {
        SEGMENTS_DONE
    } else if reached(Processing) {
        let done = row.progress.segments_done as f64 / row.progress.segments.max(1) as f64;
        PLANNED + (SEGMENTS_DONE - PLANNED) * done.min(1.0)
    } else if reached(Planning) {
        PLANNED / 3.0
    } else {
        0.0
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
