//! The AWS emulator, once for the whole test program, on a free loopback port.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(90);

struct Emulator {
    endpoint: String,
    /// While its standard input is open the emulator runs; it closes when this process ends,
    /// however that happens.
    _keeper: Child,
}

/// The endpoint of the running emulator.
pub fn endpoint() -> &'static str {
    static EMULATOR: OnceLock<Emulator> = OnceLock::new();
    &EMULATOR.get_or_init(start).endpoint
}

fn start() -> Emulator {
    let program = program();
    assert!(
        program.exists(),
        "the AWS emulator is missing: {} (./run setup installs it, FRAMEFLEET_MINISTACK names another)",
        program.display()
    );
    let port = free_port();
    let mut keeper = Command::new("sh")
        .args([
            "-c",
            "\"$0\" & pid=$!; cat >/dev/null; kill $pid; wait $pid",
        ])
        .arg(&program)
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start the AWS emulator");
    let deadline = Instant::now() + READY_WITHIN;
    while !is_ready(port) {
        assert!(
            keeper.try_wait().unwrap().is_none(),
            "the AWS emulator ended at once"
        );
        assert!(Instant::now() < deadline, "the AWS emulator is not ready");
        std::thread::sleep(Duration::from_millis(100));
    }
    Emulator {
        endpoint: format!("http://127.0.0.1:{port}"),
        _keeper: keeper,
    }
}

fn program() -> PathBuf {
    let local = concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/venv/bin/ministack");
    std::env::var_os("FRAMEFLEET_MINISTACK").map_or_else(|| local.into(), PathBuf::from)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a loopback port");
    listener.local_addr().expect("read the bound port").port()
}

fn is_ready(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let request =
        b"GET /_ministack/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
