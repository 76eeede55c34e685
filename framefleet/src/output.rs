//! Where results go on this machine.

use std::path::{Path, PathBuf};

use crate::outcome::Ended;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub archive: PathBuf,
    pub manifest: PathBuf,
    pub report: PathBuf,
}

impl Output {
    /// Named after the video. Without `force`, a result that is there already is not replaced.
    pub fn prepare(directory: &Path, video: &Path, force: bool) -> Result<Self, Ended> {
        let output = Self::of(directory, video);
        std::fs::create_dir_all(directory)
            .map_err(|e| Ended::usage(format!("make {}: {e}", directory.display())))?;
        let taken = [&output.archive, &output.manifest]
            .into_iter()
            .find(|path| path.exists());
        match taken {
            Some(path) if !force => Err(Ended::usage(format!(
                "{} is there already; use --force to replace it, or -o for another directory",
                path.display()
            ))),
            _ => Ok(output),
        }
    }

    fn of(directory: &Path, video: &Path) -> Self {
        let stem = video.file_stem().unwrap_or_default();
        // Not with_extension: `a.b.mp4` keeps its dot.
        let named = |end: &str| {
            let mut name = stem.to_owned();
            name.push(end);
            directory.join(name)
        };
        Self {
            archive: named(".zip"),
            manifest: named(".manifest.json"),
            report: named(".report.json"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_named_after_the_video() {
        let output = Output::of(Path::new("o"), Path::new("/x/a.b.mp4"));
        assert_eq!(output.archive, Path::new("o/a.b.zip"));
        assert_eq!(output.manifest, Path::new("o/a.b.manifest.json"));
    }

    #[test]
    fn a_result_that_is_there_is_kept_unless_forced() {
        let directory = tempfile::tempdir().unwrap();
        let video = Path::new("v.mp4");
        let output = Output::prepare(directory.path(), video, false).unwrap();
        std::fs::write(&output.archive, "old").unwrap();
        let error = Output::prepare(directory.path(), video, false).unwrap_err();
        assert_eq!(error.code(), crate::outcome::USAGE);
        assert!(error.to_string().contains("--force"), "{error}");
        assert_eq!(
            Output::prepare(directory.path(), video, true).unwrap(),
            output
        );
    }
}
