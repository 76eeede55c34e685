//! Runs of other programs: wall time, CPU time and peak memory, as the kernel counts them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub wall: f64,
    /// User and system seconds.
    pub cpu: f64,
    pub peak_mb: f64,
}

/// One after the other: times added up, and the most memory that one of them took.
pub fn run(commands: Vec<Command>) -> Result<Cost> {
    let mut sum = Cost::default();
    for mut command in commands {
        let cost = one(&mut command)?;
        sum.wall += cost.wall;
        sum.cpu += cost.cpu;
        sum.peak_mb = sum.peak_mb.max(cost.peak_mb);
    }
    Ok(sum)
}

/// The program must succeed. Memory is looked at often while it runs; CPU time is exact to 10 ms.
fn one(command: &mut Command) -> Result<Cost> {
    let before = children_cpu()?;
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("start {command:?}"))?;
    let mut peak_mb = 0.0_f64;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak_mb = peak_mb.max(peak(child.id()).unwrap_or(0.0));
        std::thread::sleep(Duration::from_millis(5));
    };
    let wall = started.elapsed().as_secs_f64();
    ensure!(status.success(), "{command:?}: {status}");
    let cpu = children_cpu()? - before;
    Ok(Cost { wall, cpu, peak_mb })
}

fn peak(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kb: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1024.0)
}

/// Seconds of all children that were waited for.
fn children_cpu() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok());
    let sum = ticks(13).zip(ticks(14)).context("read /proc/self/stat")?;
    // Linux shows user programs 100 ticks a second on every machine we run on.
    Ok((sum.0 + sum.1) / 100.0)
}
