//! The REST API, as this command uses it. Answers are read leniently: a newer service may say more.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use fleet_core::{ExtractSpec, Failure, VideoId, VideoState};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use thiserror::Error;
use url::Url;

use crate::outcome::Ended;

#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    key: String,
    client: Client,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Registered {
    pub id: VideoId,
    /// None when the same request was made before and its upload has landed.
    pub upload: Option<Upload>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Upload {
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Video {
    pub id: VideoId,
    pub state: VideoState,
    pub filename: String,
    pub size: u64,
    #[serde(default)]
    pub progress: Progress,
    /// Seconds spent in each state.
    #[serde(default)]
    pub timings: BTreeMap<VideoState, f64>,
    #[serde(default)]
    pub warnings: Vec<String>,
    pub failure: Option<Failure>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Progress {
    pub segments: u64,
    pub segments_done: u64,
    pub images: u64,
    pub image_bytes: u64,
    pub fraction: f64,
}

#[derive(Debug, Error)]
pub enum ApiError {
    /// Worth a retry.
    #[error("reach {url}: {why}")]
    Unreachable { url: String, why: String },
    /// Worth a retry: the service says that it is at fault, or busy.
    #[error("the service answered {status}: {detail}")]
    Busy { status: StatusCode, detail: String },
    #[error("{detail} ({status})")]
    Refused { status: StatusCode, detail: String },
    #[error("read the service's answer: {0}")]
    Strange(String),
}

impl From<ApiError> for Ended {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused { .. } => Ended::usage(error.to_string()),
            _ => Ended::service(error.to_string()),
        }
    }
}

/// Patience for one call with all its retries, about half a minute.
pub fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(8)
        .with_jitter()
}

impl Api {
    pub fn new(base: &Url, key: &str) -> Result<Self, Ended> {
        let client = Client::builder()
            // A redirect's target is wanted, not followed: it is resumed by itself.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .build()
            .map_err(|e| Ended::service(format!("make an HTTP client: {}", chain(&e))))?;
        Ok(Self {
            base: base.as_str().trim_end_matches('/').to_owned(),
            key: key.to_owned(),
            client,
        })
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub async fn register(
        &self,
        filename: &str,
        size: u64,
        extract: &ExtractSpec,
    ) -> Result<Registered, ApiError> {
        // A retry after a lost answer must not register the video twice.
        let once = uuid::Uuid::new_v4().to_string();
        let body = json!({"filename": filename, "size": size, "extract": extract});
        self.call(Method::POST, "/api/videos", |request| {
            request.header("idempotency-key", &once).json(&body)
        })
        .await
    }

    pub async fn fresh_upload(&self, id: &VideoId) -> Result<Upload, ApiError> {
        #[derive(Deserialize)]
        struct Fresh {
            upload: Upload,
        }
        let path = format!("/api/videos/{id}/upload");
        let fresh: Fresh = self.call(Method::POST, &path, |r| r).await?;
        Ok(fresh.upload)
    }

    pub async fn video(&self, id: &VideoId) -> Result<Video, ApiError> {
        self.call(Method::GET, &format!("/api/videos/{id}"), |r| r)
            .await
    }

    /// The newest videos.
    pub async fn videos(&self) -> Result<Vec<Video>, ApiError> {
        #[derive(Deserialize)]
        struct Page {
            videos: Vec<Video>,
        }
        let page: Page = self
            .call(Method::GET, "/api/videos?limit=20", |r| r)
            .await?;
        Ok(page.videos)
    }

    /// Where `what` (archive, manifest, report) can be fetched for a while.
    pub async fn location(&self, id: &VideoId, what: &str) -> Result<String, ApiError> {
        let path = format!("/api/videos/{id}/{what}");
        let answer = self.send(Method::GET, &path, |r| r).await?;
        let location = answer.headers().get("location");
        match location.and_then(|value| value.to_str().ok()) {
            Some(location) if answer.status() == StatusCode::FOUND => Ok(location.to_owned()),
            _ => Err(ApiError::Strange(format!(
                "expected a redirect from {path}, got {}",
                answer.status()
            ))),
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        add: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<T, ApiError> {
        let answer = self.send(method, path, add).await?;
        answer
            .json()
            .await
            .map_err(|e| ApiError::Strange(chain(&e)))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        add: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, ApiError> {
        let url = format!("{}{path}", self.base);
        let once = || async {
            let request = self.client.request(method.clone(), &url);
            let request = add(request.header("x-api-key", &self.key));
            let answer = request.send().await.map_err(|e| ApiError::Unreachable {
                url: url.clone(),
                why: chain(&e),
            })?;
            checked(answer).await
        };
        once.retry(backoff())
            .when(ApiError::is_transient)
            .notify(|error, pause| {
                eprintln!("{error}; trying again in {:.1} s", pause.as_secs_f64());
            })
            .await
    }
}

impl ApiError {
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }
}

async fn checked(answer: Response) -> Result<Response, ApiError> {
    let status = answer.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return Ok(answer);
    }
    let body = answer.text().await.unwrap_or_default();
    let detail = problem(&body);
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(ApiError::Busy { status, detail });
    }
    Err(ApiError::Refused { status, detail })
}

/// The sentence in a problem document, or what there is instead.
fn problem(body: &str) -> String {
    #[derive(Deserialize)]
    struct Problem {
        detail: Option<String>,
        title: Option<String>,
        /// The field at fault.
        field: Option<String>,
        /// API Gateway's own refusals.
        message: Option<String>,
    }
    let Ok(problem) = serde_json::from_str::<Problem>(body) else {
        return body.trim().chars().take(200).collect();
    };
    let said = problem.detail.or(problem.title).or(problem.message);
    let said = said.unwrap_or_else(|| "no reason was given".into());
    match problem.field {
        Some(field) => format!("{field}: {said}"),
        None => said,
    }
}

/// An error with its causes, as one sentence; reqwest hides the causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problems_sentence_is_found() {
        for (body, expected) in [
            (r#"{"title":"T","detail":"D.","field":"size"}"#, "size: D."),
            (r#"{"title":"T"}"#, "T"),
            (r#"{"message":"Forbidden"}"#, "Forbidden"),
            ("{}", "no reason was given"),
            (" plain ", "plain"),
        ] {
            assert_eq!(problem(body), expected);
        }
    }
}
