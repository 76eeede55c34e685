use redis::{ErrorKind, ServerErrorKind};
use thiserror::Error;

/// What a caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Nothing is wrong with the call: try it again later. Every script may be repeated.
    Retry,
    /// The same call will fail again.
    Reject,
}

#[derive(Debug, Error)]
pub enum Error {
    /// Refused before anything was sent.
    #[error("call {script}: {why}")]
    Argument { script: &'static str, why: String },
    #[error("configure the Redis connection: {0}")]
    Config(String),
    #[error("call {script}")]
    Redis {
        script: &'static str,
        #[source]
        source: redis::RedisError,
    },
    /// The script answered a word this version does not know: two versions are mixed.
    #[error("call {script}: unexpected reply {reply:?}")]
    Reply { script: &'static str, reply: String },
}

impl Error {
    pub fn advice(&self) -> Advice {
        match self {
            Error::Argument { .. } | Error::Config(_) | Error::Reply { .. } => Advice::Reject,
            Error::Redis { source, .. } => advice(source),
        }
    }

    pub fn is_retryable(&self) -> bool {
        self.advice() == Advice::Retry
    }
}

fn advice(error: &redis::RedisError) -> Advice {
    match error.kind() {
        ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig
        | ErrorKind::UnexpectedReturnType
        | ErrorKind::Server(
            ServerErrorKind::ResponseError | ServerErrorKind::CrossSlot | ServerErrorKind::NoPerm,
        ) => Advice::Reject,
        // WRONGTYPE is somebody else's data under our name. Other codes are states of a server that
        // pass: out of memory, no replicas, a script that runs too long.
        _ => match error.code() {
            Some("WRONGTYPE" | "NOAUTH" | "WRONGPASS") => Advice::Reject,
            _ => Advice::Retry,
        },
    }
}
