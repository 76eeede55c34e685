//! Objects in S3: small ones whole, conditional writes, and prefixes that go as one.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Always worth a retry; the SDK has already tried several times.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("{doing} {key}: {error}")]
    Service {
        doing: &'static str,
        key: String,
        error: String,
    },
    #[error("read {key} as JSON")]
    Shape {
        key: String,
        source: serde_json::Error,
    },
}

#[derive(Debug, Clone)]
pub struct Store {
    pub client: Client,
    pub bucket: String,
}

impl Store {
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let got = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        let object = match got {
            Ok(object) => object,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(failed("get", key, error)),
        };
        let body = object
            .body
            .collect()
            .await
            .map_err(|error| StoreError::Service {
                doing: "read",
                key: key.to_owned(),
                error: error.to_string(),
            })?;
        Ok(Some(body.into_bytes()))
    }

    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.get(key).await? else {
            return Ok(None);
        };
        let parsed = serde_json::from_slice(&bytes).map_err(|source| StoreError::Shape {
            key: key.to_owned(),
            source,
        })?;
        Ok(Some(parsed))
    }

    pub async fn put(&self, key: &str, body: Bytes, kind: &str) -> Result<(), StoreError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(kind)
            .body(ByteStream::from(body))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failed("put", key, error))
    }

    /// Writes unless something is there already; false if there is.
    pub async fn put_new(&self, key: &str, body: Bytes, kind: &str) -> Result<bool, StoreError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(kind)
            .if_none_match("*")
            .body(ByteStream::from(body))
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(failed("put", key, error)),
        }
    }

    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        list(&self.client, &self.bucket, prefix).await
    }
}

pub async fn list(client: &Client, bucket: &str, prefix: &str) -> Result<Vec<String>, StoreError> {
    let mut pages = client
        .list_objects_v2()
        .bucket(bucket)
        .prefix(prefix)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed("list", prefix, error))?;
        keys.extend(
            page.contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(|o| o.key),
        );
    }
    Ok(keys)
}

/// Deletes all below `prefix`. What is gone already is as good.
pub async fn delete_prefix(client: &Client, bucket: &str, prefix: &str) -> Result<(), StoreError> {
    let keys = list(client, bucket, prefix).await?;
    // DeleteObjects takes at most a thousand.
    for chunk in keys.chunks(1000) {
        let objects = chunk
            .iter()
            .map(|key| {
                ObjectIdentifier::builder()
                    .key(key)
                    .build()
                    .expect("the key is set")
            })
            .collect();
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build();
        let delete = delete.expect("the objects are set");
        let answer = client
            .delete_objects()
            .bucket(bucket)
            .delete(delete)
            .send()
            .await
            .map_err(|error| failed("delete below", prefix, error))?;
        // The call can succeed and objects still be there.
        if let Some(left) = answer.errors().first() {
            return Err(StoreError::Service {
                doing: "delete below",
                key: prefix.to_owned(),
                error: left.message().unwrap_or("an object was refused").to_owned(),
            });
        }
    }
    Ok(())
}

/// The condition `If-None-Match: *` did not hold.
pub fn is_taken<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    error.code() == Some("PreconditionFailed")
}

pub fn failed<E: std::error::Error>(doing: &'static str, key: &str, error: E) -> StoreError {
    StoreError::Service {
        doing,
        key: key.to_owned(),
        error: DisplayErrorContext(error).to_string(),
    }
}
