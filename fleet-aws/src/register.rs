//! Putting a video on record, once for each idempotency key, and taking it off again.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use fleet_core::{TenantId, VideoId};

use crate::row::{Row, now};
use crate::videos::{Videos, VideosError, is_condition, key, service};

/// How long a repeated request is recognised, and a deleted video remembered.
const REMEMBERED_SECONDS: u64 = 24 * 60 * 60;

/// A caller's promise that two requests with the same key are one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    pub key: String,
    /// Hash of the request, so that a key used for another one is noticed.
    pub request: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Registered {
    Created,
    /// The same request came before and made this video.
    Repeated(VideoId),
    /// The key was used for another request.
    KeyReused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlAdded {
    Added,
    /// The video is no longer uploading, or is gone.
    NotUploading,
    LimitReached,
}

impl Videos {
    /// Writes the row and the memory of its idempotency key in one transaction.
    pub async fn create(
        &self,
        row: &Row,
        idempotency: Option<&Idempotency>,
    ) -> Result<Registered, VideosError> {
        let row_put = Put::builder()
            .table_name(self.table())
            .set_item(Some(serde_dynamo::to_item(row)?))
            .condition_expression("attribute_not_exists(#item)")
            .expression_attribute_names("#item", "item")
            .build()
            .expect("table and item are set");
        let mut writes = vec![TransactWriteItem::builder().put(row_put).build()];
        if let Some(idempotency) = idempotency {
            let put = self.remember_request(row, idempotency);
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        let answer = self
            .client()
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await;
        match (answer, idempotency) {
            (Ok(_), _) => Ok(Registered::Created),
            (Err(error), Some(idempotency)) if lost_condition(error.as_service_error()) => {
                self.recall_request(&row.tenant, idempotency).await
            }
            (Err(error), _) => Err(service("create a video", error)),
        }
    }

    /// DynamoDB drops expired items up to two days late, so an expired memory counts as none.
    fn remember_request(&self, row: &Row, idempotency: &Idempotency) -> Put {
        let seconds = now() / 1000;
        Put::builder()
            .table_name(self.table())
            .set_item(Some(request_key(&row.tenant, &idempotency.key)))
            .item("video", AttributeValue::S(row.video.to_string()))
            .item("request", AttributeValue::S(idempotency.request.clone()))
            .item("expires_at", number(seconds + REMEMBERED_SECONDS))
            .condition_expression("attribute_not_exists(#item) OR expires_at < :now")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":now", number(seconds))
            .build()
            .expect("table and item are set")
    }

    async fn recall_request(
        &self,
        tenant: &TenantId,
        idempotency: &Idempotency,
    ) -> Result<Registered, VideosError> {
        let got = self
            .client()
            .get_item()
            .table_name(self.table())
            .set_key(Some(request_key(tenant, &idempotency.key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| service("recall a request", e))?;
        let item = got.item.unwrap_or_default();
        let text = |name: &str| item.get(name).and_then(|v| v.as_s().ok());
        if text("request") != Some(&idempotency.request) {
            return Ok(Registered::KeyReused);
        }
        match text("video").and_then(|video| video.parse().ok()) {
            Some(video) => Ok(Registered::Repeated(video)),
            None => Ok(Registered::KeyReused),
        }
    }

    /// Records the key of one more upload URL, before the URL is given out.
    pub async fn add_upload_key(
        &self,
        tenant: &TenantId,
        video: &VideoId,
        upload_key: &str,
        limit: u32,
    ) -> Result<UrlAdded, VideosError> {
        let answer = self
            .client()
            .update_item()
            .table_name(self.table())
            .set_key(Some(key(tenant, video)))
            .update_expression("ADD upload_keys :key")
            .condition_expression(
                "#state = :uploading AND (attribute_not_exists(upload_keys) OR size(upload_keys) < :limit)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":key", AttributeValue::Ss(vec![upload_key.to_owned()]))
            .expression_attribute_values(":uploading", AttributeValue::S("uploading".into()))
            .expression_attribute_values(":limit", number(limit.into()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(UrlAdded::Added),
            Err(error) if is_condition(&error) => {
                let uploading = self
                    .get(tenant, video)
                    .await?
                    .is_some_and(|row| row.state == fleet_core::VideoState::Uploading);
                Ok(if uploading {
                    UrlAdded::LimitReached
                } else {
                    UrlAdded::NotUploading
                })
            }
            Err(error) => Err(service("record an upload URL", error)),
        }
    }

    /// Takes the row off and remembers for a day that it was there, so that a repeated deletion
    /// can be told from a video that never was.
    pub async fn delete(&self, tenant: &TenantId, video: &VideoId) -> Result<(), VideosError> {
        let delete = Delete::builder()
            .table_name(self.table())
            .set_key(Some(key(tenant, video)))
            .build()
            .expect("table and key are set");
        let tombstone = Put::builder()
            .table_name(self.table())
            .set_item(Some(tombstone_key(tenant, video)))
            .item("expires_at", number(now() / 1000 + REMEMBERED_SECONDS))
            .build()
            .expect("table and item are set");
        self.client()
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().delete(delete).build())
            .transact_items(TransactWriteItem::builder().put(tombstone).build())
            .send()
            .await
            .map_err(|e| service("delete a video's row", e))?;
        Ok(())
    }

    pub async fn was_deleted(
        &self,
        tenant: &TenantId,
        video: &VideoId,
    ) -> Result<bool, VideosError> {
        let got = self
            .client()
            .get_item()
            .table_name(self.table())
            .set_key(Some(tombstone_key(tenant, video)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| service("look for a deleted video", e))?;
        Ok(got.item.is_some())
    }
}

fn lost_condition(error: Option<&TransactWriteItemsError>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error else {
        return false;
    };
    let codes = cancelled
        .cancellation_reasons()
        .iter()
        .filter_map(|r| r.code());
    codes
        .into_iter()
        .any(|code| code == "ConditionalCheckFailed")
}

fn request_key(tenant: &TenantId, key: &str) -> HashMap<String, AttributeValue> {
    item_key(tenant, format!("idem#{key}"))
}

fn tombstone_key(tenant: &TenantId, video: &VideoId) -> HashMap<String, AttributeValue> {
    item_key(tenant, format!("gone#{video}"))
}

fn item_key(tenant: &TenantId, item: String) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("tenant".to_owned(), AttributeValue::S(tenant.to_string())),
        ("item".to_owned(), AttributeValue::S(item)),
    ])
}

fn number(n: u64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}
