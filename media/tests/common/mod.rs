//! The corpus, its references, and what our engine makes of them. Shared by the test and the example.
#![allow(dead_code)] // Each of its users needs another part of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use media::{
    ExtractedImage, FileSource, ImageOptions, MediaError, Plan, PlanOptions, Probe, ProbeLimits,
    Request, Selection, extract, plan, probe,
};
use num_rational::Ratio;
use serde_json::Value;

/// Where the corpus is: FRAMEFLEET_CORPUS, or beside the workspace. None: use the generated clips.
pub fn corpus() -> Option<PathBuf> {
    let set = std::env::var_os("FRAMEFLEET_CORPUS").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    match set {
        Some(path) => {
            assert!(
                path.join("good").is_dir(),
                "FRAMEFLEET_CORPUS has no folder good"
            );
            Some(path)
        }
        None => root.join("good").is_dir().then_some(root),
    }
}

pub fn open(path: &Path) -> Box<FileSource> {
    Box::new(FileSource::open(path).unwrap_or_else(|e| panic!("open {}: {e}", path.display())))
}

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("list {}: {e}", folder.display()))
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_none_or(|e| e != "json"))
        .collect();
    files.sort();
    files
}

pub fn name(path: &Path) -> String {
    path.file_name()
        .expect("name")
        .to_string_lossy()
        .into_owned()
}

/// One expected image: seconds, ticks from the first frame, md5 of the decoded planes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub rel: i64,
    pub md5: String,
}

pub struct Reference {
    pub samples: Vec<Sample>,
    pub bit_exact: bool,
    pub video: Value,
}

pub fn reference(corpus: &Path, name: &str) -> Option<Reference> {
    let text =
        std::fs::read_to_string(corpus.join("reference").join(format!("{name}.json"))).ok()?;
    let video: Value =
        serde_json::from_str::<Value>(&text).expect("reference is JSON")["video"].clone();
    let sample = |v: &Value| Sample {
        rel: v["pts_rel"].as_i64().expect("pts_rel"),
        md5: v["md5"].as_str().expect("md5").to_owned(),
    };
    let samples: Vec<Sample> = match (
        video["samples_1s"].as_array(),
        video["samples_1s_runs"].as_array(),
    ) {
        (Some(list), _) => list.iter().map(sample).collect(),
        (None, Some(runs)) => runs
            .iter()
            .flat_map(|run| {
                let (from, to) = run_bounds(run);
                (from..=to).map(|_| sample(run)).collect::<Vec<_>>()
            })
            .collect(),
        _ => panic!("{name}: no samples"),
    };
    assert_eq!(
        samples.len() as u64,
        video["samples_1s_count"].as_u64().expect("count"),
        "{name}"
    );
    Some(Reference {
        samples,
        bit_exact: video["bit_exact_codec"] == true,
        video,
    })
}

fn run_bounds(run: &Value) -> (u64, u64) {
    let get = |names: &[&str]| {
        names
            .iter()
            .find_map(|n| run[*n].as_u64())
            .expect("run bounds")
    };
    (
        get(&["t_first", "first_t", "t"]),
        get(&["t_last", "last_t", "t_to"]),
    )
}

/// The corpus judges by the limits of the API, except that a frame may have 134 Mpx.
pub fn limits() -> ProbeLimits {
    ProbeLimits::default()
}

pub fn one_a_second() -> Request {
    Request::new(Selection::Fps(Ratio::from(1)))
}

pub fn with_md5() -> ImageOptions {
    ImageOptions {
        frame_md5: true,
        ..ImageOptions::default()
    }
}

pub struct Extracted {
    pub images: Vec<ExtractedImage>,
    pub warnings: Vec<String>,
    pub frames_decoded: u64,
}

