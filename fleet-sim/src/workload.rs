//! The videos of one run: when they arrive and how much work they are. Made before the run, so that
//! every policy is given the very same videos.

use clap::{Args, ValueEnum};
use fleet_core::scaling::Millis;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};

use crate::model::millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arrivals {
    /// Evenly at random.
    Steady,
    /// A day's curve: 19 times as many at its peak as in its valley.
    Daily,
    /// All within one minute.
    Burst,
    /// Few and far between.
    Trickle,
}

#[derive(Debug, Clone, PartialEq, Args)]
pub struct WorkloadArgs {
    /// When videos arrive.
    #[arg(long, value_enum, default_value_t = Arrivals::Burst)]
    pub arrivals: Arrivals,
    /// How many videos; by default what suits the arrivals.
    #[arg(long)]
    pub videos: Option<u32>,
    /// Hours in which they arrive; by default what suits the arrivals.
    #[arg(long)]
    pub hours: Option<f64>,
    /// Median length of a video in seconds.
    #[arg(long, default_value_t = 240.0)]
    pub length: f64,
    /// Spread of the lengths (sigma of their logarithm).
    #[arg(long, default_value_t = 1.0)]
    pub length_spread: f64,
    /// Seconds of video in one segment.
    #[arg(long, default_value_t = 60.0)]
    pub segment: f64,
    /// Seconds of work for a second of video, on one core.
    #[arg(long, default_value_t = 0.06)]
    pub work_ratio: f64,
    /// Spread of the work of segments (sigma of its logarithm).
    #[arg(long, default_value_t = 0.3)]
    pub work_spread: f64,
    /// How far an upload's size misleads about its work (sigma of the logarithm).
    #[arg(long, default_value_t = 0.5)]
    pub estimate_spread: f64,
    /// Bound on the segments of one video.
    #[arg(long, default_value_t = 1_000)]
    pub max_segments: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Video {
    pub at: Millis,
    /// Index of its first segment in `Workload::segments`.
    pub first: u32,
    pub segments: u32,
    /// Seconds of work that the upload handler guesses.
    pub estimate: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// By arrival.
    pub videos: Vec<Video>,
    /// Seconds of work of each segment.
    pub segments: Vec<f32>,
    /// End of the time in which videos arrive.
    pub window: Millis,
}

impl WorkloadArgs {
    pub fn check(&self) -> Result<(), String> {
        for (name, value) in [
            ("hours", self.hours.unwrap_or(1.0)),
            ("length", self.length),
            ("segment", self.segment),
            ("work-ratio", self.work_ratio),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(format!("--{name} is {value}; it must be more than 0"));
            }
        }
        for (name, value) in [
            ("length-spread", self.length_spread),
            ("work-spread", self.work_spread),
            ("estimate-spread", self.estimate_spread),
        ] {
            if !(0.0..=5.0).contains(&value) {
                return Err(format!("--{name} is {value}; use 0 to 5"));
            }
        }
        let segments = u64::from(self.count()) * u64::from(self.max_segments);
        if self.max_segments == 0 || segments > u64::from(u32::MAX) / 2 {
            return Err("--videos times --max-segments must be from 1 to 2 billion".into());
        }
        Ok(())
    }

    pub fn count(&self) -> u32 {
        self.videos.unwrap_or(match self.arrivals {
            Arrivals::Steady => 2_000,
            Arrivals::Daily | Arrivals::Burst => 10_000,
            Arrivals::Trickle => 48,
        })
    }

    pub fn window(&self) -> Millis {
        let hours = self.hours.unwrap_or(match self.arrivals {
            Arrivals::Steady => 3.0,
            Arrivals::Daily => 24.0,
            Arrivals::Burst => 1.0,
            Arrivals::Trickle => 8.0,
        });
        millis(hours * 3_600.0)
    }

    /// The arguments have been checked.
    pub fn generate(&self, seed: u64) -> Workload {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let window = self.window();
        let mut times: Vec<Millis> = (0..self.count())
            .map(|_| self.arrival(window, &mut rng))
            .collect();
        times.sort_unstable();
        // The median of a lognormal is the exponential of its mu; spreads are checked to be finite.
        let around = |median: f64, spread: f64| {
            LogNormal::new(median.ln(), spread).expect("spread is finite and not negative")
        };
        let length = around(self.length, self.length_spread);
        let noise = around(1.0, self.work_spread);
        let error = around(1.0, self.estimate_spread);
        let mut workload = Workload {
            videos: Vec::with_capacity(times.len()),
            segments: Vec::new(),
            window,
        };
        for at in times {
            let video_length = length.sample(&mut rng);
            let count = (video_length / self.segment).ceil();
            let segments = (count as u32).clamp(1, self.max_segments);
            let each = video_length / f64::from(segments) * self.work_ratio;
            let first = workload.segments.len() as u32;
            for _ in 0..segments {
                workload
                    .segments
                    .push((each * noise.sample(&mut rng)) as f32);
            }
            let estimate = video_length * self.work_ratio * error.sample(&mut rng);
            workload.videos.push(Video {
                at,
                first,
                segments,
                estimate,
            });
        }
        workload
    }

    fn arrival(&self, window: Millis, rng: &mut ChaCha8Rng) -> Millis {
        match self.arrivals {
            Arrivals::Burst => rng.random_range(60_000..120_000),
            Arrivals::Steady | Arrivals::Trickle => rng.random_range(0..window.max(1)),
            Arrivals::Daily => loop {
                // Rejection: the curve starts in its valley and peaks 12 hours on.
                let at = rng.random_range(0..window.max(1));
                let hour = at as f64 / 3_600_000.0;
                let rate = 1.0 - 0.9 * (hour / 24.0 * std::f64::consts::TAU).cos();
                if rng.random_range(0.0..1.9) < rate {
                    break at;
                }
            },
        }
    }
}

impl Workload {
    pub fn total_work(&self) -> f64 {
        self.segments.iter().map(|work| f64::from(*work)).sum()
    }

    pub fn work_of(&self, video: &Video) -> f64 {
        let range = video.first as usize..(video.first + video.segments) as usize;
        self.segments[range].iter().map(|w| f64::from(*w)).sum()
    }
}
