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
    let md5s = ["-fps_mode", "passthrough", "-f", "framemd5", "-"];
    let out = ffmpeg(
        &["-noautorotate"],
        path,
        &["-map", "0:v:0", "-vf", filter],
        &md5s,
    );
    let text = String::from_utf8(out).expect("text");
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|l| l.rsplit(',').next().expect("md5").trim().to_owned())
        .collect()
}

/// What ffmpeg writes to its standard output.
pub fn ffmpeg(before: &[&str], path: &Path, filters: &[&str], output: &[&str]) -> Vec<u8> {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(before)
        .arg("-i")
        .arg(path)
        .args(filters)
        .args(output)
        .output()
        .expect("run ffmpeg");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    made.stdout
}
