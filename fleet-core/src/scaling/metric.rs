//! Samples of one metric, summed up by period as CloudWatch does. Absent: dimensions and units; a
//! window holds one metric of one fleet.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Milliseconds since whatever the caller counts from. Periods start at multiples of their length.
pub type Millis = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statistic {
    Sum,
    Average,
    Minimum,
    Maximum,
    SampleCount,
}

/// The statistic of one period that had at least one sample. `start` is the period's beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datapoint {
    pub start: Millis,
    pub value: f64,
}

/// The last few periods of one metric.
#[derive(Debug, Clone)]
pub struct MetricWindow {
    period: Millis,
    kept: usize,
    periods: VecDeque<Period>,
}

#[derive(Debug, Clone, Copy)]
struct Period {
    start: Millis,
    sum: f64,
    minimum: f64,
    maximum: f64,
    count: u64,
}

impl MetricWindow {
    /// Keeps `kept` periods of `period` milliseconds; older samples are dropped.
    pub fn new(period: Millis, kept: usize) -> Self {
        Self {
            period: period.max(1),
            kept: kept.max(1),
            periods: VecDeque::new(),
        }
    }

    /// Samples may come late and out of order, as they do from many machines.
    pub fn record(&mut self, at: Millis, value: f64) {
        let start = at - at % self.period;
        let index = self.periods.partition_point(|p| p.start < start);
        match self.periods.get_mut(index) {
            Some(period) if period.start == start => period.add(value),
            _ => self.periods.insert(index, Period::of(start, value)),
        }
        while self.periods.len() > self.kept {
            self.periods.pop_front();
        }
    }

    /// Oldest first.
    pub fn datapoints(&self, statistic: Statistic) -> Vec<Datapoint> {
        self.periods
            .iter()
            .map(|p| Datapoint {
                start: p.start,
                value: p.value(statistic),
            })
            .collect()
    }
}

impl Period {
    fn of(start: Millis, value: f64) -> Self {
        Self {
            start,
            sum: value,
            minimum: value,
            maximum: value,
            count: 1,
        }
    }

    fn add(&mut self, value: f64) {
        self.sum += value;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        self.count += 1;
    }

    fn value(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Sum => self.sum,
            Statistic::Average => self.sum / self.count as f64,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
            Statistic::SampleCount => self.count as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_fall_into_aligned_periods_whatever_their_order() {
        let mut window = MetricWindow::new(10_000, 3);
        for (at, value) in [(12_000, 4.0), (3_000, 1.0), (19_999, 2.0), (20_000, 7.0)] {
            window.record(at, value);
        }
        for (statistic, expected) in [
            (Statistic::Sum, [1.0, 6.0, 7.0]),
            (Statistic::Average, [1.0, 3.0, 7.0]),
            (Statistic::Minimum, [1.0, 2.0, 7.0]),
            (Statistic::Maximum, [1.0, 4.0, 7.0]),
            (Statistic::SampleCount, [1.0, 2.0, 1.0]),
        ] {
            let points = window.datapoints(statistic);
            assert_eq!(points.iter().map(|p| p.value).collect::<Vec<_>>(), expected);
            assert_eq!(
                points.iter().map(|p| p.start).collect::<Vec<_>>(),
                [0, 10_000, 20_000]
            );
        }
    }

    #[test]
    fn old_periods_are_dropped() {
        let mut window = MetricWindow::new(10_000, 2);
        for at in [0, 10_000, 20_000] {
            window.record(at, 1.0);
        }
        // Later than anything kept: it must not push out a newer period.
        window.record(0, 1.0);
        let starts: Vec<_> = window
            .datapoints(Statistic::Sum)
            .iter()
            .map(|p| p.start)
            .collect();
        assert_eq!(starts, [10_000, 20_000]);
    }
}
