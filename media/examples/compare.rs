//! Any videos through every selection, in 1, 2, 3 and 7 segments, and against the ffmpeg command:
//! `cargo run -p media --example compare FILE…`.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/selections.rs"]
mod selections;

use std::path::Path;
use std::process::{Command, exit};

use media::{Request, Selection};
use num_rational::Ratio;

fn main() {
    let mut wrong = 0;
    for path in std::env::args().skip(1) {
        let path = Path::new(&path);
        match common::probe_file(path) {
            Ok(p) => println!("{}: {} {:?}", path.display(), p.division, p.warnings),
            Err(e) => {
                println!("{}: refused: {e}", path.display());
                continue;
            }
        }
        let mut requests = selections::requests();
        for rate in [Ratio::from(1), Ratio::new(30000, 1001), Ratio::new(1, 3)] {
            requests.push(("fps", Request::new(Selection::Fps(rate))));
        }
        for (what, request) in requests {
            let row = selections::check(path, what, &request, &[1, 2, 3, 7]);
            let problem = row.problem.or_else(|| against_ffmpeg(path, &request));
            wrong += u32::from(problem.is_some());
            if problem.is_some() || row.replanned || what == "all" {
                println!(
                    "  {what:26} {:>5} images {:?}{} {}",
                    row.images,
                    row.segments,
                    if row.replanned { " replanned" } else { "" },
                    problem.as_deref().unwrap_or("ok")
                );
            }
        }
    }
    println!("{wrong} wrong");
    exit(i32::from(wrong > 0));
}

/// The ffmpeg command follows the same rule for some selections.
fn against_ffmpeg(path: &Path, request: &Request) -> Option<String> {
    let filter = match &request.selection {
        _ if request.range.is_some() || *request != Request::new(request.selection.clone()) => {
            return None;
        }
        Selection::Fps(rate) => format!("setpts=PTS-STARTPTS,fps={rate}:round=up"),
        Selection::All => "null".to_owned(),
        Selection::EveryNth(nth) => format!("select='not(mod(n,{nth}))'"),
        _ => return None,
    };
    let probed = common::probe_file(path).ok()?;
    let (ours, _, _) = common::run_forced(path, &probed, request, 1).ok()?;
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-noautorotate"])
        // With more threads ffmpeg's Theora decoder gives other frames from run to run.
        .args(["-threads", "1", "-i"])
        .arg(path)
        .args(["-map", &format!("0:{}", probed.video.stream_index)])
        .args(["-fps_mode", "passthrough", "-vf", &filter])
        .args(["-f", "framemd5", "-"])
        .output()
        .expect("run ffmpeg");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let theirs: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit(',').next().map(str::trim))
        .collect();
    let same = |i: usize| {
        let ours = ours
            .images
            .get(i)
            .and_then(|image| image.frame_md5.as_deref());
        ours.is_some() && ours == theirs.get(i).copied()
    };
    let most = ours.images.len().max(theirs.len());
    let first = (0..most).find(|i| !same(*i))?;
    let (a, b) = (ours.images.len(), theirs.len());
    Some(format!("{a} images, ffmpeg {b}, first other at {first}"))
}
