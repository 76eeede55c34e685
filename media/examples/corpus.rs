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

use std::path::{Path, PathBuf};
use std::process::{Command, exit};

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
    let (mut good, mut nasty) = ([0; 2], [0; 2]);
    for path in common::files(&corpus.join("good"))
        .into_iter()
        .filter(chosen)
    {
        let row = good::check(&corpus, &path);
        let verdict = row.problem.as_deref().unwrap_or("ok");
        let replanned = if row.replanned { " replanned" } else { "" };
        println!(
            "{:52} {:>5} images {:?}{replanned} {verdict}",
            row.name, row.images, row.segments
        );
        good[usize::from(row.problem.is_none())] += 1;
    }
    let mut selected = [0; 2];
    for path in common::files(&corpus.join("good"))
        .into_iter()
        .filter(chosen)
    {
        for (what, request) in selections::requests() {
            let row = selections::check(&path, what, &request, &good::FORCED);
            let verdict = row.problem.as_deref().unwrap_or("ok");
            let replanned = if row.replanned { " replanned" } else { "" };
            println!(
                "{:52} {:26} {:>5} images {:?}{replanned} {verdict}",
                row.name, row.selection, row.images, row.segments
            );
            selected[usize::from(row.problem.is_none())] += 1;
        }
    }
    for path in common::files(&corpus.join("nasty"))
        .into_iter()
        .filter(chosen)
    {
        let me = std::env::current_exe().expect("own path");
        let output = Command::new(me)
            .arg("--nasty")
            .arg(&path)
            .output()
            .expect("run one nasty file");
        print!("{}", String::from_utf8_lossy(&output.stdout));
        if output.status.code().is_none_or(|c| c > 1) {
            println!("{:34} CRASHED: {}", common::name(&path), output.status);
        }
        nasty[usize::from(output.status.success())] += 1;
    }
    println!("good: {} right, {} wrong", good[1], good[0]);
    println!("selections: {} right, {} wrong", selected[1], selected[0]);
    println!("nasty: {} right, {} wrong", nasty[1], nasty[0]);
    exit(i32::from(good[0] + selected[0] + nasty[0] > 0));
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
