//! Processes that cannot outlive us: every child gets a process group of its own, and a death
//! signal from the kernel for the moment that we are gone, even by SIGKILL.
//!
//! The kernel sends that signal when the *thread* that started the child ends. So one thread that
//! never ends starts them all; a test's runtime may come and go.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// What to start. Nothing of our own environment reaches it but what `inherited` names.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: String,
    pub path: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub log: PathBuf,
}

/// We may be gone before the death signal was asked for; then nobody would ever send it.
const UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$1" ] || exit 1; shift; exec "$@""#;

/// After SIGKILL; only a process in uninterruptible I/O takes longer than moments.
const GONE_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Child {
    name: String,
    pid: u32,
    log: PathBuf,
    process: Mutex<std::process::Child>,
}

impl Child {
    pub fn start(program: &Program) -> io::Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&program.log)?;
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig",
                "KILL",
                "--",
                "sh",
                "-c",
                UNLESS_ORPHANED,
                "sh",
            ])
            .arg(std::process::id().to_string())
            .arg(&program.path)
            .args(&program.args)
            .env_clear()
            .envs(inherited())
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let process = spawn(command)?;
        Ok(Self {
            name: program.name.clone(),
            pid: process.id(),
            log: program.log.clone(),
            process: Mutex::new(process),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended; None while it runs.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.process().try_wait().ok().flatten()
    }

    /// Signals the whole process group, unless it was already reaped: its number may be another's.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let mut process = self.process();
        if process.try_wait()?.is_some() {
            return Ok(());
        }
        Ok(kill_process_group(group(self.pid), signal)?)
    }

    pub async fn wait(&self, patience: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + patience;
        loop {
            let ended = self.ended();
            if ended.is_some() || Instant::now() >= until {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGTERM, then SIGKILL once `grace` has passed.
    pub async fn stop(&self, grace: Duration) -> Option<ExitStatus> {
        // A stopped process would keep the signal for later.
        let _ = self.signal(Signal::CONT);
        let _ = self.signal(Signal::TERM);
        if let Some(status) = self.wait(grace).await {
            return Some(status);
        }
        tracing::warn!(name = self.name, pid = self.pid, "did not stop; killing it");
        self.kill().await
    }

    /// SIGKILL, and the end of it.
    pub async fn kill(&self) -> Option<ExitStatus> {
        let _ = self.signal(Signal::KILL);
        self.wait(GONE_WITHIN).await
    }

    /// The last lines it wrote, for an error message.
    pub fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn process(&self) -> MutexGuard<'_, std::process::Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.signal(Signal::KILL);
        let _ = self.process().wait();
    }
}

fn group(pid: u32) -> Pid {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("the kernel gives positive process ids")
}

/// AWS profiles and endpoints of the person at the keyboard must not reach the components.
fn inherited() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    const NAMES: [&str; 8] = [
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "LLVM_PROFILE_FILE",
        "RUST_BACKTRACE",
        "FRAMEFLEET_LOG",
    ];
    NAMES
        .into_iter()
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
}

type Order = (Command, mpsc::Sender<io::Result<std::process::Child>>);

fn spawn(command: Command) -> io::Result<std::process::Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        std::thread::Builder::new()
            .name("spawner".into())
            .spawn(move || {
                for (mut command, answer) in inbox {
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("the system has a thread for us");
        orders
    });
    let (answer, outcome) = mpsc::channel();
    let gone = || io::Error::other("the spawner thread has ended");
    spawner.send((command, answer)).map_err(|_| gone())?;
    outcome.recv().map_err(|_| gone())?
}
