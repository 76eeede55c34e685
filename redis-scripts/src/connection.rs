//! One connection that many tasks share. It reconnects by itself, and nothing waits without end.

use std::fmt;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, TlsCertificates};

use crate::error::Error;

/// How to reach Redis. The URL may carry a password, so neither it nor this type prints it.
#[derive(Clone)]
pub struct Options {
    /// `redis://` or `rediss://` (TLS), with `user:password@` where the server asks for AUTH.
    pub url: String,
    /// PEM of the authority that signed the server's certificate; None for the public ones.
    pub ca_pem: Option<Vec<u8>>,
    /// For each attempt at a connection, TLS and AUTH included.
    pub connect_timeout: Duration,
    /// For each reply.
    pub reply_timeout: Duration,
    /// Attempts after the first before a call fails; the delay doubles from 100 ms to 1 s.
    pub retries: usize,
}

impl Options {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca_pem: None,
            connect_timeout: Duration::from_secs(2),
            reply_timeout: Duration::from_secs(2),
            retries: 3,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("url", &"…")
            .field("connect_timeout", &self.connect_timeout)
            .field("reply_timeout", &self.reply_timeout)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// Cheap to clone; all clones share one socket.
#[derive(Clone)]
pub struct Connection {
    manager: ConnectionManager,
}

impl Connection {
    /// Connects now, or fails within the options' bounds.
    pub async fn open(options: &Options) -> Result<Self, Error> {
        let connection = Self::lazy(options)?;
        connection.ping().await?;
        Ok(connection)
    }

    /// Connects at the first call. Must be called within a tokio runtime.
    pub fn lazy(options: &Options) -> Result<Self, Error> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.reply_timeout))
            .set_number_of_retries(options.retries)
            .set_min_delay(Duration::from_millis(100))
            .set_max_delay(Duration::from_secs(1));
        let manager = ConnectionManager::new_lazy_with_config(client(options)?, config)
            .map_err(|source| Error::Config(source.to_string()))?;
        Ok(Self { manager })
    }

    pub async fn ping(&self) -> Result<(), Error> {
        redis::cmd("PING")
            .query_async(&mut self.manager.clone())
            .await
            .map_err(|source| Error::Redis {
                script: "ping",
                source,
            })
    }

    pub(crate) fn manager(&self) -> ConnectionManager {
        self.manager.clone()
    }
}

fn client(options: &Options) -> Result<Client, Error> {
    // The library's own message would quote the URL, password and all.
    let bad = |_| Error::Config("the URL must be redis:// or rediss:// with a host".into());
    if !options.url.starts_with("rediss://") {
        return Client::open(options.url.as_str()).map_err(bad);
    }
    // rustls takes a provider per process; another part of the program may have chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tls = TlsCertificates {
        client_tls: None,
        root_cert: options.ca_pem.clone(),
    };
    Client::build_with_tls(options.url.as_str(), tls).map_err(bad)
}
