//! A real redis-server for tests: a free loopback port, nothing on disk, gone when dropped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(20);

pub struct Server {
    child: Child,
    port: u16,
    args: Vec<String>,
}

impl Server {
    /// Panics with the reason where redis-server is missing or does not come up.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more command-line arguments, such as `--requirepass`.
    pub fn start_with(args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            // Somebody else may take the port between our look and the server's bind.
            let port = free_port();
            if let Some(child) = spawn(port, &args, deadline) {
                return Self { child, port, args };
            }
            assert!(Instant::now() < deadline, "start redis-server: not ready");
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server, as a crash would. `restart` brings it back, empty, on the same port.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if let Some(child) = spawn(self.port, &self.args, deadline) {
                self.child = child;
                return;
            }
        }
        panic!("restart redis-server on port {}: not ready", self.port);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a loopback port");
    listener.local_addr().expect("read the bound port").port()
}

/// None where the server ended before it was ready: its port was taken.
fn spawn(port: u16, args: &[String], deadline: Instant) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start redis-server (is it installed?)");
    while Instant::now() < deadline {
        if child.try_wait().expect("ask after redis-server").is_some() {
            return None;
        }
        if answers(port) {
            return Some(child);
        }
        sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Any reply will do: a server that wants AUTH is ready too.
fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) else {
        return false;
    };
    let mut reply = [0; 5];
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .is_ok()
        && stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut reply).is_ok()
        && (&reply == b"+PONG" || &reply == b"-NOAU")
}
