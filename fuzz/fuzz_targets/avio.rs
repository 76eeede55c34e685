//! A source that gives little, stops early or fails, at any point of any file: never a panic, and
//! an error of the source is never taken for the end of the video.
#![no_main]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use media::{MediaError, ProbeLimits, RangeRead};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    /// One a read: how much it gives, or how it fails. The last one holds for all that follow.
    reads: Vec<Behaviour>,
    video: &'a [u8],
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Behaviour {
    All,
    AtMost(u16),
    Interrupted,
    Ends,
    Fails,
}

struct Moody {
    reads: std::vec::IntoIter<Behaviour>,
    last: Behaviour,
    interruptions: u32,
    video: Vec<u8>,
    failed: Arc<AtomicBool>,
}

impl RangeRead for Moody {
    fn len(&self) -> u64 {
        self.video.len() as u64
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.last = self.reads.next().unwrap_or(self.last);
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.video.len());
        let there = buf.len().min(self.video.len() - start);
        let count = match self.last {
            Behaviour::All => there,
            Behaviour::AtMost(n) => there.min(usize::from(n).max(1)),
            Behaviour::Interrupted if self.interruptions < 100 => {
                self.interruptions += 1;
                return Err(io::ErrorKind::Interrupted.into());
            }
            Behaviour::Ends if offset < self.len() && !buf.is_empty() => {
                // A source that ends early is one that failed.
                self.failed.store(true, Ordering::Relaxed);
                0
            }
            Behaviour::Fails => {
                self.failed.store(true, Ordering::Relaxed);
                return Err(io::Error::other("the network is down"));
            }
            Behaviour::Interrupted | Behaviour::Ends => there,
        };
        buf[..count].copy_from_slice(&self.video[start..start + count]);
        Ok(count)
    }
}

fuzz_target!(|input: Input| {
    let failed = Arc::new(AtomicBool::new(false));
    let moody = Moody {
        reads: input.reads.into_iter(),
        last: Behaviour::All,
        interruptions: 0,
        video: input.video.to_vec(),
        failed: failed.clone(),
    };
    let limits = ProbeLimits {
        side_pixels: 512,
        frame_pixels: 128 * 128,
        ..ProbeLimits::default()
    };
    let result = media::probe(Box::new(moody), &limits);
    if failed.load(Ordering::Relaxed) {
        assert!(
            matches!(result, Err(MediaError::Source(_))),
            "the source failed, and the answer is {result:?}"
        );
    }
});
