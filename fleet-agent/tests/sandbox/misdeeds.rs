//! A decoder that tries what it must not be able to do: refused or ended, each time.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{AGENT, agent, said};

/// Tight, so that what runs away ends within the test's patience.
const LIMITS: [(&str, &str); 4] = [
    ("FRAMEFLEET_LIMIT_DECODER_MEMORY_BYTES", "300000000"),
    ("FRAMEFLEET_LIMIT_DECODER_CPU_SECONDS", "1"),
    ("FRAMEFLEET_LIMIT_DECODER_STALL_SECONDS", "600"),
    ("FRAMEFLEET_LIMIT_DECODER_OUTPUT_BYTES", "20000000"),
];

fn misbehave(misdeed: &str, more: &[(&str, &str)]) -> Value {
    let environment = [&LIMITS, more].concat();
    let output = agent(&["misbehave", misdeed], &environment);
    assert!(output.status.success(), "{misdeed}: {output:?}");
    said(&output)
}

/// Tries it in a process that is not confined, to know that the attempt is a real one.
fn let_free(misdeed: &str) -> Value {
    said(&agent(&["misbehave", "--unconfined", misdeed], &[]))
}

#[test]
fn what_the_kernel_can_refuse_is_refused() {
    for misdeed in [
        "read-file",
        "write-file",
        "list-folder",
        "open-socket",
        "start-process",
        "start-thread",
        "signal-agent",
        "raise-limit",
    ] {
        assert_eq!(
            let_free(misdeed)["succeeded"],
            true,
            "{misdeed}, unconfined"
        );
        let said = misbehave(misdeed, &[]);
        let how = said["refused"].as_str();
        assert!(
            how.is_some_and(|how| how.contains("not permitted")),
            "{misdeed}: {said}"
        );
    }
}

#[test]
fn sixty_four_gigabytes_are_refused_at_once_and_ended_piece_by_piece() {
    let at_once = misbehave("allocate", &[]);
    assert!(at_once["refused"].is_string(), "{at_once}");
    lost("hoard", &[], "out_of_memory", "300000000");
}

#[test]
fn a_decoder_that_computes_for_ever_is_ended_by_its_processor_time() {
    lost("loop", &[], "timed_out", "1 seconds of one core");
}

#[test]
fn a_decoder_that_waits_for_ever_is_ended_by_the_clock() {
    let stall = ("FRAMEFLEET_LIMIT_DECODER_STALL_SECONDS", "1");
    lost(
        "sleep",
        &[stall],
        "timed_out",
        "nothing happened for 1 seconds",
    );
    let wall = ("FRAMEFLEET_LIMIT_DECODER_WALL_SECONDS", "1");
    lost("sleep", &[wall], "timed_out", "the limit is 1 seconds");
}

#[test]
fn a_decoder_that_writes_for_ever_is_ended() {
    lost("write-forever", &[], "too_many_images", "20000000");
    let stall = ("FRAMEFLEET_LIMIT_DECODER_STALL_SECONDS", "1");
    lost(
        "write-errors-forever",
        &[stall],
        "timed_out",
        "nothing happened",
    );
}

#[test]
fn a_decoder_that_reads_for_ever_is_ended() {
    let cpu = ("FRAMEFLEET_LIMIT_DECODER_CPU_SECONDS", "600");
    lost("read-forever", &[cpu], "timed_out", "20 times over");
    // Telling what will be read makes the agent read it, too.
    lost("hint-forever", &[cpu], "timed_out", "20 times over");
}

#[test]
fn what_a_decoder_announces_is_not_believed() {
    let image = ("FRAMEFLEET_LIMIT_DECODER_IMAGE_BYTES", "1000000");
    lost("announce", &[image], "out_of_memory", "1000000");
    lost(
        "talk-nonsense",
        &[],
        "nothing_decodable",
        "impossible answer",
    );
}

#[test]
fn a_decoder_that_crashes_is_survived() {
    lost("crash", &[], "nothing_decodable", "signal 6");
}

fn lost(misdeed: &str, more: &[(&str, &str)], reason: &str, words: &str) {
    let started = Instant::now();
    let said = misbehave(misdeed, more);
    let failure = &said["lost"];
    assert_eq!(failure["reason"], reason, "{misdeed}: {said}");
    let detail = failure["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(words), "{misdeed}: {detail}");
    assert!(
        started.elapsed() < Duration::from_secs(600),
        "{misdeed} took too long"
    );
}

#[test]
fn a_decoder_does_not_outlive_its_agent() {
    let mut parent = Command::new(AGENT)
        .args(["misbehave", "loop"])
        .stdout(Stdio::null())
        .spawn()
        .expect("start fleet-agent");
    let decoder = wait_for(|| decoder_of(parent.id())).expect("a decoder starts");
    parent.kill().expect("kill the agent");
    parent.wait().expect("wait for the agent");
    let gone = wait_for(|| (!is_running(decoder)).then_some(()));
    assert!(gone.is_some(), "the decoder {decoder} still runs");
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// A child that has come as far as its job.
fn decoder_of(parent: u32) -> Option<u32> {
    // Any of the agent's threads may have started it.
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).ok()?;
    let children: String = tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .collect();
    let child = children.split_whitespace().next()?.parse().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{child}/status")).ok()?;
    status.contains("Seccomp:\t2").then_some(child)
}

fn is_running(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}
