//! What images look like: formats against ffmpeg's own, sizes as asked.

#[path = "common/clips.rs"]
mod clips;
#[path = "common/mod.rs"]
mod common;

use std::path::Path;
use std::process::Command;

use clips::{clips, ffmpeg};
use common::*;
use media::{Fit, Format, ImageOptions, Plan, PlanOptions, Request, Selection, plan};
use num_rational::Ratio;

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
    let picture = ["-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"];
    ffmpeg(&[], path, &["-map", "0:v:0", "-vf", filter], &picture)
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

/// WebM codes alpha apart from the picture, and the two need not have their keyframes together.
#[test]
fn alpha_is_the_same_wherever_decoding_begins() {
    let path = clips().join("vp8-alpha.webm");
    let probed = probe_file(&path).unwrap();
    let png = ImageOptions {
        format: Format::Png,
        ..ImageOptions::default()
    };
    let planned = |selection, segments| -> Plan {
        let options = PlanOptions {
            forced_segments: Some(segments),
            ..PlanOptions::default()
        };
        plan(&probed, &Request::new(selection), &options).unwrap()
    };
    let times = |images: &[media::ExtractedImage]| -> Vec<Ratio<i64>> {
        images.iter().map(|image| image.time).collect()
    };
    let keyframes = planned(Selection::Keyframes, 1);
    let jpegs = run(&path, &keyframes, &ImageOptions::default()).unwrap();
    let pngs = run(&path, &keyframes, &png).unwrap();
    assert_eq!(times(&jpegs.images), times(&pngs.images));
    // The clip is what it is meant to be: not all of its keyframes can be entered at.
    let entries = planned(Selection::Fps(Ratio::from(1)), 99).segments.len();
    assert!(
        (1..pngs.images.len()).contains(&entries),
        "{entries} segments, {} keyframes",
        pngs.images.len()
    );

    let all = run(&path, &planned(Selection::All, 1), &png).unwrap();
    assert!(all.images.iter().filter(|image| image.keyframe).count() == pngs.images.len());
    for segments in [1, 2, 7] {
        let some = planned(Selection::Fps(Ratio::from(1)), segments);
        let got = run(&path, &some, &png).unwrap();
        assert_eq!(got.images.len(), 6);
        for image in got.images {
            let same = all.images.iter().find(|one| one.pts == image.pts);
            let same = same.expect("all has every frame");
            assert!(image.data == same.data, "{segments}: {} s", image.time);
        }
    }
}
