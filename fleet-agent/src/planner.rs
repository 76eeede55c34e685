//! The `plan` task: probe by ranged reads, write the plan once, open the countdown, queue segments.
//! Every step may be repeated by another machine: the plan in S3 is the only decision.

use aws_sdk_cloudwatch::types::StandardUnit;
use fleet_aws::metrics::WORK_QUEUED;
use fleet_aws::row::{Progress, Row};
use fleet_aws::videos::{Advance, Change};
use fleet_core::{Failure, Reason, Task, VideoState, keys};
use redis_scripts::{JobId, Opening};

use crate::context::{Context, patiently};
use crate::convert;
use crate::drain::Drain;
use crate::outcome::{Ended, thread_ended};
use crate::records::PlanRecord;
use crate::sandbox;
use crate::segment::decoding_ended;
use crate::sizing;
use crate::source::{Object, S3Source};
use crate::task::source;

pub async fn run(context: &Context, row: &Row, drain: &Drain) -> Result<(), Ended> {
    let (tenant, video) = (&row.tenant, &row.video);
    match context
        .videos
        .advance(tenant, video, VideoState::Planning, Change::default())
        .await?
    {
        Advance::Entered(_) => {}
        Advance::Refused(row) if !row.state.is_terminal() => {}
        Advance::Refused(_) | Advance::Missing => return Ok(()),
    }
    let record = match context
        .store
        .get_json(&keys::plan(tenant, video, 0))
        .await?
    {
        Some(record) => record,
        None => decide(context, row, 0, drain).await?,
    };
    publish(context, row, &record).await
}

/// A segment could not be entered as planned: generation + 1, with one segment.
pub async fn again(context: &Context, task: &Task, drain: &Drain) -> Result<(), Ended> {
    let (tenant, video) = (&task.tenant, &task.video);
    let Some(row) = context.videos.get(tenant, video).await? else {
        return Ok(());
    };
    let generation = 1;
    let record = match context
        .store
        .get_json(&keys::plan(tenant, video, generation))
        .await?
    {
        Some(record) => record,
        // A probe enters nothing in the middle, so it cannot ask for a plan.
        None => match decide(context, &row, generation, drain).await {
            Err(Ended::Replan { detail }) => {
                return Err(Ended::Rejected(Failure::new(
                    Reason::NothingDecodable,
                    detail,
                )));
            }
            decided => decided?,
        },
    };
    let segments = record.plan.segments.len() as u64;
    context
        .videos
        .replan(tenant, video, generation, segments)
        .await?;
    publish(context, &row, &record).await
}

async fn decide(
    context: &Context,
    row: &Row,
    generation: u32,
    drain: &Drain,
) -> Result<PlanRecord, Ended> {
    let config = &context.config;
    let from = source(row)?;
    let object = Object {
        bucket: config.uploads_bucket.clone(),
        key: from.key.clone(),
        etag: from.etag.clone(),
        len: row.size,
    };
    let (reader, stats) = S3Source::new(
        context.store.client.clone(),
        object,
        context.cache.clone(),
        // Only an index is read: nothing ahead of it is expected.
        0,
        drain.clone(),
    );
    let request = convert::request(&row.extract, &config.limits);
    let limits = convert::probe_limits(&config.limits, &request);
    let (segment_pixels, max_segments) = (config.segment_pixels, config.max_segments);
    let (sandbox, stop, upload) = (context.sandbox.clone(), drain.clone(), from.key.clone());
    let planned = tokio::task::spawn_blocking(move || {
        let probe = sandbox.probe(&upload, Box::new(reader), &limits, &|| stop.interrupted())?;
        let mut options = sizing::options(
            &probe.video,
            &request.selection,
            segment_pixels,
            max_segments,
        );
        if generation > 0 {
            options.forced_segments = Some(1);
        }
        media::plan(&probe, &request, &options).map_err(sandbox::Error::from)
    })
    .await
    .map_err(thread_ended)?;
    let plan = planned.map_err(decoding_ended)?;
    tracing::info!(
        video = %row.video,
        segments = plan.segments.len(),
        bytes_read = stats.bytes.load(std::sync::atomic::Ordering::Relaxed),
        size = row.size,
        "planned"
    );
    let record = PlanRecord {
        generation,
        filename: row.filename.clone(),
        extract: row.extract.clone(),
        source_key: from.key.clone(),
        source_etag: from.etag.clone(),
        source_bytes: row.size,
        work_seconds: sizing::work_seconds(&plan.video),
        plan,
    };
    keep(context, row, record).await
}

/// Writes the plan, or gives the one that somebody else wrote first.
async fn keep(context: &Context, row: &Row, record: PlanRecord) -> Result<PlanRecord, Ended> {
    let key = keys::plan(&row.tenant, &row.video, record.generation);
    let body = serde_json::to_vec(&record)?;
    if context
        .store
        .put_new(&key, body.into(), "application/json")
        .await?
    {
        return Ok(record);
    }
    let first = context.store.get_json(&key).await?;
    first.ok_or_else(|| Ended::Trouble("the plan came and went".into()))
}

async fn publish(context: &Context, row: &Row, record: &PlanRecord) -> Result<(), Ended> {
    let (tenant, video) = (&row.tenant, &row.video);
    let count = u32::try_from(record.plan.segments.len()).unwrap_or(u32::MAX);
    if count == 0 {
        let detail = "The selection gives no image of this video.";
        return Err(Ended::Rejected(Failure::new(
            Reason::NothingDecodable,
            detail,
        )));
    }
    let job = JobId::new(video.clone(), record.generation);
    match patiently(|| context.jobs.open_job(&job, count)).await? {
        Opening::Opened | Opening::Exists => {}
        Opening::Superseded(_) | Opening::Ended(_) => return Ok(()),
    }
    let progress = Progress {
        segments: count.into(),
        ..Progress::default()
    };
    let change = Change {
        progress: Some(progress),
        ..Change::default()
    };
    match context
        .videos
        .advance(tenant, video, VideoState::Processing, change)
        .await?
    {
        Advance::Entered(_) => {}
        Advance::Refused(row) if !row.state.is_terminal() => {}
        Advance::Refused(_) | Advance::Missing => return Ok(()),
    }
    let tasks: Vec<Task> = (0..count)
        .map(|n| {
            Task::segment(tenant.clone(), video.clone(), record.generation, n)
                .reading(record.reads(n))
        })
        .collect();
    context.queue.send(&tasks).await?;
    context
        .metrics
        .publish(WORK_QUEUED, record.work_seconds, StandardUnit::Seconds)
        .await;
    Ok(())
}
