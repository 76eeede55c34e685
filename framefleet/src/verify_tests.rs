use std::io::Write;

use super::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const PICTURE: &[u8] = b"a picture";

fn archive(directory: &Path, entries: &[(&str, &[u8])]) -> std::path::PathBuf {
    let path = directory.join("a.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in entries {
        zip.start_file(*name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    path
}

fn manifest(directory: &Path, file: &str, bytes: u64, crc32: &str) -> std::path::PathBuf {
    let image = Image {
        file: file.into(),
        index: 0,
        pts: 0,
        time_exact: "0".into(),
        time: 0.0,
        requested: None,
        keyframe: true,
        width: 1,
        height: 1,
        bytes,
        crc32: crc32.into(),
    };
    let manifest = serde_json::json!({
        "version": 1, "filename": "v", "extract": {}, "warnings": [],
        "plan": {"segments": [], "division": ""},
        "video": {
            "container": "", "codec": "", "profile": null, "pixel_format": "", "width": 1,
            "height": 1, "rotation": 0, "mirrored": false, "sample_aspect_ratio": "1/1",
            "time_base": "1/1", "first_pts": 0, "claimed_duration": null, "size_bytes": 1,
            "average_frame_rate": null, "variable_frame_rate": null, "color": {
                "range": null, "matrix": null, "primaries": null, "transfer": null
            }, "audio_tracks": 0, "stream_index": 0
        },
        "images": [image],
    });
    let path = directory.join("m.json");
    std::fs::write(&path, manifest.to_string()).unwrap();
    path
}

#[test]
fn an_archive_is_held_to_its_manifest() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let crc = format!("{:08x}", crc32fast::hash(PICTURE));
    let right: &[(&str, &[u8])] = &[("1.jpg", PICTURE), ("manifest.json", b"{}")];
    let more: &[(&str, &[u8])] = &[("1.jpg", PICTURE), ("2.jpg", PICTURE)];
    for (entries, bytes, crc, words) in [
        (right, 9, crc.as_str(), ""),
        (right, 8, &crc, "9 bytes; the manifest says 8"),
        (right, 9, "00000000", "the manifest says 00000000"),
        (&right[1..], 9, &crc, "find 1.jpg"),
        (more, 9, &crc, "2.jpg is not in the manifest"),
    ] {
        let archive = archive(dir, entries);
        let manifest = manifest(dir, "1.jpg", bytes, crc);
        match verify(&archive, &manifest) {
            Ok(found) => assert_eq!((found.images.len(), words), (1, "")),
            Err(error) => assert!(
                !words.is_empty() && error.to_string().contains(words),
                "{error}"
            ),
        }
    }
}

#[test]
fn a_flipped_byte_in_an_image_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let archive = archive(directory.path(), &[("1.jpg", PICTURE)]);
    let crc = format!("{:08x}", crc32fast::hash(PICTURE));
    let manifest = manifest(directory.path(), "1.jpg", 9, &crc);
    let mut bytes = std::fs::read(&archive).unwrap();
    let at = bytes
        .windows(PICTURE.len())
        .position(|w| w == PICTURE)
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&archive, bytes).unwrap();
    let error = verify(&archive, &manifest).unwrap_err();
    assert!(error.to_string().contains("1.jpg"), "{error}");
}
