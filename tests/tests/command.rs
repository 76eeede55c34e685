//! The command that people type: what it prints can be repeated, and Ctrl-C leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fleet_tests::caller::PATIENCE;
use fleet_tests::{corpus, fleet};

fn framefleet() -> Result<PathBuf> {
    let program = fleet::programs().context("find our programs")?;
    Ok(program.join("framefleet"))
}

fn clip() -> Result<PathBuf> {
    Ok(corpus::generate()?.join("h264-gop25.mp4"))
}

/// `framefleet up`, killed at the end whatever happens.
struct Up {
    child: Child,
    printed: Vec<String>,
}

impl Up {
    fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new(framefleet()?)
            .args(["up", "--agents", "1"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .context("start framefleet up")?;
        let output = child.stdout.take().context("take its output")?;
        let mut printed = Vec::new();
        for line in BufReader::new(output).lines() {
            printed.push(line?);
            if printed.last().is_some_and(|l| l.contains("Ctrl-C")) {
                break;
            }
        }
        Ok(Self { child, printed })
    }

    /// The word after `name` on the line that has it.
    fn word_after(&self, name: &str) -> Result<&str> {
        let mut words = self.printed.iter().flat_map(|l| l.split_whitespace());
        words.find(|w| *w == name);
        words.next().with_context(|| format!("find {name}"))
    }

    /// Every process below this one.
    fn family(&self) -> Result<Vec<String>> {
        let mut family = vec![self.child.id().to_string()];
        let mut next = 0;
        while next < family.len() {
            let children = Command::new("pgrep").args(["-P", &family[next]]).output()?;
            let children = String::from_utf8(children.stdout)?;
            family.extend(children.lines().map(str::to_owned));
            next += 1;
        }
        Ok(family)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_printed_request_works_as_it_stands_and_ctrl_c_leaves_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(clip()?, folder.path().join("VIDEO.mp4"))?;
    let mut up = Up::start(folder.path())?;
    let (api, key) = (
        up.word_after("API")?.to_owned(),
        up.word_after("key")?.to_owned(),
    );
    let lines: Vec<&str> = up
        .printed
        .iter()
        .map(String::as_str)
        .skip_while(|l| !l.starts_with("curl "))
        .take(2)
        .collect();
    let said = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &lines.join("\n")])
        .current_dir(folder.path())
        .output()
        .context("start bash")?;
    let words = String::from_utf8_lossy(&said.stderr);
    ensure!(said.status.success(), "{lines:?}: {}: {words}", said.status);
    // What `tee` shows is the registration.
    let answer = words
        .lines()
        .find(|l| l.contains("\"id\""))
        .context("an answer")?;
    let answer: serde_json::Value = serde_json::from_str(answer)?;
    let id = answer["id"].as_str().context("an id")?;
    let started = Instant::now();
    loop {
        let status = Command::new(framefleet()?)
            .args(["status", id, "--api", &api, "--key", &key])
            .output()?;
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        if status.contains("done") {
            break;
        }
        ensure!(!status.contains("failed"), "{status}");
        ensure!(started.elapsed() < PATIENCE, "not done: {status}");
        std::thread::sleep(Duration::from_millis(200));
    }

    let family = up.family()?;
    ensure!(
        family.len() >= 4,
        "its servers and agents are its children: {family:?}"
    );
    let logs = PathBuf::from(up.word_after("logs")?);
    ensure!(logs.is_dir(), "{logs:?}");
    let interrupt = Command::new("kill").args(["-INT", &family[0]]).status()?;
    ensure!(interrupt.success(), "kill -INT: {interrupt}");
    up.child.wait()?;
    let started = Instant::now();
    while let Some(pid) = family
        .iter()
        .find(|pid| Path::new("/proc").join(pid).is_dir())
    {
        ensure!(started.elapsed() < PATIENCE, "process {pid} is left");
        std::thread::sleep(Duration::from_millis(100));
    }
    ensure!(!logs.exists(), "{logs:?} is left");
    Ok(())
}

#[test]
fn the_exit_status_tells_whose_fault_it_was() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let empty = folder.path().join("empty.mp4");
    std::fs::write(&empty, "")?;
    let clip = clip()?.display().to_string();
    let empty = empty.display().to_string();
    // A port that was free a moment ago: nobody listens.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let nobody = format!("http://{nobody}");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["extract", "/no/such/video.mp4"], 2, "/no/such/video.mp4"),
        (&["extract", &empty], 2, "empty"),
        (&["extract", &clip, "--fps", "x"], 2, "x"),
        (
            &["extract", &clip, "--api", &nobody, "--key", "k"],
            3,
            "reach",
        ),
    ];
    for (args, wanted, word) in cases {
        let said = Command::new(framefleet()?)
            .args(args)
            .current_dir(folder.path())
            .output()?;
        let words = String::from_utf8_lossy(&said.stderr);
        ensure!(
            said.status.code() == Some(wanted),
            "{args:?}: {}: {words}",
            said.status
        );
        ensure!(
            words.contains(word),
            "{args:?} does not say {word:?}: {words}"
        );
    }
    Ok(())
}
