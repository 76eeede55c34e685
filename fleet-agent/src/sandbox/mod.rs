//! Decoding and probing, in a process that can do nothing else.
//!
//! A decoder reads what strangers write, so it is the part that they attack. It runs in a child of
//! the agent: the same program, another subcommand, and from its start without environment,
//! network, file system, processes or threads. It reads the video through the agent by ranged reads
//! over a socket and hands images back over a pipe. A decoder serves one video. One that crashes, hangs or is killed costs one
//! attempt at one segment.
//!
//! Absent: a scratch folder. FFmpeg needs none, so the decoder has no file system at all.

mod check;
pub mod child;
mod confine;
mod ending;
pub mod misdeed;
mod protocol;
mod session;
mod spares;
mod syscalls;
mod watch;

use std::io;
use std::sync::Arc;

use fleet_core::{DecoderLimits, Failure, Reason};
use media::{
    Duplicates, ExtractedImage, ImageOptions, MediaError, Plan, Probe, ProbeLimits, RangeRead,
    RejectReason, SegmentOutcome,
};
use thiserror::Error;

pub use confine::InForce;
use misdeed::Misdeed;
use protocol::{Answer, Job};
use session::{Decoder, OnImage, Refusal, Stop};
use spares::Spares;

#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The decoder died, or was ended, without an answer. Costs an attempt.
    #[error("lose a decoder: {0}")]
    Lost(Failure),
    /// The agent is being taken away.
    #[error("decoding was interrupted")]
    Interrupted,
    #[error("start a decoder")]
    Start(#[source] io::Error),
}

#[derive(Debug, Clone)]
pub struct Sandbox {
    limits: DecoderLimits,
    spares: Arc<Spares>,
}

impl Sandbox {
    pub fn new(limits: DecoderLimits) -> Self {
        // This very program, also after a newer one was installed over it.
        let spares = Spares::new("/proc/self/exe".into(), limits.clone());
        Self {
            limits,
            spares: Arc::new(spares),
        }
    }

    /// What holds a decoder on this machine. Blocks, like all of these.
    pub fn describe(&self) -> Result<InForce, Error> {
        let (_, decoder) = self.run(NO_VIDEO, &Job::Describe, Box::new(NoVideo), &|| false)?;
        decoder.in_force().cloned().ok_or_else(nonsense)
    }

    /// `video` names the video and no other: decoders are kept for its segments.
    pub fn probe(
        &self,
        video: &str,
        source: Box<dyn RangeRead>,
        limits: &ProbeLimits,
        stop: Stop,
    ) -> Result<Probe, Error> {
        let job = Job::Probe {
            video_bytes: source.len(),
            limits: limits.clone(),
        };
        match self.run(video, &job, source, stop)? {
            (Answer::Probed(probe), decoder) => {
                let probe = check::probe(*probe, limits).ok_or_else(nonsense)?;
                self.spares.keep(video, decoder);
                Ok(probe)
            }
            (other, _) => Err(ended(other)),
        }
    }

    /// Like [`media::extract`].
    pub fn extract(
        &self,
        video: &str,
        source: Box<dyn RangeRead>,
        (plan, segment): (&Plan, usize),
        image: &ImageOptions,
        stop: Stop,
        sink: &mut dyn FnMut(ExtractedImage) -> io::Result<()>,
    ) -> Result<SegmentOutcome, Error> {
        let planned = plan
            .segments
            .get(segment)
            .ok_or_else(|| MediaError::Unsupported {
                what: format!("the plan has no segment {segment}"),
            })?;
        let side = image.width.max(image.height).unwrap_or(0);
        let most = plan.request.max_images;
        // Where repetitions are left out, the numbers before the segment are only the most there may be.
        let most = match plan.request.duplicates {
            Duplicates::Skip => planned.first_image.saturating_add(most),
            Duplicates::Keep => most,
        };
        let mut expected = check::Images::of(planned, most, side);
        let job = Job::Extract {
            video_bytes: source.len(),
            plan: Box::new(plan.clone()),
            segment,
            image: image.clone(),
        };
        let mut on_image = |image: ExtractedImage| {
            if !expected.accept(&image) {
                return Err(Refusal::Nonsense);
            }
            sink(image).map_err(Refusal::Failed)
        };
        match self.run_with(video, &job, source, stop, &mut on_image)? {
            (Answer::Extracted(outcome), decoder) => {
                self.spares.keep(video, decoder);
                Ok(check::outcome(outcome))
            }
            (other, _) => Err(ended(other)),
        }
    }

