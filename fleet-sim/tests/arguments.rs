//! Arguments out of bounds are refused in a sentence that names them.

use clap::Parser;
use fleet_sim::cli::{SimulateArgs, run_cli};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    simulate: SimulateArgs,
}

#[test]
fn each_bound_has_its_message() {
    for (argument, value, words) in [
        ("--slots", "0", "--slots is 0"),
        ("--zones", "0", "--zones is 0"),
        ("--zones", "101", "at most 100"),
        ("--boot", "0", "--boot is 0"),
        ("--launch-rate", "0", "--launch-rate is 0"),
        ("--poll", "nan", "--poll is NaN"),
        ("--interruptions", "inf", "--interruptions is inf"),
        ("--spot-share", "1.5", "--spot-share is 1.5"),
        ("--hours", "0", "--hours is 0"),
        ("--length", "0", "--length is 0"),
        ("--work-spread", "6", "--work-spread is 6"),
        ("--max-segments", "0", "--max-segments"),
        ("--videos", "4000000000", "2 billion"),
        ("--scaling", "does-not-exist.json", "does-not-exist.json"),
    ] {
        let cli = Cli::parse_from(["fleet-sim", "ours", argument, value]);
        let error = run_cli(&cli.simulate).unwrap_err().to_string();
        assert!(error.contains(words), "{argument} {value}: {error}");
    }
}

#[test]
fn a_plot_is_drawn_with_every_strategy_named() {
    let path = std::env::temp_dir().join(format!("fleet-sim-{}.svg", std::process::id()));
    let path_text = path.to_str().unwrap();
    let args = ["fleet-sim", "compare", "--videos", "50", "--svg", path_text];
    run_cli(&Cli::parse_from(args).simulate).unwrap();
    let svg = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    for words in [
        "<svg",
        "steps + guard",
        "target tracking",
        "fixed",
        "polyline",
    ] {
        assert!(svg.contains(words), "{words}");
    }
}
