//! One SDK configuration for every program: bounded timeouts, retries with backoff, TLS by ring.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use fleet_core::config::{ConfigError, Lookup};

/// How patient the clients are. An SQS long poll lasts 20 s, so no read may be cut before that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    pub connect: Duration,
    /// Until the first byte of an answer.
    pub read: Duration,
    /// For one call with all its retries.
    pub operation: Duration,
    pub attempts: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(30),
            operation: Duration::from_secs(180),
            attempts: 6,
        }
    }
}

impl Patience {
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let d = Self::default();
        let seconds = |name, default: Duration| {
            Ok(Duration::from_secs(
                lookup.parsed_or(name, default.as_secs())?,
            ))
        };
        Ok(Self {
            connect: seconds("FRAMEFLEET_AWS_CONNECT_SECONDS", d.connect)?,
            read: seconds("FRAMEFLEET_AWS_READ_SECONDS", d.read)?,
            operation: seconds("FRAMEFLEET_AWS_OPERATION_SECONDS", d.operation)?,
            attempts: lookup.parsed_or("FRAMEFLEET_AWS_ATTEMPTS", d.attempts)?,
        })
    }
}

pub async fn load_config(patience: &Patience) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(patience.connect)
        .read_timeout(patience.read)
        .operation_timeout(patience.operation)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(patience.attempts)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(10));
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries)
        .load()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_default_cuts_a_long_poll_short() {
        let patience = Patience::default();
        assert!(patience.read > Duration::from_secs(20));
        assert!(patience.operation > patience.read);
    }
}
