//! Making the archive: S3 copies the fragments' entries by itself, and only the pieces that it is
//! too strict to copy pass through here.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use thiserror::Error;
use zip_splice::{Entry, FragmentIndex, Part, Piece, SpliceError, SplicePlan, ZipError};

use crate::store::{Store, StoreError, failed, is_taken};

/// Parts copied or uploaded at once.
const PARTS: usize = 8;
const ZIP: &str = "application/zip";

#[derive(Debug, Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("lay out the archive")]
    Zip(#[from] ZipError),
    #[error("plan the splice")]
    Plan(#[from] SpliceError),
}

pub struct Archive {
    pub key: String,
    /// S3 keys, in the order of the archive.
    pub fragments: Vec<String>,
    pub indexes: Vec<FragmentIndex>,
    pub extra: Extra,
}

/// Entries that are in no fragment.
pub struct Extra {
    pub entries: Vec<Entry>,
    pub bytes: Bytes,
}

impl Archive {
    pub fn plan(&self) -> Result<SplicePlan, ArchiveError> {
        let pieces: Vec<u64> = self.indexes.iter().map(|index| index.entries_len).collect();
        let tail = self.tail()?.len() as u64;
        Ok(zip_splice::plan(
            &pieces,
            self.extra.bytes.len() as u64,
            tail,
        )?)
    }

    fn tail(&self) -> Result<Bytes, ArchiveError> {
        let entries = zip_splice::merge(&self.indexes, &self.extra.entries)?;
        Ok(zip_splice::central_directory(&entries)?.into())
    }
}

/// An archive whose parts are all in S3, and which nobody can see yet.
pub enum Upload {
    Small {
        key: String,
        body: Bytes,
    },
    Parts {
        key: String,
        id: String,
        parts: Vec<CompletedPart>,
    },
}

pub async fn build(
    store: &Store,
    archive: &Archive,
    plan: &SplicePlan,
) -> Result<Upload, ArchiveError> {
    let tail = archive.tail()?;
    let key = archive.key.clone();
    if let [Part::Upload(pieces)] = plan.parts.as_slice() {
        let body = join(store, archive, &tail, pieces.clone()).await?;
        return Ok(Upload::Small { key, body });
    }
    let created = store
        .client
        .create_multipart_upload()
        .bucket(&store.bucket)
        .key(&key)
        .content_type(ZIP)
        .send()
        .await
        .map_err(|error| failed("begin the upload of", &key, error))?;
    let id = created.upload_id.unwrap_or_default();
    let (tail, upload) = (&tail, id.as_str());
    let parts: Result<Vec<CompletedPart>, ArchiveError> =
        stream::iter(plan.parts.clone().into_iter().zip(1..))
            .map(|(part, number)| send(store, archive, tail, upload, number, part).boxed())
            .buffered(PARTS)
            .try_collect()
            .await;
    match parts {
        Ok(parts) => Ok(Upload::Parts { key, id, parts }),
        Err(error) => {
            Upload::Parts {
                key,
                id,
                parts: Vec::new(),
            }
            .abandon(store)
            .await;
            Err(error)
        }
    }
}

impl Upload {
    /// Makes the archive visible, unless there is one: an archive of this video that is there
    /// already was made of the same images, and stays.
    pub async fn commit(self, store: &Store) -> Result<(), StoreError> {
        let (key, id, parts) = match self {
            Upload::Small { key, body } => {
                store.put_new(&key, body, ZIP).await?;
                return Ok(());
            }
            Upload::Parts { key, id, parts } => (key, id, parts),
        };
        let completed = store
            .client
            .complete_multipart_upload()
            .bucket(&store.bucket)
            .key(&key)
            .upload_id(&id)
            .if_none_match("*")
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .send()
            .await;
        match completed {
            Ok(_) => Ok(()),
            Err(error) if is_taken(&error) => {
                Upload::Parts {
                    key,
                    id,
                    parts: Vec::new(),
                }
                .abandon(store)
                .await;
                Ok(())
            }
            // Our own first try may have succeeded without our hearing of it.
            Err(error) if error.code() == Some("NoSuchUpload") => match length(store, &key).await {
                Ok(_) => Ok(()),
                Err(_) => Err(failed("complete the upload of", &key, error)),
            },
            Err(error) => Err(failed("complete the upload of", &key, error)),
        }
    }

    /// Best effort: the bucket's lifecycle rule removes what is left.
    pub async fn abandon(self, store: &Store) {
        let Upload::Parts { key, id, .. } = self else {
            return;
        };
        let (client, bucket) = (&store.client, &store.bucket);
        let aborted = client
            .abort_multipart_upload()
            .bucket(bucket)
            .key(&key)
            .upload_id(id)
            .send()
            .await;
        if let Err(error) = aborted {
            let error = failed("abort the upload of", &key, error);
            tracing::warn!(%error, "left for the lifecycle rule");
        }
    }
}

pub async fn length(store: &Store, key: &str) -> Result<u64, StoreError> {
    let head = store
        .client
        .head_object()
        .bucket(&store.bucket)
        .key(key)
        .send()
        .await;
    let head = head.map_err(|error| failed("look at", key, error))?;
    Ok(head
        .content_length
        .and_then(|n| u64::try_from(n).ok())
        .unwrap_or(0))
}

async fn send(
    store: &Store,
    archive: &Archive,
    tail: &Bytes,
    upload: &str,
    number: i32,
    part: Part,
) -> Result<CompletedPart, ArchiveError> {
    let key = &archive.key;
    let etag = match part {
        Part::Copy {
            fragment,
            start,
            len,
        } => {
            let from = &archive.fragments[fragment];
            let copied = store
                .client
                .upload_part_copy()
                .bucket(&store.bucket)
                .key(key)
                .upload_id(upload)
                .part_number(number)
                // Bucket and keys are made of characters that need no escaping.
                .copy_source(format!("{}/{from}", store.bucket))
                .copy_source_range(format!("bytes={start}-{}", start + len - 1))
                .send()
                .await
                .map_err(|error| failed("copy a part of", key, error))?;
            copied.copy_part_result.and_then(|result| result.e_tag)
        }
        Part::Upload(pieces) => {
            let body = join(store, archive, tail, pieces).await?;
            let sent = store
                .client
                .upload_part()
                .bucket(&store.bucket)
                .key(key)
                .upload_id(upload)
                .part_number(number)
                .body(ByteStream::from(body))
                .send()
                .await
                .map_err(|error| failed("upload a part of", key, error))?;
            sent.e_tag
        }
    };
    Ok(CompletedPart::builder()
        .part_number(number)
        .set_e_tag(etag)
        .build())
}

/// The bytes of an uploaded part: downloaded pieces and our own, in order.
async fn join(
    store: &Store,
    archive: &Archive,
    tail: &Bytes,
    pieces: Vec<Piece>,
) -> Result<Bytes, ArchiveError> {
    let parts: Vec<Bytes> = stream::iter(pieces)
        .map(|piece| fetch(store, archive, tail, piece).boxed())
        .buffered(PARTS)
        .try_collect()
        .await?;
    let mut joined = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    for part in parts {
        joined.extend_from_slice(&part);
    }
    Ok(joined.freeze())
}

async fn fetch(
    store: &Store,
    archive: &Archive,
    tail: &Bytes,
    piece: Piece,
) -> Result<Bytes, StoreError> {
    // What is ours lies in memory, so its ranges fit usize.
    let slice =
        |bytes: &Bytes, start: u64, len: u64| bytes.slice(start as usize..(start + len) as usize);
    match piece {
        Piece::Fragment {
            fragment,
            start,
            len,
        } => range(store, &archive.fragments[fragment], start, len).await,
        Piece::Extra { start, len } => Ok(slice(&archive.extra.bytes, start, len)),
        Piece::Tail { start, len } => Ok(slice(tail, start, len)),
    }
}

pub async fn range(store: &Store, key: &str, start: u64, len: u64) -> Result<Bytes, StoreError> {
    if len == 0 {
        return Ok(Bytes::new());
    }
    let got = store
        .client
        .get_object()
        .bucket(&store.bucket)
        .key(key)
        .range(format!("bytes={start}-{}", start + len - 1))
        .send()
        .await
        .map_err(|error| failed("get a piece of", key, error))?;
    let body = got
        .body
        .collect()
        .await
        .map_err(|error| failed("read a piece of", key, error))?;
    let body = body.into_bytes();
    if body.len() as u64 != len {
        let error = format!("{} of {len} bytes came", body.len());
        return Err(StoreError::Service {
            doing: "read a piece of",
            key: key.to_owned(),
            error,
        });
    }
    Ok(body)
}
