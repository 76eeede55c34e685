//! The frame rule: which frame is the answer to which requested time. Pure; frames are only numbers.

use crate::times::{Time, Times};

/// A requested time and its number in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub index: u64,
    pub time: Time,
}

/// Goes through the times of one segment as frames come by in presentation order.
#[derive(Debug)]
pub struct Picker {
    times: Times,
    next: u64,
    /// Times at or past this belong to the next segment.
    bound: Option<Time>,
}

impl Picker {
    pub fn new(times: Times, first: u64, bound: Option<Time>) -> Self {
        Self {
            times,
            next: first,
            bound,
        }
    }

    /// The next time of this segment that has no frame yet.
    pub fn wanted(&self) -> Option<Asked> {
        let time = self.times.get(self.next)?;
        let inside = self.bound.is_none_or(|bound| time < bound);
        inside.then_some(Asked {
            index: self.next,
            time,
        })
    }

    /// A frame at `at` has come: the next time before it, if any, falls on the frame before.
    pub fn settle(&mut self, at: Time) -> Option<Asked> {
        let asked = self.wanted().filter(|a| a.time < at)?;
        self.next += 1;
        Some(asked)
    }
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::*;
    use crate::request::{Request, Selection};

    /// Which frame each image is of, the slow and the streaming way.
    fn both(
        times: &Times,
        frames: &[i128],
        end: i128,
        bound: Option<Time>,
    ) -> (Vec<usize>, Vec<usize>) {
        let t = |v: i128| Time::new(v, 10);
        let slow = (0..)
            .map_while(|k| times.get(k))
            .take_while(|x| *x < t(end) && bound.is_none_or(|b| *x < b))
            .map(|x| frames.iter().rposition(|f| t(*f) <= x).unwrap())
            .collect();
        let mut fast = Vec::new();
        let mut picker = Picker::new(times.clone(), 0, bound);
        for (i, frame) in frames.iter().copied().chain([end]).enumerate() {
            while picker.settle(t(frame)).is_some() {
                fast.push(i - 1);
            }
        }
        (slow, fast)
    }

    #[test]
    fn streaming_agrees_with_the_definition() {
        for (n, d) in [(1, 1), (3, 1), (10, 1), (7, 3), (30000, 1001), (1, 3)] {
            let request = Request::new(Selection::Fps(Ratio::new(n, d)));
            let times = Times::new(&request, None).unwrap();
            for (frames, end) in [
                (&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9][..], 10),
                (&[0, 0, 0, 12, 12, 25], 30),
                (&[0], 1),
                (&[0, 5, 50, 51, 52], 90),
            ] {
                for bound in [None, Some(Time::new(5, 1)), Some(Time::new(1, 3))] {
                    let (slow, fast) = both(&times, frames, end, bound);
                    assert_eq!(slow, fast, "{n}/{d} {frames:?} {bound:?}");
                }
            }
        }
    }
}
