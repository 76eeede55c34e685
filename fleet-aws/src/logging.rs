//! Logs: JSON for machines (journald, CloudWatch), or text for people.

use fleet_core::config::{ConfigError, Lookup};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

impl std::str::FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("expected json or text".into()),
        }
    }
}

/// Call once, first thing in `main`.
pub fn init(lookup: &Lookup<'_>) -> Result<(), ConfigError> {
    let format = lookup.parsed_or("FRAMEFLEET_LOG_FORMAT", LogFormat::Json)?;
    let filter = lookup
        .text("FRAMEFLEET_LOG")
        .unwrap_or_else(|| "info,aws_config=warn".to_owned());
    let filter = EnvFilter::try_new(&filter).map_err(|why| ConfigError::Invalid {
        name: "FRAMEFLEET_LOG",
        value: filter,
        why: why.to_string(),
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.with_ansi(false).init(),
    }
    Ok(())
}
