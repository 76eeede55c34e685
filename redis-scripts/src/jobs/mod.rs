//! One video's job: a countdown of segments, the election of its finalizer, and how it ended.
//!
//! A finalizer's walk, in the order that loses nothing if it dies between any two steps:
//! `complete_segment` → `Finalize` → write the archive to S3 with If-None-Match, renewing the
//! lease on the way → `commit_job` → the video's row → delete the message. "The archive is already
//! there" counts as written: it holds the same bytes.

mod reply;
mod types;

use std::collections::BTreeMap;
use std::time::Duration;

use fleet_core::{Failure, VideoId};

use crate::connection::Connection;
use crate::error::Error;
use crate::script::lua;
pub use types::{
    Commit, Completion, Generation, JobId, JobResults, Lease, Opening, Progress, Restoration,
    SegmentResult, Terminal, Token,
};

/// Longer than any message can live in SQS, so that no redelivery outlives its job.
const JOB_TTL: Duration = Duration::from_secs(15 * 24 * 60 * 60);
/// A result is a name of an attempt, not its content.
const RESULT_BYTES: usize = 1024;
/// One more would not fit the plan either; it bounds the arguments of `restore_job`.
const SEGMENTS: u32 = 100_000;

/// Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    connection: Connection,
    ttl: Duration,
}

impl Jobs {
    pub fn new(connection: &Connection) -> Self {
        Self {
            connection: connection.clone(),
            ttl: JOB_TTL,
        }
    }

    /// Keep each job for this long after its last change.
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    /// Creates the countdown for a plan of `segments`. A higher generation replaces the one before:
    /// its finalizers lose their lease, and its segments are answered `Superseded`.
    pub async fn open_job(&self, job: &JobId, segments: u32) -> Result<Opening, Error> {
        let lua = lua!(open_job);
        check_segments(lua.name, segments)?;
        let mut call = lua.invoke();
        call.key(job_key(&job.video)).key(results_key(job));
        call.arg(job.generation).arg(segments).arg(ms(self.ttl));
        let reply: String = lua.run(&self.connection, &call).await?;
        reply::opening(&reply).ok_or_else(|| lua.unexpected(&reply))
    }

    /// Records `result` for the segment unless it already has one, and may make the caller
    /// finalizer for `finalizer_lease`.
    pub async fn complete_segment(
        &self,
        job: &JobId,
        segment: u32,
        result: &str,
        frames: u64,
        bytes: u64,
        finalizer_lease: Duration,
    ) -> Result<Completion, Error> {
        let lua = lua!(complete_segment);
        check_result(lua.name, result)?;
        let mut call = lua.invoke();
        call.key(job_key(&job.video)).key(results_key(job));
        call.arg(job.generation).arg(segment).arg(result);
        call.arg(frames).arg(bytes);
        call.arg(ms(finalizer_lease)).arg(ms(self.ttl));
        let reply: String = lua.run(&self.connection, &call).await?;
        reply::completion(&reply).ok_or_else(|| lua.unexpected(&reply))
    }

    /// Extends the finalizer's lease; `Lost` as soon as a newer token or an end exists.
    pub async fn renew_finalizer(
        &self,
        job: &JobId,
        token: Token,
        lease: Duration,
    ) -> Result<Lease, Error> {
        let lua = lua!(renew_finalizer);
        let mut call = lua.invoke();
        call.key(job_key(&job.video));
        call.arg(job.generation).arg(token.get());
        call.arg(ms(lease)).arg(ms(self.ttl));
        let reply: String = lua.run(&self.connection, &call).await?;
        reply::lease(&reply).ok_or_else(|| lua.unexpected(&reply))
    }

    /// Ends the video as committed. Only the highest token may, and only once.
    pub async fn commit_job(&self, job: &JobId, token: Token) -> Result<Commit, Error> {
        let lua = lua!(commit_job);
        let mut call = lua.invoke();
        call.key(job_key(&job.video));
        call.arg(job.generation).arg(token.get()).arg(ms(self.ttl));
        let reply: String = lua.run(&self.connection, &call).await?;
        reply::commit(&reply).ok_or_else(|| lua.unexpected(&reply))
    }

