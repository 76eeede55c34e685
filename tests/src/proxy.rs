//! A reverse proxy in front of the emulator that misbehaves on request: answers 500, hangs, is
//! slow, or counts bytes. Requests and answers are passed on as they are, so signatures hold.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// 500 Internal Server Error, without asking the server.
    Error,
    /// No answer at all, for this long; then 500.
    Hang(Duration),
    /// The request reaches the server this much later.
    Delay(Duration),
    /// The server acts at once, and its answer comes this much later.
    Late(Duration),
}

/// What a request looks like to a rule.
#[derive(Debug)]
pub struct Seen<'a> {
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// `AmazonSQS.ReceiveMessage`, say; empty for S3.
    pub action: &'a str,
}

pub type Rule = Arc<dyn Fn(&Seen) -> Fault + Send + Sync>;

/// Told of every answer that the server gave.
pub type Observer = Arc<dyn Fn(&Seen, StatusCode) + Send + Sync>;

pub struct Proxy {
    pub address: SocketAddr,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Route {
    upstream: SocketAddr,
    http: reqwest::Client,
    rule: Rule,
    observer: Observer,
}

impl Proxy {
    pub fn start(upstream: SocketAddr, rule: Rule) -> Result<Self> {
        Self::observed(upstream, rule, Arc::new(|_, _| {}))
    }

    /// Binds at once, so that the address can be handed out before the first request.
    pub fn observed(upstream: SocketAddr, rule: Rule, observer: Observer) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let route = Route {
            upstream,
            http: local_cloud::http_client(),
            rule,
            observer,
        };
        let router = Router::new().fallback(pass).with_state(route);
        let server = tokio::spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a bound listener");
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, server })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(route): State<Route>, request: Request) -> Response {
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |p| p.as_str())
        .to_owned();
    let (method, action) = {
        let action = request.headers().get("x-amz-target");
        let action = action.and_then(|v| v.to_str().ok()).unwrap_or_default();
        (request.method().as_str().to_owned(), action.to_owned())
    };
    let seen = Seen {
        method: &method,
        target: &target,
        action: &action,
    };
    let mut late = Duration::ZERO;
    match (route.rule)(&seen) {
        Fault::None => {}
        Fault::Late(pause) => late = pause,
        Fault::Error => return broken(),
        Fault::Hang(pause) => {
            tokio::time::sleep(pause).await;
            return broken();
        }
        Fault::Delay(pause) => tokio::time::sleep(pause).await,
    }
    let (parts, body) = request.into_parts();
    // The Host header goes along as it was: it is part of what is signed.
    let forwarded = route
        .http
        .request(parts.method, format!("http://{}{target}", route.upstream))
        .headers(parts.headers)
        .body(reqwest::Body::wrap_stream(body.into_data_stream()))
        .send();
    // A task of its own: what the server did is told even if the caller is killed meanwhile, which
    // ends this one.
    let observer = route.observer.clone();
    let answered = tokio::spawn(async move {
        let answer = forwarded.await?;
        let seen = Seen {
            method: &method,
            target: &target,
            action: &action,
        };
        observer(&seen, answer.status());
        Ok::<_, reqwest::Error>(answer)
    });
    let Ok(Ok(answer)) = answered.await else {
        return broken();
    };
    tokio::time::sleep(late).await;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        *headers = answer.headers().clone();
    }
    response
        .body(Body::from_stream(answer.bytes_stream()))
        .unwrap_or_else(|_| broken())
}

fn broken() -> Response {
    let mut response = Response::new(Body::from("<Error><Code>InternalError</Code></Error>"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
