//! Exact time: ticks, seconds as fractions, and the times a selection asks for. Pure.

use num_rational::Ratio;

use crate::error::{MediaError, RejectReason};
use crate::request::{Request, Selection};

/// Seconds from the first frame. Wide, so that products of user numbers and clocks stay exact.
pub type Time = Ratio<i128>;

pub fn wide(t: Ratio<i64>) -> Time {
    Time::new_raw((*t.numer()).into(), (*t.denom()).into())
}

pub fn narrow(t: Time) -> Result<Ratio<i64>, MediaError> {
    match (i64::try_from(*t.numer()), i64::try_from(*t.denom())) {
        (Ok(n), Ok(d)) => Ok(Ratio::new_raw(n, d)),
        _ => Err(MediaError::reject(
            RejectReason::TooLong,
            "a time of this video cannot be written as a fraction of two 64-bit numbers",
        )),
    }
}

/// The stream's time base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    seconds_a_tick: Time,
}

impl Clock {
    pub fn new((num, den): (i64, i64)) -> Self {
        let (num, den) = if num > 0 && den > 0 {
            (num, den)
        } else {
            (1, 1_000_000)
        };
        Self {
            seconds_a_tick: Time::new(num.into(), den.into()),
        }
    }

    pub fn seconds(self, ticks: i64) -> Time {
        self.seconds_a_tick * i128::from(ticks)
    }

    /// The nearest tick at or before `t`.
    pub fn ticks(self, t: Time) -> i64 {
        let ticks = (t / self.seconds_a_tick).floor().to_integer();
        ticks.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

/// The times a selection asks for, in order. None: it chooses by frame, not by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    kind: Kind,
    /// No time at or past this.
    end: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Step {
        start: Time,
        step: Time,
    },
    List(Vec<Time>),
    /// So many times, evenly spread.
    Spread {
        start: Time,
        span: Time,
        count: u64,
    },
}

impl Times {
    /// `end` is where the video ends, for `count`; others do not need it.
    pub fn new(request: &Request, end: Option<Time>) -> Option<Self> {
        let range = request.range;
        let start = range.map_or(Time::ZERO, |r| wide(r.start));
        let stop = range.and_then(|r| r.end).map(wide);
        let kind = match &request.selection {
            Selection::Fps(rate) => Kind::Step {
                start,
                step: wide(*rate).recip(),
            },
            Selection::EverySeconds(step) => Kind::Step {
                start,
                step: wide(*step),
            },
            Selection::Timestamps(times) => {
                let mut times: Vec<Time> = times.iter().copied().map(wide).collect();
                times.sort();
                times.retain(|t| *t >= start);
                Kind::List(times)
            }
            Selection::Count(n) => {
                let end = match (end?, stop) {
                    (end, Some(stop)) => end.min(stop),
                    (end, None) => end,
                };
                let span = (end - start).max(Time::ZERO);
                let count = if span == Time::ZERO { 0 } else { *n };
                Kind::Spread { start, span, count }
            }
            Selection::EveryNth(_)
            | Selection::Keyframes
            | Selection::Scenes { .. }
            | Selection::All => {
                return None;
            }
        };
        Some(Self { kind, end: stop })
    }

    /// The k-th time, if there is one.
    pub fn get(&self, k: u64) -> Option<Time> {
        let t = match &self.kind {
            Kind::Step { start, step } => start + step * i128::from(k),
            Kind::List(times) => *times.get(usize::try_from(k).ok()?)?,
            Kind::Spread { start, span, count } => {
                let part = Time::new(k.into(), (*count).max(1).into());
                (k < *count).then(|| start + span * part)?
            }
        };
        self.end.is_none_or(|end| t < end).then_some(t)
    }

    /// How many times lie before `t`.
    pub fn count_before(&self, t: Time) -> u64 {
        let t = self.end.map_or(t, |end| t.min(end));
        match &self.kind {
            Kind::Step { start, step } if t > *start => ((t - start) / step)
                .ceil()
                .to_integer()
                .clamp(0, u64::MAX.into())
                as u64,
            Kind::Step { .. } => 0,
            Kind::List(times) => times.partition_point(|x| *x < t) as u64,
            Kind::Spread { count, .. } => {
                let (mut low, mut high) = (0, *count);
                while low < high {
                    let middle = low + (high - low) / 2;
                    match self.get(middle).is_some_and(|at| at < t) {
                        true => low = middle + 1,
                        false => high = middle,
                    }
                }
                low
            }
        }
    }
}

/// A rate or step of zero would ask for the same time for ever.
pub fn check(request: &Request) -> Result<(), MediaError> {
    let zero = Ratio::ZERO;
    let bad = match &request.selection {
        Selection::Fps(r) | Selection::EverySeconds(r) => *r <= zero,
        Selection::EveryNth(n) | Selection::Count(n) => *n == 0,
        Selection::Timestamps(times) => times.iter().any(|t| *t < zero),
        Selection::Scenes { threshold } => *threshold < zero,
        Selection::Keyframes | Selection::All => false,
    };
    if bad
        || request
            .range
            .is_some_and(|r| r.start < zero || r.end.is_some_and(|e| e <= r.start))
    {
        return Err(MediaError::Unsupported {
            what: "a rate, step, count or time of the selection is zero, negative or empty".into(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::TimeRange;

    fn r(n: i64, d: i64) -> Ratio<i64> {
        Ratio::new(n, d)
    }

    #[test]
    fn times_and_counts_agree_for_every_kind() {
        let range = TimeRange {
            start: r(1, 3),
            end: Some(r(7, 2)),
        };
        for selection in [
            Selection::Fps(r(30000, 1001)),
            Selection::Fps(r(1, 1)),
            Selection::EverySeconds(r(1, 7)),
            Selection::Timestamps(vec![r(3, 1), r(0, 1), r(1, 2), r(1, 2)]),
            Selection::Count(7),
        ] {
            for range in [None, Some(range)] {
                let request = Request {
                    range,
                    ..Request::new(selection.clone())
                };
                let times = Times::new(&request, Some(wide(r(5, 1)))).unwrap();
                for bound in [r(0, 1), r(1, 2), r(1001, 30000), r(2, 1), r(3, 1), r(4, 1)] {
                    let slow = (0..1000)
                        .map_while(|k| times.get(k))
                        .filter(|t| *t < wide(bound))
                        .count();
                    assert_eq!(
                        times.count_before(wide(bound)),
                        slow as u64,
                        "{request:?} {bound}"
                    );
                }
            }
        }
    }

    #[test]
    fn ticks_and_seconds_are_exact() {
        let clock = Clock::new((1001, 30000));
        assert_eq!(clock.seconds(30), wide(r(1001, 1000)));
        assert_eq!(clock.ticks(wide(r(1, 1))), 29);
        assert_eq!(clock.ticks(clock.seconds(-7)), -7);
    }

    #[test]
    fn a_step_of_zero_is_refused() {
        assert!(check(&Request::new(Selection::Fps(r(0, 1)))).is_err());
        assert!(check(&Request::new(Selection::EveryNth(0))).is_err());
        assert!(check(&Request::new(Selection::Fps(r(1, 1)))).is_ok());
    }
}
