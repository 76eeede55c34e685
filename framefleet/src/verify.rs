//! Holds the archive to its manifest: every image is there, with the bytes and the CRC-32 that
//! were promised, and nothing else is.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use fleet_core::manifest::{Image, Manifest};
use zip::ZipArchive;

use crate::outcome::Ended;

/// The manifest's own name inside the archive.
const MANIFEST: &str = "manifest.json";

pub fn verify(archive: &Path, manifest: &Path) -> Result<Manifest, Ended> {
    let text = std::fs::read(manifest).map_err(|e| bad(format!("read the manifest: {e}")))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|e| bad(format!("read the manifest: {e}")))?;
    let file = File::open(archive).map_err(|e| bad(format!("open it: {e}")))?;
    let mut zip =
        ZipArchive::new(BufReader::new(file)).map_err(|e| bad(format!("open it: {e}")))?;
    let mut expected = HashSet::from([MANIFEST]);
    for image in &manifest.images {
        check_image(&mut zip, image)?;
        if !expected.insert(&image.file) {
            return Err(bad(format!("{} is in the manifest twice", image.file)));
        }
    }
    for name in zip.file_names() {
        let name = name.map_err(|e| bad(format!("read its names: {e}")))?;
        if !expected.contains(name.as_ref()) {
            return Err(bad(format!("{name} is not in the manifest")));
        }
    }
    Ok(manifest)
}

fn check_image<R: io::Read + io::Seek>(
    zip: &mut ZipArchive<R>,
    image: &Image,
) -> Result<(), Ended> {
    let name = &image.file;
    let mut entry = zip
        .by_name(name)
        .map_err(|e| bad(format!("find {name}: {e}")))?;
    let mut crc = Crc::default();
    // The zip crate compares the bytes with the archive's CRC; ours compares them with the manifest's.
    let bytes = io::copy(&mut entry, &mut crc).map_err(|e| bad(format!("read {name}: {e}")))?;
    if bytes != image.bytes {
        let promised = image.bytes;
        return Err(bad(format!(
            "{name} has {bytes} bytes; the manifest says {promised}"
        )));
    }
    let crc = format!("{:08x}", crc.0.finalize());
    if !crc.eq_ignore_ascii_case(&image.crc32) {
        let promised = &image.crc32;
        return Err(bad(format!(
            "{name} has CRC-32 {crc}; the manifest says {promised}"
        )));
    }
    Ok(())
}

#[derive(Default)]
struct Crc(crc32fast::Hasher);

impl Write for Crc {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bad(why: String) -> Ended {
    Ended::BadArchive(why)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
