//! The `segment` task: ranged reads, decoding, images into a fragment, the fragment into S3, and
//! then the countdown.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::BytesMut;
use fleet_aws::row::{Progress, Row};
use fleet_core::manifest::Image;
use fleet_core::task::Reads;
use fleet_core::{Failure, Reason, keys};
use media::{ExtractedImage, MediaError};
use redis_scripts::{Completion, JobId, SegmentResult};
use tokio::sync::mpsc;
use zip_splice::{FragmentWriter, ZipError};

use crate::context::{Context, patiently};
use crate::drain::Drain;
use crate::fragment::{self, Chunk, UploadError};
use crate::outcome::{Ended, thread_ended};
use crate::reading::{Opened, Reading};
use crate::records::{FragmentRecord, PlanRecord};
use crate::sandbox::{self, Sandbox};
use crate::source::{S3Source, SourceError};
use crate::{convert, finalize, naming, restore};

/// Bytes handed to the uploader at once.
const CHUNK: usize = 1024 * 1024;

/// What a message says.
pub struct Assignment {
    pub generation: u32,
    pub segment: u32,
    pub reads: Option<Reads>,
    /// How often it was received.
    pub received: u32,
}

pub async fn run(
    context: &Context,
    row: &Row,
    assignment: Assignment,
    drain: &Drain,
) -> Result<(), Ended> {
    let Assignment {
        generation,
        segment,
        reads,
        received,
    } = assignment;
    let (tenant, video) = (&row.tenant, &row.video);
    let bucket = &context.config.uploads_bucket;
    let announced = reads.and_then(|reads| Reading::announced(row, reads, bucket));
    let announced = announced.map(|reading| reading.open(context, drain));
    let plan = context
        .store
        .get_json::<PlanRecord>(&keys::plan(tenant, video, generation))
        .await?;
    let plan = Arc::new(plan.ok_or_else(|| Ended::Trouble("the plan is missing".into()))?);
    // A message that comes again may have been left behind by a finalizer that died.
    let done = if received > 1 {
        finished(context, row, generation, segment).await?
    } else {
        None
    };
    let record = match done {
        Some(record) => record,
        None => {
            let planned = Reading::planned(&plan, segment, bucket);
            let opened = announced.and_then(|opened| opened.if_of(&planned));
            let opened = opened.unwrap_or_else(|| planned.open(context, drain));
            extract(context, row, &plan, segment, opened, drain).await?
        }
    };
    complete(context, row, &plan, &record).await
}

async fn extract(
    context: &Context,
    row: &Row,
    plan: &Arc<PlanRecord>,
    segment: u32,
    opened: Opened,
    drain: &Drain,
) -> Result<FragmentRecord, Ended> {
    let started = Instant::now();
    let (tenant, video, generation) = (&row.tenant, &row.video, plan.generation);
    let attempt = uuid::Uuid::new_v4().simple().to_string();
    let key = keys::fragment(tenant, video, generation, segment, &attempt);
    let Opened { source, stats, .. } = opened;
    let (sender, receiver) = mpsc::channel(4);
    let decoding = {
        let (plan, drain, sandbox) = (plan.clone(), drain.clone(), context.sandbox.clone());
        tokio::task::spawn_blocking(move || {
            decode(&sandbox, source, &plan, segment, sender, &drain)
        })
    };
    let (sent, decoded) = tokio::join!(fragment::upload(&context.store, &key, receiver), decoding);
    // The decoder's word comes first: an upload that broke off is its consequence.
    // But where it only says that the upload stopped, why the upload stopped.
    let (writer, images, outcome) = match (decoded.map_err(thread_ended)?, &sent) {
        (Err(sandbox::Error::Media(MediaError::Sink(_))), Err(UploadError::Store(_)))
            if !drain.interrupted() =>
        {
            return Err(Ended::from(sent.expect_err("it is an error")));
        }
        (decoded, _) => decoded.map_err(decoding_ended)?,
    };
    sent?;
    let record = FragmentRecord {
        segment,
        attempt,
        agent: context.config.instance.to_string(),
        zip: writer.index(),
        images,
        warnings: outcome.warnings,
        frames: outcome.frames,
        opening: outcome.opening,
        beyond: outcome.beyond,
        bytes_read: stats.bytes.load(Ordering::Relaxed),
        frames_decoded: outcome.frames_decoded,
        seconds: started.elapsed().as_secs_f64(),
        source_wait_seconds: stats.waited().as_secs_f64(),
    };
    let index = keys::fragment_index(tenant, video, generation, segment, &record.attempt);
    context
        .store
        .put(
            &index,
            serde_json::to_vec(&record)?.into(),
            "application/json",
        )
        .await?;
    tracing::info!(
        %video, segment, images = record.images.len(), bytes_read = record.bytes_read,
        seconds = record.seconds, "extracted"
    );
    let image_bytes = record.images.iter().map(|image| image.bytes).sum();
    let images = record.images.len();
    context
        .meter
        .extracted(images, image_bytes, record.bytes_read);
    Ok(record)
}

