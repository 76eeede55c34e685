//! The upload handler's configuration: every variable it reads, named once.

use std::num::NonZeroU32;
use std::time::Duration;

use fleet_aws::clients::Patience;
use fleet_core::Limits;
use fleet_core::config::{ConfigError, Lookup};

use crate::gateway::Keys;

#[derive(Debug, Clone)]
pub struct Config {
    pub table: String,
    pub uploads_bucket: String,
    pub results_bucket: String,
    /// May carry a password: never logged.
    pub redis_url: Secret,
    /// Where the URL's password is kept, if the server asks for one.
    pub redis_secret_id: Option<String>,
    pub cdn_url: url::Url,
    pub cdn_key_pair_id: String,
    pub cdn_key_secret_id: String,
    /// How long an upload URL may be started; the transfer itself may take longer.
    pub upload_expiry: Duration,
    pub download_expiry: Duration,
    pub limits: Limits,
    pub patience: Patience,
}

/// What the local server needs besides, in the place of API Gateway.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    pub keys: Keys,
    pub requests_per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

/// Text that `{:?}` does not print.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Config {
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let seconds = |name, default| {
            let n: NonZeroU32 = lookup.parsed_or(name, default)?;
            Ok::<_, ConfigError>(Duration::from_secs(n.get().into()))
        };
        let cdn_url = lookup.required("FRAMEFLEET_CDN_URL")?;
        Ok(Self {
            table: lookup.required("FRAMEFLEET_TABLE")?,
            uploads_bucket: lookup.required("FRAMEFLEET_UPLOADS_BUCKET")?,
            results_bucket: lookup.required("FRAMEFLEET_RESULTS_BUCKET")?,
            redis_url: Secret::new(lookup.required("FRAMEFLEET_REDIS_URL")?),
            redis_secret_id: lookup.text("FRAMEFLEET_REDIS_SECRET_ID"),
            cdn_url: cdn_url
                .parse()
                .map_err(|why: url::ParseError| ConfigError::Invalid {
                    name: "FRAMEFLEET_CDN_URL",
                    value: cdn_url,
                    why: why.to_string(),
                })?,
            cdn_key_pair_id: lookup.required("FRAMEFLEET_CDN_KEY_PAIR_ID")?,
            cdn_key_secret_id: lookup.required("FRAMEFLEET_CDN_KEY_SECRET_ID")?,
            upload_expiry: seconds("FRAMEFLEET_UPLOAD_EXPIRY_SECONDS", UPLOAD_EXPIRY)?,
            download_expiry: seconds("FRAMEFLEET_DOWNLOAD_EXPIRY_SECONDS", DOWNLOAD_EXPIRY)?,
            limits: Limits::from_lookup(lookup)?,
            patience: patience(lookup)?,
        })
    }
}

const UPLOAD_EXPIRY: NonZeroU32 = NonZeroU32::new(5).unwrap();
const DOWNLOAD_EXPIRY: NonZeroU32 = NonZeroU32::new(3600).unwrap();

/// A person waits, and API Gateway gives up after 29 s: less patience than an agent has.
fn patience(lookup: &Lookup<'_>) -> Result<Patience, ConfigError> {
    let set = Patience::from_lookup(lookup)?;
    let least = |set: Duration, most: u64| set.min(Duration::from_secs(most));
    Ok(Patience {
        connect: least(set.connect, 2),
        read: least(set.read, 10),
        operation: least(set.operation, 20),
        attempts: set.attempts.min(4),
    })
}

impl LocalConfig {
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let name = "FRAMEFLEET_LOCAL_API_KEYS";
        let keys = lookup.required(name)?;
        let keys = keys.parse().map_err(|why| ConfigError::Invalid {
            name,
            // The value is a secret, so it is not repeated.
            value: "…".into(),
            why,
        })?;
        Ok(Self {
            keys,
            requests_per_second: lookup.parsed_or(
                "FRAMEFLEET_LOCAL_REQUESTS_PER_SECOND",
                NonZeroU32::new(50).unwrap(),
            )?,
            burst: lookup.parsed_or("FRAMEFLEET_LOCAL_BURST", NonZeroU32::new(100).unwrap())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: [(&str, &str); 8] = [
        ("FRAMEFLEET_TABLE", "t"),
        ("FRAMEFLEET_UPLOADS_BUCKET", "u"),
        ("FRAMEFLEET_RESULTS_BUCKET", "r"),
        ("FRAMEFLEET_REDIS_URL", "redis://:hunter2@localhost"),
        ("FRAMEFLEET_CDN_URL", "https://d.example.test"),
        ("FRAMEFLEET_CDN_KEY_PAIR_ID", "K"),
        ("FRAMEFLEET_CDN_KEY_SECRET_ID", "s"),
        ("FRAMEFLEET_LOCAL_API_KEYS", "hunter2=alice"),
    ];

    fn find<'a>(set: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            set.iter()
                .rev()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn defaults_are_filled_in_and_no_secret_is_printed() {
        let table = find(&SET);
        let config = Config::from_lookup(&Lookup::new(&table)).unwrap();
        let local = LocalConfig::from_lookup(&Lookup::new(&table)).unwrap();
        assert_eq!(config.upload_expiry, Duration::from_secs(5));
        assert_eq!(config.download_expiry, Duration::from_secs(3600));
        assert!(
            config.patience.operation < Duration::from_secs(29),
            "API Gateway's limit"
        );
        let printed = format!("{config:?} {local:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for i in 0..SET.len() - 1 {
            let mut set = SET;
            set[i].1 = "";
            let table = find(&set);
            let error = Config::from_lookup(&Lookup::new(&table)).unwrap_err();
            assert_eq!(error, ConfigError::Missing(SET[i].0));
        }
        for (name, value) in [
            ("FRAMEFLEET_UPLOAD_EXPIRY_SECONDS", "0"),
            ("FRAMEFLEET_DOWNLOAD_EXPIRY_SECONDS", "-1"),
            ("FRAMEFLEET_CDN_URL", "d.example.test"),
        ] {
            let set = [&SET[..], &[(name, value)]].concat();
            let table = find(&set);
            let error = Config::from_lookup(&Lookup::new(&table))
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(name), "{error}");
        }
        let set = [&SET[..], &[("FRAMEFLEET_LOCAL_API_KEYS", "hunter2")]].concat();
        let table = find(&set);
        let error = LocalConfig::from_lookup(&Lookup::new(&table))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("key=tenant") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
