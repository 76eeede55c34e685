//! Generated clips against the ffmpeg command, which decodes and picks frames without our code.

#[path = "common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::*;
use media::{
    Duplicates, ExtractedImage, FileSource, Fit, Format, ImageOptions, MediaError, PlanOptions,
    RangeRead, RejectReason, Request, Selection, TimeRange, extract, plan, probe,
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

#[test]
fn selections_by_frame_are_those_ffmpeg_picks() {
    let range = Some(TimeRange {
        start: Ratio::from(1),
        end: Some(Ratio::new(5, 2)),
    });
    for path in files(clips()) {
        let probed = probe_file(&path).unwrap();
        for (selection, range, filter) in [
            (Selection::All, None, "null"),
            (
                Selection::All,
                range,
                "setpts=PTS-STARTPTS,select='gte(t,1)*lt(t,2.5)'",
            ),
            (Selection::EveryNth(7), None, "select='not(mod(n,7))'"),
            (Selection::Keyframes, None, "select='key'"),
            (
                Selection::Scenes {
                    threshold: Ratio::new(1, 50),
                },
                None,
                "select='eq(n,0)+gt(scene,0.02)'",
            ),
        ] {
            let request = Request {
                range,
                ..Request::new(selection.clone())
            };
            let expected = ffmpeg_md5s(&path, filter);
            let (got, plan, _) = run_forced(&path, &probed, &request, 3).unwrap();
            let indices: Vec<u64> = got.images.iter().map(|i| i.index).collect();
            assert_eq!(indices, (0..got.images.len() as u64).collect::<Vec<_>>());
            let got: Vec<String> = got
                .images
                .into_iter()
                .map(|i| i.frame_md5.unwrap())
                .collect();
            if matches!(selection, Selection::Scenes { .. })
                && probed.video.pixel_format != "yuv420p"
            {
                // ffmpeg converts these before it scores, so its frames have other md5s.
                assert_eq!(got.len(), expected.len(), "{}", path.display());
                continue;
            }
            assert_eq!(
                got,
                expected,
                "{} {selection:?} {}",
                path.display(),
                plan.division
            );
        }
    }
}

#[test]
fn counts_timestamps_and_duplicates_follow_the_rule() {
    let path = clips().join("h264-gop25.mp4");
    let probed = probe_file(&path).unwrap();
    let take = |request: &Request, segments| {
        let (got, _, _) = run_forced(&path, &probed, request, segments).unwrap();
        let tick = |i: &ExtractedImage| (i.index, *(i.time * 25).numer());
        got.images.iter().map(tick).collect::<Vec<_>>()
    };
    let frames = |list: &[i64]| {
        list.iter()
            .enumerate()
            .map(|(i, f)| (i as u64, *f))
            .collect::<Vec<_>>()
    };
    // 150 frames at 25 a second.
    let count = |n| Request::new(Selection::Count(n));
    assert_eq!(take(&count(4), 1), frames(&[0, 37, 75, 112]));
    let times = [
        Ratio::new(1, 2),
        Ratio::new(59, 10),
        Ratio::from(0),
        Ratio::new(201, 100),
        Ratio::from(7),
    ];
    let asked = Request::new(Selection::Timestamps(times.to_vec()));
    for segments in [1, 2, 3, 6] {
        assert_eq!(take(&asked, segments), frames(&[0, 12, 50, 147]));
    }
    let fast = Request::new(Selection::Fps(Ratio::from(50)));
    assert_eq!(take(&fast, 3).len(), 300);
    let once = Request {
        duplicates: Duplicates::Skip,
        ..fast
    };
    assert_eq!(take(&once, 3), frames(&(0..150).collect::<Vec<_>>()));
}

/// Mean squared error to PSNR, of two pictures decoded by ffmpeg to the same packed pixels.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
        .sum();
    10.0 * (65025.0 * a.len() as f64 / sum.max(1) as f64).log10()
}

fn ffmpeg_rgb(path: &Path, filter: &str) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args([
            "-map",
            "0:v:0",
            "-vf",
            filter,
            "-frames:v",
            "1",
            "-pix_fmt",
            "rgb24",
            "-f",
            "rawvideo",
            "-",
        ])
        .output()
        .expect("run ffmpeg");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn webp_by_ffmpeg(video: &Path, filter: &str, out: &Path) {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-nostdin", "-i"])
        .arg(video)
        .args(["-vf", filter, "-frames:v", "1", "-c:v", "libwebp"])
        .args(["-quality", "95"])
        .arg(out)
        .output()
        .expect("run ffmpeg");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_format_looks_as_ffmpeg_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    for path in files(clips()) {
        let probed = probe_file(&path).unwrap();
        let request = Request::new(Selection::Timestamps(vec![Ratio::from(0)]));
        let planned = plan(&probed, &request, &PlanOptions::default()).unwrap();
        for (format, extension, least) in [
            (Format::Jpeg, "jpg", 32.0_f64),
            (Format::Png, "png", 38.0),
            (Format::Webp, "webp", 30.0),
        ] {
            let options = ImageOptions {
                format,
                quality: 95,
                ..ImageOptions::default()
            };
            let image = run(&path, &planned, &options).unwrap().images.remove(0);
            let file = folder.path().join(format!("image.{extension}"));
            std::fs::write(&file, &image.data).unwrap();
            let (w, h) = (image.width, image.height);
            let filter =
                format!("scale={w}:{h}:flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24");
            let ours = ffmpeg_rgb(&file, "format=rgb24");
            assert_eq!(
                ours.len(),
                w as usize * h as usize * 3,
                "{} {extension}",
                path.display()
            );
            let got = psnr(&ours, &ffmpeg_rgb(&path, &filter));
            // Halved chroma costs a palette or 4:4:4 more than any fixed bound allows, so WebP is
            // held to what the same encoder makes of the frame in ffmpeg's hands.
            let least = match format {
                Format::Webp => {
                    let peer = folder.path().join("peer.webp");
                    webp_by_ffmpeg(&path, &filter, &peer);
                    let theirs = ffmpeg_rgb(&peer, "format=rgb24");
                    least.min(psnr(&theirs, &ffmpeg_rgb(&path, &filter)) - 2.0)
                }
                _ => least,
            };
            assert!(got >= least, "{} {extension}: {got:.1} dB", path.display());
        }
    }
}

#[test]
fn sizes_are_as_asked() {
    let path = clips().join("h264-sar.mp4");
    let probed = probe_file(&path).unwrap();
    let planned = plan(&probed, &one_a_second(), &PlanOptions::default()).unwrap();
    let base = ImageOptions::default;
    for (options, expected) in [
        (base(), (427, 180)),
        (
            ImageOptions {
                square_pixels: false,
                ..base()
            },
            (320, 180),
        ),
        (
            ImageOptions {
                width: Some(200),
                ..base()
            },
            (200, 84),
        ),
        (
            ImageOptions {
                width: Some(99),
                height: Some(99),
                fit: Fit::Cover,
                ..base()
            },
            (99, 99),
        ),
        (
            ImageOptions {
                width: Some(99),
                height: Some(99),
                fit: Fit::Cover,
                format: Format::Png,
                ..base()
            },
            (99, 99),
        ),
        (
            ImageOptions {
                width: Some(64),
                height: Some(100),
                fit: Fit::Fill,
                ..base()
            },
            (64, 100),
        ),
    ] {
        let image = run(&path, &planned, &options).unwrap().images.remove(0);
        assert_eq!((image.width, image.height), expected, "{options:?}");
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
