//! One table over the corpus: `cargo run -p media --example corpus [NAME…]`.
//!
//! Each nasty file gets a process of its own, so that a crash is a line in the table and the peak of
//! memory is its own.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/good.rs"]
mod good;
#[path = "../tests/common/nasty.rs"]
mod nasty;
#[path = "../tests/common/selections.rs"]
mod selections;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

fn main() {
    let Some(corpus) = common::corpus() else {
        eprintln!("no corpus: set FRAMEFLEET_CORPUS to its folder");
        exit(2);
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, path] = &arguments[..]
        && flag == "--nasty"
    {
        one_nasty(&corpus, path.as_ref());
    }
    let chosen = |path: &PathBuf| {
        let name = common::name(path);
        arguments.is_empty() || arguments.iter().any(|o| name.contains(o.as_str()))
    };
    let listed = |folder: &str| -> Vec<PathBuf> {
        let files = common::files(&corpus.join(folder));
        files.into_iter().filter(chosen).collect()
    };
    let videos = listed("good");
    let good = count(&videos, |path| {
        let row = good::check(&corpus, path);
        let verdict = row.problem.as_deref().unwrap_or("ok");
        let replanned = if row.replanned { " replanned" } else { "" };
        let line = format!(
            "{:52} {:>5} images {:?}{replanned} {verdict}",
            row.name, row.images, row.segments
        );
        (row.problem.is_none(), line)
    });
    let pairs: Vec<_> = videos
        .iter()
        .flat_map(|path| selections::requests().into_iter().map(move |r| (path, r)))
        .collect();
    let selected = count(&pairs, |(path, (what, request))| {
        let row = selections::check(path, what, request, &good::FORCED);
        let verdict = row.problem.as_deref().unwrap_or("ok");
        let replanned = if row.replanned { " replanned" } else { "" };
        let line = format!(
            "{:52} {:26} {:>5} images {:?}{replanned} {verdict}",
            row.name, row.selection, row.images, row.segments
        );
        (row.problem.is_none(), line)
    });
    let nasty = count(&listed("nasty"), |path| {
        let me = std::env::current_exe().expect("own path");
        let output = Command::new(me)
            .arg("--nasty")
            .arg(path)
            .output()
            .expect("run one nasty file");
        let line = match output.status.code() {
            Some(0 | 1) => String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned(),
            _ => format!("{:34} CRASHED: {}", common::name(path), output.status),
        };
        (output.status.success(), line)
    });
    println!("good: {} right, {} wrong", good[1], good[0]);
    println!("selections: {} right, {} wrong", selected[1], selected[0]);
    println!("nasty: {} right, {} wrong", nasty[1], nasty[0]);
    if good.iter().chain(&nasty).sum::<usize>() == 0 {
        eprintln!("no video of the corpus was checked");
        exit(2);
    }
    exit(i32::from(good[0] + selected[0] + nasty[0] > 0));
}

/// Checks on all cores and prints each line in its place; how many were wrong and right.
fn count<T: Sync>(items: &[T], check: impl Fn(&T) -> (bool, String) + Sync) -> [usize; 2] {
    let next = AtomicUsize::new(0);
    let (done, lines) = mpsc::channel();
    let mut counts = [0; 2];
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (done, next, check) = (done.clone(), &next, &check);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    done.send((at, check(item))).expect("somebody prints");
                }
            });
        }
        drop(done);
        let mut early = BTreeMap::new();
        let mut printed = 0;
        for (at, result) in lines {
            early.insert(at, result);
            while let Some((right, line)) = early.remove(&printed) {
                println!("{line}");
                counts[usize::from(right)] += 1;
                printed += 1;
            }
        }
    });
    counts
}

fn one_nasty(corpus: &Path, path: &Path) -> ! {
    let expected = nasty::expectations(corpus);
    let mut row = nasty::check(corpus, path, &expected[common::name(path)]);
    let peak = nasty::peak_mb();
    if peak > nasty::MOST_MB {
        row.problem
            .get_or_insert(format!("the limit is {} MB", nasty::MOST_MB));
    }
    let verdict = row.problem.as_deref().unwrap_or("ok");
    println!(
        "{:34} {:14} {:>5} MB {verdict} | {}",
        row.name, row.expect, peak, row.answer
    );
    exit(i32::from(row.problem.is_some()));
}
