//! Every variable the guard reads, once.

use fleet_core::config::{ConfigError, Lookup};

#[derive(Clone)]
pub struct Config {
    pub fleet: String,
    pub redis_url: String,
    /// Where the URL's password is kept, if the server asks for one.
    pub redis_secret_id: Option<String>,
}

impl Config {
    pub fn from_lookup(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            fleet: lookup.required("FRAMEFLEET_FLEET")?,
            redis_url: lookup.required("FRAMEFLEET_REDIS_URL")?,
            redis_secret_id: lookup.text("FRAMEFLEET_REDIS_SECRET_ID"),
        })
    }
}
