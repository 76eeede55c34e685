//! What becomes of a message after its task: a table, and nothing else.

use std::time::Duration;

use fleet_core::{Failure, Reason};

pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// How a task ended, where it did not simply do its work.
#[derive(Debug)]
pub enum Ended {
    /// Done, or somebody else did it, or its video is no more.
    Settled,
    /// The video cannot be processed.
    Rejected(Failure),
    /// The video was entered wrongly in the middle: plan it again with one segment.
    Replan { detail: String },
    /// Something around us failed: S3, SQS, DynamoDB or Redis.
    Trouble(Trouble),
    /// Another machine is finishing the video; look again after this long.
    Later(Duration),
    /// We are being taken away.
    Interrupted,
}

/// Any error that nobody turned into one of the others is trouble around us, and is tried again.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for Ended {
    fn from(error: E) -> Self {
        Ended::Trouble(Box::new(error))
    }
}

/// An error with all its causes, as one sentence.
pub fn sentence(error: &Trouble) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message has done its work.
    Delete,
    /// Back on the queue, visible after this long, and not counted as an attempt.
    HandBack(Duration),
}

/// `received` is how often SQS has delivered the message, from 1.
pub fn verdict(ended: &Ended, received: u32) -> Verdict {
    match ended {
        Ended::Settled | Ended::Rejected(_) | Ended::Replan { .. } => Verdict::Delete,
        Ended::Interrupted => Verdict::HandBack(Duration::ZERO),
        Ended::Later(wait) => Verdict::HandBack(*wait + Duration::from_secs(1)),
        // Doubling from 1 s to about a minute, so that an outage is neither hammered nor outwaited.
        Ended::Trouble(_) => {
            let doublings = received.saturating_sub(1).min(6);
            Verdict::HandBack(Duration::from_secs(1 << doublings))
        }
    }
}

/// An attempt past the limit means that those before it ended with a dead agent.
pub fn poisoned(attempt: u64, limit: u32) -> Option<Failure> {
    (attempt > u64::from(limit)).then(|| {
        let detail = format!("{} It was tried {limit} times.", Reason::Poison.sentence());
        Failure::new(Reason::Poison, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finished_work_is_deleted() {
        let rejected = Ended::Rejected(Failure::plain(Reason::Empty));
        assert_eq!(verdict(&Ended::Settled, 1), Verdict::Delete);
        assert_eq!(verdict(&rejected, 1), Verdict::Delete);
        assert_eq!(
            verdict(
                &Ended::Replan {
                    detail: String::new()
                },
                1
            ),
            Verdict::Delete
        );
        assert_eq!(
            verdict(&Ended::Interrupted, 9),
            Verdict::HandBack(Duration::ZERO)
        );
    }

    #[test]
    fn trouble_backs_off_and_never_gives_up() {
        let trouble = || Ended::Trouble("S3 is away".into());
        for (received, seconds) in [(0, 1), (1, 1), (2, 2), (4, 8), (7, 64), (500, 64)] {
            let want = Verdict::HandBack(Duration::from_secs(seconds));
            assert_eq!(verdict(&trouble(), received), want, "{received}");
        }
    }

    #[test]
    fn the_fourth_attempt_is_one_too_many() {
        assert_eq!(poisoned(3, 3), None);
        assert_eq!(poisoned(4, 3).unwrap().reason, Reason::Poison);
    }
}
