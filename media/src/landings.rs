//! Where the quick pass may land, by the container's index, and which bytes it will read there. Pure.

use crate::ffi::IndexEntry;
use crate::source::Stretch;

/// So many landings are announced before they are come to: while one is decoded, the next are fetched.
/// But no more than the next one, where they are larger than this together.
const ANNOUNCED: usize = 4;
const MOST_TOGETHER: u64 = 32 << 20;
/// Times that are looked through for landings which lie that far ahead.
const LOOKED_THROUGH: usize = 1_000;
/// Of a longer GOP the beginning is announced.
const MOST_BYTES: u64 = 16 << 20;
/// FFmpeg reads so much at a time, whatever it needs of it.
const READ: u64 = 64 * 1024;
/// Cues do not tell how far the packets reach with which a GOP is known to be over.
const PAST_CUE: u64 = 256 * 1024;
const MOST_PAST_CUE: u64 = 4 << 20;

/// A container's keyframes by time; none: there is no jumping.
#[derive(Debug, Default)]
pub struct Landings {
    points: Vec<Point>,
    /// No seek may aim at this time, or past it.
    end: i64,
    /// The index is known to be complete: between the last point and any time past it is no other.
    complete: bool,
    /// The first one not announced yet.
    next: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    at: i64,
    stretch: Stretch,
}

impl Landings {
    /// Of an index that lists every packet, or (if not `complete`) those of the first fragments. A GOP is
    /// over once `past` packets after it were read.
    pub fn of_packets(index: &[IndexEntry], past: usize, complete: bool) -> Self {
        let keyframes: Vec<usize> = (0..index.len())
            .filter(|i| index[*i].keyframe && !index[*i].discard)
            .collect();
        let ends = keyframes.iter().skip(1).copied().chain([index.len()]);
        let points = keyframes.iter().zip(ends).map(|(first, end)| {
            let read = &index[*first..end.saturating_add(past).min(index.len())];
            let end = read.iter().map(|e| offset(e) + u64::from(e.size)).max();
            point(&index[*first], end.unwrap_or(0))
        });
        let last = keyframes.last().map_or(i64::MIN, |i| index[*i].timestamp);
        Self::new(
            points.collect(),
            if complete { i64::MAX } else { last },
            complete,
        )
    }

    /// Of an index that lists only keyframes. `single`: these may be all pictures.
    pub fn of_cues(index: &[IndexEntry], past: usize, single: bool) -> Self {
        let cues = || index.iter().filter(|e| e.keyframe && !e.discard);
        let points = cues().zip(cues().skip(1)).map(|(entry, next)| {
            let length = offset(next).saturating_sub(offset(entry));
            let pictures = length.saturating_mul(if single { past as u64 } else { 0 });
            let past = pictures.clamp(PAST_CUE, MOST_PAST_CUE);
            point(entry, offset(next).saturating_add(past))
        });
        // A seek to the last cue makes FFmpeg read to the end of the file.
        let last = cues().next_back().map_or(i64::MIN, |e| e.timestamp);
        Self::new(points.collect(), last, true)
    }

    fn new(mut points: Vec<Point>, end: i64, complete: bool) -> Self {
        points.sort_unstable_by_key(|p| p.at);
        Self {
            points,
            end,
            complete,
            next: 0,
        }
    }

    pub fn clear(&mut self) {
        self.points.clear();
    }

    /// The time to seek to for `target`, if a GOP can be left out between it and what was read. `delay`: by
    /// so much presentation times are later than those of the index.
    pub fn aim(&self, read: i64, target: i64, delay: i64) -> Option<i64> {
        let read = read.saturating_sub(delay);
        let target = target.saturating_sub(delay);
        if target >= self.end && !self.complete {
            return None;
        }
        let target = target.min(self.end.saturating_sub(1));
        let next = self.points.partition_point(|p| p.at <= read);
        self.points.get(next).filter(|next| next.at <= target)?;
        let after = self.points.partition_point(|p| p.at <= target);
        // FFmpeg seeks by either time, depending on the file. The end of a GOP is the same GOP by both.
        let end = self.points.get(after).map(|next| next.at - 1);
        Some(end.unwrap_or(target.saturating_add(delay)))
    }

    /// What will be read for the first of these times, and for a few more; each only once.
    pub fn announce(&mut self, targets: impl Iterator<Item = i64>) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        let (mut ahead, mut bytes, mut before) = (0, 0, None);
        for target in targets.take(LOOKED_THROUGH) {
            let after = self.points.partition_point(|p| p.at <= target);
            if after == 0 || before.replace(after) == Some(after) {
                continue;
            }
            let stretch = self.points[after - 1].stretch;
            ahead += 1;
            bytes += u64::from(stretch.length);
            if ahead > ANNOUNCED || ahead > 1 && bytes > MOST_TOGETHER {
                break;
            }
            if after > self.next {
                self.next = after;
                stretches.push(stretch);
            }
        }
        stretches
    }
}

fn offset(entry: &IndexEntry) -> u64 {
    entry.position.max(0) as u64
}

