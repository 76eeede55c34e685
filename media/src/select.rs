//! The frame rule: which frame is the answer to which requested time. Pure; frames are only numbers.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::plan::PlannedSegment;
use crate::request::{Request, Selection};
use crate::times::{Clock, Time, Times, wide};

/// How a segment chooses: by time, or frame by frame.
#[derive(Debug)]
pub enum Chooser {
    Times(Picker),
    Frames(FramePicker),
}

impl Chooser {
    /// Nothing more is wanted, whatever frames may follow.
    pub fn is_done(&self) -> bool {
        match self {
            Chooser::Times(picker) => picker.wanted().is_none(),
            Chooser::Frames(picker) => picker.past_end(),
        }
    }
}

/// A listed frame has not come, and a later one has.
#[derive(Debug, PartialEq, Eq)]
pub struct Missed;

/// Frames by what they are, counted from the start of the range.
#[derive(Debug)]
pub struct FramePicker {
    selection: Selection,
    start: Time,
    end: Option<Time>,
    /// Of the first frame of this segment, and of its first image.
    pub first_frame: u64,
    first_image: u64,
    /// The timestamps of the frames to choose, where they are known beforehand.
    listed: Option<BTreeSet<i64>>,
    /// Frames that came before the segment: what its first scene is compared with.
    pub before: u64,
    /// Frames of this segment.
    pub seen: u64,
    chosen: u64,
    past_end: bool,
}

impl FramePicker {
    pub fn new(request: &Request, planned: &PlannedSegment, clock: Clock) -> Self {
        let range = request.range;
        let start = range.map_or(Time::ZERO, |r| wide(r.start));
        let own = planned.start_rel.map(|rel| clock.seconds(rel));
        let end = range.and_then(|r| r.end).map(wide);
        let own_end = planned.end_rel.map(|rel| clock.seconds(rel));
        Self {
            selection: request.selection.clone(),
            start: own.map_or(start, |own| own.max(start)),
            end: [end, own_end].into_iter().flatten().min(),
            // Not counted means only: not the first of the range.
            first_frame: match planned.start_rel {
                Some(_) => planned.first_frame.unwrap_or(1),
                None => 0,
            },
            first_image: planned.first_image,
            listed: None,
            before: 0,
            seen: 0,
            chosen: 0,
            past_end: false,
        }
    }

    /// The image's number, if the frame at `at` is chosen. `scene` is asked for every frame or none.
    pub fn choose(&mut self, at: Time, keyframe: bool, scene: impl FnOnce() -> f64) -> Option<u64> {
        let score = match self.selection {
            Selection::Scenes { .. } => scene(),
            _ => 0.0,
        };
        self.past_end |= self.end.is_some_and(|end| at >= end);
        if self.past_end {
            return None;
        }
        if at < self.start {
            self.before += 1;
            return None;
        }
        let number = self.first_frame + self.seen;
        self.seen += 1;
        let chosen = match &self.selection {
            Selection::EveryNth(n) => number.is_multiple_of((*n).max(1)),
            Selection::Keyframes => keyframe,
            Selection::Scenes { threshold } => {
                number == 0 || score > *threshold.numer() as f64 / *threshold.denom() as f64
            }
            _ => true,
        };
        self.chosen += u64::from(chosen);
        chosen.then(|| self.first_image + self.chosen - 1)
    }

    /// The first tick that counts, and the first that does not any more.
    pub fn bounds(&self, clock: Clock) -> (i64, Option<i64>) {
        let up = |t: Time| clock.ticks(-t).saturating_neg();
        (up(self.start), self.end.map(up))
    }

    /// From now on only what is expected is chosen.
    pub fn list(&mut self) {
        self.listed = Some(BTreeSet::new());
    }

    pub fn expect(&mut self, pts: impl Iterator<Item = i64>) {
        self.listed.get_or_insert_default().extend(pts);
    }

    pub fn is_expecting(&self) -> bool {
        self.listed
            .as_ref()
            .is_some_and(|listed| !listed.is_empty())
    }

    pub fn is_listing(&self) -> bool {
        self.listed.is_some()
    }

    /// As [`choose`](Self::choose), where frames are listed.
    pub fn choose_listed(&mut self, pts: i64) -> Result<Option<u64>, Missed> {
        let listed = self.listed.get_or_insert_default();
        match listed.first().map(|first| first.cmp(&pts)) {
            None | Some(Ordering::Greater) => Ok(None),
            Some(Ordering::Less) => Err(Missed),
            Some(Ordering::Equal) => {
                listed.pop_first();
                self.chosen += 1;
                Ok(Some(self.first_image + self.chosen - 1))
            }
        }
    }

    /// A frame has come that is not this segment's any more.
    pub fn past_end(&self) -> bool {
        self.past_end
    }

    /// The difference to the frame before, and how it changed, need two frames.
    pub fn lead_is_short(&self) -> bool {
        matches!(self.selection, Selection::Scenes { .. }) && self.before < 2
    }
}

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
    /// The number of the first time that belongs to the next segment.
    bound: Option<u64>,
    /// That time is asked for as well, to compare with what the next segment sees.
    seam: bool,
}

impl Picker {
    /// `bound`: times at or past this belong to the next segment.
    pub fn new(times: Times, first: u64, bound: Option<Time>) -> Self {
        Self {
            bound: bound.map(|bound| times.count_before(bound)),
            times,
            next: first,
            seam: false,
        }
    }

