//! Generated clips that may be entered in the middle, and clips that only seem so.

#[path = "common/clips.rs"]
mod clips;
#[path = "common/mod.rs"]
mod common;
#[path = "common/selections.rs"]
mod selections;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use clips::clips;
use common::*;
use media::{
    ExtractedImage, PlanOptions, RangeRead, Request, Selection, Stretch, TimeRange, extract, plan,
};
use num_rational::Ratio;
use tempfile::TempDir;

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
        let path = bent(&folder, clip, name, pts);
        let mut replanned = 0;
        for (what, request) in requests() {
            let row = selections::check(&path, what, &request, &[1, 2, 3, 7]);
            assert_eq!(row.problem, None, "{name} {what}");
            replanned += u32::from(row.replanned);
        }
        assert!(replanned > 0, "{name} is in order");
    }
}

/// One frame, or a few, say that they are shown somewhere else. In codecs that show pictures in the order
/// of coding their neighbours tell where they belong, and every image is as if nothing had been wrong.
#[test]
fn timestamps_out_of_line_move_no_other_frame() {
    let folder = tempfile::tempdir().unwrap();
    for (clip, name, pts) in [
        ("vp9.webm", "late.webm", "if(eq(N,10),PTS+2000,PTS)"),
        ("vp9.webm", "late-key.webm", "if(eq(N,60),PTS+1000,PTS)"),
        ("vp9.webm", "four.mkv", "if(between(N,40,43),PTS+1500,PTS)"),
        ("av1.webm", "late.mkv", "if(eq(N,46),PTS+700,PTS)"),
    ] {
        let (straight, path) = (clips().join(clip), bent(&folder, clip, name, pts));
        for (what, request) in requests() {
            let row = selections::check(&path, what, &request, &[1, 2, 3, 7]);
            assert_eq!(row.problem, None, "{name} {what}");
            let images = |path: &Path| {
                let probed = probe_file(path).unwrap();
                let (got, _, _) = run_forced(path, &probed, &request, 1).unwrap();
                got.images
            };
            let (got, expected) = (images(&path), images(&straight));
            assert_eq!(got.len(), expected.len(), "{name} {what}");
            for (got, expected) in got.iter().zip(&expected) {
                let seen = |i: &ExtractedImage| (i.index, i.time, i.frame_md5.clone());
                assert_eq!(seen(got), seen(expected), "{name} {what}");
            }
        }
        let probed = probe_file(&path).unwrap();
        let all = Request::new(Selection::All);
        let (got, _, _) = run_forced(&path, &probed, &all, 1).unwrap();
        assert!(
            got.warnings.iter().any(|w| w.contains("out of line")),
            "{name}: {:?}",
            got.warnings
        );
    }
}

fn requests() -> Vec<(&'static str, Request)> {
    let rates = [Ratio::from(1), Ratio::new(30000, 1001), Ratio::new(1, 3)];
    let by_rate = rates.map(|rate| ("fps", Request::new(Selection::Fps(rate))));
    selections::requests().into_iter().chain(by_rate).collect()
}

/// A clip with other timestamps.
fn bent(folder: &TempDir, clip: &str, name: &str, pts: &str) -> PathBuf {
    let path = folder.path().join(name);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(clips().join(clip))
        .args(["-c", "copy", "-bsf:v"])
        .arg(format!("setts=pts={}", pts.replace(',', "\\,")))
        .arg(&path)
        .status();
    assert!(status.unwrap().success(), "{name}");
    path
}

/// Segments without an image, and a range without a frame.
#[test]
fn every_nth_may_pass_by_whole_segments() {
    let path = clips().join("h264-gop25.mp4");
    let probed = probe_file(&path).unwrap();
    let request = Request::new(Selection::EveryNth(60));
    let (got, plan, replanned) = run_forced(&path, &probed, &request, 6).unwrap();
    assert_eq!((plan.segments.len(), replanned), (6, false));
    let times: Vec<Ratio<i64>> = got.images.iter().map(|i| i.time).collect();
    assert_eq!(
        times,
        [Ratio::from(0), Ratio::new(12, 5), Ratio::new(24, 5)]
    );
    let nothing = Request {
        range: Some(TimeRange {
            start: Ratio::new(1, 100),
            end: Some(Ratio::new(2, 100)),
        }),
        ..request
    };
    let (got, _, _) = run_forced(&path, &probed, &nothing, 1).unwrap();
    assert_eq!(got.images.len(), 0);
}

