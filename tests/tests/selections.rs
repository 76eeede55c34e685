//! Every selection, format and size through the REST API and a local fleet: divided into segments it
//! gives what one segment gives, and the frames are those that ffprobe and ffmpeg name.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use fleet_tests::reference::{CLIP, Clip, HEIGHT, WIDTH, look, luma, output, turned};
use fleet_tests::{archive, corpus, fleet};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

const AT_ONCE: usize = 4;

/// Which frames a spec asks for, by number.
type Frames = fn(&Clip) -> Vec<usize>;

/// Name, spec, and the frames.
fn cases() -> Vec<(&'static str, Value, Frames)> {
    vec![
        (
            "fps, a fraction",
            json!({ "select": { "fps": "7/2" } }),
            |c| c.steps((0, 1), (2, 7), (6, 1)),
        ),
        (
            "fps above the video's",
            json!({ "select": { "fps": "30000/1001" }, "image": { "format": "webp" } }),
            |c| c.steps((0, 1), (1001, 30000), (6, 1)),
        ),
        (
            "every_seconds",
            json!({ "select": { "every_seconds": 0.7 }, "image": { "format": "png" } }),
            |c| c.steps((0, 1), (7, 10), (6, 1)),
        ),
        (
            "fps in a range",
            json!({ "select": { "fps": 3 }, "range": { "start": 0.8, "end": 4.1 } }),
            |c| c.steps((8, 10), (1, 3), (41, 10)),
        ),
        (
            "fps without duplicates",
            json!({ "select": { "fps": 50 }, "duplicates": "skip" }),
            |c| (0..c.frames.len()).collect(),
        ),
        (
            "fps, named by time",
            json!({ "select": { "fps": 2 }, "naming": "time" }),
            |c| c.steps((0, 1), (1, 2), (6, 1)),
        ),
        ("every_nth", json!({ "select": { "every_nth": 7 } }), |c| {
            (0..c.frames.len()).step_by(7).collect()
        }),
        (
            "every_nth in a range",
            json!({ "select": { "every_nth": 4 }, "range": { "start": 0.8, "end": 4.1 } }),
            |c| {
                c.between((8, 10), (41, 10))
                    .into_iter()
                    .step_by(4)
                    .collect()
            },
        ),
        (
            "timestamps",
            json!({ "select": { "timestamps": [0.5, 5.9, 0, "201/100", 7] } }),
            |c| {
                [(0, 1), (1, 2), (201, 100), (59, 10)]
                    .map(|(n, d)| c.at(n, d))
                    .to_vec()
            },
        ),
        (
            "count",
            json!({ "select": { "count": 11 }, "image": { "format": "png" } }),
            |c| c.steps((0, 1), (6, 11), (6, 1)),
        ),
        (
            "keyframes",
            json!({ "select": { "keyframes": true } }),
            |c| (0..c.frames.len()).filter(|n| c.frames[*n].1).collect(),
        ),
        (
            "scenes",
            json!({ "select": { "scenes": { "threshold": 0.01 } } }),
            |c| c.scenes.clone(),
        ),
        (
            "all",
            json!({ "select": { "all": true }, "image": { "quality": 60 } }),
            |c| (0..c.frames.len()).collect(),
        ),
        (
            "all in a range",
            json!({ "select": { "all": true }, "range": { "start": 0.8, "end": 4.1 }, "naming": "time" }),
            |c| c.between((8, 10), (41, 10)),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_selection_is_the_same_in_many_segments_and_in_one() -> Result<()> {
    let folder = corpus::generate()?;
    let path = folder.join(CLIP);
    let clip = look(&path)?;
    let bytes: Bytes = std::fs::read(&path)?.into();
    let divided = everything(2, "60000", &bytes).await?;
    let whole = everything(1, "1000000000000", &bytes).await?;
    let mut wrong = Vec::new();
    let mut images = 0;
    for (((name, _, frames), many), one) in cases().iter().zip(&divided).zip(&whole) {
        match compare(&clip, &frames(&clip), many, one) {
            Ok(count) => images += count,
            Err(error) => wrong.push(format!("{name}: {error:#}")),
        }
    }
    println!(
        "{} selections, {images} images, {} wrong",
        cases().len(),
        wrong.len()
    );
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The archive of every case, from a fleet whose segments are of so many pixels.
async fn everything(agents: usize, segment_pixels: &str, clip: &Bytes) -> Result<Vec<Bytes>> {
    let options = fleet::options(agents).agent_env("FRAMEFLEET_SEGMENT_PIXELS", segment_pixels);
    let (cloud, caller) = fleet::start(options).await?;
    let specs = cases().into_iter().map(|(name, spec, _)| (name, spec));
    let archives = stream::iter(specs)
        .map(|(name, spec)| {
            let (caller, clip) = (caller.clone(), clip.clone());
            async move {
                caller
                    .archive_of("clip.mp4", clip, &spec)
                    .await
                    .context(name)
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    fleet::queues_are_clean(&cloud).await?;
    cloud.shutdown().await;
    Ok(archives)
}

fn compare(clip: &Clip, expected: &[usize], many: &Bytes, one: &Bytes) -> Result<usize> {
    let (many, one) = (archive::read(many)?, archive::read(one)?);
    let manifest = archive::check_manifest(&many)?;
    let single = archive::check_manifest(&one)?;
    let segments = |m: &Value| m["plan"]["segments"].as_array().map_or(0, Vec::len);
    ensure!(
        segments(&single) == 1,
        "the single run has {} segments",
        segments(&single)
    );
    ensure!(segments(&manifest) > 2, "not divided: {}", manifest["plan"]);
    ensure!(
        manifest["images"] == single["images"],
        "the manifests list other images"
    );
    ensure!(many.images == one.images, "the images have other bytes");
    let first = manifest["video"]["first_pts"]
        .as_i64()
        .context("first_pts")?;
    let images = manifest["images"].as_array().context("images")?;
    let got: Vec<i64> = images
        .iter()
        .filter_map(|i| Some(i["pts"].as_i64()? - first))
        .collect();
    let times: Vec<i64> = expected.iter().map(|n| clip.frames[*n].0).collect();
    ensure!(got == times, "frames at {got:?}, not {times:?}");
    looks_like(clip, expected, images, &many)?;
    Ok(images.len())
}

/// Each picture is closer to its frame than to the frames beside it.
fn looks_like(
    clip: &Clip,
    expected: &[usize],
    images: &[Value],
    contents: &archive::Contents,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut extension = String::new();
    for (n, image) in images.iter().enumerate() {
        let name = image["file"].as_str().context("file")?;
        extension = name.rsplit('.').next().unwrap_or_default().to_owned();
        let file = folder.path().join(format!("{n:06}.{extension}"));
        std::fs::write(file, &contents.images[name])?;
    }
    let pattern = folder.path().join(format!("%06d.{extension}"));
    let got = luma(&["-start_number", "0", "-i", &pattern.to_string_lossy()])?;
    let size = WIDTH * HEIGHT;
    ensure!(
        got.len() == size * images.len(),
        "{} bytes of pictures",
        got.len()
    );
    for (n, (frame, got)) in expected.iter().zip(got.chunks(size)).enumerate() {
        let error = |frame: usize| {
            let pairs = clip.luma[frame * size..][..size].iter().zip(got);
            pairs
                .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
                .sum::<u64>() as f64
                / size as f64
        };
        let own = error(*frame);
        // 30 dB.
        ensure!(own < 65.0, "image {n} is {own:.1} off its frame {frame}");
        for other in [frame.wrapping_sub(1), frame + 1] {
            if other < clip.frames.len() {
                ensure!(
                    own < error(other),
                    "image {n} is closer to frame {other} than to {frame}"
                );
            }
        }
    }
    Ok(())
}

/// Names by time count milliseconds. Of a count nobody knows before the end where its times fall.
#[tokio::test(flavor = "multi_thread")]
async fn two_images_of_one_name_fail_the_video_and_say_why() -> Result<()> {
    let clip: bytes::Bytes = std::fs::read(corpus::generate()?.join(CLIP))?.into();
    let (cloud, caller) = fleet::start(fleet::options(1)).await?;
    let spec = json!({ "select": { "count": 100_000 }, "naming": "time" });
    let id = caller.submit("clip.mp4", clip, &spec).await?;
    let ended = caller.ended(&id).await?;
    ensure!(
        ended["state"] == "failed" && ended["failure"]["reason"] == "unsupported_spec",
        "{ended}"
    );
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_and_turns_are_as_asked() -> Result<()> {
    let folder = corpus::generate()?;
    let scratch = tempfile::tempdir()?;
    let wide = folder.join("h264-sar.mp4");
    let turned = turned(&folder.join(CLIP), scratch.path())?;
    let (cloud, caller) = fleet::start(fleet::options(1)).await?;
    for (clip, image, expected) in [
        // 320x180 with pixels four thirds as wide as high.
        (&wide, json!({}), (427, 180)),
        (&wide, json!({ "square_pixels": false }), (320, 180)),
        (&wide, json!({ "width": 200 }), (200, 84)),
        (
            &wide,
            json!({ "width": 99, "height": 99, "fit": "cover", "format": "png" }),
            (99, 99),
        ),
        (
            &wide,
            json!({ "width": 64, "height": 100, "fit": "fill", "format": "webp" }),
            (64, 100),
        ),
        (&turned, json!({}), (180, 320)),
        (&turned, json!({ "format": "png" }), (180, 320)),
        (
            &turned,
            json!({ "orient": false, "format": "webp" }),
            (320, 180),
        ),
    ] {
        let spec = json!({ "select": { "timestamps": [0] }, "image": image });
        let clip = std::fs::read(clip)?.into();
        let bytes = caller.archive_of("clip.mp4", clip, &spec).await?;
        let contents = archive::read(&bytes)?;
        let manifest = archive::check_manifest(&contents)?;
        let listed = &manifest["images"][0];
        let size = (listed["width"].as_u64(), listed["height"].as_u64());
        ensure!(
            size == (Some(expected.0), Some(expected.1)),
            "{image}: {listed}"
        );
        let (name, data) = contents.images.first_key_value().context("an image")?;
        let file = scratch.path().join(name);
        std::fs::write(&file, data)?;
        let probed = output(
            Command::new("ffprobe")
                .args([
                    "-v",
                    "error",
                    "-of",
                    "csv=p=0",
                    "-show_entries",
                    "stream=width,height",
                ])
                .arg(&file),
        )?;
        let probed = String::from_utf8_lossy(&probed.0).trim().to_owned();
        ensure!(
            probed == format!("{},{}", expected.0, expected.1),
            "{image}: {probed}"
        );
    }
    cloud.shutdown().await;
    Ok(())
}