    pub fn with_seam(mut self) -> Self {
        self.seam = true;
        self
    }

    /// Whether this number is the next segment's, asked for to compare.
    pub fn is_beyond(&self, index: u64) -> bool {
        self.bound.is_some_and(|bound| index >= bound)
    }

    fn inside(&self, index: u64) -> bool {
        self.bound
            .is_none_or(|bound| index < bound || self.seam && index == bound)
    }

    /// The next time of this segment that has no frame yet.
    pub fn wanted(&self) -> Option<Asked> {
        self.upcoming().next()
    }

    /// The times of this segment that have no frame yet, in order.
    pub fn upcoming(&self) -> impl Iterator<Item = Asked> {
        let asked = |index| {
            let time = self.times.get(index)?;
            Some(Asked { index, time })
        };
        (self.next..)
            .take_while(|index| self.inside(*index))
            .map_while(asked)
    }

    /// Whether a time of this segment falls on a frame shown from `from` up to `to`.
    pub fn asked_between(&self, from: Time, to: Option<Time>) -> bool {
        let from = self.times.count_before(from).max(self.next);
        let Some(time) = self.times.get(from) else {
            return false;
        };
        to.is_none_or(|to| time < to) && self.inside(from)
    }

    /// Takes the last answer back.
    pub fn unsettle(&mut self) {
        self.next -= 1;
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
    use crate::request::TimeRange;

    const CLOCK: fn() -> Clock = || Clock::new((1, 1));

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
    fn frames_are_chosen_by_number_key_and_score() {
        let frames = [
            (0, true, 1.0),
            (1, false, 0.1),
            (2, false, 0.5),
            (3, true, 0.0),
            (4, false, 0.4),
        ];
        let range = TimeRange {
            start: Ratio::from(1),
            end: Some(Ratio::from(4)),
        };
        for (selection, range, expected) in [
            (Selection::All, None, &[0, 1, 2, 3, 4][..]),
            (Selection::All, Some(range), &[1, 2, 3]),
            (Selection::EveryNth(2), None, &[0, 2, 4]),
            (Selection::EveryNth(2), Some(range), &[1, 3]),
            (Selection::Keyframes, None, &[0, 3]),
            (
                Selection::Scenes {
                    threshold: Ratio::new(3, 10),
                },
                None,
                &[0, 2, 4],
            ),
            (
                Selection::Scenes {
                    threshold: Ratio::new(3, 10),
                },
                Some(range),
                &[1, 2],
            ),
        ] {
            let request = Request {
                range,
                ..Request::new(selection.clone())
            };
            let mut picker = FramePicker::new(&request, &PlannedSegment::default(), CLOCK());
            let mut got = Vec::new();
            for (at, key, score) in frames {
                if let Some(index) = picker.choose(Time::from_integer(at), key, || score) {
                    assert_eq!(index, got.len() as u64);
                    got.push(at);
                }
            }
            assert_eq!(got, expected, "{selection:?} {range:?}");
        }
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

    /// A stream may begin with frames that are no keyframes: an edit list, a cut.
    #[test]
    fn a_stream_that_begins_without_a_keyframe_gives_its_keyframes() {
        let mut picker = FramePicker::new(
            &Request::new(Selection::Keyframes),
            &PlannedSegment::default(),
            CLOCK(),
        );
        let mut choose = |at: i128, key| picker.choose(Time::new(at, 1), key, || 0.0);
        assert_eq!(choose(0, false), None);
        assert_eq!(choose(1, true), Some(0));
        assert_eq!(choose(2, false), None);
        assert_eq!(choose(3, true), Some(1));
    }

    #[test]
    fn a_segment_counts_on_from_the_one_before() {
        let planned = PlannedSegment {
            start_rel: Some(10),
            end_rel: Some(16),
            first_image: 4,
            first_frame: Some(11),
            ..PlannedSegment::default()
        };
        let request = Request::new(Selection::EveryNth(3));
        let mut picker = FramePicker::new(&request, &planned, CLOCK());
        let got: Vec<_> = (8..18)
            .map(|at| picker.choose(Time::from_integer(at), false, || 0.0))
            .collect();
        // Frame 12 is the first of the segment that 3 divides.
        let mut expected = vec![None; 10];
        (expected[3], expected[6]) = (Some(4), Some(5));
        assert_eq!(got, expected);
        assert_eq!((picker.before, picker.seen), (2, 6));
    }

    #[test]
    fn of_listed_frames_none_may_be_missed() {
        let planned = PlannedSegment {
            first_image: 4,
            ..PlannedSegment::default()
        };
        let request = Request::new(Selection::EveryNth(3));
        let mut picker = FramePicker::new(&request, &planned, CLOCK());
        picker.list();
        picker.expect([10, 40, 70].into_iter());
        assert_eq!(picker.choose_listed(0), Ok(None));
        assert_eq!(picker.choose_listed(10), Ok(Some(4)));
        assert_eq!(picker.choose_listed(20), Ok(None));
        assert_eq!(picker.choose_listed(40), Ok(Some(5)));
        assert_eq!(picker.choose_listed(80), Err(Missed));
        assert!(picker.is_expecting());
    }
}
