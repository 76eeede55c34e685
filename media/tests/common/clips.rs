//! Generated clips, and what the ffmpeg command makes of them.
#![allow(dead_code)] // Each of its users needs another part of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub fn clips() -> &'static Path {
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
pub fn ffmpeg_md5s(path: &Path, filter: &str) -> Vec<String> {
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
