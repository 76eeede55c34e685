//! The decoder's sandbox, from outside: the real program, its real child, the kernel's real answers.

mod confined;
mod misdeeds;
mod traced;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const AGENT: &str = env!("CARGO_BIN_EXE_fleet-agent");

fn agent(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(AGENT)
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("start fleet-agent")
}

/// What a hidden subcommand printed.
fn said(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let words = String::from_utf8_lossy(&output.stderr);
        panic!("{error}: {output:?} {words}")
    })
}

/// A short clip that FFmpeg makes here.
fn clip(folder: &Path) -> PathBuf {
    let path = folder.join("clip.mp4");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-nostdin", "-f", "lavfi", "-i"])
        .arg("testsrc2=size=160x120:rate=10:duration=4")
        .args(["-c:v", "libx264", "-preset", "veryfast", "-g", "10"])
        .args(["-pix_fmt", "yuv420p"])
        .arg(&path)
        .status()
        .expect("start ffmpeg");
    assert!(status.success(), "ffmpeg: {status}");
    path
}

/// Damaged and hostile files: the corpus's where it is, and a few made here in any case.
fn nasty(folder: &Path) -> Vec<PathBuf> {
    let good = std::fs::read(clip(folder)).expect("read the clip");
    let mut files: Vec<PathBuf> = [
        (
            "hls.mp4",
            &b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nfile:///etc/hostname\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n"[..],
        ),
        ("concat.mp4", b"ffconcat version 1.0\nfile '/etc/hostname'\n"),
        (
            "dash.mp4",
            b"<?xml version=\"1.0\"?><MPD><Period><BaseURL>http://127.0.0.1:9/</BaseURL></Period></MPD>",
        ),
        (
            "sdp.mp4",
            b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n",
        ),
        (
            "drawing.mp4",
            b"<svg xmlns:xlink=\"x\"><image xlink:href=\"file:///etc/hostname\"/></svg>",
        ),
        ("text.mp4", b"\x1b[2JHello, terminal\n"),
        ("cut.mp4", &good[..good.len() * 2 / 3]),
    ]
    .into_iter()
    .map(|(name, bytes)| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("write a nasty file");
        path
    })
    .collect();
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("FRAMEFLEET_CORPUS").map_or(beside, PathBuf::from);
    for entry in std::fs::read_dir(corpus.join("nasty"))
        .into_iter()
        .flatten()
    {
        let path = entry.expect("list the corpus").path();
        if path.extension().is_none_or(|e| e != "json") {
            files.push(path);
        }
    }
    files.sort();
    files
}
