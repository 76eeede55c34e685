//! Where the bytes of a read come from: which blocks to fetch, and how far ahead. Pure.

/// The unit of caching and of reading. Small enough that a container's scattered index reads cost
/// little, large enough that a request is worth its round trip.
pub const BLOCK: u64 = 64 * 1024;
/// Blocks in a fetch after a jump, and at most (2 MiB) when reading goes straight on.
const FIRST_RUN: u64 = 4;
const LONGEST_RUN: u64 = 32;

/// A stretch of blocks: `start` included, `end` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub start: u64,
    pub end: u64,
}

impl Run {
    pub fn contains(self, block: u64) -> bool {
        (self.start..self.end).contains(&block)
    }

    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    pub fn bytes(self) -> u64 {
        self.end.saturating_sub(self.start) * BLOCK
    }
}

/// Grows its runs while reading goes straight on, and starts small again after a jump.
#[derive(Debug, Clone)]
pub struct ReadAhead {
    /// One past the object's last block.
    blocks: u64,
    /// One past the last block that is expected to be needed: the next segment begins there.
    expected: u64,
    length: u64,
    last: Option<Run>,
}

impl ReadAhead {
    pub fn new(object_bytes: u64, expected_end: u64) -> Self {
        let blocks = object_bytes.div_ceil(BLOCK);
        let expected = expected_end.div_ceil(BLOCK).min(blocks);
        Self {
            blocks,
            expected,
            length: FIRST_RUN,
            last: None,
        }
    }

    /// The run to fetch for a block that is not there.
    pub fn fetch(&mut self, block: u64) -> Run {
        let straight_on = self.last.is_some_and(|last| block == last.end);
        self.length = if straight_on {
            (self.length * 2).min(LONGEST_RUN)
        } else {
            FIRST_RUN
        };
        let run = Run {
            start: block,
            end: self.clip(block, block + self.length),
        };
        self.last = Some(run);
        run
    }

    /// The run to have ready while the last one is being read, without the blocks that are here before
    /// it; empty where nothing more is expected.
    pub fn ahead(&self, is_here: impl Fn(u64) -> bool) -> Run {
        let start = self.last.map_or(0, |last| last.end);
        let start = (start..self.expected).find(|block| !is_here(*block));
        let start = start.unwrap_or(self.expected);
        if start >= self.expected {
            return Run { start, end: start };
        }
        let length = (self.length * 2).min(LONGEST_RUN);
        Run {
            start,
            end: self.clip(start, start + length),
        }
    }

    /// Says that `run`, which `ahead` named, is being fetched.
    pub fn took(&mut self, run: Run) {
        self.length = (self.length * 2).min(LONGEST_RUN);
        self.last = Some(run);
    }

    /// The run to fetch where reading is known to go on, a segment's entry point: from the first block
    /// there that is not here.
    pub fn entry(&self, position: u64, is_here: impl Fn(u64) -> bool) -> Run {
        let start = (position / BLOCK).min(self.blocks);
        match (start..self.expected).find(|block| !is_here(*block)) {
            Some(start) => Run {
                start,
                end: self.clip(start, start + FIRST_RUN),
            },
            None => Run { start, end: start },
        }
    }

    /// The blocks of a stretch of bytes.
    pub fn covering(&self, offset: u64, length: u64) -> Run {
        let end = offset.saturating_add(length.max(1)).div_ceil(BLOCK);
        Run {
            start: (offset / BLOCK).min(self.blocks),
            end: end.min(self.blocks),
        }
    }

    /// Says that reading has come to `run`, which was fetched because it was known to be read.
    pub fn entered(&mut self, run: Run) {
        self.length = FIRST_RUN;
        self.last = Some(run);
    }

    fn clip(&self, start: u64, end: u64) -> u64 {
        // Past what is expected, one block at a time: reading may stop at any moment.
        let limit = if start < self.expected {
            self.expected
        } else {
            start + 1
        };
        end.min(limit).min(self.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere(_: u64) -> bool {
        false
    }

    #[test]
    fn runs_grow_while_reading_goes_straight_on_and_shrink_after_a_jump() {
        let mut ahead = ReadAhead::new(1000 * BLOCK, 1000 * BLOCK);
        assert_eq!(ahead.fetch(0), Run { start: 0, end: 4 });
        assert_eq!(ahead.ahead(nowhere), Run { start: 4, end: 12 });
        ahead.took(Run { start: 4, end: 12 });
        assert_eq!(ahead.fetch(12), Run { start: 12, end: 28 });
        assert_eq!(ahead.fetch(28), Run { start: 28, end: 60 });
        assert_eq!(ahead.fetch(60), Run { start: 60, end: 92 });
        assert_eq!(
            ahead.fetch(500),
            Run {
                start: 500,
                end: 504
            }
        );
    }

    #[test]
    fn a_known_entry_is_a_run_of_its_own_and_reading_goes_on_from_it() {
        let mut ahead = ReadAhead::new(1000 * BLOCK, 600 * BLOCK);
        let run = ahead.entry(500 * BLOCK + 7, nowhere);
        let wanted = Run {
            start: 500,
            end: 504,
        };
        assert_eq!(run, wanted);
        ahead.fetch(0);
        ahead.entered(run);
        let next = Run {
            start: 504,
            end: 512,
        };
        assert_eq!(ahead.ahead(nowhere), next);
        let end = Run {
            start: 1000,
            end: 1000,
        };
        assert_eq!(ahead.entry(u64::MAX, nowhere), end);
    }

    #[test]
    fn nothing_is_fetched_ahead_past_the_segment_or_the_object() {
        let mut ahead = ReadAhead::new(100 * BLOCK - 7, 10 * BLOCK);
        assert_eq!(ahead.fetch(8), Run { start: 8, end: 10 });
        assert!(ahead.ahead(nowhere).is_empty());
        assert_eq!(ahead.fetch(10), Run { start: 10, end: 11 });
        assert_eq!(
            ahead.fetch(99),
            Run {
                start: 99,
                end: 100
            }
        );
    }

    #[test]
    fn what_is_here_is_not_fetched_again() {
        let mut ahead = ReadAhead::new(100 * BLOCK, 40 * BLOCK);
        let run = |start, end| Run { start, end };
        assert_eq!(ahead.entry(10 * BLOCK, |block| block < 12), run(12, 16));
        ahead.entered(run(12, 16));
        assert_eq!(ahead.ahead(|block| block < 20), run(20, 28));
        assert!(ahead.ahead(|block| block < 40).is_empty());
        assert!(ahead.entry(10 * BLOCK, |_| true).is_empty());
    }

    #[test]
    fn a_stretch_is_its_blocks_and_ends_with_the_object() {
        let ahead = ReadAhead::new(10 * BLOCK, 0);
        let run = |start, end| Run { start, end };
        assert_eq!(ahead.covering(BLOCK - 1, 2), run(0, 2));
        assert_eq!(ahead.covering(BLOCK, 0), run(1, 2));
        assert_eq!(ahead.covering(9 * BLOCK, 5 * BLOCK), run(9, 10));
        assert!(ahead.covering(u64::MAX, u64::MAX).is_empty());
    }
}
