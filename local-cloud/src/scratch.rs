//! The run directory: every component's log and scratch files. A temporary one is removed when we
//! stop, and also when we are killed: a shell that holds the other end of a pipe outlives us for a
//! moment and removes it.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    sweeper: Option<Child>,
}

impl Scratch {
    /// A directory that the caller named is created when missing, and always kept.
    pub fn open(kept: Option<&Path>) -> io::Result<Self> {
        if let Some(path) = kept {
            std::fs::create_dir_all(path)?;
            let path = path.canonicalize()?;
            return Ok(Self {
                path,
                sweeper: None,
            });
        }
        let path = tempfile::Builder::new()
            .prefix("framefleet-")
            .tempdir()?
            .keep();
        let sweeper = Command::new("sh")
            // Children that are being killed may still write, so once more after a failure.
            .args([
                "-c",
                "cat >/dev/null; rm -rf -- \"$1\" || { sleep 1; rm -rf -- \"$1\"; }",
                "sweeper",
            ])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at a terminal goes to the whole foreground group; the sweeper must see it out.
            .process_group(0)
            .spawn()?;
        Ok(Self {
            path,
            sweeper: Some(sweeper),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(sweeper) = &mut self.sweeper {
            drop(sweeper.stdin.take());
            let _ = sweeper.wait();
        }
    }
}
