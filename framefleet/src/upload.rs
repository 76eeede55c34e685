//! Sends the video's bytes, as a stream, to the presigned URL. When the URL was too old, or the
//! transfer broke, a fresh one is asked for.

use std::path::Path;

use backon::Retryable;
use bytes::Bytes;
use fleet_core::VideoId;
use futures::{Stream, stream};
use indicatif::ProgressBar;
use reqwest::{Body, Method, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;

use crate::api::{Api, ApiError, Registered, Upload, backoff, chain};
use crate::outcome::Ended;

const CHUNK: usize = 256 * 1024;

pub async fn upload(
    api: &Api,
    registered: Registered,
    video: &Path,
    size: u64,
    bar: &ProgressBar,
) -> Result<(), Ended> {
    let id = registered.id;
    let url = Mutex::new(registered.upload);
    let attempt = || async {
        let upload = match url.lock().await.take() {
            Some(upload) => upload,
            None => match fresh(api, &id).await? {
                Some(upload) => upload,
                None => return Ok(()),
            },
        };
        bar.set_position(0);
        put(api, &upload, video, size, bar.clone()).await
    };
    attempt
        .retry(backoff())
        .when(|error: &Failed| matches!(error, Failed::Again(_)))
        .await
        .map_err(|failed| match failed {
            Failed::Again(why) => Ended::service(format!("upload the video: {why}")),
            Failed::Final(ended) => ended,
        })
}

enum Failed {
    Again(String),
    Final(Ended),
}

/// None when the video takes no more uploads: an earlier attempt landed after all.
async fn fresh(api: &Api, id: &VideoId) -> Result<Option<Upload>, Failed> {
    match api.fresh_upload(id).await {
        Ok(upload) => Ok(Some(upload)),
        Err(ApiError::Refused {
            status: StatusCode::CONFLICT,
            ..
        }) => Ok(None),
        Err(error) => Err(Failed::Final(error.into())),
    }
}

async fn put(
    api: &Api,
    upload: &Upload,
    video: &Path,
    size: u64,
    bar: ProgressBar,
) -> Result<(), Failed> {
    let file = File::open(video).await.map_err(|e| unreadable(video, &e))?;
    let found = file
        .metadata()
        .await
        .map_err(|e| unreadable(video, &e))?
        .len();
    if found != size {
        let why = format!("{} changed while it was being uploaded", video.display());
        return Err(Failed::Final(Ended::usage(why)));
    }
    let method = Method::from_bytes(upload.method.as_bytes())
        .map_err(|e| Failed::Final(Ended::service(format!("read the upload's method: {e}"))))?;
    let mut request = api.client().request(method, &upload.url);
    for (name, value) in &upload.headers {
        request = request.header(name, value);
    }
    // Signed, so it must be sent, and a stream would not know its length.
    request = request.header("content-length", size);
    let answer = request
        .body(Body::wrap_stream(chunks(file, bar)))
        .send()
        .await
        .map_err(|e| Failed::Again(chain(&e)))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let body = answer.text().await.unwrap_or_default();
    let said: String = body.chars().take(300).collect();
    Err(Failed::Again(format!("storage answered {status}: {said}")))
}

fn chunks(file: File, bar: ProgressBar) -> impl Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold((file, bar), |(mut file, bar)| async move {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut file)
            .take(CHUNK as u64)
            .read_to_end(&mut chunk)
            .await?;
        bar.inc(read as u64);
        Ok((read > 0).then(|| (Bytes::from(chunk), (file, bar))))
    })
}

fn unreadable(video: &Path, error: &std::io::Error) -> Failed {
    Failed::Final(Ended::usage(format!("read {}: {error}", video.display())))
}