fn point(entry: &IndexEntry, end: u64) -> Point {
    let length = end.saturating_sub(offset(entry)).saturating_add(READ);
    Point {
        at: entry.timestamp,
        stretch: Stretch {
            offset: offset(entry),
            length: length.min(MOST_BYTES) as u32,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of 100 bytes each 10 ticks; every `gop`-th is a keyframe.
    fn index(packets: i64, gop: i64) -> Vec<IndexEntry> {
        let entry = |n| IndexEntry {
            position: 1000 + n * 100,
            timestamp: n * 10,
            size: 100,
            keyframe: n % gop == 0,
            discard: false,
        };
        (0..packets).map(entry).collect()
    }

    fn bytes(stretches: &[Stretch]) -> Vec<(u64, u32)> {
        stretches.iter().map(|s| (s.offset, s.length)).collect()
    }

    #[test]
    fn a_gop_is_announced_with_the_packets_that_end_it() {
        let mut landings = Landings::of_packets(&index(40, 10), 2, true);
        let said = landings.announce([150].into_iter());
        assert_eq!(bytes(&said), [(2000, 1200 + READ as u32)]);
        // The last one ends with the index.
        let said = landings.announce([399].into_iter());
        assert_eq!(bytes(&said), [(4000, 1000 + READ as u32)]);
    }

    #[test]
    fn a_few_are_announced_and_each_only_once() {
        let mut landings = Landings::of_packets(&index(1000, 10), 0, true);
        let offsets = |said: Vec<Stretch>| -> Vec<u64> { said.iter().map(|s| s.offset).collect() };
        // Every second GOP is wanted, twice each.
        let times = || (0..100).map(|n| 200 * (n / 2) + 40 * (n % 2));
        let said = offsets(landings.announce(times()));
        assert_eq!(said, [1000, 3000, 5000, 7000]);
        assert!(landings.announce(times()).is_empty());
        let said = offsets(landings.announce(times().skip(4)));
        assert_eq!(said, [9000, 11000]);
        landings.clear();
        assert!(landings.announce(times().skip(20)).is_empty());
    }

    #[test]
    fn large_ones_are_announced_one_by_one() {
        let mut entries = index(100, 10);
        for entry in &mut entries {
            entry.position *= 150_000;
            entry.size = 15_000_000;
        }
        let mut landings = Landings::of_packets(&entries, 0, true);
        let said = landings.announce((0..10).map(|n| n * 100));
        let most = MOST_BYTES as u32;
        assert_eq!(bytes(&said), [(150_000_000, most), (300_000_000, most)]);
    }

    #[test]
    fn times_before_the_first_keyframe_and_hidden_keyframes_are_no_landings() {
        let mut entries = index(40, 10);
        entries[10].discard = true;
        let mut landings = Landings::of_packets(&entries, 0, true);
        let said = landings.announce([-1, 150].into_iter());
        assert_eq!(bytes(&said), [(1000, 2000 + READ as u32)]);
    }

    #[test]
    fn of_a_long_gop_the_beginning_is_announced() {
        let mut entries = index(20, 10);
        entries[4].size = u32::MAX;
        let mut landings = Landings::of_packets(&entries, 0, true);
        let said = landings.announce([0].into_iter());
        assert_eq!(bytes(&said), [(1000, MOST_BYTES as u32)]);
    }

    #[test]
    fn cues_tell_where_a_gop_begins_and_about_where_it_ends() {
        let cues: Vec<IndexEntry> = index(40, 10).into_iter().filter(|e| e.keyframe).collect();
        let mut landings = Landings::of_cues(&cues, 5, false);
        let said = landings.announce([150, 399].into_iter());
        let length = 1000 + (PAST_CUE + READ) as u32;
        assert_eq!(bytes(&said), [(2000, length), (3000, length)]);
        assert!(Landings::of_cues(&cues[..1], 5, false).points.is_empty());
        // Of 300,000 bytes each: five pictures more.
        let large = cues.iter().map(|e| IndexEntry {
            position: e.position * 300,
            ..*e
        });
        let mut landings = Landings::of_cues(&large.collect::<Vec<_>>(), 5, true);
        let said = landings.announce([150].into_iter());
        assert_eq!(bytes(&said), [(600_000, 6 * 300_000 + READ as u32)]);
    }

    #[test]
    fn only_whole_gops_are_jumped_over() {
        let index = index(40, 10);
        let complete = Landings::of_packets(&index, 0, true);
        let begun = Landings::of_packets(&index, 0, false);
        let cues: Vec<IndexEntry> = index.into_iter().filter(|e| e.keyframe).collect();
        let cues = Landings::of_cues(&cues, 0, false);
        for (read, target, expected) in [
            (50, 80, [None; 3]),
            (50, 100, [Some(199); 3]),
            (100, 150, [None; 3]),
            (100, 250, [Some(299), Some(299), Some(250)]),
            // To the last one, and past the end: where it is known.
            (100, 300, [Some(300), None, Some(299)]),
            (100, 9000, [Some(9000), None, Some(299)]),
            (250, 9000, [Some(9000), None, None]),
            (300, 9000, [None; 3]),
        ] {
            let aims = [&complete, &begun, &cues].map(|l| l.aim(read, target, 0));
            assert_eq!(aims, expected, "{read} {target}");
        }
        // The keyframe that is decoded at 200 is shown at 220.
        for (read, target, expected) in [
            (120, 219, None),
            (120, 220, Some(299)),
            (119, 219, Some(199)),
            (119, 400, Some(400)),
        ] {
            let aim = complete.aim(read, target, 20);
            assert_eq!(aim, expected, "{read} {target}");
        }
        assert_eq!(Landings::default().aim(0, 100, 0), None);
    }
}
