//! The decoder tried out by hand and by tests: on a local file, and on its worst behaviour.

use std::path::Path;
use std::process::ExitCode;

use fleet_core::config::{Lookup, from_env};
use fleet_core::{DecoderLimits, Failure, Limits};
use media::{
    ExtractedImage, FileSource, ImageOptions, MediaError, Plan, PlanOptions, Request, Selection,
};
use num_rational::Ratio;
use serde_json::{Value, json};

use crate::convert;
use crate::sandbox::{self, Sandbox, misdeed::Misdeed};

fn sandbox() -> anyhow::Result<Sandbox> {
    let lookup = Lookup::new(&from_env);
    Ok(Sandbox::new(DecoderLimits::from_lookup(&lookup)?))
}

/// Prints what came of it, as JSON; exit status 1 where the decoder was let.
pub fn misbehave(misdeed: Misdeed, unconfined: bool) -> anyhow::Result<ExitCode> {
    let tried = match unconfined {
        true => sandbox::misbehave_unconfined(misdeed),
        false => sandbox()?.misbehave(misdeed),
    };
    let (said, code) = match tried {
        Ok(Ok(())) => (json!({ "succeeded": true }), ExitCode::FAILURE),
        Ok(Err(how)) => (json!({ "refused": how }), ExitCode::SUCCESS),
        Err(error) => (failed(error)?, ExitCode::SUCCESS),
    };
    println!("{said}");
    Ok(code)
}

/// Probes a file, takes an image a second, and prints what came of it, as JSON.
pub fn run(file: &Path, images: Option<&Path>, unconfined: bool) -> anyhow::Result<ExitCode> {
    let limits = Limits::from_lookup(&Lookup::new(&from_env))?;
    let sandbox = (!unconfined).then(sandbox).transpose()?;
    let mut saved = Ok(());
    let mut save = |image: ExtractedImage| {
        let Some(folder) = images else { return Ok(()) };
        let name = format!("frame_{:06}.jpg", image.index + 1);
        std::fs::write(folder.join(name), image.data)
    };
    let said = match attempt(sandbox.as_ref(), file, &limits, &mut save) {
        Ok(said) => said,
        Err(sandbox::Error::Media(MediaError::Sink(error))) => {
            saved = Err(error);
            Value::Null
        }
        Err(error) => failed(error)?,
    };
    saved?;
    println!("{said}");
    Ok(ExitCode::SUCCESS)
}

/// There is one video only.
const TRIAL: &str = "trial";

fn attempt(
    sandbox: Option<&Sandbox>,
    file: &Path,
    limits: &Limits,
    save: &mut dyn FnMut(ExtractedImage) -> std::io::Result<()>,
) -> Result<Value, sandbox::Error> {
    let open = || {
        FileSource::open(file)
            .map(Box::new)
            .map_err(MediaError::Source)
    };
    let probe_limits = convert::probe_limits(limits);
    let never = || false;
    let probe = match sandbox {
        Some(sandbox) => sandbox.probe(TRIAL, open()?, &probe_limits, &never)?,
        None => media::probe(open()?, &probe_limits)?,
    };
    let request = Request {
        max_images: limits.images,
        ..Request::new(Selection::Fps(Ratio::from_integer(1)))
    };
    let plan: Plan = media::plan(&probe, &request, &PlanOptions::default())?;
    let options = ImageOptions::default();
    let mut images = 0;
    let mut warnings = plan.warnings.clone();
    for segment in 0..plan.segments.len() {
        let outcome = match sandbox {
            Some(sandbox) => {
                sandbox.extract(TRIAL, open()?, (&plan, segment), &options, &never, save)?
            }
            None => media::extract(open()?, &plan, segment, &options, save)?,
        };
        images += outcome.images;
        warnings.extend(outcome.warnings);
    }
    Ok(json!({
        "video": plan.video, "segments": plan.segments.len(), "images": images, "warnings": warnings,
    }))
}

/// What a video would fail with; trouble that is not the video's is an error of ours.
fn failed(error: sandbox::Error) -> anyhow::Result<Value> {
    let failure: Failure = match error {
        sandbox::Error::Lost(failure) => {
            return Ok(json!({ "lost": failure }));
        }
        sandbox::Error::Media(MediaError::Reject { reason, detail }) => {
            convert::failure(reason, &detail)
        }
        other => return Err(other.into()),
    };
    Ok(json!({ "failed": failure }))
}
