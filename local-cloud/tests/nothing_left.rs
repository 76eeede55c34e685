//! However the program ends, no process and no directory of its own outlives it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use local_cloud::Description;

/// Generous: it takes a second or two on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

struct Running {
    program: Child,
    description: Description,
    /// Everything that it started, with start times: a process id can be used again.
    processes: BTreeSet<(u32, String)>,
}

fn start(stdin: Stdio) -> Running {
    let mut program = Command::new(env!("CARGO_BIN_EXE_local-cloud"))
        .args(["--json", "--agents", "2", "--until-stdin-closes"])
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let description: Description = serde_json::from_str(&line).unwrap();
    let processes = descendants(program.id());
    // Emulator, redis, handler, two agents, sweeper; ingest too once an event came.
    assert!(processes.len() >= 6, "{processes:?}");
    assert!(Path::new(&description.run_dir).is_dir());
    Running {
        program,
        description,
        processes,
    }
}

fn signal(pid: u32, name: &str) {
    let kill = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(kill.unwrap().success());
}

fn ended(program: &mut Child) -> ExitStatus {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = program.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < limit, "it did not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn nothing_is_left(running: &Running) {
    let limit = Instant::now() + PATIENCE;
    let run_dir = PathBuf::from(&running.description.run_dir);
    loop {
        let left: Vec<_> = running
            .processes
            .iter()
            .filter(|(pid, started)| started_at(*pid).as_ref() == Some(started))
            .collect();
        if left.is_empty() && !run_dir.exists() {
            return;
        }
        assert!(
            Instant::now() < limit,
            "left: {left:?}, {}: {}",
            run_dir.display(),
            run_dir.exists()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn after_ctrl_c_nothing_is_left_at_once_and_it_starts_again() {
    for _ in 0..2 {
        let mut running = start(Stdio::piped());
        signal(running.program.id(), "-INT");
        assert!(ended(&mut running.program).success());
        // In order, so not even a moment later.
        for (pid, started) in &running.processes {
            assert_ne!(started_at(*pid).as_ref(), Some(started), "{pid} is left");
        }
        nothing_is_left(&running);
    }
}

#[test]
fn when_its_starter_goes_away_it_stops_in_order() {
    let mut running = start(Stdio::piped());
    drop(running.program.stdin.take());
    assert!(ended(&mut running.program).success());
    nothing_is_left(&running);
}

#[test]
fn after_sigkill_nothing_is_left_either() {
    let mut running = start(Stdio::piped());
    signal(running.program.id(), "-KILL");
    assert!(!ended(&mut running.program).success());
    nothing_is_left(&running);
}

fn descendants(of: u32) -> BTreeSet<(u32, String)> {
    let all: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| Some((pid, field(pid, 4)?.parse().ok()?)))
        .collect();
    let mut found = BTreeSet::from([of]);
    loop {
        let before = found.len();
        for (pid, parent) in &all {
            if found.contains(parent) {
                found.insert(*pid);
            }
        }
        if found.len() == before {
            break;
        }
    }
    found.remove(&of);
    found
        .iter()
        .filter_map(|pid| Some((*pid, started_at(*pid)?)))
        .collect()
}

/// None once it is gone, or only waits to be reaped.
fn started_at(pid: u32) -> Option<String> {
    (field(pid, 3)? != "Z").then(|| field(pid, 22))?
}

/// A numbered field of /proc/PID/stat; the second may hold spaces, so counted from behind it.
fn field(pid: u32, number: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(number - 3).map(str::to_owned)
}
