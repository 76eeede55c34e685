//! Generated clips against the ffmpeg command, which decodes and picks frames without our code.

#[path = "common/clips.rs"]
mod clips;
#[path = "common/mod.rs"]
mod common;
#[path = "common/selections.rs"]
mod selections;

use clips::{clips, ffmpeg_md5s};
use common::*;
use media::{
    Duplicates, ExtractedImage, FileSource, MediaError, PlanOptions, RangeRead, RejectReason,
    Request, Selection, Stretch, TimeRange, extract, plan, probe,
};
use num_rational::Ratio;
use std::process::Command;
use std::sync::{Arc, Mutex};

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
            let most = got.images.len() + plan.segments.len();
            let quick = ["h264-gop25.mp4", "vp9.webm", "av1.webm"].contains(&name(&path).as_str());
            if selection == Selection::Keyframes && quick {
                assert!(got.frames_decoded <= most as u64, "{}", path.display());
            }
            if matches!(selection, Selection::EveryNth(_)) && quick {
                // Leaves and the rest of each GOP are left out.
                let all = got.images.len() as u64 * 7;
                assert!(got.frames_decoded < all * 9 / 10, "{}", path.display());
            }
            let md5s = got.images.into_iter().map(|i| i.frame_md5.unwrap());
            let got: Vec<String> = md5s.collect();
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

/// The decoder cannot leave them out itself.
#[test]
fn av1_pictures_that_none_refers_to_are_not_decoded() {
    let path = clips().join("av1.webm");
    let probed = probe_file(&path).unwrap();
    let request = Request::new(Selection::Timestamps(vec![Ratio::new(24, 25)]));
    let (got, _, _) = run_forced(&path, &probed, &request, 1).unwrap();
    assert_eq!(got.images.len(), 1);
    // Of the 24 frames before, a leaf in four or more.
    let decoded = got.frames_decoded;
    assert!((2..=20).contains(&decoded), "{decoded} frames were decoded");
}

/// The last wanted frame of a clip in one GOP is a second before its end.
#[test]
fn what_follows_the_last_wanted_frame_is_not_decoded() {
    let path = clips().join("h264-one-key.mp4");
    let probed = probe_file(&path).unwrap();
    let decoded = |request: &Request| {
        let (got, _, _) = run_forced(&path, &probed, request, 1).unwrap();
        let times: Vec<Ratio<i64>> = got.images.iter().map(|i| i.time).collect();
        (times, got.frames_decoded)
    };
    let (times, frames) = decoded(&one_a_second());
    assert_eq!(times, (0..6).map(Ratio::from).collect::<Vec<_>>());
    assert!((1..=126).contains(&frames), "{frames}");
    // A time on the last of the 150 frames still finds it; at their end nothing is shown.
    let last = Ratio::new(149, 25);
    let (times, _) = decoded(&Request::new(Selection::Timestamps(vec![last])));
    assert_eq!(times, [last]);
    let late = vec![Ratio::new(599, 100), Ratio::from(6), Ratio::from(60)];
    let (times, _) = decoded(&Request::new(Selection::Timestamps(late)));
    assert_eq!(times, [last]);
    let past = Request::new(Selection::Timestamps(vec![Ratio::from(6)]));
    assert_eq!(decoded(&past), (vec![], 0));
}

/// Which clips can be divided for which selections; the rest must say why not.
#[test]
fn selections_are_the_same_in_any_number_of_segments() {
    let mut divided = std::collections::BTreeMap::new();
    for path in files(clips()) {
        for (what, request) in selections::requests() {
            let row = selections::check(&path, what, &request, &[1, 2, 3, 7]);
            assert_eq!(row.problem, None, "{} {what}", row.name);
            assert!(!row.replanned, "{} {what}", row.name);
            let most = row.segments.iter().max().copied().unwrap_or(0);
            divided
                .entry(what)
                .or_insert_with(Vec::new)
                .push((row.name, most));
        }
    }
    for (what, rows) in divided {
        let segments = |name: &str| rows.iter().find(|(n, _)| n == name).map(|(_, n)| *n);
        assert!(segments("h264-gop25.mp4") > Some(3), "{what}: {rows:?}");
        assert!(segments("hevc-gop25.mp4") > Some(1), "{what}: {rows:?}");
        // Matroska's index does not count frames.
        let counted = what.starts_with("every 7th");
        assert_eq!(
            segments("h264-29.97.mkv") > Some(1),
            !counted,
            "{what}: {rows:?}"
        );
    }
}

/// Packets before time 0 have no timestamp in Matroska, and push the frames behind them back.
#[test]
fn a_cut_that_begins_before_its_time_is_the_same_in_any_number_of_segments() {
    let folder = tempfile::tempdir().expect("make a folder");
    let cut = folder.path().join("cut.mkv");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-ss", "1.3", "-i"])
        .arg(clips().join("h264-gop25.mp4"))
        .args(["-c", "copy", "-avoid_negative_ts", "disabled"])
        .arg(&cut)
        .status()
        .expect("run ffmpeg");
    assert!(status.success());
    let mut requests = selections::requests();
    requests.push(("rarely", Request::new(Selection::Fps(Ratio::new(1, 3)))));
    for (what, request) in requests {
        let row = selections::check(&cut, what, &request, &[1, 2, 3, 7]);
        assert_eq!(row.problem, None, "{what}");
        assert!(row.images > 0, "{what}");
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
    for segments in [1, 2, 3, 6] {
        assert_eq!(take(&count(4), segments), frames(&[0, 37, 75, 112]));
    }
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
    // The limit is on images, and not on the 300 times that give them.
    let limited = Request {
        max_images: 160,
        ..once
    };
    for segments in [1, 3] {
        assert_eq!(take(&limited, segments).len(), 150, "{segments}");
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

/// Remembers what it was told to expect.
struct Told(FileSource, Arc<Mutex<Vec<Stretch>>>);

impl RangeRead for Told {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_at(offset, buf)
    }

    fn expect(&mut self, stretches: &[Stretch]) {
        self.1.lock().unwrap().extend(stretches);
    }
}

#[test]
fn a_source_is_told_of_each_keyframe_before_it_is_looked_at() {
    for name in ["h264-gop25.mp4", "h264-29.97.mkv", "hevc-gop25.mp4"] {
        let told = Arc::default();
        let source = FileSource::open(clips().join(name)).unwrap();
        let source = Box::new(Told(source, Arc::clone(&told)));
        let entries = probe(source, &limits()).unwrap().entries;
        assert!(!entries.is_empty(), "{name}");
        let told = told.lock().unwrap();
        for entry in &entries {
            let at = entry.point.position;
            let inside = |s: &Stretch| (s.offset..s.offset + u64::from(s.length)).contains(&at);
            assert!(told.iter().any(inside), "{name}: {at} is not in {told:?}");
        }
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
