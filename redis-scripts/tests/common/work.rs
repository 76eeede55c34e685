//! Work on a job as an agent does it.

use std::time::Duration;

use redis_scripts::{Completion, JobId, SegmentResult, Token};

use super::Rig;
use crate::call;

pub async fn complete(rig: &Rig, job: &JobId, segment: u32, lease: Duration) -> Completion {
    let result = format!("a{segment}");
    let call = rig
        .jobs
        .complete_segment(job, segment, &result, 10, 100, lease);
    call!(rig, call)
}

pub async fn finalize(rig: &Rig, job: &JobId, segment: u32, lease: Duration) -> Token {
    match complete(rig, job, segment, lease).await {
        Completion::Finalize { token, .. } => token,
        other => panic!("expected to be finalizer, got {other:?}"),
    }
}

pub fn held(segments: impl IntoIterator<Item = u32>) -> Vec<SegmentResult> {
    let one = |segment| SegmentResult {
        segment,
        result: format!("a{segment}"),
        frames: 10,
        bytes: 100,
    };
    segments.into_iter().map(one).collect()
}
