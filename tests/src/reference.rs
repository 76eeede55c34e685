//! A clip as ffprobe and ffmpeg see it, frame by frame: what selections are judged by.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Of the clip that this is for: 150 frames, six seconds.
pub const CLIP: &str = "h264-gop25.mp4";
pub const WIDTH: usize = 320;
pub const HEIGHT: usize = 180;

pub struct Clip {
    /// Of each frame, in ticks from the first, and whether it is a keyframe.
    pub frames: Vec<(i64, bool)>,
    /// Ticks a second.
    pub rate: i64,
    /// 8-bit luma of each, full range.
    pub luma: Vec<u8>,
    /// The frames where ffmpeg sees a new scene.
    pub scenes: Vec<usize>,
}

impl Clip {
    /// The last frame at or before n/d seconds.
    pub fn at(&self, n: i64, d: i64) -> usize {
        let before = |(rel, _): &(i64, bool)| rel * d <= n * self.rate;
        self.frames
            .iter()
            .rposition(before)
            .expect("the first frame is at 0")
    }

    /// The frames at start, start + step, … up to but not at the end; each as a fraction.
    pub fn steps(&self, start: (i64, i64), step: (i64, i64), end: (i64, i64)) -> Vec<usize> {
        (0..)
            .map(|k| (start.0 * step.1 + k * step.0 * start.1, start.1 * step.1))
            .take_while(|(n, d)| n * end.1 < end.0 * d)
            .map(|(n, d)| self.at(n, d))
            .collect()
    }

    pub fn between(&self, from: (i64, i64), to: (i64, i64)) -> Vec<usize> {
        let inside = |rel: i64| rel * from.1 >= from.0 * self.rate && rel * to.1 < to.0 * self.rate;
        (0..self.frames.len())
            .filter(|n| inside(self.frames[*n].0))
            .collect()
    }
}

pub fn look(path: &Path) -> Result<Clip> {
    let listed = output(
        Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-select_streams",
                "V:0",
                "-of",
                "json",
                "-show_entries",
            ])
            .arg("stream=time_base:frame=pts,key_frame")
            .arg(path),
    )?;
    let facts: Value = serde_json::from_slice(&listed.0)?;
    let base = facts["streams"][0]["time_base"]
        .as_str()
        .context("time_base")?;
    let rate = base
        .strip_prefix("1/")
        .context("read the time base")?
        .parse()?;
    let list = facts["frames"].as_array().context("frames")?;
    let frames: Vec<(i64, bool)> = list
        .iter()
        .filter_map(|f| Some((f["pts"].as_i64()?, f["key_frame"] == 1)))
        .collect();
    let first = frames.first().context("a first frame")?.0;
    let frames: Vec<_> = frames
        .into_iter()
        .map(|(pts, key)| (pts - first, key))
        .collect();
    let shown = output(
        Command::new("ffmpeg")
            .args(["-nostdin", "-i"])
            .arg(path)
            .args([
                "-vf",
                "select='eq(n,0)+gt(scene,0.01)',showinfo",
                "-f",
                "null",
                "-",
            ]),
    )?;
    let text = String::from_utf8_lossy(&shown.1).into_owned();
    let times = text.lines().filter(|l| l.contains("Parsed_showinfo"));
    let times = times.filter_map(|l| {
        l.split("pts:")
            .nth(1)?
            .split_whitespace()
            .next()?
            .parse::<i64>()
            .ok()
    });
    let scenes: Vec<usize> = times
        .filter_map(|pts| frames.iter().position(|(rel, _)| *rel == pts - first))
        .collect();
    let luma = luma(&["-i", &path.to_string_lossy()])?;
    ensure!(
        frames.len() == 150 && luma.len() == 150 * WIDTH * HEIGHT,
        "{} frames",
        frames.len()
    );
    ensure!(
        scenes.len() > 5 && scenes.len() < 150,
        "{} scenes",
        scenes.len()
    );
    Ok(Clip {
        frames,
        rate,
        luma,
        scenes,
    })
}

pub fn luma(input: &[&str]) -> Result<Vec<u8>> {
    let command = &mut Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]).args(input);
    command.args([
        "-fps_mode",
        "passthrough",
        "-pix_fmt",
        "gray",
        "-f",
        "rawvideo",
        "-",
    ]);
    Ok(output(command)?.0)
}

pub fn output(command: &mut Command) -> Result<(Vec<u8>, Vec<u8>)> {
    let output = command
        .output()
        .with_context(|| format!("start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {} {said}",
        output.status
    );
    Ok((output.stdout, output.stderr))
}

/// A copy of a clip that players turn by a quarter.
pub fn turned(clip: &Path, folder: &Path) -> Result<PathBuf> {
    let to = folder.join("turned.mp4");
    // FFmpeg 6 has an option for it, FFmpeg 5 a tag that its muxer understands.
    let by_option = &["-display_rotation", "90"][..];
    for (before, after) in [
        (by_option, &[][..]),
        (&[][..], &["-metadata:s:v:0", "rotate=90"][..]),
    ] {
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-nostdin"])
            .args(before)
            .arg("-i")
            .arg(clip)
            .args(["-c", "copy"])
            .args(after)
            .arg(&to)
            .output()?;
        let probed = Command::new("ffprobe")
            .args(["-v", "error", "-show_entries", "stream_side_data=rotation"])
            .arg(&to)
            .output()?;
        if made.status.success() && String::from_utf8_lossy(&probed.stdout).contains("rotation=") {
            return Ok(to);
        }
    }
    anyhow::bail!("ffmpeg makes no clip with a display matrix")
}
