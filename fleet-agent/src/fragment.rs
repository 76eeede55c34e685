//! A segment's fragment on its way to S3: one PUT while it is small, a multipart upload past that,
//! so that the agent never holds more than two parts of it.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::store::{Store, StoreError, failed};

/// S3 takes no part under 5 MiB but the last, and 10,000 parts: fragments up to 80 GB.
const PART: usize = 8 * 1024 * 1024;

#[derive(Debug)]
pub enum Chunk {
    Bytes(Bytes),
    /// The fragment is whole. Without this, what was sent is thrown away.
    End,
}

#[derive(Debug, Error)]
pub enum UploadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the fragment was not finished")]
    Abandoned,
}

pub async fn upload(
    store: &Store,
    key: &str,
    mut chunks: mpsc::Receiver<Chunk>,
) -> Result<(), UploadError> {
    let mut buffer = BytesMut::new();
    let mut parts = Parts::new(store, key);
    let sent = async {
        loop {
            match chunks.recv().await {
                Some(Chunk::Bytes(bytes)) => buffer.extend_from_slice(&bytes),
                Some(Chunk::End) => return parts.finish(buffer.split().freeze()).await,
                None => return Err(UploadError::Abandoned),
            }
            if buffer.len() >= PART {
                parts.send(buffer.split().freeze()).await?;
            }
        }
    }
    .await;
    if sent.is_err() {
        parts.abort().await;
    }
    sent
}

struct Parts<'a> {
    store: &'a Store,
    key: &'a str,
    upload: Option<String>,
    done: Vec<CompletedPart>,
}

impl<'a> Parts<'a> {
    fn new(store: &'a Store, key: &'a str) -> Self {
        Self {
            store,
            key,
            upload: None,
            done: Vec::new(),
        }
    }

    async fn send(&mut self, body: Bytes) -> Result<(), UploadError> {
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => {
                let created = self
                    .store
                    .client
                    .create_multipart_upload()
                    .bucket(&self.store.bucket)
                    .key(self.key)
                    .send()
                    .await
                    .map_err(|error| failed("begin the upload of", self.key, error))?;
                let id = created.upload_id.unwrap_or_default();
                self.upload = Some(id.clone());
                id
            }
        };
        let number = i32::try_from(self.done.len() + 1).unwrap_or(i32::MAX);
        let sent = self
            .store
            .client
            .upload_part()
            .bucket(&self.store.bucket)
            .key(self.key)
            .upload_id(upload)
            .part_number(number)
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|error| failed("upload a part of", self.key, error))?;
        self.done.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(sent.e_tag)
                .build(),
        );
        Ok(())
    }

    async fn finish(&mut self, rest: Bytes) -> Result<(), UploadError> {
        if self.upload.is_none() {
            self.store.put(self.key, rest, "application/zip").await?;
            return Ok(());
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(self.done.clone()))
            .build();
        self.store
            .client
            .complete_multipart_upload()
            .bucket(&self.store.bucket)
            .key(self.key)
            .set_upload_id(self.upload.clone())
            .multipart_upload(parts)
            .send()
            .await
            .map_err(|error| failed("complete the upload of", self.key, error))?;
        self.upload = None;
        Ok(())
    }

    /// Best effort: the bucket's lifecycle rule removes what is left.
    async fn abort(&mut self) {
        let Some(upload) = self.upload.take() else {
            return;
        };
        let aborted = self
            .store
            .client
            .abort_multipart_upload()
            .bucket(&self.store.bucket)
            .key(self.key)
            .upload_id(upload)
            .send()
            .await;
        if let Err(error) = aborted {
            let error = failed("abort the upload of", self.key, error);
            tracing::warn!(%error, "left for the lifecycle rule");
        }
    }
}
