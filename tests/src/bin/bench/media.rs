//! The engine against ffmpeg, PyAV and OpenCV on real footage: the same images into a ZIP, two cores,
//! interleaved runs, medians.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use zip::ZipArchive;

use crate::process::{Cost, run as cost};
use crate::quality;
use crate::stats::{median, spread};

/// Follows the rule of ARCHITECTURE.md, so that both sides write the same frames.
pub const ONE_A_SECOND: &str = "setpts=PTS-STARTPTS,fps=1:round=up";
const SHORT_GOPS: &str = "h264-1080p-gop60-cuts.mp4";
const CLIPS: [(&str, f64); 8] = [
    ("h264-1080p-gop250-fixed.mp4", 2.2),
    ("h264-1080p-gop60-fixed.mp4", 3.2),
    ("h264-1080p-gop250-cuts.mp4", 2.2),
    (SHORT_GOPS, 3.2),
    ("hevc-1080p.mp4", 2.1),
    ("vp9-1080p.webm", 1.3),
    ("h264-4k.mp4", 1.8),
    // Every picture stands alone; the design names no figure.
    ("prores-1080p.mov", 1.0),
];

/// More would take too long; the loops are slow. Of one comparison, more may be asked for.
const MOST_RUNS: usize = 3;

const ARCHIVE: &str = "images.zip";
const IMAGES: &str = "images";

pub struct Tools {
    /// Our engine as a program.
    pub engine: PathBuf,
    /// A Python with PyAV and OpenCV.
    pub python: PathBuf,
    pub loops: PathBuf,
}

/// One after the other they fill `ARCHIVE` in a folder; images are in its `IMAGES` meanwhile.
type Commands = Box<dyn Fn(&Path) -> Vec<Command>>;

struct Contender {
    name: &'static str,
    commands: Commands,
    costs: Vec<Cost>,
    images: usize,
}

/// `only`: comparisons whose name holds this.
pub fn run(footage: &Path, tools: &Tools, runs: usize, only: &str) -> Result<()> {
    let runs = match only {
        "" => runs.min(MOST_RUNS),
        _ => runs,
    };
    println!("media: medians of {runs} interleaved runs; ratios are theirs / ours");
    println!("all give a ZIP: ours writes it, the others' images go through zip -0");
    for (name, target) in CLIPS.into_iter().filter(|(name, _)| name.contains(only)) {
        let clip = footage.join(name);
        ensure!(clip.is_file(), "{} is missing", clip.display());
        println!("{name}, one image a second; target {target} in CPU seconds");
        println!("  ours: {}", summary(tools, &clip)?);
        let contenders = vec![
            ours(tools, &clip, "fps"),
            ffmpeg(&clip, &[], &["-vf", ONE_A_SECOND]),
            python(tools, &clip, "pyav"),
            python(tools, &clip, "opencv"),
        ];
        compare(contenders, runs, 2)?;
    }
    let clip = footage.join(SHORT_GOPS);
    let key: &'static [&'static str] = &["-skip_frame", "nokey"];
    let every_30th: &'static [&'static str] =
        &["-vf", "select='not(mod(n,30))'", "-fps_mode", "passthrough"];
    let each: &'static [&'static str] = &["-fps_mode", "passthrough"];
    for (name, select, before, after, target) in [
        ("keyframes", "keyframes", key, each, 1.5),
        ("all frames", "all", &[], each, 1.2),
        // Nothing is named for it: no more than a decoding of everything.
        ("every 30th frame", "every-30th", &[], every_30th, 1.0),
    ] {
        if name.contains(only) {
            println!("{SHORT_GOPS}, {name}; target {target}");
            let theirs = ffmpeg(&clip, before, after);
            compare(vec![ours(tools, &clip, select), theirs], runs, 2)?;
        }
    }
    if "jpeg".contains(only) {
        quality::run(&clip, tools)?;
    }
    Ok(())
}

/// How much of the clip our engine decodes: what bounds the ratio.
fn summary(tools: &Tools, clip: &Path) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(&tools.engine);
    let output = command.arg(clip).arg(folder.path()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn ours(tools: &Tools, clip: &Path, select: &'static str) -> Contender {
    let (engine, clip) = (tools.engine.clone(), clip.to_owned());
    contender("ours", move |folder| {
        let mut command = Command::new(&engine);
        command.arg(&clip).arg(folder.join(ARCHIVE));
        command.args(["--select", select]);
        vec![command]
    })
}

fn ffmpeg(
    clip: &Path,
    before: &'static [&'static str],
    after: &'static [&'static str],
) -> Contender {
    let clip = clip.to_owned();
    contender("ffmpeg", move |folder| {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y", "-nostdin", "-threads", "2"]);
        command.args(before).arg("-i").arg(&clip).args(after);
        command.args(["-q:v", "2"]);
        command.arg(folder.join(IMAGES).join("%06d.jpg"));
        vec![command, zip(folder)]
    })
}

fn python(tools: &Tools, clip: &Path, which: &'static str) -> Contender {
    let (python, loops, clip) = (tools.python.clone(), tools.loops.clone(), clip.to_owned());
    contender(which, move |folder| {
        let mut command = Command::new(&python);
        command.arg(&loops).arg(which).arg(&clip);
        command.arg(folder.join(IMAGES));
        vec![command, zip(folder)]
    })
}

/// JPEGs do not get smaller.
fn zip(folder: &Path) -> Command {
    let mut command = Command::new("zip");
    command.current_dir(folder);
    command.args(["-0", "-q", "-r", "-D", ARCHIVE, IMAGES]);
    command
}

fn contender(name: &'static str, commands: impl Fn(&Path) -> Vec<Command> + 'static) -> Contender {
    Contender {
        name,
        commands: Box::new(commands),
        costs: Vec::new(),
        images: 0,
    }
}

/// The first `alike` must write the same number of images; loops may count as they do.
fn compare(mut contenders: Vec<Contender>, runs: usize, alike: usize) -> Result<()> {
    for round in 0..=runs {
        for contender in &mut contenders {
            let folder = tempfile::tempdir()?;
            std::fs::create_dir(folder.path().join(IMAGES))?;
            let cost = cost((contender.commands)(folder.path()))
                .with_context(|| format!("run {}", contender.name))?;
            let archive = File::open(folder.path().join(ARCHIVE))?;
            contender.images = ZipArchive::new(archive)?.len();
            ensure!(contender.images > 0, "{} wrote nothing", contender.name);
            // The first round fills the caches.
            if round > 0 {
                contender.costs.push(cost);
            }
        }
    }
    let images = contenders[0].images;
    for other in &contenders[..alike] {
        let (name, got) = (other.name, other.images);
        ensure!(got == images, "{name} wrote {got} images, not {images}");
    }
    let of = |c: &Contender, what: fn(&Cost) -> f64| {
        median(&c.costs.iter().map(what).collect::<Vec<_>>())
    };
    let ours = &contenders[0];
    for c in &contenders {
        // Each with our run of the same round: the host is shared, and its rounds are not alike.
        let pairs = c.costs.iter().zip(&ours.costs);
        let ratios: Vec<f64> = pairs.map(|(its, our)| its.cpu / our.cpu).collect();
        println!(
            "  {:7} {:6.2} s CPU, {} x; {:6.2} s wall ({:4.2} x); {:.0} MB, {} images",
            c.name,
            of(c, |c| c.cpu),
            spread(&ratios),
            of(c, |c| c.wall),
            of(c, |c| c.wall) / of(ours, |c| c.wall),
            of(c, |c| c.peak_mb),
            c.images
        );
    }
    Ok(())
}
