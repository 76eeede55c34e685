//! The scripts' words, parsed. A reply is one word and its numbers, divided by spaces; only
//! `failed` is followed by JSON.

use std::str::{FromStr, SplitN};
use std::time::Duration;

use super::types::{Commit, Completion, Lease, Opening, Progress, Restoration, Terminal, Token};

pub(super) fn terminal(reply: &str) -> Option<Terminal> {
    match reply.split_once(' ') {
        None if reply == "committed" => Some(Terminal::Committed),
        None if reply == "cancelled" => Some(Terminal::Cancelled),
        Some(("failed", failure)) => serde_json::from_str(failure).ok().map(Terminal::Failed),
        _ => None,
    }
}

pub(super) fn opening(reply: &str) -> Option<Opening> {
    let mut words = reply.splitn(2, ' ');
    Some(match words.next()? {
        "opened" => Opening::Opened,
        "exists" => Opening::Exists,
        "superseded" => Opening::Superseded(number(&mut words)?),
        _ => Opening::Ended(terminal(reply)?),
    })
}

pub(super) fn completion(reply: &str) -> Option<Completion> {
    let mut words = reply.splitn(5, ' ');
    Some(match words.next()? {
        "waiting" => {
            let (left, frames, bytes) = (
                number(&mut words)?,
                number(&mut words)?,
                number(&mut words)?,
            );
            match left {
                0 => Completion::Finalizing {
                    frames,
                    bytes,
                    lease_left: Duration::from_millis(number(&mut words)?),
                },
                left => Completion::Waiting {
                    left,
                    frames,
                    bytes,
                },
            }
        }
        "finalize" => Completion::Finalize {
            token: Token::new(number(&mut words)?),
            frames: number(&mut words)?,
            bytes: number(&mut words)?,
        },
        "superseded" => Completion::Superseded(number(&mut words)?),
        "unknown" => Completion::Unknown,
        _ => match terminal(reply)? {
            Terminal::Committed => Completion::Committed,
            Terminal::Failed(failure) => Completion::Failed(failure),
            Terminal::Cancelled => Completion::Cancelled,
        },
    })
}

pub(super) fn lease(reply: &str) -> Option<Lease> {
    match reply {
        "held" => Some(Lease::Held),
        "lost" => Some(Lease::Lost),
        _ => None,
    }
}

pub(super) fn commit(reply: &str) -> Option<Commit> {
    match reply {
        "committed" => Some(Commit::Committed),
        "lost" => Some(Commit::Lost),
        "already" => Some(Commit::Already),
        _ => None,
    }
}

pub(super) fn restoration(reply: &str) -> Option<Restoration> {
    let mut words = reply.splitn(2, ' ');
    Some(match words.next()? {
        "restored" => Restoration::Restored {
            left: number(&mut words)?,
        },
        "exists" => Restoration::Exists,
        "superseded" => Restoration::Superseded(number(&mut words)?),
        _ => Restoration::Ended(terminal(reply)?),
    })
}

/// generation, segments, done, frames, bytes, finalizing (0 or 1), and the terminal word or "".
pub(super) fn progress(fields: &[String]) -> Option<Progress> {
    let [generation, segments, done, frames, bytes, finalizing, ended] = fields else {
        return None;
    };
    Some(Progress {
        generation: generation.parse().ok()?,
        segments: segments.parse().ok()?,
        done: done.parse().ok()?,
        frames: frames.parse().ok()?,
        bytes: bytes.parse().ok()?,
        finalizing: finalizing == "1",
        ended: match ended.as_str() {
            "" => None,
            word => Some(terminal(word)?),
        },
    })
}

fn number<T: FromStr>(words: &mut SplitN<'_, char>) -> Option<T> {
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::{Failure, Reason};

    #[test]
    fn every_word_is_read_and_no_other() {
        let failure = Failure::plain(Reason::Poison);
        let failed = format!("failed {}", serde_json::to_string(&failure).unwrap());
        for (reply, expected) in [
            (
                "waiting 2 30 400",
                Some(Completion::Waiting {
                    left: 2,
                    frames: 30,
                    bytes: 400,
                }),
            ),
            (
                "waiting 0 30 400 5000",
                Some(Completion::Finalizing {
                    frames: 30,
                    bytes: 400,
                    lease_left: Duration::from_secs(5),
                }),
            ),
            (
                "finalize 1790000000000000 30 400",
                Some(Completion::Finalize {
                    token: Token::new(1_790_000_000_000_000),
                    frames: 30,
                    bytes: 400,
                }),
            ),
            ("committed", Some(Completion::Committed)),
            ("cancelled", Some(Completion::Cancelled)),
            (&failed, Some(Completion::Failed(failure.clone()))),
            ("superseded 3", Some(Completion::Superseded(3))),
            ("unknown", Some(Completion::Unknown)),
            ("waiting", None),
            ("waiting 0 30 400", None),
            ("finalize x 1 1", None),
            ("failed", None),
            ("failed {}", None),
            ("", None),
            ("Committed", None),
        ] {
            assert_eq!(completion(reply), expected, "{reply}");
        }
    }
}
