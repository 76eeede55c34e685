//! Any bytes as a video: the probe answers or refuses, and what it accepts can be decoded or is
//! refused then. Never a panic, never an image outside its segment.
#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use media::{ImageOptions, MediaError, PlanOptions, ProbeLimits, RangeRead, Request, Selection};
use num_rational::Ratio;

struct Memory(Vec<u8>);

impl RangeRead for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.0.len());
        let count = buf.len().min(self.0.len() - start);
        buf[..count].copy_from_slice(&self.0[start..start + count]);
        Ok(count)
    }
}

const ENOUGH: &str = "enough images for one input";

fuzz_target!(|data: &[u8]| {
    // Small pictures, so that an input takes milliseconds.
    let limits = ProbeLimits {
        side_pixels: 512,
        frame_pixels: 128 * 128,
        ..ProbeLimits::default()
    };
    let source = || Box::new(Memory(data.to_vec()));
    let Ok(probe) = media::probe(source(), &limits) else {
        return;
    };
    let request = Request {
        max_images: 1000,
        ..Request::new(Selection::Fps(Ratio::from_integer(2)))
    };
    let options = PlanOptions {
        forced_segments: Some(2),
        ..PlanOptions::default()
    };
    let Ok(plan) = media::plan(&probe, &request, &options) else {
        return;
    };
    for (number, segment) in plan.segments.iter().enumerate() {
        let mut next = segment.first_image;
        let mut sink = |image: media::ExtractedImage| {
            assert!(image.index >= next, "{} after {next}", image.index);
            next = image.index + 1;
            assert!(
                segment
                    .images
                    .is_none_or(|n| image.index < segment.first_image + n)
            );
            match next - segment.first_image {
                0..8 => Ok(()),
                _ => Err(io::Error::other(ENOUGH)),
            }
        };
        match media::extract(source(), &plan, number, &ImageOptions::default(), &mut sink) {
            Err(MediaError::Source(error)) => panic!("memory does not fail: {error}"),
            Ok(_) | Err(_) => {}
        }
    }
});
