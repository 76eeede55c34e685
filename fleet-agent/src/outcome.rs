//! What becomes of a message after its task: a table, and nothing else.

use std::time::Duration;

use fleet_core::task::TaskKind;
use fleet_core::{Failure, Reason};
use tokio::task::JoinError;

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
    /// The decoder died or was ended. Counts as an attempt; the last one fails the video so.
    Lost(Failure),
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
    /// Back on the queue, and the attempt counts.
    TryAgain(Duration),
}

/// `received` is how often SQS has delivered the message, from 1.
pub fn verdict(ended: &Ended, received: u32) -> Verdict {
    match ended {
        Ended::Settled | Ended::Rejected(_) | Ended::Replan { .. } => Verdict::Delete,
        // Perhaps it was the machine. A short pause gives another one the chance to take it.
        Ended::Lost(_) => Verdict::TryAgain(Duration::from_secs(1)),
        Ended::Interrupted => Verdict::HandBack(Duration::ZERO),
        Ended::Later(wait) => Verdict::HandBack(*wait + Duration::from_secs(1)),
        // Doubling from 1 s to about a minute, so that an outage is neither hammered nor outwaited.
        Ended::Trouble(_) => {
            let doublings = received.saturating_sub(1).min(6);
            Verdict::HandBack(Duration::from_secs(1 << doublings))
        }
    }
}

/// A decoder that died at the last attempt that there is fails the video.
pub fn last_attempt(ended: Ended, attempt: u64, limit: u32) -> Ended {
    match ended {
        Ended::Lost(failure) if attempt >= u64::from(limit) => Ended::Rejected(failure),
        other => other,
    }
}

/// A plan of one segment, made because another did not hold, is the last one there is.
pub fn again_at_most_once(ended: Ended, task: &TaskKind) -> Ended {
    match (ended, task) {
        (Ended::Replan { detail }, TaskKind::Segment { generation, .. }) if *generation > 0 => {
            Ended::Rejected(Failure::new(Reason::NothingDecodable, detail))
        }
        (ended, _) => ended,
    }
}

/// Of work on a thread of its own. What panics on a video once will do so again, so it must count.
pub fn thread_ended(error: JoinError) -> Ended {
    match error.is_panic() {
        true => Ended::Lost(Failure::new(
            Reason::NothingDecodable,
            "What the decoder said could not be worked with.",
        )),
        false => Ended::from(error),
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
    fn a_lost_decoder_costs_an_attempt_and_the_last_one_the_video() {
        let lost = || Ended::Lost(Failure::plain(Reason::TimedOut));
        for attempt in [1, 2] {
            let ended = last_attempt(lost(), attempt, 3);
            assert_eq!(
                verdict(&ended, 1),
                Verdict::TryAgain(Duration::from_secs(1))
            );
        }
        let ended = last_attempt(lost(), 3, 3);
        assert!(matches!(&ended, Ended::Rejected(f) if f.reason == Reason::TimedOut));
        assert_eq!(verdict(&ended, 1), Verdict::Delete);
    }

    #[test]
    fn a_plan_of_one_segment_is_not_planned_again() {
        let replan = || Ended::Replan {
            detail: "found nothing".to_owned(),
        };
        let segment = |generation| TaskKind::Segment {
            generation,
            segment: 0,
        };
        for task in [TaskKind::Plan, segment(0)] {
            let ended = again_at_most_once(replan(), &task);
            assert!(matches!(ended, Ended::Replan { .. }), "{task:?}");
        }
        let ended = again_at_most_once(replan(), &segment(1));
        assert!(matches!(&ended, Ended::Rejected(f) if f.reason == Reason::NothingDecodable));
        let ended = again_at_most_once(Ended::Interrupted, &segment(1));
        assert!(matches!(ended, Ended::Interrupted));
    }

    #[tokio::test]
    async fn a_panic_counts_and_a_cancelled_thread_does_not() {
        let panicked: Result<(), _> = tokio::spawn(async { panic!("on purpose") }).await;
        let ended = thread_ended(panicked.unwrap_err());
        assert!(matches!(ended, Ended::Lost(_)));
        let sleeping = tokio::spawn(std::future::pending::<()>());
        sleeping.abort();
        let ended = thread_ended(sleeping.await.unwrap_err());
        assert!(matches!(ended, Ended::Trouble(_)));
    }

    #[test]
    fn the_fourth_attempt_is_one_too_many() {
        assert_eq!(poisoned(3, 3), None);
        assert_eq!(poisoned(4, 3).unwrap().reason, Reason::Poison);
    }
}
