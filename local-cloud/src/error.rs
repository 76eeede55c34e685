//! Why the local cloud did not start, in words that say what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// None is worth a retry as it is: something on this machine is missing or broken.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("find {what} at {path}: {hint}")]
    Missing {
        what: String,
        path: PathBuf,
        hint: &'static str,
    },
    #[error("start {name}: {source}")]
    Spawn { name: String, source: io::Error },
    #[error("wait for {name}: {why}; the end of its log:\n{log}")]
    NotReady {
        name: String,
        why: String,
        log: String,
    },
    #[error("{doing}: {why}")]
    Setup { doing: &'static str, why: String },
}

impl StartError {
    pub fn setup(doing: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Setup {
            doing,
            why: why.to_string(),
        }
    }

    /// For an SDK error, whose own text hides the cause.
    pub fn sdk(doing: &'static str, error: impl std::error::Error) -> Self {
        Self::setup(doing, aws_sdk_s3::error::DisplayErrorContext(error))
    }
}
