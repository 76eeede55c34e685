//! A local cloud for as long as this command runs: the `local-cloud` program, which stops when its
//! standard input closes, however this process ends.

use std::process::Stdio;
use std::time::Duration;

use local_cloud::Description;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use url::Url;

use crate::api::Api;
use crate::outcome::Ended;

/// It takes a second or two; a process that does not end by itself is killed in the end.
const STOPPING: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Embedded {
    pub description: Description,
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Embedded {
    /// `args` say how large it is, and more.
    pub async fn start(args: &[String]) -> Result<Self, Ended> {
        let program = std::env::current_exe()
            .map_err(|e| Ended::service(format!("find our own directory: {e}")))?
            .with_file_name("local-cloud");
        let mut child = Command::new(&program)
            .args(["--json", "--until-stdin-closes"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for this process, which then stops that one in order.
            .process_group(0)
            .spawn()
            .map_err(|e| Ended::service(format!("start {}: {e}", program.display())))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let mut lines = BufReader::new(stdout.ok_or_else(no_pipe)?).lines();
        let line = lines
            .next_line()
            .await
            .map_err(|e| Ended::service(format!("read from local-cloud: {e}")))?
            // It has said why on standard error.
            .ok_or_else(|| Ended::service("the local cloud did not start"))?;
        let description = serde_json::from_str(&line)
            .map_err(|e| Ended::service(format!("read local-cloud's description: {e}")))?;
        Ok(Self {
            description,
            child,
            stdin,
        })
    }

    pub fn api(&self) -> Result<Api, Ended> {
        let url: Url = self
            .description
            .api
            .parse()
            .map_err(|e| Ended::service(format!("read local-cloud's address: {e}")))?;
        Api::new(&url, &self.description.api_key)
    }

    /// Returns when it ends by itself, which it should not.
    pub async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("the local cloud ended with {status}"),
            Err(error) => format!("wait for the local cloud: {error}"),
        }
    }
}

/// Waits until it has stopped and cleaned up, so that nothing is left when this command returns.
impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let until = std::time::Instant::now() + STOPPING;
        while matches!(self.child.try_wait(), Ok(None)) {
            if std::time::Instant::now() > until {
                let _ = self.child.start_kill();
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn no_pipe() -> Ended {
    Ended::service("start local-cloud: no pipe to it")
}
