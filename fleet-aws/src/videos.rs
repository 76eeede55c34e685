//! The table of videos: every state change is one conditional write, so two machines that decide
//! at once cannot both succeed, and a late message cannot move a video back.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use fleet_core::{Failure, TenantId, VideoId, VideoState};
use thiserror::Error;

use crate::row::{Archive, Progress, Row, Source, item, now};

#[derive(Debug, Clone)]
pub struct Videos {
    client: Client,
    table: String,
}

#[derive(Debug, Error)]
pub enum VideosError {
    /// Worth a retry.
    #[error("{doing}: {error}")]
    Service { doing: &'static str, error: String },
    /// Not worth one: the row does not read as a row.
    #[error("read the row: {0}")]
    Shape(#[from] serde_dynamo::Error),
}

/// What became of a state change.
#[derive(Debug, Clone, PartialEq)]
pub enum Advance {
    Entered(Box<Row>),
    /// The row is as it was: already in this state, or in one that the new state may not follow.
    Refused(Box<Row>),
    Missing,
}

/// What is written together with a new state.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub source: Option<Source>,
    pub progress: Option<Progress>,
    pub failure: Option<Failure>,
    pub archive: Option<Archive>,
    pub warnings: Option<Vec<String>>,
    pub expires_at: Option<u64>,
}

impl Videos {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    pub async fn get(
        &self,
        tenant: &TenantId,
        video: &VideoId,
    ) -> Result<Option<Row>, VideosError> {
        let got = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant, video)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| service("get a video", e))?;
        got.item
            .map(|i| serde_dynamo::from_item(i).map_err(VideosError::from))
            .transpose()
    }

    /// Moves the video to `to`, if its present state allows.
    pub async fn advance(
        &self,
        tenant: &TenantId,
        video: &VideoId,
        to: VideoState,
        change: Change,
    ) -> Result<Advance, VideosError> {
        let mut sets = vec!["#state = :to".to_owned(), "entered.#to = :now".to_owned()];
        let mut values = HashMap::from([
            (":to".to_owned(), AttributeValue::S(to.to_string())),
            (":now".to_owned(), AttributeValue::N(now().to_string())),
        ]);
        // By way of a # name each: DynamoDB reserves plain words such as archive.
        let mut attributes = HashMap::from([
            ("#state".to_owned(), "state".to_owned()),
            ("#to".to_owned(), to.to_string()),
        ]);
        let mut set = |name: &str, value: AttributeValue| {
            sets.push(format!("#{name} = :{name}"));
            attributes.insert(format!("#{name}"), name.to_owned());
            values.insert(format!(":{name}"), value);
        };
        if let Some(source) = &change.source {
            set("source", serde_dynamo::to_attribute_value(source)?);
        }
        if let Some(progress) = &change.progress {
            set("progress", serde_dynamo::to_attribute_value(progress)?);
        }
        if let Some(failure) = &change.failure {
            set("failure", serde_dynamo::to_attribute_value(failure)?);
        }
        if let Some(archive) = &change.archive {
            set("archive", serde_dynamo::to_attribute_value(archive)?);
        }
        if let Some(warnings) = &change.warnings {
            set("warnings", serde_dynamo::to_attribute_value(warnings)?);
        }
        if let Some(at) = change.expires_at {
            set("expires_at", AttributeValue::N(at.to_string()));
        }
        let mut names = Vec::new();
        for (i, from) in to.may_follow().iter().enumerate() {
            values.insert(format!(":from{i}"), AttributeValue::S(from.to_string()));
            names.push(format!(":from{i}"));
        }
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant, video)))
            .update_expression(format!("SET {}", sets.join(", ")))
            .condition_expression(format!("#state IN ({})", names.join(", ")))
            .set_expression_attribute_names(Some(attributes))
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(updated) => {
                let row = serde_dynamo::from_item(updated.attributes.unwrap_or_default())?;
                Ok(Advance::Entered(Box::new(row)))
            }
            Err(error) if is_condition(&error) => match self.get(tenant, video).await? {
                Some(row) => Ok(Advance::Refused(Box::new(row))),
                None => Ok(Advance::Missing),
            },
            Err(error) => Err(service("change a video's state", error)),
        }
    }

    /// Records that the video is being worked on by a newer plan, from its beginning. False where
    /// this or a newer plan is recorded already, or the video has ended.
    pub async fn replan(
        &self,
        tenant: &TenantId,
        video: &VideoId,
        generation: u32,
        segments: u64,
    ) -> Result<bool, VideosError> {
        let progress = Progress {
            segments,
            ..Progress::default()
        };
        let running = [
            VideoState::Planning,
            VideoState::Processing,
            VideoState::Finalizing,
        ];
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant, video)))
            .update_expression("SET #state = :to, generation = :generation, progress = :progress")
            .condition_expression("generation < :generation AND #state IN (:a, :b, :c)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(
                ":to",
                AttributeValue::S(VideoState::Processing.to_string()),
            )
            .expression_attribute_values(":generation", AttributeValue::N(generation.to_string()))
            .expression_attribute_values(":progress", serde_dynamo::to_attribute_value(progress)?)
            .expression_attribute_values(":a", AttributeValue::S(running[0].to_string()))
            .expression_attribute_values(":b", AttributeValue::S(running[1].to_string()))
            .expression_attribute_values(":c", AttributeValue::S(running[2].to_string()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(service("record a new plan", error)),
        }
    }

    /// Writes progress unless a later count is already there, so that what callers see only grows.
    pub async fn progress(
        &self,
        tenant: &TenantId,
        video: &VideoId,
        progress: &Progress,
    ) -> Result<(), VideosError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant, video)))
            .update_expression("SET progress = :progress")
            .condition_expression("attribute_exists(tenant) AND progress.segments_done < :done")
            .expression_attribute_values(":progress", serde_dynamo::to_attribute_value(progress)?)
            .expression_attribute_values(
                ":done",
                AttributeValue::N(progress.segments_done.to_string()),
            )
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(service("write progress", error)),
        }
    }
}

pub fn key(tenant: &TenantId, video: &VideoId) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("tenant".to_owned(), AttributeValue::S(tenant.to_string())),
        ("item".to_owned(), AttributeValue::S(item(video))),
    ])
}

pub fn is_condition<E: ProvideErrorMetadata>(error: &E) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}

pub fn service<E: std::error::Error>(doing: &'static str, error: E) -> VideosError {
    VideosError::Service {
        doing,
        error: DisplayErrorContext(error).to_string(),
    }
}