    /// Lets a decoder try what it must not be able to do. Ok: whether it was let.
    pub fn misbehave(&self, misdeed: Misdeed) -> Result<Result<(), String>, Error> {
        let job = Job::Misbehave(misdeed);
        let (answer, _) = self.run(NO_VIDEO, &job, Box::new(NoVideo), &|| false)?;
        match answer {
            Answer::Succeeded => Ok(Ok(())),
            Answer::Refused { how } => Ok(Err(check::words(&how))),
            other => Err(ended(other)),
        }
    }

    fn run(
        &self,
        video: &str,
        job: &Job,
        source: Box<dyn RangeRead>,
        stop: Stop,
    ) -> Result<(Answer, Decoder), Error> {
        self.run_with(video, job, source, stop, &mut |_| Ok(()))
    }

    fn run_with(
        &self,
        video: &str,
        job: &Job,
        source: Box<dyn RangeRead>,
        stop: Stop,
        on_image: OnImage,
    ) -> Result<(Answer, Decoder), Error> {
        let decoder = self.spares.take(video).map_err(Error::Start)?;
        session::run(decoder, &self.limits, job, source, stop, on_image)
    }
}

/// An answer other than the one that was hoped for.
fn ended(answer: Answer) -> Error {
    match answer {
        Answer::Rejected { reason, detail } => {
            let known = RejectReason::ALL.iter().find(|r| r.as_str() == reason);
            match known {
                Some(reason) => Error::Media(MediaError::Reject {
                    reason: *reason,
                    detail: check::words(&detail),
                }),
                None => nonsense(),
            }
        }
        Answer::EntryPoint { detail } => Error::Media(MediaError::EntryPoint {
            detail: check::words(&detail),
        }),
        Answer::Unsupported { what } => Error::Media(MediaError::Unsupported {
            what: check::words(&what),
        }),
        // A read that failed is known to the session, which then does not end here.
        _ => nonsense(),
    }
}

fn nonsense() -> Error {
    let sentence = Reason::NothingDecodable.sentence().trim_end_matches('.');
    Error::Lost(Failure::new(
        Reason::NothingDecodable,
        format!("{sentence} (its decoder gave an impossible answer)."),
    ))
}

/// Never kept, so never found.
const NO_VIDEO: &str = "";

/// Where there is no video to read: zeros, as many as anybody wants.
struct NoVideo;

impl RangeRead for NoVideo {
    fn len(&self) -> u64 {
        misdeed::VIDEO_BYTES
    }

    fn read_at(&mut self, _: u64, buf: &mut [u8]) -> io::Result<usize> {
        buf.fill(0);
        Ok(buf.len())
    }
}

/// The same without any sandbox. Only for misdeeds that are over at once.
pub fn misbehave_unconfined(misdeed: Misdeed) -> Result<Result<(), String>, Error> {
    match misdeed.commit(&mut io::sink()).map_err(Error::Start)? {
        Answer::Refused { how } => Ok(Err(how)),
        _ => Ok(Ok(())),
    }
}

/// Once, at the agent's start.
pub fn tell(in_force: &InForce) {
    let InForce {
        memory_bytes,
        cpu_seconds,
        landlock,
        seccomp,
    } = in_force;
    if in_force.is_closed() {
        tracing::info!(
            memory_bytes,
            cpu_seconds,
            landlock,
            seccomp,
            "decoders are confined"
        );
    } else {
        tracing::warn!(
            landlock,
            seccomp,
            "decoders are NOT shut off from files and network: videos of strangers are a danger here"
        );
    }
}
