//! One function: its process is started on the first invocation, kept warm, killed when it
//! overruns its timeout, and started anew after it ended. As on Lambda.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use axum::body::Bytes;
use thiserror::Error;
use tokio::sync::Mutex;

use super::runtime_api::RuntimeApi;
use crate::child::{Child, Program};
use crate::options::Env;

#[derive(Debug, Clone)]
pub struct Settings {
    pub name: String,
    pub binary: PathBuf,
    pub env: Env,
    pub timeout: Duration,
    pub memory_mb: u32,
    pub log: PathBuf,
}

/// Every one is worth a retry: the next attempt gets a process in order, or a new one.
#[derive(Debug, Error)]
pub enum InvokeError {
    #[error("start the function: {0}")]
    Start(#[from] io::Error),
    #[error("the function did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("the function's process ended with {status}{}", .init_error.as_deref().unwrap_or(""))]
    Ended {
        status: ExitStatus,
        init_error: Option<String>,
    },
    /// The function's own error document.
    #[error("the function failed: {0}")]
    Failed(String),
}

#[derive(Debug)]
pub struct Function {
    settings: Settings,
    sandbox: Mutex<Option<Sandbox>>,
}

#[derive(Debug)]
struct Sandbox {
    child: Child,
    api: RuntimeApi,
}

impl Function {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            sandbox: Mutex::new(None),
        }
    }

    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Invocations take turns: there is one sandbox.
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> Result<Bytes, InvokeError> {
        let mut slot = self.sandbox.lock().await;
        let warm = slot.take().filter(|s| s.child.ended().is_none());
        let sandbox = match warm {
            Some(sandbox) => sandbox,
            None => self.start().await?,
        };
        let timeout = self.settings.timeout;
        let said = sandbox.api.submit(payload.into(), timeout);
        tokio::select! {
            said = said => {
                let said = said.map_err(|_| InvokeError::TimedOut(timeout))?;
                // Only a process that answered is in order, and stays warm.
                *slot = Some(sandbox);
                said.map_err(InvokeError::Failed)
            }
            status = until_ended(&sandbox.child) => Err(InvokeError::Ended {
                status,
                init_error: sandbox.api.init_error().map(|e| format!(": {e}")),
            }),
            () = tokio::time::sleep(timeout) => Err(InvokeError::TimedOut(timeout)),
        }
    }

    /// The process of the warm sandbox, if there is one and no invocation runs.
    pub fn pid(&self) -> Option<u32> {
        let slot = self.sandbox.try_lock().ok()?;
        slot.as_ref().map(|sandbox| sandbox.child.pid())
    }

    pub async fn stop(&self, grace: Duration) {
        if let Some(sandbox) = self.sandbox.lock().await.take() {
            sandbox.child.stop(grace).await;
        }
    }

    async fn start(&self) -> io::Result<Sandbox> {
        let s = &self.settings;
        let api = RuntimeApi::start(&s.name).await?;
        let mut env: Env = [
            ("AWS_LAMBDA_RUNTIME_API", api.address().to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", s.name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", s.memory_mb.to_string()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            (
                "AWS_LAMBDA_LOG_GROUP_NAME",
                format!("/aws/lambda/{}", s.name),
            ),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
            ("_HANDLER", "bootstrap".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        env.extend(s.env.iter().cloned());
        let child = Child::start(&Program {
            name: s.name.clone(),
            path: s.binary.clone(),
            args: Vec::new(),
            env,
            log: s.log.clone(),
        })?;
        Ok(Sandbox { child, api })
    }
}

async fn until_ended(child: &Child) -> ExitStatus {
    loop {
        if let Some(status) = child.wait(Duration::from_secs(60)).await {
            return status;
        }
    }
}
