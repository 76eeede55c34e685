//! The fleet's status over HTTP, for `framefleet status --watch` and for the demo.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::group::{FleetStatus, Group};

/// Ends with the value.
#[derive(Debug)]
pub struct StatusServer {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl StatusServer {
    pub async fn start(group: Arc<Group>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/status", get(answer))
            .with_state(group);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the status server ended");
            }
        });
        Ok(Self { address, server })
    }

    pub fn url(&self) -> String {
        format!("http://{}/status", self.address)
    }
}

impl Drop for StatusServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(group): State<Arc<Group>>) -> Json<FleetStatus> {
    Json(group.status())
}