/// Every segment of the plan, one after the other, numbered as the fleet's finalizer does it; and
/// whether the segments fit together.
pub fn run(path: &Path, plan: &Plan, options: &ImageOptions) -> Result<Extracted, MediaError> {
    let mut all = Extracted {
        images: Vec::new(),
        warnings: plan.warnings.clone(),
        frames_decoded: 0,
    };
    let mut frames = 0;
    let mut beyond = None;
    for (i, planned) in plan.segments.iter().enumerate() {
        let before = all.images.len() as u64;
        let outcome = extract(open(path), plan, i, options, &mut |mut image| {
            assert_eq!(
                image.index - planned.first_image,
                all.images.len() as u64 - before
            );
            image.index = all.images.len() as u64;
            all.images.push(image);
            Ok(())
        })?;
        assert_eq!(outcome.images, all.images.len() as u64 - before);
        if let Some(expected) = planned.images {
            assert_eq!(outcome.images, expected, "{}: segment {i}", path.display());
        }
        let every_nth = matches!(plan.request.selection, Selection::EveryNth(_));
        let miscounted = every_nth && planned.first_frame.is_some_and(|first| first != frames);
        let torn = plan.seam_check && i > 0 && (beyond.is_none() || beyond != outcome.opening);
        if miscounted || torn {
            let detail = format!("segment {i} does not fit: {frames} {planned:?} {beyond:?}");
            return Err(MediaError::EntryPoint { detail });
        }
        frames += outcome.frames;
        beyond = outcome.beyond;
        all.warnings.extend(outcome.warnings);
        all.frames_decoded += outcome.frames_decoded;
    }
    Ok(all)
}

/// A plan of `n` segments that falls back to one as the fleet does.
pub fn run_forced(
    path: &Path,
    probed: &Probe,
    request: &Request,
    n: usize,
) -> Result<(Extracted, Plan, bool), MediaError> {
    let by_time = matches!(
        request.selection,
        Selection::Fps(_) | Selection::EverySeconds(_) | Selection::Timestamps(_)
    );
    let looked;
    let probed = if by_time {
        probed
    } else {
        let limits = ProbeLimits {
            request: Some(request.clone()),
            ..limits()
        };
        looked = probe(open(path), &limits)?;
        &looked
    };
    let forced = |n| PlanOptions {
        forced_segments: Some(n),
        ..PlanOptions::default()
    };
    let first = plan(probed, request, &forced(n))?;
    match run(path, &first, &with_md5()) {
        Err(MediaError::EntryPoint { detail }) => {
            if std::env::var_os("SHOW_REPLANS").is_some() {
                eprintln!("{} {:?}: {detail}", path.display(), request.selection);
            }
            let whole = plan(probed, request, &forced(1))?;
            Ok((run(path, &whole, &with_md5())?, whole, true))
        }
        other => Ok((other?, first, false)),
    }
}

/// What is wrong with these images, in one line; None: nothing.
pub fn compare(probed: &Probe, images: &[ExtractedImage], reference: &Reference) -> Option<String> {
    let mut wrong = String::new();
    if images.len() != reference.samples.len() {
        let _ = write!(
            wrong,
            "{} images for {}; ",
            images.len(),
            reference.samples.len()
        );
    }
    for (i, (image, sample)) in images.iter().zip(&reference.samples).enumerate() {
        let rel = image.pts - probed.first_pts;
        if image.index != i as u64 {
            let _ = write!(wrong, "image {i} has index {}; ", image.index);
        }
        if rel != sample.rel {
            let _ = write!(wrong, "image {i} is of {rel}, not {}; ", sample.rel);
        } else if image.frame_md5.as_deref() != Some(&sample.md5) {
            let _ = write!(wrong, "image {i} has another md5; ");
        }
        if wrong.len() > 300 {
            break;
        }
    }
    (!wrong.is_empty()).then_some(wrong)
}

/// The same without the pictures themselves.
pub fn compare_times(
    probed: &Probe,
    images: &[ExtractedImage],
    reference: &Reference,
) -> Option<String> {
    let known = reference.samples.iter().map(|s| Some(s.md5.clone()));
    let images: Vec<ExtractedImage> = images
        .iter()
        .zip(known.chain(std::iter::repeat(None)))
        .map(|(image, frame_md5)| ExtractedImage {
            frame_md5,
            ..image.clone()
        })
        .collect();
    compare(probed, &images, reference)
}

pub fn probe_file(path: &Path) -> Result<Probe, MediaError> {
    probe(open(path), &limits())
}
