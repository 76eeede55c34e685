//! Free ports, and waiting until a server answers on one.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use crate::child::Child;
use crate::error::StartError;

/// Generous: a loaded machine may take seconds to start a Python program.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that was free a moment ago. Another program may take it first, so whoever starts a
/// server on it tries again with another.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Asks `probe` until it says yes, the child ends, or patience does.
pub async fn wait_until<F, Fut>(child: &Child, mut probe: F) -> Result<(), StartError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let not_ready = |why: String| StartError::NotReady {
        name: child.name().to_owned(),
        why,
        log: child.last_words(),
    };
    let until = Instant::now() + PATIENCE;
    loop {
        let yes = probe().await;
        // The child is looked at after the probe: an answer may have come from a stranger that
        // took the port while the child was failing to.
        if let Some(status) = child.ended() {
            return Err(not_ready(format!("it ended with {status}")));
        }
        if yes {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(not_ready(format!(
                "no answer within {} s",
                PATIENCE.as_secs()
            )));
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