type Decoded = (FragmentWriter, Vec<Image>, media::SegmentOutcome);

/// On a thread of its own: decoding blocks.
fn decode(
    sandbox: &Sandbox,
    reader: S3Source,
    record: &PlanRecord,
    segment: u32,
    chunks: mpsc::Sender<Chunk>,
    drain: &Drain,
) -> Result<Decoded, sandbox::Error> {
    let spec = &record.extract;
    let mut writer = FragmentWriter::new();
    let mut images = Vec::new();
    let mut buffer = BytesMut::new();
    let gone = |_| io::Error::other("the upload stopped");
    let mut sink = |image: ExtractedImage| -> io::Result<()> {
        if drain.interrupted() {
            return Err(io::Error::other(SourceError::Interrupted));
        }
        let time = image.requested.unwrap_or(image.time);
        let name = naming::image(spec.naming, spec.image.format, image.index, time);
        let crc32 = zip_splice::crc32(&image.data);
        let header = writer.entry(&name, crc32, image.data.len() as u64);
        buffer.extend_from_slice(&header.map_err(io::Error::other)?);
        buffer.extend_from_slice(&image.data);
        images.push(described(name, crc32, &image));
        if buffer.len() >= CHUNK {
            chunks
                .blocking_send(Chunk::Bytes(buffer.split().freeze()))
                .map_err(gone)?;
        }
        Ok(())
    };
    let options = convert::image_options(&spec.image);
    let outcome = sandbox.extract(
        &record.source_key,
        Box::new(reader),
        (&record.plan, segment as usize),
        &options,
        &|| drain.interrupted(),
        &mut sink,
    )?;
    buffer.extend_from_slice(&writer.finish());
    let end = [Chunk::Bytes(buffer.freeze()), Chunk::End];
    for chunk in end {
        chunks
            .blocking_send(chunk)
            .map_err(gone)
            .map_err(MediaError::Sink)?;
    }
    Ok((writer, images, outcome))
}

fn described(file: String, crc32: u32, image: &ExtractedImage) -> Image {
    let exact = |t: num_rational::Ratio<i64>| format!("{}/{}", t.numer(), t.denom());
    Image {
        file,
        index: image.index,
        pts: image.pts,
        time_exact: exact(image.time),
        time: *image.time.numer() as f64 / *image.time.denom() as f64,
        requested: image.requested.map(exact),
        keyframe: image.keyframe,
        width: image.width,
        height: image.height,
        bytes: image.data.len() as u64,
        crc32: format!("{crc32:08x}"),
    }
}

pub fn decoding_ended(error: sandbox::Error) -> Ended {
    match error {
        sandbox::Error::Media(error) => media_ended(error),
        sandbox::Error::Lost(failure) => Ended::Lost(failure),
        sandbox::Error::Interrupted => Ended::Interrupted,
        sandbox::Error::Start(_) => Ended::from(error),
    }
}

/// Sorts the engine's errors by what becomes of the task.
fn media_ended(error: MediaError) -> Ended {
    match error {
        MediaError::Reject { reason, detail } => Ended::Rejected(convert::failure(reason, &detail)),
        MediaError::EntryPoint { detail } => Ended::Replan { detail },
        MediaError::Unsupported { what } => {
            Ended::Rejected(Failure::new(Reason::UnsupportedSpec, what))
        }
        MediaError::Sink(error) if same_name(&error) => two_of_a_name(),
        MediaError::Source(error) | MediaError::Sink(error) => {
            match error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<SourceError>())
            {
                Some(SourceError::Changed) => {
                    Ended::Rejected(Failure::plain(Reason::SourceChanged))
                }
                Some(SourceError::Interrupted) => Ended::Interrupted,
                _ => Ended::from(error),
            }
        }
    }
}

