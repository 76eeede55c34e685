//! The last step of a video: manifest, archive, commit, row. In this order nothing is lost if the
//! machine dies between any two of them, and the archive is committed once.

use fleet_aws::row::{Archive, Row};
use fleet_aws::videos::{Advance, Change};
use fleet_core::manifest::{self, Manifest, PlanFacts, SegmentFacts};
use fleet_core::{VideoState, keys};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use redis_scripts::{Commit, JobId, Lease, Token};
use serde::Serialize;
use zip_splice::{Entry, FragmentWriter, ZipError};

use crate::context::{Context, patiently};
use crate::outcome::Ended;
use crate::records::{FragmentRecord, PlanRecord};
use crate::segment::two_of_a_name;
use crate::splice::ArchiveError;
use crate::{cleanup, convert, renumber, seams, splice};

/// Fragment records read at once.
const READERS: usize = 16;
const MANIFEST: &str = "manifest.json";

/// Who did what; beside the archive, and not inside, because it differs from run to run.
#[derive(Debug, Serialize)]
struct Report<'a> {
    video: &'a str,
    finalizer: &'a str,
    agents: Vec<&'a str>,
    segments: Vec<Worked<'a>>,
    bytes_downloaded_by_finalizer: u64,
    archive_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Worked<'a> {
    segment: u32,
    agent: &'a str,
    attempt: &'a str,
    images: u64,
    bytes: u64,
    bytes_read: u64,
    frames_decoded: u64,
    seconds: f64,
    source_wait_seconds: f64,
}

pub async fn run(
    context: &Context,
    row: &Row,
    plan: &PlanRecord,
    job: &JobId,
    token: Token,
) -> Result<(), Ended> {
    tracing::info!(video = %row.video, %token, "finalizing");
    let work = work(context, row, plan, job, token);
    tokio::select! {
        done = work => done,
        // Someone newer has taken over, or our message is better off with someone else.
        lost = renew(context, job, token) => Err(lost),
    }
}

/// Never ends while the lease is held.
async fn renew(context: &Context, job: &JobId, token: Token) -> Ended {
    let lease = context.config.finalizer_lease;
    loop {
        tokio::time::sleep(lease / 3).await;
        match context.jobs.renew_finalizer(job, token, lease).await {
            Ok(Lease::Held) => {}
            Ok(Lease::Lost) => {
                tracing::warn!(video = %job.video, %token, "the finalizer's lease is lost");
                return Ended::Later(lease);
            }
            // Commit checks the token again, so a renewal that fails is only a warning.
            Err(error) => tracing::warn!(%error, "could not renew the finalizer's lease"),
        }
    }
}

async fn work(
    context: &Context,
    row: &Row,
    plan: &PlanRecord,
    job: &JobId,
    token: Token,
) -> Result<(), Ended> {
    let (tenant, video) = (&row.tenant, &row.video);
    let (mut fragments, index_bytes) = fragments(context, row, job).await?;
    if let Some(detail) = seams::mismatch(&plan.plan, &fragments) {
        return Err(Ended::Replan { detail });
    }
    let (_, images) = seams::numbers(&fragments);
    let limit = plan.plan.request.max_images;
    if images > limit {
        let detail = format!("the selection gives {images} images; the limit is {limit}");
        return Err(Ended::Rejected(convert::failure(
            media::RejectReason::TooManyImages,
            &detail,
        )));
    }
    match context
        .videos
        .advance(tenant, video, VideoState::Finalizing, Change::default())
        .await?
    {
        Advance::Entered(_) => {}
        Advance::Refused(row) if !row.state.is_terminal() => {}
        Advance::Refused(row) => return Ok(cleanup::after(context, &row).await?),
        Advance::Missing => return Ok(cleanup::everything(context, tenant, video).await?),
    }
    renumber::apply(context, row, plan, &mut fragments).await?;
    let manifest = serde_json::to_vec(&manifest(plan, &fragments))?;
    let extra = extra(&manifest)?;
    let splice = splice::Archive {
        key: keys::archive(tenant, video),
        fragments: fragments
            .iter()
            .map(|f| keys::fragment(tenant, video, plan.generation, f.segment, &f.attempt))
            .collect(),
        indexes: fragments.iter().map(|f| f.zip.clone()).collect(),
        extra,
    };
    let planned = splice.plan().map_err(|error| match error {
        ArchiveError::Zip(ZipError::DuplicateName(_)) => two_of_a_name(),
        other => Ended::from(other),
    })?;
    let report = report(context, row, &fragments, index_bytes, &planned);
    let json = "application/json";
    let report = serde_json::to_vec(&report)?;
    context
        .store
        .put(&keys::report(tenant, video), report.into(), json)
        .await?;
    context
        .store
        .put(&keys::manifest(tenant, video), manifest.into(), json)
        .await?;
    let upload = splice::build(&context.store, &splice, &planned).await?;
    // The fence: a finalizer that slept past its lease stops here, not after the commit.
    if patiently(|| {
        context
            .jobs
            .renew_finalizer(job, token, context.config.finalizer_lease)
    })
    .await?
        == Lease::Lost
    {
        upload.abandon(&context.store).await;
        return Err(Ended::Later(context.config.finalizer_lease));
    }
    upload.commit(&context.store).await?;
    match patiently(|| context.jobs.commit_job(job, token)).await? {
        Commit::Committed | Commit::Already => {}
        // Failed, cancelled, or taken over: the message comes back and finds out which.
        Commit::Lost => return Err(Ended::Later(std::time::Duration::from_secs(1))),
    }
    done(context, row, plan, &fragments, planned.total).await
}

