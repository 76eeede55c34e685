//! JPEGs at equal quality: bytes, PSNR and SSIM of ours and of ffmpeg's over a few settings, and what
//! ffmpeg's would weigh at our quality.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::media::{ONE_A_SECOND, Tools};

struct Row {
    setting: String,
    bytes: f64,
    psnr: f64,
    ssim: f64,
}

/// JPEG means BT.601 in full range. Ours says so with its samples; ffmpeg converts the range only.
/// Both references are worked out in YUV: `scale` would change the matrix by way of 8-bit RGB, whose
/// rounding hides what is to be measured.
const OUR_PLANES: &str = "colorspace=ispace=bt709:iprimaries=bt709:itrc=bt709:irange=tv:\
    space=smpte170m:primaries=bt709:trc=bt709:range=pc:format=yuv420p";
const THEIR_PLANES: &str = "scale=in_color_matrix=bt709:out_color_matrix=bt709:out_range=full";

pub fn run(clip: &Path, tools: &Tools) -> Result<()> {
    println!("JPEG, {}: mean of the images", clip.display());
    let mut ours = Vec::new();
    for quality in ["80", "85", "90", "95"] {
        let mut command = Command::new(&tools.engine);
        ours.push(row(
            clip,
            &format!("ours {quality}"),
            OUR_PLANES,
            |folder| {
                command.arg(clip).arg(folder).args(["--quality", quality]);
                command
            },
        )?);
    }
    let mut theirs = Vec::new();
    for scale in ["2", "3", "4", "6", "8"] {
        let mut command = Command::new("ffmpeg");
        theirs.push(row(
            clip,
            &format!("ffmpeg -q:v {scale}"),
            THEIR_PLANES,
            |folder| {
                command
                    .args(["-v", "error", "-y", "-nostdin", "-i"])
                    .arg(clip);
                command
                    .args(["-vf", ONE_A_SECOND, "-q:v", scale])
                    .arg(folder.join("%06d.jpg"));
                command
            },
        )?);
    }
    for row in ours.iter().chain(&theirs) {
        println!(
            "  {:16} {:8.0} bytes, PSNR {:5.2} dB, SSIM {:.5}",
            row.setting, row.bytes, row.psnr, row.ssim
        );
    }
    for row in &ours {
        if let Some(bytes) = bytes_at(&theirs, row.psnr) {
            println!(
                "  at the PSNR of {}: ffmpeg's / ours {:.2} in bytes",
                row.setting,
                bytes / row.bytes
            );
        }
    }
    Ok(())
}

fn row(
    clip: &Path,
    setting: &str,
    planes: &str,
    command: impl FnOnce(&Path) -> Command,
) -> Result<Row> {
    let folder = tempfile::tempdir()?;
    let status = command(folder.path())
        .stdout(std::process::Stdio::null())
        .status()?;
    ensure!(status.success(), "{setting}: {status}");
    let mut sizes = Vec::new();
    for entry in std::fs::read_dir(folder.path())? {
        sizes.push(entry?.metadata()?.len() as f64);
    }
    let graph = |metric: &str| {
        format!(
            "[0:v]format=yuvj420p,setpts=N/TB[a];[1:v]{ONE_A_SECOND},{planes},format=yuvj420p,setpts=N/TB[b];[a][b]{metric}"
        )
    };
    let score = |metric: &str, before: &str| -> Result<f64> {
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-framerate", "1", "-i"])
            .arg(folder.path().join("%06d.jpg"))
            .arg("-i")
            .arg(clip)
            .args(["-lavfi", &graph(metric), "-f", "null", "-"])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{metric}: {said}");
        let line = said
            .lines()
            .rfind(|l| l.contains(before))
            .context("find the score")?;
        let number = line.split(before).nth(1).unwrap_or_default();
        let number = number.split_whitespace().next().unwrap_or_default();
        number.parse().with_context(|| format!("read {line}"))
    };
    Ok(Row {
        setting: setting.to_owned(),
        bytes: sizes.iter().sum::<f64>() / sizes.len().max(1) as f64,
        psnr: score("psnr", "average:")?,
        ssim: score("ssim", "All:")?,
    })
}

/// Between the two settings around it, in a straight line.
fn bytes_at(rows: &[Row], psnr: f64) -> Option<f64> {
    let pairs = rows.iter().zip(rows.iter().skip(1));
    let (a, b) = pairs
        .into_iter()
        .find(|(a, b)| (b.psnr..=a.psnr).contains(&psnr))?;
    let part = (psnr - b.psnr) / (a.psnr - b.psnr).max(1e-9);
    Some(b.bytes + part * (a.bytes - b.bytes))
}
