//! Videos, and what an independent decoder says of them.
//!
//! `FRAMEFLEET_CORPUS`, or `../shared/corpus` beside the checkout, holds real and damaged videos
//! with references. Where neither is there, clips from `tests/fixtures/generate.sh` stand in, with
//! references made here by ffprobe.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Video {
    pub path: PathBuf,
    /// Ticks from the first frame, of the frames at t = 0, 1, 2 …
    pub samples: Vec<i64>,
}

impl Video {
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    pub fn bytes(&self) -> Result<bytes::Bytes> {
        Ok(std::fs::read(&self.path)
            .with_context(|| format!("read {:?}", self.path))?
            .into())
    }
}

pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

pub fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("FRAMEFLEET_CORPUS").map(PathBuf::from);
    let beside = root().join("../shared/corpus");
    named
        .or(Some(beside))
        .filter(|path| path.join("good").is_dir())
}

/// Every good video with its reference.
pub fn good() -> Result<Vec<Video>> {
    let Some(corpus) = corpus() else {
        return generated();
    };
    let mut videos = Vec::new();
    for entry in std::fs::read_dir(corpus.join("good"))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let reference = corpus.join("reference").join(format!("{name}.json"));
        let reference: Value = serde_json::from_slice(
            &std::fs::read(&reference).with_context(|| format!("read {reference:?}"))?,
        )?;
        videos.push(Video {
            path,
            samples: samples(&reference)?,
        });
    }
    videos.sort_by(|a, b| a.path.cmp(&b.path));
    ensure!(!videos.is_empty(), "the corpus is empty");
    Ok(videos)
}

/// The reference's `samples_1s`, in ticks.
fn samples(reference: &Value) -> Result<Vec<i64>> {
    let list = reference["video"]["samples_1s"]
        .as_array()
        .context("find samples_1s")?;
    list.iter()
        .map(|sample| sample["pts_rel"].as_i64().context("read pts_rel"))
        .collect()
}

/// Damaged and hostile videos with their `expected.json` entries; a few made here where there is no
/// corpus.
pub fn nasty() -> Result<Vec<(PathBuf, Value)>> {
    let Some(corpus) = corpus() else {
        return Ok(Vec::new());
    };
    let expected: Value =
        serde_json::from_slice(&std::fs::read(corpus.join("nasty/expected.json"))?)?;
    let expected = expected.as_object().context("read expected.json")?;
    Ok(expected
        .iter()
        .map(|(name, want)| (corpus.join("nasty").join(name), want.clone()))
        .filter(|(path, _)| path.is_file())
        .collect())
}

/// Clips made by FFmpeg, referenced by ffprobe's own list of frames.
fn generated() -> Result<Vec<Video>> {
    let folder = generate()?;
    let mut videos = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "json" || e == "txt") || !path.is_file() {
            continue;
        }
        let samples = probed(&path)?;
        videos.push(Video { path, samples });
    }
    videos.sort_by(|a, b| a.path.cmp(&b.path));
    ensure!(
        !videos.is_empty(),
        "tests/fixtures/generate.sh made no clips"
    );
    Ok(videos)
}

/// Runs the generator once; later calls find its clips.
pub fn generate() -> Result<PathBuf> {
    // Tests of one program run side by side, and would take each other's half-made clips away.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = root().join("target/fixtures");
    let status = Command::new("bash")
        .arg(root().join("tests/fixtures/generate.sh"))
        .arg(&folder)
        .status()
        .context("start tests/fixtures/generate.sh")?;
    ensure!(status.success(), "tests/fixtures/generate.sh: {status}");
    Ok(folder)
}

fn probed(path: &Path) -> Result<Vec<i64>> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "V:0", "-show_entries"])
        .args([
            "stream=time_base:frame=best_effort_timestamp,pkt_duration,duration",
            "-of",
            "json",
        ])
        .arg(path)
        .output()
        .context("start ffprobe")?;
    ensure!(output.status.success(), "ffprobe {path:?}");
    let facts: Value = serde_json::from_slice(&output.stdout)?;
    let base = facts["streams"][0]["time_base"]
        .as_str()
        .context("time_base")?;
    let (n, d) = base.split_once('/').context("read the time base")?;
    let (n, d): (i64, i64) = (n.parse()?, d.parse()?);
    let frames = facts["frames"].as_array().context("frames")?;
    let mut pts: Vec<i64> = frames
        .iter()
        .filter_map(|f| f["best_effort_timestamp"].as_i64())
        .collect();
    pts.sort_unstable();
    let first = *pts.first().context("a first frame")?;
    let last = frames.last().context("a last frame")?;
    let duration = last["duration"]
        .as_i64()
        .or(last["pkt_duration"].as_i64())
        .unwrap_or(0);
    let end = pts.last().context("a last pts")? - first + duration.max(1);
    // The frame at t is the last with rel * n / d <= t.
    let at = |t: i64| {
        pts.iter()
            .rev()
            .map(|p| p - first)
            .find(|rel| rel * n <= t * d)
    };
    Ok((0..)
        .take_while(|t| t * d < end * n)
        .filter_map(at)
        .collect())
}
