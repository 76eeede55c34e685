//! What came out of a run.

use fleet_core::scaling::Millis;

/// The fleet at one moment, for the plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub at: Millis,
    pub queued: u32,
    pub machines: u32,
    pub busy: u32,
    pub desired: u32,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    pub name: String,
    pub videos: u32,
    pub unfinished: u32,
    pub segments: u64,
    /// Segments whose result was recorded exactly once.
    pub recorded: u64,
    pub recorded_twice: u64,
    /// Results that came after the first, and changed nothing.
    pub ignored_results: u64,
    /// From upload to result, ascending.
    pub times: Vec<Millis>,
    pub last_finished: Option<Millis>,
    pub end: Millis,
    pub instance_millis: Millis,
    pub spot_hours: f64,
    pub cost: f64,
    pub useful_millis: Millis,
    /// Work begun and lost with its machine or handed back.
    pub lost_millis: Millis,
    pub launched: u64,
    pub scaled_in: u64,
    /// Machines terminated by a scale-in while they held a task.
    pub busy_kills: u64,
    /// Machines that held a task when they were named.
    pub named_busy: u64,
    /// Tasks that a condemned machine gave back.
    pub refusals: u64,
    pub interruptions: u64,
    pub handed_back: u64,
    pub redelivered: u64,
    pub decisions: u64,
    /// From the first upload to its alarm.
    pub first_alarm: Option<Millis>,
    pub still_running: u32,
    pub most_machines: u32,
    pub most_queued: u32,
    pub events: u64,
    pub points: Vec<Point>,
}

impl Outcome {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    pub fn sample(&mut self, point: Point) {
        self.most_machines = self.most_machines.max(point.machines);
        self.most_queued = self.most_queued.max(point.queued);
        self.points.push(point);
    }

    /// Seconds from upload to result that `share` of the finished videos did not pass.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let rank = (share * self.times.len() as f64).ceil() as usize;
        let index = rank.clamp(1, self.times.len().max(1)) - 1;
        self.times.get(index).map(|&time| time as f64 / 1_000.0)
    }

    pub fn instance_hours(&self) -> f64 {
        self.instance_millis as f64 / 3_600_000.0
    }

    /// The share of paid slot time in which nothing useful was done.
    pub fn waste(&self, slots: u32) -> f64 {
        let paid = self.instance_millis as f64 * f64::from(slots);
        match paid > 0.0 {
            true => 1.0 - self.useful_millis as f64 / paid,
            false => 0.0,
        }
    }

    /// Minutes from the last result until no machine was left; `None` if some were.
    pub fn minutes_to_zero(&self) -> Option<f64> {
        let last = self.last_finished?;
        let empty = self
            .points
            .iter()
            .find(|p| p.at >= last && p.machines == 0)?;
        Some((empty.at - last) as f64 / 60_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let outcome = Outcome {
            times: (1..=100).map(|s| s * 1_000).collect(),
            ..Outcome::default()
        };
        for (share, expected) in [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)] {
            assert_eq!(outcome.percentile(share), Some(expected));
        }
        assert_eq!(Outcome::default().percentile(0.5), None);
    }
}
