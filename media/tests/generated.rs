//! Generated clips against the ffmpeg command, which decodes and picks frames without our code.

#[path = "common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::*;
use media::{
    FileSource, MediaError, PlanOptions, RangeRead, RejectReason, Request, Selection, extract,
    plan, probe,
};
use num_rational::Ratio;

fn clips() -> &'static Path {
    static CLIPS: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = CLIPS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("make a folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/generate.sh");
        let status = Command::new(&script)
            .arg(folder.path())
            .status()
            .expect("run generate.sh");
        assert!(status.success(), "generate.sh failed; is ffmpeg installed?");
        let path = folder.path().to_owned();
        (folder, path)
    });
    path
}

/// The md5 of each frame that ffmpeg's own filters choose: the rule is `fps` rounding up.
fn ffmpeg_md5s(path: &Path, filter: &str) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-noautorotate", "-i"])
        .arg(path)
        .args([
            "-map",
            "0:v:0",
            "-vf",
            filter,
            "-fps_mode",
            "passthrough",
            "-f",
            "framemd5",
            "-",
        ])
        .output()
        .expect("run ffmpeg");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|l| l.rsplit(',').next().expect("md5").trim().to_owned())
        .collect()
}

#[test]
fn frames_are_those_ffmpeg_picks() {
    for path in files(clips()) {
        let probed = probe_file(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for rate in ["1", "5/2", "30000/1001"] {
            let (n, d) = rate.split_once('/').unwrap_or((rate, "1"));
            let request = Request::new(Selection::Fps(Ratio::new(
                n.parse().unwrap(),
                d.parse().unwrap(),
            )));
            let expected = ffmpeg_md5s(&path, &format!("setpts=PTS-STARTPTS,fps={rate}:round=up"));
            for segments in [1, 3] {
                let (got, _, _) = run_forced(&path, &probed, &request, segments).unwrap();
                let got: Vec<String> = got
                    .images
                    .into_iter()
                    .map(|i| i.frame_md5.unwrap())
                    .collect();
                let (mut got, mut expected) = (got, expected.clone());
                // ffmpeg's fps filter rounds the last frame's duration to whole output frames.
                assert!(
                    got.len().abs_diff(expected.len()) <= 1,
                    "{}: {} {}",
                    path.display(),
                    got.len(),
                    expected.len()
                );
                let common = got.len().min(expected.len());
                got.truncate(common);
                expected.truncate(common);
                assert_eq!(
                    got,
                    expected,
                    "{} fps={rate} {segments} segments",
                    path.display()
                );
            }
        }
    }
}

/// Fails at a chosen number of bytes, as a connection to S3 does.
struct Failing(FileSource, u64);

impl RangeRead for Failing {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        if offset + buf.len() as u64 > self.1 {
            return Err(std::io::Error::other("connection reset"));
        }
        self.0.read_at(offset, buf)
    }
}

#[test]
fn a_read_error_is_never_taken_for_the_end() {
    for path in files(clips()) {
        let probed = probe_file(&path).unwrap();
        let whole = plan(&probed, &one_a_second(), &PlanOptions::default()).unwrap();
        let len = std::fs::metadata(&path).unwrap().len();
        for limit in [0, len / 4, len / 2, len - len / 8] {
            let failing = || Box::new(Failing(FileSource::open(&path).unwrap(), limit));
            let result = extract(failing(), &whole, 0, &with_md5(), &mut |_| Ok(()));
            assert!(
                matches!(result, Err(MediaError::Source(_))),
                "{} {limit}: {result:?}",
                path.display()
            );
        }
        let result = probe(
            Box::new(Failing(FileSource::open(&path).unwrap(), 10)),
            &limits(),
        );
        assert!(
            matches!(result, Err(MediaError::Source(_))),
            "{}: {result:?}",
            path.display()
        );
    }
}

#[test]
fn a_sink_that_fails_stops_the_work() {
    let path = clips().join("h264-gop25.mp4");
    let whole = plan(
        &probe_file(&path).unwrap(),
        &one_a_second(),
        &PlanOptions::default(),
    )
    .unwrap();
    let mut calls = 0;
    let result = extract(open(&path), &whole, 0, &with_md5(), &mut |_| {
        calls += 1;
        Err(std::io::Error::other("disk full"))
    });
    assert!(matches!(result, Err(MediaError::Sink(_))), "{result:?}");
    assert_eq!(calls, 1);
}

#[test]
fn a_moved_entry_point_is_noticed() {
    let path = clips().join("h264-gop25.mp4");
    let probed = probe_file(&path).unwrap();
    let forced = PlanOptions {
        forced_segments: Some(3),
        ..PlanOptions::default()
    };
    let mut planned = plan(&probed, &one_a_second(), &forced).unwrap();
    assert_eq!(planned.segments.len(), 3);
    let entry = planned.segments[1].entry.as_mut().unwrap();
    entry.position += 1;
    let result = extract(open(&path), &planned, 1, &with_md5(), &mut |_| Ok(()));
    assert!(
        matches!(result, Err(MediaError::EntryPoint { .. })),
        "{result:?}"
    );
}

#[test]
fn what_is_no_video_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, reason) in [
        (&b""[..], RejectReason::Empty),
        (b"just some words\n", RejectReason::NotMedia),
        (
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
            RejectReason::PlaylistOrScript,
        ),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", RejectReason::StillImage),
        (&[0x80; 4096], RejectReason::NotMedia),
    ] {
        let path = folder.path().join("upload");
        std::fs::write(&path, bytes).unwrap();
        match probe_file(&path) {
            Err(MediaError::Reject { reason: got, .. }) => assert_eq!(got, reason),
            other => panic!("{reason}: {other:?}"),
        }
    }
}

#[test]
fn the_image_limit_holds_while_working() {
    let path = clips().join("h264-gop25.ts");
    let request = Request {
        max_images: 3,
        ..one_a_second()
    };
    let whole = plan(
        &probe_file(&path).unwrap(),
        &request,
        &PlanOptions::default(),
    )
    .unwrap();
    let result = extract(open(&path), &whole, 0, &with_md5(), &mut |_| Ok(()));
    assert!(
        matches!(
            result,
            Err(MediaError::Reject {
                reason: RejectReason::TooManyImages,
                ..
            })
        ),
        "{result:?}"
    );
}
