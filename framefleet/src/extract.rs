//! One video, from file to verified archive.

use std::path::Path;
use std::time::{Duration, Instant};

use fleet_core::manifest::Manifest;
use fleet_core::{ExtractSpec, Failure, Reason, VideoState};

use crate::api::{Api, Video};
use crate::cli::ExtractArgs;
use crate::download::download;
use crate::embedded::Embedded;
use crate::outcome::Ended;
use crate::output::Output;
use crate::progress::{Progress, finish_transfer, transfer};
use crate::upload::upload;
use crate::verify::verify;

const POLL: Duration = Duration::from_millis(300);

/// What there is to say about a video that is done.
pub struct Extracted {
    pub video: Video,
    pub manifest: Manifest,
    pub seconds: f64,
}

pub async fn run(args: ExtractArgs) -> Result<(), Ended> {
    let spec = args.selection.spec()?;
    let remote = args.service.remote()?;
    let input = Input::open(&args.video)?;
    let output = Output::prepare(&args.out, &args.video, args.force)?;
    let (_embedded, api) = match remote {
        Some((url, key)) => (None, Api::new(&url, &key)?),
        None => {
            let agents = ["--agents".to_owned(), args.agents.to_string()];
            let embedded = Embedded::start(&agents).await?;
            let api = embedded.api()?;
            (Some(embedded), api)
        }
    };
    let extracted = extract(&api, &input, &spec, &output, Progress::new()).await?;
    for warning in &extracted.video.warnings {
        eprintln!("{:>12} {warning}", "warning");
    }
    println!("{}", output.archive.display());
    println!("{}", output.manifest.display());
    eprintln!(
        "{:>12} {} frames in {:.1} s",
        "done",
        extracted.manifest.images.len(),
        extracted.seconds
    );
    Ok(())
}

/// The video on this machine.
pub struct Input<'a> {
    pub path: &'a Path,
    pub name: String,
    pub size: u64,
}

impl<'a> Input<'a> {
    pub fn open(path: &'a Path) -> Result<Self, Ended> {
        let unusable = |why: &str| Ended::usage(format!("read {}: {why}", path.display()));
        // Opened, not only looked at: what cannot be read is better known before anything starts.
        let file = std::fs::File::open(path).map_err(|e| unusable(&e.to_string()))?;
        let facts = file.metadata().map_err(|e| unusable(&e.to_string()))?;
        if !facts.is_file() {
            return Err(unusable("it is not a file"));
        }
        if facts.len() == 0 {
            return Err(unusable("the file is empty"));
        }
        let name = path.file_name().unwrap_or_default();
        Ok(Self {
            path,
            // The service takes UTF-8 only; the name matters to nobody but people.
            name: name.to_string_lossy().into_owned(),
            size: facts.len(),
        })
    }
}

pub async fn extract(
    api: &Api,
    input: &Input<'_>,
    spec: &ExtractSpec,
    output: &Output,
    mut progress: Progress,
) -> Result<Extracted, Ended> {
    let started = Instant::now();
    let registered = api.register(&input.name, input.size, spec).await?;
    let id = registered.id.clone();
    eprintln!("{:>12} {id}", "video");
    let bar = transfer("uploading", input.size);
    upload(api, registered, input.path, input.size, &bar).await?;
    finish_transfer(&bar);

    let video = loop {
        let video = api.video(&id).await?;
        progress.show(&video);
        if video.state.is_terminal() {
            break video;
        }
        tokio::time::sleep(POLL).await;
    };
    progress.finish();
    must_be_done(&video)?;

    let bar = transfer("downloading", 0);
    download(api, &id, "archive", &output.archive, &bar).await?;
    finish_transfer(&bar);
    let bar = transfer("manifest", 0);
    download(api, &id, "manifest", &output.manifest, &bar).await?;
    finish_transfer(&bar);
    let (archive, manifest) = (output.archive.clone(), output.manifest.clone());
    let manifest = tokio::task::spawn_blocking(move || verify(&archive, &manifest))
        .await
        .map_err(|e| Ended::service(format!("check the archive: {e}")))??;
    Ok(Extracted {
        video,
        manifest,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn must_be_done(video: &Video) -> Result<(), Ended> {
    match video.state {
        VideoState::Done => Ok(()),
        VideoState::Failed => Err(Ended::VideoFailed(
            video
                .failure
                .clone()
                .unwrap_or_else(|| Failure::plain(Reason::Internal)),
        )),
        state => Err(Ended::VideoStopped(state.to_string())),
    }
}
