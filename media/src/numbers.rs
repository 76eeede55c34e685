//! Frames counted from their packets: which of them are every nth, before any is decoded. Pure.

use std::collections::BTreeSet;

use crate::feed::Item;

#[derive(Debug)]
pub struct Numbers {
    nth: u64,
    /// The number of the first frame shown at or after `start`, and where counting ends.
    first: u64,
    start: i64,
    end: Option<i64>,
    /// Shown packets that have left the window, from `start` on; and how many of them before `end`.
    gone: u64,
    inside: u64,
    /// Those that may still be shown after one in the window.
    late: BTreeSet<i64>,
    latest: Option<i64>,
    /// What is shown in the window, in order.
    line: Vec<i64>,
    looked_at: usize,
}

impl Numbers {
    pub fn new(nth: u64, first: u64, start: i64, end: Option<i64>) -> Self {
        Self {
            nth: nth.max(1),
            first,
            start,
            end,
            gone: 0,
            inside: 0,
            late: BTreeSet::new(),
            latest: None,
            line: Vec::new(),
            looked_at: 0,
        }
    }

    /// More packets may have come. False: they cannot be counted for frames, or one is shown before a
    /// frame that had its number already.
    pub fn look(&mut self, window: &[Item]) -> bool {
        let fresh = window.iter().skip(self.looked_at).filter(|i| i.shown);
        let in_time = fresh
            .into_iter()
            .all(|i| self.latest.is_none_or(|l| i.pts > l));
        let begun = self.latest.is_some() || self.begins(window);
        self.looked_at = window.len();
        let counted = window.iter().filter(|i| i.shown && i.pts >= self.start);
        self.line = counted.map(|i| i.pts).collect();
        self.line.sort_unstable();
        if let Some(first) = self.line.first() {
            self.late = self.late.split_off(first);
        }
        in_time && begun
    }

    /// A decoder leaves out what it cannot decode at the start, and packets do not tell.
    fn begins(&self, window: &[Item]) -> bool {
        let Some(entry) = window.first().filter(|i| i.entry) else {
            return false;
        };
        let leading = |i: &Item| i.shown && (self.start..entry.pts).contains(&i.pts);
        !window.iter().any(leading)
    }

    /// Nothing from this group on is before the end.
    pub fn is_over(&self, group: &[Item]) -> bool {
        let mut shown = group.iter().filter(|i| i.shown).peekable();
        shown.peek().is_some() && shown.all(|i| self.is_past(i.pts))
    }

    /// Of a frame in the window.
    pub fn is_wanted(&self, pts: i64) -> bool {
        if pts < self.start || self.is_past(pts) {
            return false;
        }
        let before = self.line.partition_point(|p| *p < pts) as u64;
        let late = self.late.range(pts..).count() as u64;
        (self.first + self.gone + before - late).is_multiple_of(self.nth)
    }

    pub fn is_past(&self, pts: i64) -> bool {
        self.end.is_some_and(|end| pts >= end)
    }

    /// The first packet of the window leaves it.
    pub fn pop(&mut self, item: &Item) {
        self.looked_at = self.looked_at.saturating_sub(1);
        if !item.shown {
            return;
        }
        self.latest = self.latest.max(Some(item.pts));
        if item.pts >= self.start {
            self.gone += 1;
            self.inside += u64::from(!self.is_past(item.pts));
            self.late.insert(item.pts);
        }
    }

    /// So many frames from start to end have left the window.
    pub fn inside(&self) -> u64 {
        self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pts: i64) -> Item {
        Item {
            pts,
            entry: pts % 50 == 0,
            shown: true,
            unreferenced: false,
            order: pts,
        }
    }

    /// The wanted ones, where `window` packets are seen at a time and `step` of them leave.
    fn wanted(mut numbers: Numbers, pts: &[i64], window: usize, step: usize) -> Vec<i64> {
        let items: Vec<Item> = pts.iter().map(|p| item(*p)).collect();
        let mut out = Vec::new();
        for at in (0..items.len()).step_by(step) {
            let seen = &items[at..items.len().min(at + window)];
            assert!(numbers.look(seen), "{at}");
            let leaving = &seen[..step.min(seen.len())];
            out.extend(
                leaving
                    .iter()
                    .map(|i| i.pts)
                    .filter(|p| numbers.is_wanted(*p)),
            );
            leaving.iter().for_each(|i| numbers.pop(i));
        }
        out.sort_unstable();
        out
    }

    #[test]
    fn frames_are_counted_in_the_order_in_which_they_are_shown() {
        // Five groups of pictures, as coded.
        let coded: Vec<i64> = (0..5)
            .flat_map(|g| [0, 4, 2, 1, 3].map(|p| g * 50 + p * 10))
            .collect();
        for (window, step) in [(25, 25), (10, 5), (9, 3), (12, 1)] {
            let from = |first, start, end| Numbers::new(7, first, start, end);
            let got = |numbers| wanted(numbers, &coded, window, step);
            assert_eq!(got(from(0, 0, None)), [0, 70, 140, 210]);
            // Counting begins at the first frame at or after 45, and goes on from another segment's.
            assert_eq!(got(from(0, 45, None)), [50, 120, 190]);
            assert_eq!(got(from(5, 0, Some(160))), [20, 90]);
            assert_eq!(got(from(7, 0, Some(140))), [0, 70]);
        }
    }

    #[test]
    fn who_comes_too_late_is_noticed() {
        let mut numbers = Numbers::new(2, 0, 0, None);
        let window: Vec<Item> = [0, 40, 20].map(item).into();
        assert!(numbers.look(&window));
        window[..2].iter().for_each(|i| numbers.pop(i));
        assert!(numbers.look(&[item(20), item(60)]));
        assert!(!numbers.look(&[item(20), item(60), item(30)]));
    }

    #[test]
    fn what_is_outside_is_not_counted() {
        let mut numbers = Numbers::new(1, 0, 10, Some(30));
        let window: Vec<Item> = [0, 10, 20, 30].map(item).into();
        assert!(numbers.look(&window));
        window.iter().for_each(|i| numbers.pop(i));
        assert_eq!(numbers.inside(), 2);
    }
}
