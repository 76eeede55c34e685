//! The instance metadata service (version 2) of one machine: a server on a port of its own, which
//! an agent finds through the SDK's own variable `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
//!
//! Absent: version 1 (a request without a token is refused, as on our machines), credentials, user
//! data, listings of folders, dated API versions, the hop limit.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// Six hours, EC2's own limit.
const LONGEST_TTL: u64 = 21_600;

/// How an instance is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Market {
    Spot,
    OnDemand,
}

impl Market {
    /// As instance metadata and Auto Scaling's events write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Market::Spot => "spot",
            Market::OnDemand => "on-demand",
        }
    }
}

/// Who and where a machine is; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub instance_id: String,
    pub zone: String,
    pub market: Market,
    pub region: String,
    /// The Auto Scaling group, told as the tag that EC2 puts on its instances.
    pub group: String,
}

/// Ends with the value.
#[derive(Debug)]
pub struct Metadata {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    identity: Identity,
    news: Mutex<News>,
    tokens: Mutex<HashMap<String, Instant>>,
}

/// What comes up in the life of a machine. What has not is answered 404.
#[derive(Debug, Default)]
struct News {
    interruption: Option<SystemTime>,
    rebalance: Option<SystemTime>,
    target_state: Option<String>,
}

impl Metadata {
    pub async fn start(identity: Identity) -> io::Result<Self> {
        Self::start_on(&Handle::current(), identity)
    }

    pub(crate) fn start_on(runtime: &Handle, identity: Identity) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let _within = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        let shared = Arc::new(Shared {
            identity,
            news: Mutex::default(),
            tokens: Mutex::default(),
        });
        let router = Router::new()
            .route("/latest/api/token", put(token))
            .route("/latest/meta-data/{*path}", get(answer))
            .fallback(|| async { not_found() })
            .with_state(shared.clone());
        let server = runtime.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the instance metadata server ended");
            }
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// For `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// A Spot interruption notice: the machine ends at `when`, which EC2 says two minutes ahead.
    /// Ending it is the caller's part.
    pub fn interrupt_at(&self, when: SystemTime) {
        locked(&self.shared.news).interruption = Some(when);
    }

    /// A rebalance recommendation, given at `when`.
    pub fn rebalance_at(&self, when: SystemTime) {
        locked(&self.shared.news).rebalance = Some(when);
    }

    /// What Auto Scaling is moving the machine to: `InService`, `Terminated`, `Standby` …
    pub fn set_target_state(&self, state: &str) {
        locked(&self.shared.news).target_state = Some(state.to_owned());
    }
}

impl Drop for Metadata {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    // A request that came through a proxy is none of this machine's.
    if headers.contains_key("x-forwarded-for") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let ttl = headers.get(TOKEN_TTL).and_then(|v| v.to_str().ok());
    let Some(ttl) = ttl.and_then(|text| text.parse::<u64>().ok()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !(1..=LONGEST_TTL).contains(&ttl) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let token = uuid::Uuid::new_v4().simple().to_string();
    let ends = Instant::now() + Duration::from_secs(ttl);
    locked(&shared.tokens).insert(token.clone(), ends);
    ([(TOKEN_TTL, ttl.to_string())], token).into_response()
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    let token = headers.get(TOKEN).and_then(|v| v.to_str().ok());
    let good = token.is_some_and(|token| {
        let tokens = locked(&shared.tokens);
        tokens.get(token).is_some_and(|ends| Instant::now() < *ends)
    });
    if !good {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match fact(&shared.identity, &locked(&shared.news), &path) {
        Some(text) => ([("content-type", "text/plain")], text).into_response(),
        None => not_found(),
    }
}

fn fact(identity: &Identity, news: &News, path: &str) -> Option<String> {
    match path {
        "instance-id" => Some(identity.instance_id.clone()),
        "instance-life-cycle" => Some(identity.market.as_str().to_owned()),
        "placement/availability-zone" => Some(identity.zone.clone()),
        "placement/region" => Some(identity.region.clone()),
        "tags/instance/aws:autoscaling:groupName" => Some(identity.group.clone()),
        "spot/instance-action" => {
            let time = timestamp(news.interruption?);
            Some(json!({"action": "terminate", "time": time}).to_string())
        }
        "spot/termination-time" => Some(timestamp(news.interruption?)),
        "events/recommendations/rebalance" => {
            Some(json!({"noticeTime": timestamp(news.rebalance?)}).to_string())
        }
        "autoscaling/target-lifecycle-state" => news.target_state.clone(),
        _ => None,
    }
}

/// As EC2 writes it: UTC, in whole seconds.
fn timestamp(when: SystemTime) -> String {
    let seconds = when
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let when = DateTime::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    when.fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 - Not Found").into_response()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
