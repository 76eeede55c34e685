//! A caller of the REST API, as any HTTP client would be.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// No journey may take longer than this, whatever the machine: past it something hangs.
pub const PATIENCE: Duration = Duration::from_secs(240);

#[derive(Clone)]
pub struct Caller {
    pub http: Client,
    pub api: String,
    pub key: String,
}

impl Caller {
    pub fn new(api: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            http: local_cloud::http_client(),
            api: api.into(),
            key: key.into(),
        }
    }

    /// With the key, and waiting where the API asks for it.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response> {
        loop {
            let answer = request().header("x-api-key", &self.key).send().await?;
            if answer.status() != StatusCode::TOO_MANY_REQUESTS {
                return Ok(answer);
            }
            let wait = answer
                .headers()
                .get("retry-after")
                .context("find retry-after")?;
            let wait = Duration::from_secs(wait.to_str()?.parse()?);
            ensure!(wait < PATIENCE, "asked to wait for {wait:?}");
            tokio::time::sleep(wait).await;
        }
    }

    pub async fn register(&self, filename: &str, size: usize, extract: &Value) -> Result<Value> {
        let body = json!({ "filename": filename, "size": size, "extract": extract });
        let url = format!("{}/api/videos", self.api);
        let answer = self.send(|| self.http.post(&url).json(&body)).await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(
            status == StatusCode::CREATED,
            "register {filename}: {status} {text}"
        );
        Ok(serde_json::from_str(&text)?)
    }

    pub async fn put(&self, upload: &Value, bytes: Bytes) -> Result<()> {
        let url = upload["url"].as_str().context("find the upload URL")?;
        let mut request = self.http.put(url);
        for (name, value) in upload["headers"].as_object().context("find the headers")? {
            // The client counts the length itself.
            if !name.eq_ignore_ascii_case("content-length") {
                request = request.header(name, value.as_str().unwrap_or_default());
            }
        }
        let answer = request.body(bytes).send().await?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "upload: {status} {}",
            answer.text().await?
        );
        Ok(())
    }

    /// Registers and uploads; a URL that expired on a busy machine is asked for anew.
    pub async fn submit(&self, filename: &str, bytes: Bytes, extract: &Value) -> Result<String> {
        let registered = self.register(filename, bytes.len(), extract).await?;
        let id = registered["id"].as_str().context("find the id")?.to_owned();
        let mut upload = registered["upload"].clone();
        for _ in 0..3 {
            match self.put(&upload, bytes.clone()).await {
                Ok(()) => return Ok(id),
                Err(error) => eprintln!("{filename}: {error:#}; asking for a fresh URL"),
            }
            upload = self.fresh_upload(&id).await?;
        }
        bail!("upload {filename}: three URLs were refused")
    }

    async fn fresh_upload(&self, id: &str) -> Result<Value> {
        let url = format!("{}/api/videos/{id}/upload", self.api);
        let answer = self.send(|| self.http.post(&url)).await?;
        let body: Value = answer.error_for_status()?.json().await?;
        Ok(body.get("upload").cloned().unwrap_or(body))
    }

    pub async fn show(&self, id: &str) -> Result<Value> {
        let url = format!("{}/api/videos/{id}", self.api);
        let answer = self.send(|| self.http.get(&url)).await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    pub async fn state(&self, id: &str) -> Result<String> {
        Ok(self.show(id).await?["state"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// From upload to archive; a video that does not become done is an error with its reason.
    pub async fn archive_of(&self, name: &str, bytes: Bytes, spec: &Value) -> Result<Bytes> {
        let id = self.submit(name, bytes, spec).await?;
        let ended = self.ended(&id).await?;
        ensure!(
            ended["state"] == "done",
            "{} {}",
            ended["state"],
            ended["failure"]
        );
        self.download(&id, "archive").await
    }

    /// Polls until the video has ended, however it ended.
    pub async fn ended(&self, id: &str) -> Result<Value> {
        let started = Instant::now();
        let mut fraction = 0.0;
        loop {
            let video = self.show(id).await?;
            let now = video["progress"]["fraction"].as_f64().unwrap_or(0.0);
            ensure!(
                now >= fraction,
                "the fraction fell from {fraction} to {now}"
            );
            fraction = now;
            if matches!(
                video["state"].as_str(),
                Some("done" | "failed" | "cancelled" | "expired")
            ) {
                return Ok(video);
            }
            ensure!(started.elapsed() < PATIENCE, "{id} has not ended: {video}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Follows the redirect to the CDN.
    pub async fn download(&self, id: &str, what: &str) -> Result<Bytes> {
        let url = format!("{}/api/videos/{id}/{what}", self.api);
        let answer = self.send(|| self.http.get(&url)).await?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "{what} of {id}: {status} {}",
            answer.text().await?
        );
        Ok(answer.bytes().await?)
    }
}
