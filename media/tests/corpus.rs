//! The whole corpus, where it is there: good files frame by frame, nasty ones by their verdict.
//!
//! Without the corpus, generated clips with the ffmpeg command as the independent reference: see
//! `generated.rs`, which always runs.

#[path = "common/mod.rs"]
mod common;
#[path = "common/good.rs"]
mod good;
#[path = "common/nasty.rs"]
mod nasty;
#[path = "common/selections.rs"]
mod selections;

#[test]
fn every_good_file_gives_the_reference_frames_for_any_number_of_segments() {
    let Some(corpus) = common::corpus() else {
        eprintln!("no corpus here; generated.rs covers the rule");
        return;
    };
    let files = common::files(&corpus.join("good"));
    let rows: Vec<_> = files
        .iter()
        .map(|path| good::check(&corpus, path))
        .collect();
    let divided = rows
        .iter()
        .filter(|r| r.segments.iter().any(|n| *n > 1))
        .count();
    let wrong: Vec<_> = rows
        .iter()
        .filter_map(|r| Some((&r.name, r.problem.as_ref()?)))
        .collect();
    println!(
        "good: {} right, {} wrong, {divided} divided",
        rows.len() - wrong.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        rows.len() >= 70 && divided >= 20,
        "{} files, {divided} divided",
        rows.len()
    );
}

/// Pixels that one pass over a file may cost here, for time; `./run corpus` does every file.
const MOST_PIXELS: u64 = 40_000_000;

#[test]
fn selections_of_real_files_are_the_same_in_any_number_of_segments() {
    let Some(corpus) = common::corpus() else {
        eprintln!("no corpus here; generated.rs covers selections");
        return;
    };
    let requests = selections::requests();
    let mut rows = Vec::new();
    let small = |path: &std::path::PathBuf| {
        let probed = common::probe_file(path).expect("a good file");
        let pixels = u64::from(probed.video.width) * u64::from(probed.video.height);
        probed.estimate.frames * pixels <= MOST_PIXELS
    };
    let files = common::files(&corpus.join("good"));
    for (n, path) in files.iter().filter(|path| small(path)).enumerate() {
        // Two of the selections for each file; neighbours take others.
        for turn in 0..2 {
            let (what, request) = &requests[(2 * n + turn) % requests.len()];
            rows.push(selections::check(path, what, request, &[1, 3, 7]));
        }
    }
    let wrong: Vec<_> = rows.iter().filter(|row| row.problem.is_some()).collect();
    let divided = rows
        .iter()
        .filter(|row| row.segments.iter().any(|n| *n > 1))
        .count();
    println!(
        "selections: {} right, {} wrong, {divided} divided",
        rows.len() - wrong.len(),
        wrong.len()
    );
    let told: Vec<_> = wrong
        .iter()
        .map(|row| (&row.name, &row.selection, &row.problem))
        .collect();
    assert!(wrong.is_empty(), "{told:#?}");
    assert!(
        rows.len() >= 60 && divided >= 10,
        "{} rows, {divided} divided",
        rows.len()
    );
}

#[test]
fn every_nasty_file_gets_an_answer_that_is_allowed() {
    let Some(corpus) = common::corpus() else {
        eprintln!("no corpus here; generated.rs covers refusals");
        return;
    };
    let expected = nasty::expectations(&corpus);
    let files = common::files(&corpus.join("nasty"));
    let rows: Vec<_> = files
        .iter()
        .map(|p| nasty::check(&corpus, p, &expected[common::name(p)]))
        .collect();
    let wrong: Vec<_> = rows
        .iter()
        .filter_map(|r| Some((&r.name, &r.answer, r.problem.as_ref()?)))
        .collect();
    println!(
        "nasty: {} right, {} wrong",
        rows.len() - wrong.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows.len() >= 62, "{} files", rows.len());
}