/// Pictures that were lost are no frames, wherever the counting began.
#[test]
fn lost_pictures_are_counted_alike_in_any_number_of_segments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holes.mov");
    let mut bytes = std::fs::read(clips().join("prores.mov")).unwrap();
    let frames: Vec<usize> = (0..bytes.len() - 4)
        .filter(|at| &bytes[*at..at + 4] == b"icpf")
        .collect();
    assert_eq!(frames.len(), 100);
    for lost in [15, 23, 40] {
        bytes[frames[lost] - 4..frames[lost + 1] - 4].fill(0);
    }
    std::fs::write(&path, &bytes).unwrap();
    let row = selections::check(
        &path,
        "every 10th",
        &Request::new(Selection::EveryNth(10)),
        &[1, 2, 3, 7],
    );
    assert_eq!(row.problem, None);
    let (got, _, _) = run_forced(
        &path,
        &probe_file(&path).unwrap(),
        &Request::new(Selection::EveryNth(10)),
        1,
    )
    .unwrap();
    let times: Vec<i64> = got
        .images
        .iter()
        .map(|i| (i.time * 25).to_integer())
        .collect();
    assert_eq!(times, [0, 10, 21, 32, 43, 53, 63, 73, 83, 93]);
}

/// Where each picture stands alone, only the wanted ones are decoded, and hardly more are read.
#[test]
fn of_single_pictures_only_the_wanted_are_read_and_decoded() {
    for clip in ["prores.mov", "mjpeg.mkv"] {
        let path = clips().join(clip);
        let probed = probe_file(&path).unwrap();
        let two = PlanOptions {
            forced_segments: Some(2),
            ..PlanOptions::default()
        };
        let divided = plan(&probed, &one_a_second(), &two).unwrap();
        let watched = Watched::of(&path);
        let (mut images, mut decoded) = (0, 0);
        for segment in 0..2 {
            let source = Box::new(watched.clone());
            let outcome = extract(source, &divided, segment, &with_md5(), &mut |_| Ok(()));
            let outcome = outcome.unwrap();
            images += outcome.images;
            decoded += outcome.frames_decoded;
        }
        assert_eq!((images, decoded), (4, 4), "{clip}");
        let log = watched.log.lock().unwrap();
        let read: usize = log.read.iter().map(|(_, length)| length).sum();
        let size = path.metadata().unwrap().len() as usize;
        assert!(read < size * 2 / 3, "{clip}: {read} of {size} bytes");
    }
}

/// What FFmpeg knows of a Matroska before its first seek is only the beginning, in which no clock goes back.
#[test]
fn a_matroska_whose_clock_goes_back_is_not_jumped_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("back.mkv");
    let mut bytes = std::fs::read(clips().join("mjpeg.mkv")).unwrap();
    let end = bytes.len();
    turn_back(&mut bytes, 0, end, &|time| {
        if time >= 2000 { time - 1980 } else { time }
    });
    std::fs::write(&path, bytes).unwrap();
    let probed = probe_file(&path).unwrap();
    assert!(
        probed.division.contains("order of time"),
        "{}",
        probed.division
    );
    let taken = |selection| {
        let request = Request::new(selection);
        run_forced(&path, &probed, &request, 1).unwrap().0.images
    };
    let all = taken(Selection::All);
    assert_eq!(all.len(), 100);
    for every in [Ratio::new(1, 2), Ratio::from(1), Ratio::new(3, 2)] {
        let some = taken(Selection::EverySeconds(every));
        let times = (0..).map(|n| every * n);
        let last = all.last().unwrap().time;
        let expected: Vec<&str> = times
            .take_while(|t| *t <= last)
            .map(|t| all.iter().rfind(|i| i.time <= t).unwrap())
            .map(|i| i.frame_md5.as_deref().unwrap())
            .collect();
        let got: Vec<&str> = some
            .iter()
            .map(|i| i.frame_md5.as_deref().unwrap())
            .collect();
        assert_eq!(got, expected, "every {every}");
    }
}

/// FFmpeg's index keeps only the later of two keyframes at one time, so it shows no clock that goes back.
#[test]
fn a_matroska_whose_clock_begins_anew_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let straight = std::fs::read(clips().join("mjpeg.mkv")).unwrap();
    let all = || vec![("all", Request::new(Selection::All))];
    // The second clock shows nothing of what is read before the index is: only whoever meets it knows.
    for (name, from, by, requests) in [
        ("anew.mkv", 2000, 2000, requests()),
        ("again.mkv", 3000, 1000, all()),
    ] {
        let path = folder.path().join(name);
        let (mut bytes, end) = (straight.clone(), straight.len());
        turn_back(&mut bytes, 0, end, &|t| if t >= from { t - by } else { t });
        std::fs::write(&path, bytes).unwrap();
        for (what, request) in requests {
            let row = selections::check(&path, what, &request, &[1, 2, 3, 7]);
            assert_eq!(row.problem, None, "{name} {what}");
            assert!(what != "all" || row.images == 100, "{name}: {}", row.images);
        }
    }
}