pub fn two_of_a_name() -> Ended {
    Ended::Rejected(Failure::new(
        Reason::UnsupportedSpec,
        "Two images would have the same name; use naming: index.",
    ))
}

/// Names by time count milliseconds.
fn same_name(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<ZipError>());
    matches!(inner, Some(ZipError::DuplicateName(_)))
}

/// What an earlier attempt at the segment left complete.
async fn finished(
    context: &Context,
    row: &Row,
    generation: u32,
    segment: u32,
) -> Result<Option<FragmentRecord>, Ended> {
    let held = held(context, row, generation, Some(segment)).await?;
    Ok(held.into_iter().next())
}

/// One fragment record a segment, of those that S3 holds; of several the first by name.
async fn held(
    context: &Context,
    row: &Row,
    generation: u32,
    only: Option<u32>,
) -> Result<Vec<FragmentRecord>, Ended> {
    let mut prefix = keys::segments_prefix(&row.tenant, &row.video, generation);
    if let Some(segment) = only {
        prefix.push_str(&format!("{segment:05}/"));
    }
    let mut records: Vec<FragmentRecord> = Vec::new();
    for key in context.store.list(&prefix).await? {
        let Some((segment, _)) = keys::parse_fragment_index(&key) else {
            continue;
        };
        if records.last().is_some_and(|last| last.segment == segment) {
            continue;
        }
        records.extend(context.store.get_json(&key).await?);
    }
    Ok(records)
}

/// Tells Redis, and does what Redis says.
async fn complete(
    context: &Context,
    row: &Row,
    plan: &PlanRecord,
    record: &FragmentRecord,
) -> Result<(), Ended> {
    let job = JobId::new(row.video.clone(), plan.generation);
    let lease = context.config.finalizer_lease;
    let (frames, bytes) = (record.images.len() as u64, record.zip.entries_len);
    // Redis can lose a job again while it is being restored; a few rounds are enough for any sane
    // outage, and the message comes back after an insane one.
    for _ in 0..5 {
        let call = || {
            context.jobs.complete_segment(
                &job,
                record.segment,
                &record.attempt,
                frames,
                bytes,
                lease,
            )
        };
        match patiently(call).await? {
            Completion::Waiting {
                left,
                frames,
                bytes,
            } => {
                let segments = plan.plan.segments.len() as u64;
                let progress = Progress {
                    segments,
                    segments_done: segments.saturating_sub(left.into()),
                    images: frames,
                    image_bytes: bytes,
                };
                context
                    .videos
                    .progress(&row.tenant, &row.video, &progress)
                    .await?;
                return Ok(());
            }
            Completion::Finalize {
                token,
                frames,
                bytes,
            } => {
                let segments = plan.plan.segments.len() as u64;
                let progress = Progress {
                    segments,
                    segments_done: segments,
                    images: frames,
                    image_bytes: bytes,
                };
                context
                    .videos
                    .progress(&row.tenant, &row.video, &progress)
                    .await?;
                return finalize::run(context, row, plan, &job, token).await;
            }
            Completion::Finalizing { lease_left, .. } => return Err(Ended::Later(lease_left)),
            Completion::Committed => return finalize::close(context, row, plan).await,
            Completion::Failed(_) | Completion::Cancelled | Completion::Superseded(_) => {
                return Ok(());
            }
            Completion::Unknown => restore(context, row, plan, &job).await?,
        }
    }
    Err(Ended::Trouble("Redis keeps losing the job".into()))
}

async fn restore(
    context: &Context,
    row: &Row,
    plan: &PlanRecord,
    job: &JobId,
) -> Result<(), Ended> {
    let count = u32::try_from(plan.plan.segments.len()).unwrap_or(u32::MAX);
    let list = || async {
        let records = held(context, row, plan.generation, None).await?;
        Ok(records
            .into_iter()
            .map(|record| SegmentResult {
                segment: record.segment,
                result: record.attempt,
                frames: record.images.len() as u64,
                bytes: record.zip.entries_len,
            })
            .collect())
    };
    restore::until_settled(list, |results: Vec<SegmentResult>| async move {
        Ok(patiently(|| context.jobs.restore_job(job, count, &results)).await?)
    })
    .await
}
