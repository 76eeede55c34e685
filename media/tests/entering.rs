//! Generated clips that may be entered in the middle, and clips that only seem so.

#[path = "common/clips.rs"]
mod clips;
#[path = "common/mod.rs"]
mod common;
#[path = "common/selections.rs"]
mod selections;

use std::process::Command;

use clips::clips;
use common::*;
use media::{Request, Selection};
use num_rational::Ratio;

/// Timestamps that are not in the order of the pictures: none for B-frames, and one that is too early.
/// FFmpeg goes by decoding times from the first one on, so segments must not be decoded each by itself.
#[test]
fn misplaced_timestamps_give_the_same_images_in_any_number_of_segments() {
    let folder = tempfile::tempdir().unwrap();
    for (clip, name, pts) in [
        ("h264-gop25.mp4", "none.mp4", "DTS"),
        ("h264-gop25.mp4", "none.mkv", "DTS"),
        ("hevc-gop25.mp4", "none-hevc.mp4", "DTS"),
        ("h264-gop25.mp4", "one.mp4", "if(eq(N,92),PTS-700,PTS)"),
    ] {
        let path = folder.path().join(name);
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(clips().join(clip))
            .args(["-c", "copy", "-bsf:v"])
            .arg(format!("setts=pts={}", pts.replace(',', "\\,")))
            .arg(&path)
            .status();
        assert!(status.unwrap().success(), "{name}");
        let mut requests = selections::requests();
        for rate in [Ratio::from(1), Ratio::new(30000, 1001), Ratio::new(1, 3)] {
            requests.push(("fps", Request::new(Selection::Fps(rate))));
        }
        let mut replanned = 0;
        for (what, request) in requests {
            let row = selections::check(&path, what, &request, &[1, 2, 3, 7]);
            assert_eq!(row.problem, None, "{name} {what}");
            replanned += u32::from(row.replanned);
        }
        assert!(replanned > 0, "{name} is in order");
    }
}

#[test]
fn fragments_are_shared_out() {
    for clip in ["h264-fragmented.mp4", "hevc-fragmented.mp4"] {
        let path = clips().join(clip);
        let probed = probe_file(&path).unwrap();
        let (whole, _, _) = run_forced(&path, &probed, &one_a_second(), 1).unwrap();
        let (got, plan, replanned) = run_forced(&path, &probed, &one_a_second(), 3).unwrap();
        assert!(!replanned && plan.seam_check, "{clip}");
        assert_eq!(plan.segments.len(), 3, "{clip}: {}", plan.division);
        assert_eq!(got.images, whole.images, "{clip}");
    }
}

/// The second clip says nothing of its colours, so they stay those of the first: also for a worker
/// that never sees the first.
#[test]
fn clips_joined_without_coding_keep_their_colours_in_any_segment() {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = |arguments: &[&str], out: &str| {
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y"])
            .args(arguments)
            .arg(folder.path().join(out))
            .status();
        assert!(status.unwrap().success(), "{out}");
    };
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=320x180:r=25:d=4,format=yuv420p",
    ];
    let coded = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"];
    let plain = [&source[..], &coded].concat();
    let tagged = [
        &plain[..],
        &["-x264-params", "fullrange=on:colormatrix=bt709"],
    ]
    .concat();
    ffmpeg(&tagged, "first.mp4");
    ffmpeg(&plain, "second.mp4");
    let list = folder.path().join("list.txt");
    std::fs::write(&list, "file first.mp4\nfile second.mp4\n").unwrap();
    let join = ["-f", "concat", "-i", list.to_str().unwrap(), "-c", "copy"];
    ffmpeg(&join, "joined.mp4");
    let path = folder.path().join("joined.mp4");
    let probed = probe_file(&path).unwrap();
    let take = |n| {
        let (got, plan, _) = run_forced(&path, &probed, &one_a_second(), n).unwrap();
        assert_eq!(plan.segments.len(), n);
        got.images.into_iter().map(|i| i.data).collect::<Vec<_>>()
    };
    let whole = take(1);
    assert_eq!(whole.len(), 8);
    assert!(whole == take(4), "segments have other colours");
}
