//! Lifecycle hooks: who waits in a terminating hook, and the two API calls by which an instance
//! itself ends that wait or prolongs it. An agent finds the server through the SDK's own variable
//! `AWS_ENDPOINT_URL_AUTO_SCALING`. (The emulator answers both calls, but keeps no record of them.)
//!
//! Absent: launching hooks, notifications, every other call. Whoever ends machines calls `begin`,
//! waits, and ends them.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Form, Router};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Heartbeats prolong a wait to at most so many timeouts, or to two days, whichever is less.
const MOST_TIMEOUTS: u32 = 100;
const LONGEST_WAIT: Duration = Duration::from_secs(48 * 60 * 60);
const NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";

/// How the wait of one instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookEnd {
    /// The instance said so itself, with CONTINUE or ABANDON. For a terminating hook both end it.
    Completed,
    /// No word from it within the timeout, or within the longest wait.
    TimedOut,
}

/// The registry and its server; both end with the value.
#[derive(Debug)]
pub struct Lifecycle {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    group: String,
    hook: String,
    /// By instance. An action stays after its end, so that its heartbeats can be counted.
    actions: Mutex<HashMap<String, Action>>,
}

#[derive(Debug)]
struct Action {
    token: String,
    timeout: Duration,
    /// No heartbeat prolongs past this.
    last: Instant,
    heartbeats: u32,
    state: watch::Sender<Wait>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Until(Instant),
    Completed,
}

impl Lifecycle {
    pub async fn start(group: &str, hook: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            group: group.to_owned(),
            hook: hook.to_owned(),
            actions: Mutex::default(),
        });
        let router = Router::new()
            .route("/", post(call))
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the Auto Scaling API server ended");
            }
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For `AWS_ENDPOINT_URL_AUTO_SCALING`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The instance now waits in the terminating hook, `timeout` after each heartbeat at most.
    pub fn begin(&self, instance: &str, token: &str, timeout: Duration) {
        let now = Instant::now();
        let action = Action {
            token: token.to_owned(),
            timeout,
            last: now + LONGEST_WAIT.min(timeout.saturating_mul(MOST_TIMEOUTS)),
            heartbeats: 0,
            state: watch::Sender::new(Wait::Until(now + timeout)),
        };
        locked(&self.shared.actions).insert(instance.to_owned(), action);
    }

    /// Until the hook of the instance ends, however it does. One that never began has ended.
    pub async fn wait(&self, instance: &str) -> HookEnd {
        let state = locked(&self.shared.actions)
            .get(instance)
            .map(|action| action.state.subscribe());
        let Some(mut state) = state else {
            return HookEnd::Completed;
        };
        loop {
            let Wait::Until(deadline) = *state.borrow_and_update() else {
                return HookEnd::Completed;
            };
            tokio::select! {
                changed = state.changed() => if changed.is_err() { return HookEnd::Completed },
                () = tokio::time::sleep_until(deadline) => return HookEnd::TimedOut,
            }
        }
    }

    /// How often the instance has prolonged its wait.
    pub fn heartbeats(&self, instance: &str) -> u32 {
        let actions = locked(&self.shared.actions);
        actions.get(instance).map_or(0, |action| action.heartbeats)
    }
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A call of the query protocol. The signature is not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call {
    action: String,
    #[serde(default)]
    auto_scaling_group_name: String,
    #[serde(default)]
    lifecycle_hook_name: String,
    instance_id: Option<String>,
    lifecycle_action_token: Option<String>,
    lifecycle_action_result: Option<String>,
}

async fn call(State(shared): State<Arc<Shared>>, Form(call): Form<Call>) -> Response {
    match shared.carry_out(&call) {
        Ok(()) => answer(
            StatusCode::OK,
            &format!(
                r#"<{0}Response xmlns="{NAMESPACE}"><{0}Result/><ResponseMetadata>{1}</ResponseMetadata></{0}Response>"#,
                call.action,
                request_id(),
            ),
        ),
        Err((code, message)) => answer(
            StatusCode::BAD_REQUEST,
            &format!(
                r#"<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>{}</ErrorResponse>"#,
                request_id(),
            ),
        ),
    }
}

type Refusal = (&'static str, String);

impl Shared {
    fn carry_out(&self, call: &Call) -> Result<(), Refusal> {
        let complete = match call.action.as_str() {
            "CompleteLifecycleAction" => true,
            "RecordLifecycleActionHeartbeat" => false,
            _ => return Err(("InvalidAction", "No such action is served here".into())),
        };
        if call.auto_scaling_group_name != self.group {
            return Err(("ValidationError", "No such group".into()));
        }
        if call.lifecycle_hook_name != self.hook {
            return Err(("ValidationError", "No such lifecycle hook".into()));
        }
        let result = call.lifecycle_action_result.as_deref();
        if complete && !matches!(result, Some("CONTINUE" | "ABANDON")) {
            let why = "The lifecycle action result must be CONTINUE or ABANDON";
            return Err(("ValidationError", why.into()));
        }
        let mut actions = locked(&self.actions);
        let now = Instant::now();
        let mut active = actions
            .iter_mut()
            .filter(|(_, action)| action.is_active(now));
        let asked = active.find(|(instance, action)| {
            match (&call.lifecycle_action_token, &call.instance_id) {
                (Some(token), _) => *token == action.token,
                (None, Some(id)) => id == *instance,
                (None, None) => false,
            }
        });
        let Some((_, action)) = asked else {
            // As AWS says it. Only what has an id's shape is repeated into the XML.
            let id = call.instance_id.as_ref();
            let id = id.and_then(|id| id.parse::<fleet_core::InstanceId>().ok());
            let id = id.map_or_else(String::new, |id| format!(" with instance ID {id}"));
            let why = format!("No active Lifecycle Action found{id}");
            return Err(("ValidationError", why));
        };
        if complete {
            action.state.send_replace(Wait::Completed);
        } else {
            action.heartbeats += 1;
            let until = action.last.min(now + action.timeout);
            action.state.send_replace(Wait::Until(until));
        }
        Ok(())
    }
}

impl Action {
    fn is_active(&self, now: Instant) -> bool {
        matches!(*self.state.borrow(), Wait::Until(deadline) if now < deadline)
    }
}

fn answer(status: StatusCode, xml: &str) -> Response {
    (status, [("content-type", "text/xml")], xml.to_owned()).into_response()
}

fn request_id() -> String {
    format!("<RequestId>{}</RequestId>", uuid::Uuid::new_v4())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
