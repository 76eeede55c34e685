//! The search for the fewest downloaded bytes: one pass over the fragments, keeping every state
//! that could still turn out best.
//!
//! Of each fragment either everything is downloaded, or its middle is copied and its ends are lent
//! to the uploads beside it. Only two facts about the past matter: how many bytes wait to be
//! uploaded (`run`), and how much the last copied fragment could still lend. A run takes what it
//! needs from the left first, because nothing else can use that.

use super::layout::{Choice, layout};
use super::{PartLimits, SplicePlan};

/// States kept of one kind while the number of parts is scarce; the search is exact below that.
const KEEP: usize = 32;

pub(super) fn search(limits: &PartLimits, pieces: &[u64], extra: u64, tail: u64) -> SplicePlan {
    let generated = extra + tail;
    for scarce in [false, true] {
        let mut search = Search {
            limits,
            scarce,
            arena: Vec::new(),
        };
        if let Some(choices) = search.run(pieces, generated) {
            return layout(limits, pieces, &choices, extra, tail);
        }
    }
    // One upload from end to end needs the fewest parts of all.
    let choices = vec![Choice::Download; pieces.len()];
    layout(limits, pieces, &choices, extra, tail)
}

#[derive(Clone, Copy)]
struct State {
    cost: u64,
    /// Finished parts: neither those of `last` nor those of `run`.
    parts: u64,
    /// What is copied of the last copied fragment; 0 where there is none.
    last: u64,
    run: u64,
    /// The step that led here, in the arena.
    step: Option<usize>,
}

struct Step {
    before: Option<usize>,
    choice: Choice,
}

struct Search<'a> {
    limits: &'a PartLimits,
    scarce: bool,
    arena: Vec<Step>,
}

impl Search<'_> {
    /// None where the best plan found needs too many parts.
    fn run(&mut self, pieces: &[u64], generated: u64) -> Option<Vec<Choice>> {
        let mut states = vec![State {
            cost: 0,
            parts: 0,
            last: 0,
            run: 0,
            step: None,
        }];
        for &piece in pieces {
            let mut next = Vec::with_capacity(2 * states.len());
            for state in &states {
                next.push(self.download(state, piece));
                next.extend(self.copy(state, piece));
            }
            states = self.prune(next);
        }
        let total = |s: &State| s.parts + self.parts(s.last) + self.parts(s.run + generated);
        let fits = |s: &&State| total(s) <= self.limits.max_parts as u64;
        let best = if self.scarce {
            states
                .iter()
                .filter(fits)
                .min_by_key(|s| (s.cost, total(s)))
        } else {
            states
                .iter()
                .min_by_key(|s| (s.cost, total(s)))
                .filter(fits)
        };
        let mut step = best?.step;
        let mut choices = Vec::with_capacity(pieces.len());
        while let Some(at) = step {
            choices.push(self.arena[at].choice);
            step = self.arena[at].before;
        }
        choices.reverse();
        Some(choices)
    }

    fn download(&mut self, state: &State, piece: u64) -> State {
        State {
            cost: state.cost + piece,
            run: state.run + piece,
            step: self.remember(state, Choice::Download),
            ..*state
        }
    }

    fn copy(&mut self, state: &State, piece: u64) -> Option<State> {
        let min = self.limits.min_part;
        let need = if state.run == 0 {
            0
        } else {
            min.saturating_sub(state.run)
        };
        let from_left = need.min(state.last.saturating_sub(min));
        let from_right = need - from_left;
        let copied = piece.checked_sub(from_right).filter(|&c| c >= min)?;
        let choice = Choice::Copy {
            lend_before: from_right,
            borrow_before: from_left,
        };
        Some(State {
            cost: state.cost + need,
            parts: state.parts + self.parts(state.last - from_left) + self.parts(state.run + need),
            last: copied,
            run: 0,
            step: self.remember(state, choice),
        })
    }

    fn remember(&mut self, state: &State, choice: Choice) -> Option<usize> {
        self.arena.push(Step {
            before: state.step,
            choice,
        });
        Some(self.arena.len() - 1)
    }

    fn parts(&self, len: u64) -> u64 {
        len.div_ceil(self.limits.max_part)
    }

    /// Drops every state that another one of its kind beats in all that matters.
    fn prune(&self, states: Vec<State>) -> Vec<State> {
        let min = self.limits.min_part;
        let mut kinds: [Vec<State>; 3] = Default::default();
        for state in states {
            let kind = match state.run {
                0 => 0,
                run if run < min => 1,
                _ => 2,
            };
            kinds[kind].push(state);
        }
        let mut kept = Vec::new();
        for (kind, mut states) in kinds.into_iter().enumerate() {
            // A run that is long enough borrows nothing, and nobody needs to lend more than `min`.
            let slack = |s: &State| match kind {
                2 => 0,
                _ => s.last.saturating_sub(min).min(min),
            };
            let parts = |s: &State| s.parts + self.parts(s.last) + self.parts(s.run);
            states.sort_by_key(|s| (s.cost, std::cmp::Reverse(slack(s)), parts(s)));
            let mut front: Vec<State> = Vec::new();
            for state in states {
                let beaten = front.iter().any(|other| {
                    slack(other) >= slack(&state) && (!self.scarce || parts(other) <= parts(&state))
                });
                if !beaten {
                    front.push(state);
                }
            }
            if front.len() > KEEP {
                front.sort_by_key(parts);
                let last = front.len() - 1;
                front = (0..KEEP).map(|i| front[i * last / (KEEP - 1)]).collect();
            }
            kept.extend(front);
        }
        kept
    }
}
