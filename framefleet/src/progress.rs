//! Progress as a bar at a terminal, and as plain lines anywhere else.

use std::io::IsTerminal;

use fleet_core::VideoState;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::api::Video;

/// Steps of the bar; a fraction has no unit of its own.
const STEPS: u64 = 1000;

pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    last: String,
}

/// A bar of bytes, for a transfer. Without a terminal it only counts.
pub fn transfer(what: &'static str, bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    match std::io::stderr().is_terminal() {
        true => bar.set_style(style(
            "{msg:>12} [{bar:40}] {bytes}/{total_bytes} {binary_bytes_per_sec}",
        )),
        false => bar.set_draw_target(ProgressDrawTarget::hidden()),
    }
    bar.set_message(what);
    bar
}

/// Leaves one line behind, either way.
pub fn finish_transfer(bar: &ProgressBar) {
    let line = format!("{:>12} {}", bar.message(), HumanBytes(bar.position()));
    bar.finish_and_clear();
    eprintln!("{line}");
}

impl Progress {
    pub fn new() -> Self {
        Self::styled(!std::io::stderr().is_terminal())
    }

    /// Lines even at a terminal, where others write lines too.
    pub fn lines() -> Self {
        Self::styled(true)
    }

    fn styled(plain: bool) -> Self {
        let bar = match plain {
            true => ProgressBar::hidden(),
            false => ProgressBar::new(STEPS),
        };
        bar.set_style(style("{prefix:>12} [{bar:40}] {msg} {elapsed}"));
        Self {
            bar,
            plain,
            last: String::new(),
        }
    }

    pub fn show(&mut self, video: &Video) {
        let line = line(video);
        if self.plain {
            // One line a change, not one a poll.
            if line != self.last {
                eprintln!("{:>12} {line}", video.state.as_str());
            }
        } else {
            let fraction = video.progress.fraction.clamp(0.0, 1.0);
            self.bar.set_position((fraction * STEPS as f64) as u64);
            self.bar.set_prefix(video.state.as_str());
            self.bar.set_message(line.clone());
        }
        self.last = line;
    }

    pub fn finish(self) {
        if !self.plain {
            self.bar.finish_and_clear();
            eprintln!("{:>12} {}", "", self.last);
        }
    }
}

fn line(video: &Video) -> String {
    let p = &video.progress;
    match video.state {
        VideoState::Uploading | VideoState::Queued | VideoState::Planning => {
            format!("{}", video.state)
        }
        _ => format!(
            "{}/{} segments, {} frames, {}",
            p.segments_done,
            p.segments,
            p.images,
            HumanBytes(p.image_bytes)
        ),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
