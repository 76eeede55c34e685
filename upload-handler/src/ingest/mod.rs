//! From "an object was created" to "there is work": the step between S3 and the task queue. And from
//! "a result was removed" to the CDN's edges, which must forget it.
//!
//! Every step may be repeated. The row decides once (a conditional write), the FIFO queue forgets
//! duplicates for five minutes, and Redis does for ever after.

pub mod config;
pub mod decide;
pub mod edges;
pub mod event;

use std::num::NonZeroU64;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use aws_sdk_cloudwatch::types::StandardUnit;
use aws_sdk_s3::error::DisplayErrorContext;
use fleet_aws::metrics::{Metrics, WORK_QUEUED};
use fleet_aws::queue::SendError;
use fleet_aws::row::Source;
use fleet_aws::videos::{Change, VideosError};
use fleet_aws::{Advance, TaskQueue, Videos};
use fleet_core::{Task, TenantId, VideoId, VideoState, keys};
use thiserror::Error;

use decide::{Created, Verdict, Why, decide, estimated_work_seconds};
use edges::{Edges, EdgesError};
use event::{EventError, Happened, happened};

pub struct Ingest {
    pub videos: Videos,
    pub tasks: TaskQueue,
    pub metrics: Metrics,
    pub s3: aws_sdk_s3::Client,
    pub uploads_bucket: String,
    pub bytes_per_work_second: NonZeroU64,
    /// None where there is no CDN to tell of deletions.
    pub edges: Option<Edges>,
}

#[derive(Debug, Error)]
enum IngestError {
    #[error(transparent)]
    Event(#[from] EventError),
    #[error(transparent)]
    Videos(#[from] VideosError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Edges(#[from] EdgesError),
    #[error("delete an object of the wrong size: {0}")]
    Delete(String),
}

impl Ingest {
    /// Names the messages that must come again; the others are done with.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        let mut failures = Vec::new();
        for message in event.records {
            let body = message.body.unwrap_or_default();
            if let Err(error) = self.message(&body).await {
                let message = message.message_id.unwrap_or_default();
                tracing::error!(message, %error, "could not handle an event of S3's");
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message;
                failures.push(failure);
            }
        }
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failures;
        response
    }

    async fn message(&self, body: &str) -> Result<(), IngestError> {
        for happened in happened(body)? {
            match happened {
                Happened::Created(object) => self.object(&object).await?,
                Happened::Removed { bucket, key } => self.removed(&bucket, &key).await?,
            }
        }
        Ok(())
    }

    async fn removed(&self, bucket: &str, key: &str) -> Result<(), IngestError> {
        let edges = self.edges.as_ref();
        let edges = edges.filter(|edges| edges.results_bucket == bucket);
        if let (Some(edges), Some((tenant, video))) = (edges, keys::parse_result(key)) {
            edges.forget(&tenant, &video).await?;
        }
        Ok(())
    }

    async fn object(&self, object: &Created) -> Result<(), IngestError> {
        let named =
            keys::parse_upload(&object.key).filter(|_| object.bucket == self.uploads_bucket);
        let Some((tenant, video)) = named else {
            ignored(object, Why::ForeignKey);
            return Ok(());
        };
        let row = self.videos.get(&tenant, &video).await?;
        match decide(row.as_ref(), object) {
            Verdict::Accept => self.accept(&tenant, &video, object).await,
            Verdict::SendAgain => self.send(&tenant, &video).await,
            Verdict::WrongSize => self.discard(&video, object).await,
            Verdict::Ignore(why) => {
                ignored(object, why);
                Ok(())
            }
        }
    }

    async fn accept(
        &self,
        tenant: &TenantId,
        video: &VideoId,
        object: &Created,
    ) -> Result<(), IngestError> {
        let change = Change {
            source: Some(Source {
                key: object.key.clone(),
                etag: object.etag.clone(),
            }),
            ..Change::default()
        };
        match self
            .videos
            .advance(tenant, video, VideoState::Queued, change)
            .await?
        {
            Advance::Entered(_) => {
                self.send(tenant, video).await?;
                tracing::info!(%tenant, %video, size = object.size, "queued a video");
                let seconds = estimated_work_seconds(object.size, self.bytes_per_work_second);
                self.metrics
                    .publish(WORK_QUEUED, seconds, StandardUnit::Seconds)
                    .await;
                Ok(())
            }
            // Somebody was faster since the row was read; what they did decides what is left to do.
            Advance::Refused(row) => match decide(Some(&row), object) {
                Verdict::SendAgain => self.send(tenant, video).await,
                _ => {
                    ignored(object, Why::Late);
                    Ok(())
                }
            },
            Advance::Missing => {
                ignored(object, Why::NoSuchVideo);
                Ok(())
            }
        }
    }

    async fn send(&self, tenant: &TenantId, video: &VideoId) -> Result<(), IngestError> {
        Ok(self
            .tasks
            .send(&[Task::plan(tenant.clone(), video.clone())])
            .await?)
    }

    async fn discard(&self, video: &VideoId, object: &Created) -> Result<(), IngestError> {
        tracing::warn!(%video, key = object.key, size = object.size, "deleting an upload of the wrong size");
        self.s3
            .delete_object()
            .bucket(&object.bucket)
            .key(&object.key)
            .send()
            .await
            .map_err(|e| IngestError::Delete(DisplayErrorContext(e).to_string()))?;
        Ok(())
    }
}

fn ignored(object: &Created, why: Why) {
    tracing::info!(key = object.key, ?why, "ignored an upload event");
}
