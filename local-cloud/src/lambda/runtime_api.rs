//! The runtime API (2018-06-01) that a function's process asks for its next invocation. One server
//! for each process, so that a dead process' open request can never swallow an invocation.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Lambda's own limit on a synchronous answer.
const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024;

/// What the function said: its answer, or its own error document.
pub type Said = Result<Bytes, String>;

#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::UnboundedSender<Invocation>,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Invocation {
    id: String,
    payload: Bytes,
    deadline: SystemTime,
}

#[derive(Debug)]
struct Shared {
    arn: String,
    next: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Said>>>,
    init_error: Mutex<Option<String>>,
}

impl RuntimeApi {
    pub async fn start(function: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (invocations, next) = mpsc::unbounded_channel();
        let region = crate::REGION;
        let shared = Arc::new(Shared {
            arn: format!("arn:aws:lambda:{region}:000000000000:function:{function}"),
            next: tokio::sync::Mutex::new(next),
            waiting: Mutex::default(),
            init_error: Mutex::default(),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(respond),
            )
            .route(
                "/2018-06-01/runtime/invocation/{id}/error",
                post(report_error),
            )
            .route("/2018-06-01/runtime/init/error", post(report_init_error))
            .layer(DefaultBodyLimit::max(MAX_ANSWER_BYTES))
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the runtime API server ended");
            }
        });
        Ok(Self {
            address,
            invocations,
            shared,
            server,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The answer arrives on the channel, unless the function never gives one.
    pub fn submit(&self, payload: Bytes, timeout: Duration) -> oneshot::Receiver<Said> {
        let id = uuid::Uuid::new_v4().to_string();
        let (answer, said) = oneshot::channel();
        locked(&self.shared.waiting).insert(id.clone(), answer);
        let invocation = Invocation {
            id,
            payload,
            deadline: SystemTime::now() + timeout,
        };
        // The receiver lives in `shared`, which lives as long as we do.
        let _ = self.invocations.send(invocation);
        said
    }

    /// What the process said was wrong before it asked for work.
    pub fn init_error(&self) -> Option<String> {
        locked(&self.shared.init_error).clone()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next_invocation(State(shared): State<Arc<Shared>>) -> Response {
    let Some(invocation) = shared.next.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = invocation
        .deadline
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let header = HeaderName::from_static;
    let headers = [
        (header("content-type"), "application/json".to_owned()),
        (header("lambda-runtime-aws-request-id"), invocation.id),
        (header("lambda-runtime-deadline-ms"), deadline.to_string()),
        (
            header("lambda-runtime-invoked-function-arn"),
            shared.arn.clone(),
        ),
        (header("lambda-runtime-trace-id"), trace_id()),
    ];
    (headers, invocation.payload).into_response()
}

async fn respond(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    settle(&shared, &id, Ok(body))
}

async fn report_error(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let error = String::from_utf8_lossy(&body).into_owned();
    settle(&shared, &id, Err(error))
}

async fn report_init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    *locked(&shared.init_error) = Some(String::from_utf8_lossy(&body).into_owned());
    accepted()
}

fn settle(shared: &Shared, id: &str, said: Said) -> Response {
    let Some(waiting) = locked(&shared.waiting).remove(id) else {
        let body = json!({"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"});
        return (StatusCode::BAD_REQUEST, axum::Json(body)).into_response();
    };
    // Whoever asked may have given up; the function did its part all the same.
    let _ = waiting.send(said);
    accepted()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response()
}

/// The shape X-Ray uses; sampled out, as nothing listens.
fn trace_id() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!(
        "Root=1-{seconds:08x}-{};Parent={};Sampled=0",
        &unique[..24],
        &unique[16..]
    )
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
