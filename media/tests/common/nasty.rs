//! Every nasty file: the answer must be among those its expected.json allows; `deviations.md` argues
//! the exceptions.

#![allow(dead_code)] // The example prints more than the test asks for.

use std::path::Path;

use media::{MediaError, RejectReason};
use serde_json::Value;

use super::common::*;

/// What one hostile file may cost, all its decoders and images together.
pub const MOST_MB: u64 = 256;

pub struct Row {
    pub name: String,
    pub expect: String,
    pub answer: String,
    pub problem: Option<String>,
}

/// The corpus has more words than the fleet's fixed list of reasons.
fn reasons(word: &str) -> Vec<RejectReason> {
    use RejectReason::*;
    match word {
        "no_decodable_frames" => vec![NothingDecodable],
        "broken_index" => vec![IndexBomb],
        "broken_header" => vec![IndexBomb, NotMedia, NoIndex],
        other => RejectReason::ALL
            .iter()
            .copied()
            .filter(|r| r.as_str() == other)
            .collect(),
    }
}

pub fn check(corpus: &Path, path: &Path, expected: &Value) -> Row {
    let name = name(path);
    let expect = expected["expect"].as_str().expect("expect").to_owned();
    let mut row = Row {
        name: name.clone(),
        expect: expect.clone(),
        answer: String::new(),
        problem: None,
    };
    let outcome = probe_file(path).and_then(|probed| {
        let (one, _, _) = run_forced(path, &probed, &one_a_second(), 1)?;
        let (three, plan, _) = run_forced(path, &probed, &one_a_second(), 3)?;
        Ok((probed, one, three, plan))
    });
    let (probed, one, three, plan) = match outcome {
        Ok(done) => done,
        Err(MediaError::Reject { reason, detail }) => {
            row.answer = format!("reject {reason}: {detail}");
            let allowed = reasons(expected["reason"].as_str().expect("reason"));
            if !(expect == "either" || expect == "reject" && allowed.contains(&reason)) {
                row.problem = Some(format!("{expect} {} was expected", expected["reason"]));
            }
            return row;
        }
        Err(other) => {
            row.answer = format!("{other:?}");
            row.problem = Some("neither accepted nor rejected".into());
            return row;
        }
    };
    let segments = plan.segments.len();
    row.answer = format!(
        "{} images, {segments} segments {:?}",
        one.images.len(),
        one.warnings
    );
    if expect == "reject" {
        row.problem = Some(format!("reject {} was expected", expected["reason"]));
    } else if one.images.is_empty() {
        row.problem = Some("accepted, and no image".into());
    } else if let Some(reference) = reference(corpus, &name) {
        // Concealed damage is not bit-exact: FFmpeg itself gives other pictures with 1, 2 and 4 threads
        // (bitflips.mp4, corrupt-frames.mp4). Which frame answers which time still must be right.
        let damaged = one.warnings.iter().any(|w| w.contains("may show damage"));
        let compare = if damaged { compare_times } else { compare };
        row.problem = compare(&probed, &one.images, &reference);
        if let Some(problem) = compare(&probed, &three.images, &reference) {
            row.problem
                .get_or_insert(format!("in {segments} segments: {problem}"));
        }
    }
    // In invalid-nalu.mp4 the damaged packet belongs to a frame that nobody asked for: it is never
    // decoded, and every image is exact (compared above).
    let untouched = name == "invalid-nalu.mp4" && one.images.len() == 2;
    if expect == "accept_partial" && one.warnings.is_empty() && !untouched {
        row.problem
            .get_or_insert("a damaged file was delivered without a warning".into());
    }
    row
}

pub fn expectations(corpus: &Path) -> Value {
    let text =
        std::fs::read_to_string(corpus.join("nasty/expected.json")).expect("read expected.json");
    serde_json::from_str(&text).expect("expected.json is JSON")
}

/// The peak of this process, in MB, as the kernel counts it.
pub fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("read /proc/self/status");
    let line = status
        .lines()
        .find(|l| l.starts_with("VmHWM:"))
        .expect("VmHWM");
    line.split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse::<u64>().ok())
        .expect("kB")
        / 1024
}
