//! From one choice a fragment to parts: ranges, and how long ones are divided.

use super::{Part, PartLimits, Piece, SplicePlan};

#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    Download,
    /// Copied but for the first `lend_before` bytes, which join the upload before it together with
    /// the last `borrow_before` bytes of the fragment copied before that.
    Copy {
        lend_before: u64,
        borrow_before: u64,
    },
}

/// A stretch of the archive that is copied or uploaded, not yet divided into parts.
enum Stretch {
    Copy {
        fragment: usize,
        start: u64,
        len: u64,
    },
    Upload(Vec<Piece>),
}

pub(super) fn layout(
    limits: &PartLimits,
    pieces: &[u64],
    choices: &[Choice],
    extra: u64,
    tail: u64,
) -> SplicePlan {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut run: Vec<Piece> = Vec::new();
    for (fragment, (&len, choice)) in pieces.iter().zip(choices).enumerate() {
        match *choice {
            Choice::Download => push(
                &mut run,
                Piece::Fragment {
                    fragment,
                    start: 0,
                    len,
                },
            ),
            Choice::Copy {
                lend_before,
                borrow_before,
            } => {
                if borrow_before > 0
                    && let Some(Stretch::Copy {
                        fragment,
                        start,
                        len,
                    }) = stretches.last_mut()
                {
                    *len -= borrow_before;
                    let lent = Piece::Fragment {
                        fragment: *fragment,
                        start: *start + *len,
                        len: borrow_before,
                    };
                    run.insert(0, lent);
                }
                let lent = Piece::Fragment {
                    fragment,
                    start: 0,
                    len: lend_before,
                };
                push(&mut run, lent);
                if !run.is_empty() {
                    stretches.push(Stretch::Upload(std::mem::take(&mut run)));
                }
                stretches.push(Stretch::Copy {
                    fragment,
                    start: lend_before,
                    len: len - lend_before,
                });
            }
        }
    }
    push(
        &mut run,
        Piece::Extra {
            start: 0,
            len: extra,
        },
    );
    push(
        &mut run,
        Piece::Tail {
            start: 0,
            len: tail,
        },
    );
    if !run.is_empty() {
        stretches.push(Stretch::Upload(run));
    }
    divide(limits, stretches)
}

fn push(run: &mut Vec<Piece>, piece: Piece) {
    if piece.length() > 0 {
        run.push(piece);
    }
}

impl Stretch {
    fn length(&self) -> u64 {
        match self {
            Stretch::Copy { len, .. } => *len,
            Stretch::Upload(pieces) => pieces.iter().map(Piece::length).sum(),
        }
    }
}

fn divide(limits: &PartLimits, stretches: Vec<Stretch>) -> SplicePlan {
    let upload_part = limits.upload_part.max(limits.min_part);
    let fewest = |s: &Stretch| s.length().div_ceil(limits.max_part);
    let needed: u64 = stretches.iter().map(fewest).sum();
    let mut spare = (limits.max_parts as u64).saturating_sub(needed);
    let mut plan = SplicePlan {
        parts: Vec::new(),
        downloaded: 0,
        total: stretches.iter().map(Stretch::length).sum(),
    };
    for stretch in stretches {
        let (length, fewest) = (stretch.length(), fewest(&stretch));
        match stretch {
            Stretch::Copy {
                fragment, start, ..
            } => {
                let mut start = start;
                for len in even(length, fewest) {
                    plan.parts.push(Part::Copy {
                        fragment,
                        start,
                        len,
                    });
                    start += len;
                }
            }
            Stretch::Upload(pieces) => {
                let more = (length / upload_part).saturating_sub(fewest).min(spare);
                spare -= more;
                for piece in &pieces {
                    if let Piece::Fragment { len, .. } = piece {
                        plan.downloaded += len;
                    }
                }
                let mut rest = pieces.into_iter().peekable();
                for len in even(length, fewest + more) {
                    plan.parts.push(Part::Upload(take(&mut rest, len)));
                }
            }
        }
    }
    plan
}

/// `count` lengths that differ by one at most.
fn even(length: u64, count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |i| length / count + u64::from(i < length % count))
}

/// The first `len` bytes of the pieces; what is left of the piece at the cut stays.
fn take(rest: &mut std::iter::Peekable<std::vec::IntoIter<Piece>>, mut len: u64) -> Vec<Piece> {
    let mut taken = Vec::new();
    while len > 0
        && let Some(piece) = rest.peek_mut()
    {
        if piece.length() <= len {
            len -= piece.length();
            taken.extend(rest.next());
        } else {
            taken.push(cut(piece, len));
            len = 0;
        }
    }
    taken
}

/// Takes the first `at` bytes off the piece.
fn cut(piece: &mut Piece, at: u64) -> Piece {
    let mut head = *piece;
    match (&mut head, piece) {
        (Piece::Fragment { len: head, .. }, Piece::Fragment { start, len, .. })
        | (Piece::Extra { len: head, .. }, Piece::Extra { start, len })
        | (Piece::Tail { len: head, .. }, Piece::Tail { start, len }) => {
            *head = at;
            *start += at;
            *len -= at;
        }
        _ => unreachable!("head is a copy of piece"),
    }
    head
}
