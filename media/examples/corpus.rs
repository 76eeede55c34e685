//! One table over the corpus: `cargo run -p media --example corpus [NAME…]`.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/good.rs"]
mod good;

fn main() {
    let Some(corpus) = common::corpus() else {
        eprintln!("no corpus: set FRAMEFLEET_CORPUS to its folder");
        std::process::exit(2);
    };
    let only: Vec<String> = std::env::args().skip(1).collect();
    let chosen = |path: &std::path::PathBuf| {
        let name = common::name(path);
        only.is_empty() || only.iter().any(|o| name.contains(o.as_str()))
    };
    let mut failed = 0;
    let mut counts = [0; 2];
    for path in common::files(&corpus.join("good"))
        .into_iter()
        .filter(chosen)
    {
        let row = good::check(&corpus, &path);
        let verdict = row.problem.as_deref().unwrap_or("ok");
        println!(
            "{:52} {:>5} images {:?}{} {verdict}",
            row.name,
            row.images,
            row.segments,
            if row.replanned { " replanned" } else { "" }
        );
        failed += usize::from(row.problem.is_some());
        counts[usize::from(row.problem.is_none())] += 1;
    }
    println!("good: {} right, {} wrong", counts[1], counts[0]);
    std::process::exit(i32::from(failed > 0));
}
