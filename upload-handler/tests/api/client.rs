//! Requests to the router, in this process, through the stand-in for API Gateway.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use upload_handler::app::{finish, router};
use upload_handler::gateway::gateway;

use crate::cloud::Cloud;
use crate::contract;

pub const ALICE: &str = "alice-key";
pub const BOB: &str = "bob-key";

#[derive(Clone)]
pub struct Client {
    router: Router,
    key: Option<&'static str>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: Value,
}

impl Client {
    pub fn of(cloud: &Cloud) -> Self {
        let keys = format!("{ALICE}=alice,{BOB}=bob").parse().unwrap();
        let fast = 1_000_000.try_into().unwrap();
        let router = finish(gateway(router(cloud.app()), keys, fast, fast));
        Self {
            router,
            key: Some(ALICE),
        }
    }

    pub fn over(router: Router) -> Self {
        Self {
            router,
            key: Some(ALICE),
        }
    }

    pub fn with_key(&self, key: Option<&'static str>) -> Self {
        Self {
            key,
            ..self.clone()
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/json"));
        self.send(Method::POST, path, &headers, Body::from(body.to_string()))
            .await
    }

    /// Every answer to every test is held to openapi.yaml.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let mut request = Request::builder().method(method.clone()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = self.key {
            request = request.header("x-api-key", key);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 10_000_000).await.unwrap();
        let json = match bytes.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&bytes).expect("every body is JSON"),
        };
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            json,
        };
        contract::check(&method, path, &answer);
        answer
    }

    /// Registers a video of this size and gives its id and upload.
    pub async fn register(&self, size: usize) -> (String, Value) {
        let body = json!({ "filename": "clip.mp4", "size": size });
        let answer = self.post("/api/videos", body).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        (
            answer.json["id"].as_str().unwrap().to_owned(),
            answer.json["upload"].clone(),
        )
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is the problem document of that name, about that field.
    pub fn is_problem(&self, status: u16, slug: &str, field: Option<&str>) {
        assert_eq!(self.status.as_u16(), status, "{}", self.json);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(
            self.json["type"],
            format!("urn:framefleet:problem:{slug}"),
            "{}",
            self.json
        );
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["field"].as_str(), field, "{}", self.json);
        let detail = self.json["detail"].as_str().unwrap();
        assert!(detail.len() > 20 && detail.ends_with('.'), "{detail}");
    }
}

/// No test uses TLS, and still a client cannot be made before somebody has chosen who does it.
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// What a caller does with an `upload`: the PUT, with exactly the headers it was told.
pub async fn put(upload: &Value, bytes: Vec<u8>) -> (u16, String) {
    let url = upload["url"].as_str().unwrap();
    let mut request = http().put(url);
    for (name, value) in upload["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let response = request.body(bytes).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}
