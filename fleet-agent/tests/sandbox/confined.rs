//! Honest work is the same inside the sandbox, and hostile files end in words.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{AGENT, agent, clip, nasty, said};

fn images(file: &Path, folder: &Path, more: &[&str]) -> (Value, Vec<(String, Vec<u8>)>) {
    std::fs::create_dir_all(folder).expect("make a folder");
    let (file, into) = (file.to_string_lossy(), folder.to_string_lossy());
    let arguments = [&["try", &*file, "--images", &*into], more].concat();
    let output = agent(&arguments, &[]);
    assert!(output.status.success(), "{output:?}");
    let mut images: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .expect("list the images")
        .map(|entry| {
            let entry = entry.expect("list the images");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).expect("read an image"))
        })
        .collect();
    images.sort();
    (said(&output), images)
}

#[test]
fn a_video_gives_the_same_bytes_inside_the_sandbox_and_outside() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = clip(folder.path());
    let (inside, confined) = images(&file, &folder.path().join("in"), &[]);
    let (outside, free) = images(&file, &folder.path().join("out"), &["--unconfined"]);
    assert_eq!(inside, outside);
    assert_eq!(inside["images"], 4, "{inside}");
    assert_eq!(confined.len(), 4);
    assert_eq!(confined, free);
}

#[test]
fn every_nasty_file_ends_as_it_does_outside() {
    let folder = tempfile::tempdir().expect("make a folder");
    let files = nasty(folder.path());
    let mut different = Vec::new();
    for file in &files {
        let path = file.to_string_lossy();
        let inside = said(&agent(&["try", &path], &[]));
        let outside = said(&agent(&["try", "--unconfined", &path], &[]));
        if inside != outside {
            different.push(format!("{path}:\n  inside {inside}\n  outside {outside}"));
        }
    }
    println!("{} files, {} different", files.len(), different.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn the_doctor_says_what_is_in_force() {
    let output = Command::new(AGENT).arg("doctor").env_clear().output();
    let output = output.expect("start fleet-agent");
    let told = String::from_utf8_lossy(&output.stdout);
    // Without a configuration it says so, and still looks at everything else.
    assert!(!output.status.success(), "{told}");
    for words in [
        "WRONG  configuration    FRAMEFLEET_FLEET is not set",
        "ok     sandbox",
        "seccomp on",
        "refused: Operation not permitted",
        "ok     ffmpeg",
    ] {
        assert!(told.contains(words), "no {words:?} in:\n{told}");
    }
}
