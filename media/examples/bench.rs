//! CPU seconds of our engine and of `ffmpeg -vf fps=1` on the same file, on one thread each:
//! `cargo run -p media --example bench FILE [ROUNDS]`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::process::Command;

/// User and system seconds of this process, or of the children it has waited for.
fn cpu(children: bool) -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("read /proc/self/stat");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("fields")
        .split_whitespace()
        .collect();
    let at = if children { 13 } else { 11 };
    let ticks = |i: usize| fields[i].parse::<f64>().expect("ticks");
    (ticks(at) + ticks(at + 1)) / 100.0
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().expect("a file"));
    let rounds: usize = arguments.next().map_or(3, |n| n.parse().expect("rounds"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let before = cpu(true);
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-threads", "1", "-i"])
            .arg(&path)
            .args(["-map", "0:v:0", "-vf", "fps=1", "-q:v", "2"])
            .arg(folder.path().join("%05d.jpg"))
            .status()
            .expect("run ffmpeg");
        assert!(status.success());
        let theirs = cpu(true) - before;
        let before = cpu(false);
        let probed = common::probe_file(&path).expect("probe");
        let plan = media::plan(
            &probed,
            &common::one_a_second(),
            &media::PlanOptions::default(),
        )
        .expect("plan");
        let got = common::run(&path, &plan, &media::ImageOptions::default()).expect("extract");
        let ours = cpu(false) - before;
        println!(
            "ffmpeg {theirs:.2} s, ours {ours:.2} s: {:.2} x; {} images, {} frames decoded, {} segments",
            theirs / ours,
            got.images.len(),
            got.frames_decoded,
            plan.segments.len()
        );
        ratios.push(theirs / ours);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median {:.2} x", ratios[rounds / 2]);
}
