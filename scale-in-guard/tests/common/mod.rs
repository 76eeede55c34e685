//! A minimal Lambda runtime API, and the real guard binary as its function.

use std::process::Stdio;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A function process and the API it polls. The process is killed on drop.
pub struct Function {
    pub child: Child,
    events: UnboundedSender<String>,
    answers: UnboundedReceiver<(Instant, String)>,
}

struct Api {
    events: tokio::sync::Mutex<UnboundedReceiver<String>>,
    answers: UnboundedSender<(Instant, String)>,
}

impl Function {
    /// Starts `program` as Lambda would, with `env` beside Lambda's own variables.
    pub async fn start(program: &str, env: &[(&str, &str)]) -> Self {
        let (events, received) = unbounded_channel();
        let (answered, answers) = unbounded_channel();
        let api = std::sync::Arc::new(Api {
            events: tokio::sync::Mutex::new(received),
            answers: answered,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .layer(DefaultBodyLimit::disable())
            .with_state(api);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let child = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "scale-in-guard")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            child,
            events,
            answers,
        }
    }

    pub fn send(&self, event: String) {
        self.events.send(event).unwrap();
    }

    /// The next answer, and when it came.
    pub async fn answer(&mut self) -> (Instant, String) {
        let next = tokio::time::timeout(Duration::from_secs(30), self.answers.recv());
        next.await.expect("an answer").expect("the API serves")
    }
}

async fn next(State(api): State<std::sync::Arc<Api>>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = std::time::SystemTime::now() + Duration::from_secs(2);
    let deadline = deadline.duration_since(std::time::UNIX_EPOCH).unwrap();
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:scale-in-guard";
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", "r1".to_owned()),
        (
            "Lambda-Runtime-Deadline-Ms",
            deadline.as_millis().to_string(),
        ),
        ("Lambda-Runtime-Invoked-Function-Arn", arn.to_owned()),
    ];
    (headers, event).into_response()
}

async fn answer(State(api): State<std::sync::Arc<Api>>, body: Bytes) -> StatusCode {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let _ = api.answers.send((Instant::now(), text));
    StatusCode::ACCEPTED
}

/// The guard must never use this: whoever waits for an answer gets the error instead.
async fn failed(State(api): State<std::sync::Arc<Api>>, body: Bytes) -> StatusCode {
    let text = format!("error: {}", String::from_utf8_lossy(&body));
    let _ = api.answers.send((Instant::now(), text));
    StatusCode::ACCEPTED
}