/// Sets another clock in clusters and cues, and takes away how long a frame lasts, so that FFmpeg must look
/// at many.
fn turn_back(bytes: &mut [u8], mut at: usize, end: usize, clock: &dyn Fn(u64) -> u64) {
    const SEGMENT: u32 = 0x1853_8067;
    const CLUSTER: u32 = 0x1F43_B675;
    const CUES: u32 = 0x1C53_BB6B;
    const TRACKS: u32 = 0x1654_AE6B;
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n: u64, b| n << 8 | u64::from(*b));
    while at < end {
        let start = at;
        let length = bytes[at].leading_zeros() as usize + 1;
        let id = number(&bytes[at..at + length]) as u32;
        at += length;
        let length = bytes[at].leading_zeros() as usize + 1;
        let size = number(&bytes[at..at + length]) & !(u64::MAX << (7 * length));
        at += length;
        let past = end.min(at + size as usize);
        match id {
            // Cue points, track entries.
            SEGMENT | CLUSTER | CUES | TRACKS | 0xBB | 0xAE => turn_back(bytes, at, past, clock),
            // Timestamps of clusters and of cue points.
            0xE7 | 0xB3 => {
                let wide = clock(number(&bytes[at..past])).to_be_bytes();
                let size = past - at;
                bytes[at..past].copy_from_slice(&wide[8 - size..]);
            }
            // DefaultDuration becomes a Void.
            0x23_E383 => {
                bytes[start] = 0xEC;
                bytes[start + 1] = 0x80 | (past - start - 2) as u8;
            }
            _ => {}
        }
        at = past;
    }
}

/// Whoever reads from far away knows what comes before it is waited for.
#[test]
fn what_is_read_after_jumps_was_announced() {
    for (clip, every, images) in [
        ("prores.mov", 1, 4),
        ("mjpeg.mkv", 1, 4),
        ("h264-gop25.mp4", 2, 3),
    ] {
        let path = clips().join(clip);
        let every = Ratio::from(every);
        let request = Request {
            range: Some(TimeRange {
                start: Ratio::from(0),
                end: Some(every * (images - 1) + Ratio::new(1, 10)),
            }),
            ..Request::new(Selection::EverySeconds(every))
        };
        // In two segments, as only what was divided has an index that is read.
        let two = PlanOptions {
            forced_segments: Some(2),
            ..PlanOptions::default()
        };
        let probed = probe_file(&path).unwrap();
        let divided = plan(&probed, &request, &two).unwrap();
        let (mut taken, mut jumped) = (0, 0);
        for segment in 0..2 {
            let watched = Watched::of(&path);
            let source = Box::new(watched.clone());
            let outcome = extract(source, &divided, segment, &with_md5(), &mut |_| Ok(()));
            taken += outcome.unwrap().images;
            let log = watched.log.lock().unwrap();
            let Some((_, first)) = log.told.first() else {
                continue;
            };
            jumped += log.told.len();
            for (offset, length) in &log.read[*first..] {
                let inside = |(told, _): &(Stretch, usize)| {
                    let end = told.offset + u64::from(told.length);
                    *offset >= told.offset && offset + *length as u64 <= end
                };
                assert!(log.told.iter().any(inside), "{clip}: {offset} {length}");
            }
        }
        assert_eq!(taken, images as u64, "{clip}");
        assert!(jumped > 0, "{clip}");
    }
}

/// A file, and how it was read.
#[derive(Clone)]
struct Watched {
    path: PathBuf,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    /// Where, and how many bytes.
    read: Vec<(u64, usize)>,
    /// After how many reads.
    told: Vec<(Stretch, usize)>,
}

impl Watched {
    fn of(path: &Path) -> Self {
        let path = path.to_owned();
        let log = Arc::default();
        Self { path, log }
    }
}

impl RangeRead for Watched {
    fn len(&self) -> u64 {
        open(&self.path).len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let read = open(&self.path).read_at(offset, buf)?;
        self.log.lock().unwrap().read.push((offset, read));
        Ok(read)
    }

    fn expect(&mut self, stretches: &[Stretch]) {
        let mut log = self.log.lock().unwrap();
        let reads = log.read.len();
        log.told.extend(stretches.iter().map(|s| (*s, reads)));
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
