//! Fetches a result from the CDN into a file, from where it broke off, and only under its final
//! name once it is complete.

use std::io::SeekFrom;
use std::path::Path;

use backon::Retryable;
use fleet_core::VideoId;
use indicatif::ProgressBar;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, ETAG, IF_MATCH, RANGE};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::api::{Api, ApiError, backoff, chain};
use crate::outcome::Ended;

/// A download that may have been broken off.
struct Partial {
    file: File,
    have: u64,
    etag: Option<String>,
}

pub async fn download(
    api: &Api,
    id: &VideoId,
    what: &str,
    to: &Path,
    bar: &ProgressBar,
) -> Result<u64, Ended> {
    let part = to.with_extension(format!("{id}.part"));
    let file = File::create(&part)
        .await
        .map_err(|e| unwritable(&part, &e))?;
    let partial = Mutex::new(Partial {
        file,
        have: 0,
        etag: None,
    });
    let attempt = || async { fetch(api, id, what, &mut *partial.lock().await, &part, bar).await };
    let fetched = attempt
        .retry(backoff())
        .when(|error: &Failed| matches!(error, Failed::Again(_)))
        .await;
    let fetched = match fetched {
        Ok(()) => Ok(partial.into_inner()),
        Err(Failed::Again(why)) => Err(Ended::service(format!("download the {what}: {why}"))),
        Err(Failed::Final(ended)) => Err(ended),
    };
    let done = match fetched {
        Ok(done) => done,
        Err(ended) => {
            let _ = tokio::fs::remove_file(&part).await;
            return Err(ended);
        }
    };
    drop(done.file);
    tokio::fs::rename(&part, to)
        .await
        .map_err(|e| unwritable(to, &e))?;
    Ok(done.have)
}

enum Failed {
    Again(String),
    Final(Ended),
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Final(error.into())
    }
}

async fn fetch(
    api: &Api,
    id: &VideoId,
    what: &str,
    partial: &mut Partial,
    part: &Path,
    bar: &ProgressBar,
) -> Result<(), Failed> {
    let write = |e: std::io::Error| Failed::Final(unwritable(part, &e));
    // A fresh URL each time: the last one may have expired in between.
    let mut request = api.client().get(api.location(id, what).await?);
    if partial.have > 0 {
        request = request.header(RANGE, format!("bytes={}-", partial.have));
        if let Some(etag) = &partial.etag {
            request = request.header(IF_MATCH, etag);
        }
    }
    let mut answer = request.send().await.map_err(|e| Failed::Again(chain(&e)))?;
    let from = match answer.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT if starts_at(&answer, partial.have) => partial.have,
        // Everything was there already, or the object is another: begin again.
        StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PRECONDITION_FAILED => {
            partial.have = 0;
            return Err(Failed::Again("the download could not be resumed".into()));
        }
        status => return Err(Failed::Again(format!("the CDN answered {status}"))),
    };
    let etag = answer.headers().get(ETAG).and_then(|v| v.to_str().ok());
    partial.etag = etag.map(str::to_owned);
    partial.have = from;
    partial.file.set_len(from).await.map_err(write)?;
    partial
        .file
        .seek(SeekFrom::Start(from))
        .await
        .map_err(write)?;
    bar.set_length(from + answer.content_length().unwrap_or_default());
    while let Some(chunk) = answer.chunk().await.map_err(|e| Failed::Again(chain(&e)))? {
        partial.file.write_all(&chunk).await.map_err(write)?;
        partial.have += chunk.len() as u64;
        bar.set_position(partial.have);
    }
    partial.file.flush().await.map_err(write)
}

fn starts_at(answer: &reqwest::Response, from: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE);
    let range = range
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    range.starts_with(&format!("bytes {from}-"))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Ended {
    Ended::usage(format!("write {}: {error}", path.display()))
}
