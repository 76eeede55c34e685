//! What a decoder asks of the kernel, as strace sees it: once it is shut in, no file is named and no
//! socket made, whatever the video says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::{AGENT, clip, nasty};

/// What confined decoders call; anything else in a trace is a finding.
const EXPECTED: &[&str] = &[
    "brk",
    "clock_gettime",
    "close",
    "exit",
    "exit_group",
    "futex",
    "getpid",
    "getrandom",
    "gettid",
    "gettimeofday",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "read",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "sigaltstack",
    "tgkill",
    "write",
    "writev",
];

/// The calls of confined processes, by name, with one example each; and how many were confined.
fn trace(file: &Path, folder: &Path) -> (BTreeMap<String, String>, usize) {
    let log = folder.join("strace.log");
    let status = Command::new("strace")
        .args(["-f", "-qq", "-s", "80", "-o"])
        .arg(&log)
        .arg(AGENT)
        .arg("try")
        .arg(file)
        .output()
        .expect("start strace");
    assert!(status.status.success(), "{file:?}: {status:?}");
    let log = String::from_utf8_lossy(&std::fs::read(&log).expect("read the trace")).into_owned();
    let mut confined = Vec::new();
    let mut calls = BTreeMap::new();
    for line in log.lines() {
        let Some((pid, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        // In one line, or in a second one when another thread's call came between.
        let filter = call.starts_with("seccomp(SECCOMP_SET_MODE_FILTER")
            || call.starts_with("<... seccomp resumed>");
        if filter && call.ends_with("= 0") {
            confined.push(pid.to_owned());
            continue;
        }
        let own = confined.iter().any(|p| p == pid);
        // Signals, exits, and the second halves of calls are no new calls.
        if !own || call.starts_with(['<', '-', '+']) {
            continue;
        }
        let name = call.split('(').next().unwrap_or_default();
        // MPEG-TS texts make glibc look for its character sets. It is told that it may not.
        let refused = call.contains("/gconv/") && !call.ends_with(char::is_numeric);
        if name == "openat" && refused {
            continue;
        }
        calls
            .entry(name.to_owned())
            .or_insert_with(|| call.to_owned());
    }
    (calls, confined.len())
}

#[test]
fn no_file_is_opened_and_no_socket_made_once_the_decoder_is_shut_in() {
    let folder = tempfile::tempdir().expect("make a folder");
    let good = clip(folder.path());
    let (calls, confined) = trace(&good, folder.path());
    // One decoder for the probe and the segment: the trace does see what it does.
    assert_eq!(confined, 1, "{calls:?}");
    for name in ["read", "write", "mmap"] {
        assert!(calls.contains_key(name), "{name} is not in {calls:?}");
    }
    let mut findings = Vec::new();
    let files = nasty(folder.path());
    for file in &files {
        let (calls, confined) = trace(file, folder.path());
        assert!(confined > 0, "{file:?} was never looked at");
        let strange = calls
            .iter()
            .filter(|(n, _)| !EXPECTED.contains(&n.as_str()));
        findings.extend(strange.map(|(_, example)| format!("{file:?}: {example}")));
    }
    println!("{} files traced", files.len());
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
