//! The engine alone, without a fleet: a video's images into an archive or a folder, on a few threads,
//! as one machine's agents would share the segments. For measurements.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use media::{
    FileSource, ImageOptions, PlanOptions, ProbeLimits, Request, SegmentOutcome, Selection,
};
use num_rational::Ratio;
use zip_splice::FragmentWriter;

#[derive(Parser)]
struct Cli {
    video: PathBuf,
    /// An archive to write, or a folder that is there
    out: PathBuf,
    /// fps, keyframes, all or every-30th
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
        "every-30th" => Selection::EveryNth(30),
        other => anyhow::bail!("no selection {other:?}"),
    };
    let request = Request::new(selection);
    let limits = ProbeLimits {
        request: Some(request.clone()),
        ..ProbeLimits::default()
    };
    let probe = media::probe(Box::new(FileSource::open(&cli.video)?), &limits)?;
    // Each its own range: more of them would open more decoders, and took no less time.
    let options = PlanOptions {
        segment_pixels: 1,
        max_segments: cli.threads.max(1),
        ..PlanOptions::default()
    };
    let plan = media::plan(&probe, &request, &options)?;
    let next = AtomicUsize::new(0);
    let out = Out::open(&cli.out)?;
    let outcomes = std::thread::scope(|scope| {
        let work = || worker(&cli, &plan, &next, &out);
        let threads: Vec<_> = (0..cli.threads.max(1)).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|t| t.join().expect("no panic"));
        done.collect::<Result<Vec<Outcomes>>>()
    })?;
    let outcomes: Outcomes = outcomes.into_iter().flatten().collect();
    out.finish()?;
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
fn worker(cli: &Cli, plan: &media::Plan, next: &AtomicUsize, out: &Out) -> Result<Outcomes> {
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
        let mut sink = |image: media::ExtractedImage| out.write(&image);
        let outcome = media::extract(source, plan, segment, &image, &mut sink)
            .with_context(|| format!("extract segment {segment}"))?;
        outcomes.insert(segment, outcome);
    }
}

enum Out {
    Folder(PathBuf),
    Archive(Mutex<(File, FragmentWriter)>),
}

impl Out {
    fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Out::Folder(path.to_owned()));
        }
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        Ok(Out::Archive(Mutex::new((file, FragmentWriter::new()))))
    }

    fn write(&self, image: &media::ExtractedImage) -> io::Result<()> {
        let name = format!("{:06}.jpg", image.index + 1);
        match self {
            Out::Folder(folder) => std::fs::write(folder.join(name), &image.data),
            Out::Archive(archive) => {
                let crc = zip_splice::crc32(&image.data);
                let (file, writer) = &mut *archive.lock().expect("no panic");
                let header = writer.entry(&name, crc, image.data.len() as u64);
                file.write_all(&header.map_err(io::Error::other)?)?;
                file.write_all(&image.data)
            }
        }
    }

    fn finish(&self) -> io::Result<()> {
        let Out::Archive(archive) = self else {
            return Ok(());
        };
        let (file, writer) = &mut *archive.lock().expect("no panic");
        file.write_all(&writer.finish())
    }
}
