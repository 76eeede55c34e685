//! The engine alone, without a fleet: a video's images into a folder, on a few threads, as one
//! machine's agents would share the segments. For measurements.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use media::{
    FileSource, ImageOptions, PlanOptions, ProbeLimits, Request, SegmentOutcome, Selection,
};
use num_rational::Ratio;

#[derive(Parser)]
struct Cli {
    video: PathBuf,
    folder: PathBuf,
    /// fps, keyframes or all
    #[arg(long, default_value = "fps")]
    select: String,
    #[arg(long, default_value_t = 90)]
    quality: u8,
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let selection = match cli.select.as_str() {
        "fps" => Selection::Fps(Ratio::from(1)),
        "keyframes" => Selection::Keyframes,
        "all" => Selection::All,
        other => anyhow::bail!("no selection {other:?}"),
    };
    let request = Request::new(selection);
    let limits = ProbeLimits {
        request: Some(request.clone()),
        ..ProbeLimits::default()
    };
    let probe = media::probe(Box::new(FileSource::open(&cli.video)?), &limits)?;
    // More than threads: none stands idle for long while the last one works. But each opens a
    // decoder, and keyframes alone are little work.
    let each = match request.selection {
        _ if cli.threads == 1 => 1,
        Selection::Keyframes => 2,
        _ => 4,
    };
    let options = PlanOptions {
        segment_pixels: 1,
        max_segments: each * cli.threads,
        ..PlanOptions::default()
    };
    let plan = media::plan(&probe, &request, &options)?;
    let next = AtomicUsize::new(0);
    let outcomes = std::thread::scope(|scope| {
        let work = || worker(&cli, &plan, &next);
        let threads: Vec<_> = (0..cli.threads.max(1)).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|t| t.join().expect("no panic"));
        done.collect::<Result<Vec<Outcomes>>>()
    })?;
    let outcomes: Outcomes = outcomes.into_iter().flatten().collect();
    // Numbers that a plan only expects are for the fleet's finalizer to correct.
    let mut images = 0;
    for (segment, outcome) in &outcomes {
        let first = plan.segments[*segment].first_image;
        ensure!(
            first == images,
            "segment {segment} begins with image {images}, not {first}"
        );
        images += outcome.images;
    }
    let decoded: u64 = outcomes.values().map(|o| o.frames_decoded).sum();
    println!(
        "{images} images; {decoded} of about {} frames decoded",
        probe.estimate.frames
    );
    Ok(())
}

/// By segment.
type Outcomes = BTreeMap<usize, SegmentOutcome>;

/// Takes segments until there are none.
fn worker(cli: &Cli, plan: &media::Plan, next: &AtomicUsize) -> Result<Outcomes> {
    let image = ImageOptions {
        quality: cli.quality,
        ..ImageOptions::default()
    };
    let mut outcomes = BTreeMap::new();
    loop {
        let segment = next.fetch_add(1, Ordering::Relaxed);
        if segment >= plan.segments.len() {
            return Ok(outcomes);
        }
        let source = Box::new(FileSource::open(&cli.video)?);
        let mut sink = |image: media::ExtractedImage| write(&cli.folder, &image);
        let outcome = media::extract(source, plan, segment, &image, &mut sink)
            .with_context(|| format!("extract segment {segment}"))?;
        outcomes.insert(segment, outcome);
    }
}

fn write(folder: &Path, image: &media::ExtractedImage) -> std::io::Result<()> {
    std::fs::write(
        folder.join(format!("{:06}.jpg", image.index + 1)),
        &image.data,
    )
}