/// After `Committed`: the archive is there, but whoever made it may have died before saying so.
pub async fn close(context: &Context, row: &Row, plan: &PlanRecord) -> Result<(), Ended> {
    let job = JobId::new(row.video.clone(), plan.generation);
    let Some(now) = context.videos.get(&row.tenant, &row.video).await? else {
        return Ok(cleanup::everything(context, &row.tenant, &row.video).await?);
    };
    if now.state.is_terminal() {
        return Ok(cleanup::after(context, &now).await?);
    }
    let (fragments, _) = fragments(context, row, &job).await?;
    let total = splice::length(&context.store, &keys::archive(&row.tenant, &row.video)).await?;
    done(context, row, plan, &fragments, total).await
}

async fn done(
    context: &Context,
    row: &Row,
    plan: &PlanRecord,
    fragments: &[FragmentRecord],
    bytes: u64,
) -> Result<(), Ended> {
    let archive = Archive {
        bytes,
        images: fragments.iter().map(|f| f.images.len() as u64).sum(),
        instance_seconds: fragments.iter().map(|f| f.seconds).sum(),
    };
    let change = Change {
        archive: Some(archive),
        warnings: Some(warnings(plan, fragments)),
        ..Change::default()
    };
    let (tenant, video) = (&row.tenant, &row.video);
    match context
        .videos
        .advance(tenant, video, VideoState::Done, change)
        .await?
    {
        Advance::Entered(row) | Advance::Refused(row) => cleanup::after(context, &row).await?,
        Advance::Missing => cleanup::everything(context, tenant, video).await?,
    }
    tracing::info!(%video, bytes, "done");
    Ok(())
}

/// The winning fragment of every segment, in order, and how many bytes it took to learn of them.
async fn fragments(
    context: &Context,
    row: &Row,
    job: &JobId,
) -> Result<(Vec<FragmentRecord>, u64), Ended> {
    let results = patiently(|| context.jobs.job_results(job)).await?;
    let attempts = results.and_then(redis_scripts::JobResults::complete);
    let attempts = attempts.ok_or_else(|| Ended::Trouble("Redis lost the results".into()))?;
    let read: Vec<(FragmentRecord, u64)> = stream::iter(attempts.into_iter().zip(0_u32..))
        .map(|(attempt, segment)| fragment(context, row, job.generation, segment, attempt).boxed())
        .buffered(READERS)
        .try_collect()
        .await?;
    let total = read.iter().map(|(_, bytes)| bytes).sum();
    Ok((read.into_iter().map(|(record, _)| record).collect(), total))
}

async fn fragment(
    context: &Context,
    row: &Row,
    generation: u32,
    segment: u32,
    attempt: String,
) -> Result<(FragmentRecord, u64), Ended> {
    let key = keys::fragment_index(&row.tenant, &row.video, generation, segment, &attempt);
    let bytes = context.store.get(&key).await?;
    let bytes = bytes.ok_or_else(|| Ended::Trouble(format!("{key} is missing").into()))?;
    Ok((serde_json::from_slice(&bytes)?, bytes.len() as u64))
}

fn manifest(plan: &PlanRecord, fragments: &[FragmentRecord]) -> Manifest {
    let segments = plan
        .plan
        .segments
        .iter()
        .zip(fragments)
        .map(|(planned, made)| SegmentFacts {
            entry_pts: planned.entry.map(|entry| entry.pts),
            images: made.images.len() as u64,
        });
    Manifest {
        version: manifest::VERSION,
        filename: plan.filename.clone(),
        video: convert::video_facts(&plan.plan.video),
        extract: plan.extract.clone(),
        plan: PlanFacts {
            segments: segments.collect(),
            division: plan.plan.division.clone(),
        },
        warnings: warnings(plan, fragments),
        images: fragments
            .iter()
            .flat_map(|f| f.images.iter().cloned())
            .collect(),
    }
}

/// Each said once, in the order of the video.
fn warnings(plan: &PlanRecord, fragments: &[FragmentRecord]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for warning in plan
        .plan
        .warnings
        .iter()
        .chain(fragments.iter().flat_map(|f| &f.warnings))
    {
        if !all.contains(warning) {
            all.push(warning.clone());
        }
    }
    all
}

/// The manifest as the archive's last entry: its bytes with the header before them.
fn extra(manifest: &[u8]) -> Result<splice::Extra, Ended> {
    let mut writer = FragmentWriter::new();
    let mut bytes = writer.entry(MANIFEST, zip_splice::crc32(manifest), manifest.len() as u64)?;
    bytes.extend_from_slice(manifest);
    let entries: Vec<Entry> = writer.index().entries;
    Ok(splice::Extra {
        entries,
        bytes: bytes.into(),
    })
}

fn report<'a>(
    context: &'a Context,
    row: &'a Row,
    fragments: &'a [FragmentRecord],
    index_bytes: u64,
    planned: &zip_splice::SplicePlan,
) -> Report<'a> {
    let mut agents: Vec<&str> = fragments.iter().map(|f| f.agent.as_str()).collect();
    agents.sort_unstable();
    agents.dedup();
    let segments = fragments.iter().map(|f| Worked {
        segment: f.segment,
        agent: &f.agent,
        attempt: &f.attempt,
        images: f.images.len() as u64,
        bytes: f.zip.entries_len,
        bytes_read: f.bytes_read,
        frames_decoded: f.frames_decoded,
        seconds: f.seconds,
        source_wait_seconds: f.source_wait_seconds,
    });
    Report {
        video: row.video.as_str(),
        finalizer: context.config.instance.as_str(),
        agents,
        segments: segments.collect(),
        bytes_downloaded_by_finalizer: planned.downloaded + index_bytes,
        archive_bytes: planned.total,
    }
}
