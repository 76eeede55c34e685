//! A line to Redis that can be cut: connections are passed on as they are, until they are not.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub struct Line {
    pub address: SocketAddr,
    cut: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Line {
    pub fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (cut, is_cut) = watch::channel(false);
        let server = tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a bound listener");
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, upstream, is_cut.clone()));
            }
        });
        Ok(Self {
            address,
            cut,
            server,
        })
    }

    /// Ends every connection; new ones end at once until it is whole again.
    pub fn set_cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(mut client: TcpStream, upstream: SocketAddr, mut is_cut: watch::Receiver<bool>) {
    if *is_cut.borrow() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return;
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = is_cut.wait_for(|cut| *cut) => {}
    }
}