    /// Ends the video as failed, unless it has ended already. The answer is how it ended.
    pub async fn fail_job(&self, video: &VideoId, failure: &Failure) -> Result<Terminal, Error> {
        let lua = lua!(fail_job);
        let failure = serde_json::to_string(failure).map_err(|error| Error::Argument {
            script: lua.name,
            why: error.to_string(),
        })?;
        let mut call = lua.invoke();
        call.key(job_key(video));
        call.arg(failure).arg(ms(self.ttl));
        let reply: String = lua.run(&self.connection, &call).await?;
        reply::terminal(&reply).ok_or_else(|| lua.unexpected(&reply))
    }

    /// Ends the video as cancelled, unless it has ended already. The answer is how it ended.
    pub async fn cancel_job(&self, video: &VideoId) -> Result<Terminal, Error> {
        let lua = lua!(cancel_job);
        let mut call = lua.invoke();
        call.key(job_key(video)).arg(ms(self.ttl));
        let reply: String = lua.run(&self.connection, &call).await?;
        reply::terminal(&reply).ok_or_else(|| lua.unexpected(&reply))
    }

    /// After `Unknown`: rebuilds the countdown from the results that S3 holds (at most one a
    /// segment). After `Restored`, list S3 and call again, until `Exists`: Redis may have been lost
    /// once more since the first list. Then call `complete_segment` again.
    pub async fn restore_job(
        &self,
        job: &JobId,
        segments: u32,
        held: &[SegmentResult],
    ) -> Result<Restoration, Error> {
        let lua = lua!(restore_job);
        check_segments(lua.name, segments)?;
        let mut call = lua.invoke();
        call.key(job_key(&job.video)).key(results_key(job));
        call.arg(job.generation).arg(segments).arg(ms(self.ttl));
        for one in held {
            check_result(lua.name, &one.result)?;
            call.arg(one.segment).arg(&one.result);
            call.arg(one.frames).arg(one.bytes);
        }
        let reply: String = lua.run(&self.connection, &call).await?;
        reply::restoration(&reply).ok_or_else(|| lua.unexpected(&reply))
    }

    /// The winning result of every completed segment; None where Redis does not know the job.
    pub async fn job_results(&self, job: &JobId) -> Result<Option<JobResults>, Error> {
        let lua = lua!(job_results);
        let mut call = lua.invoke();
        call.key(job_key(&job.video)).key(results_key(job));
        call.arg(job.generation);
        let reply: Option<(u32, BTreeMap<u32, String>)> = lua.run(&self.connection, &call).await?;
        Ok(reply.map(|(segments, results)| JobResults { segments, results }))
    }

    /// How far the video's newest generation is; None where Redis does not know the video.
    pub async fn job_progress(&self, video: &VideoId) -> Result<Option<Progress>, Error> {
        let lua = lua!(job_progress);
        let mut call = lua.invoke();
        call.key(job_key(video));
        let reply: Option<Vec<String>> = lua.run(&self.connection, &call).await?;
        let Some(fields) = reply else { return Ok(None) };
        match reply::progress(&fields) {
            Some(progress) => Ok(Some(progress)),
            None => Err(lua.unexpected(&fields.join(" "))),
        }
    }
}

fn job_key(video: &VideoId) -> String {
    format!("framefleet:{{{video}}}:job")
}

fn results_key(job: &JobId) -> String {
    format!("framefleet:{{{}}}:results:{}", job.video, job.generation)
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn check_segments(script: &'static str, segments: u32) -> Result<(), Error> {
    if (1..=SEGMENTS).contains(&segments) {
        return Ok(());
    }
    let why = format!("a job has 1 to {SEGMENTS} segments, got {segments}");
    Err(Error::Argument { script, why })
}

fn check_result(script: &'static str, result: &str) -> Result<(), Error> {
    if result.len() <= RESULT_BYTES {
        return Ok(());
    }
    let why = format!(
        "a result has at most {RESULT_BYTES} bytes, got {}",
        result.len()
    );
    Err(Error::Argument { script, why })
}
