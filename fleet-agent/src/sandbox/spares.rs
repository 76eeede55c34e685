//! Decoder processes between two jobs for the same video.
//!
//! Loading FFmpeg's libraries takes as long as a tenth of a small segment, so a decoder that did its
//! job is kept for the next segment of its video. It is never given another video: what one video
//! did to its decoder, no other can meet.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use fleet_core::DecoderLimits;

use super::session::Decoder;

/// Idle decoders at most; the one that has waited longest goes first.
const MOST: usize = 4;
/// Processor time is limited for a process, so it does not get old.
const JOBS: u32 = 64;

pub struct Spares {
    starter: Mutex<Sender<Sender<io::Result<Decoder>>>>,
    idle: Mutex<Vec<(String, Decoder)>>,
}

impl std::fmt::Debug for Spares {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spares")
    }
}

impl Spares {
    /// Decoders die with the thread that started them, so that is one of its own: the agent's
    /// blocking threads come and go.
    pub fn new(program: PathBuf, limits: DecoderLimits) -> Self {
        let (starter, asked) = channel::<Sender<io::Result<Decoder>>>();
        thread::spawn(move || {
            for answer in asked {
                // Nobody waits any more: the decoder is dropped, and so ended.
                let _ = answer.send(Decoder::start(&program, &limits));
            }
        });
        Self {
            starter: Mutex::new(starter),
            idle: Mutex::default(),
        }
    }

    /// One that has worked on this video, or a fresh one.
    pub fn take(&self, video: &str) -> io::Result<Decoder> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain_mut(|(_, decoder)| decoder.is_running());
        if let Some(found) = idle.iter().position(|(of, _)| of == video) {
            return Ok(idle.remove(found).1);
        }
        drop(idle);
        let gone = || io::Error::other("the thread that starts decoders is gone");
        let (answer, started) = channel();
        self.starter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(answer)
            .map_err(|_| gone())?;
        started.recv().map_err(|_| gone())?
    }

    pub fn keep(&self, video: &str, decoder: Decoder) {
        if decoder.jobs >= JOBS {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((video.to_owned(), decoder));
        if idle.len() > MOST {
            idle.remove(0);
        }
    }
}
