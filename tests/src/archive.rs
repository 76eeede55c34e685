//! Archives as other people's programs read them.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::Value;

/// Every entry by name. The manifest, which is no image, is kept apart.
#[derive(Debug, PartialEq)]
pub struct Contents {
    pub images: BTreeMap<String, Vec<u8>>,
    pub manifest: Vec<u8>,
}

pub fn read(archive: &Bytes) -> Result<Contents> {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).context("open the archive")?;
    let mut entries = BTreeMap::new();
    for n in 0..zip.len() {
        let mut entry = zip.by_index(n)?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        let name = entry.name().context("read a name")?.into_owned();
        ensure!(
            entries.insert(name.clone(), bytes).is_none(),
            "{name} is there twice"
        );
    }
    let manifest = entries
        .remove("manifest.json")
        .context("find the manifest")?;
    Ok(Contents {
        images: entries,
        manifest,
    })
}

/// `unzip -t`, Python's zipfile and bsdtar must all find the archive sound, with as many entries.
pub fn check_with_others(archive: &Bytes, entries: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("frames.zip");
    std::fs::write(&path, archive)?;
    let path = path.to_str().context("name the archive")?;
    run("unzip", &["-tqq", path])?;
    let listed = run("bsdtar", &["-tf", path])?.lines().count();
    ensure!(
        listed == entries,
        "bsdtar lists {listed} entries, not {entries}"
    );
    let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); \
                  assert z.testzip() is None; print(len(z.namelist()))";
    let counted = run("python3", &["-c", script, path])?;
    ensure!(
        counted.trim() == entries.to_string(),
        "zipfile counts {counted}"
    );
    Ok(())
}

fn run(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(args)
        .output()
        .with_context(|| format!("start {program}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {args:?}: {} {error}",
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The manifest's promises that can be checked against the archive alone.
pub fn check_manifest(contents: &Contents) -> Result<Value> {
    let manifest: Value = serde_json::from_slice(&contents.manifest)?;
    let images = manifest["images"].as_array().context("find the images")?;
    ensure!(
        images.len() == contents.images.len(),
        "{} images listed",
        images.len()
    );
    for (n, image) in images.iter().enumerate() {
        let name = image["file"].as_str().unwrap_or_default();
        let bytes = contents
            .images
            .get(name)
            .with_context(|| format!("find {name}"))?;
        ensure!(image["index"] == n, "{name} has index {}", image["index"]);
        ensure!(
            image["bytes"] == bytes.len(),
            "{name} has {} bytes",
            bytes.len()
        );
        let magic: &[u8] = match name.rsplit('.').next() {
            Some("png") => b"\x89PNG",
            Some("webp") => b"RIFF",
            _ => &[0xFF, 0xD8],
        };
        ensure!(bytes.starts_with(magic), "{name} is none");
    }
    Ok(manifest)
}
