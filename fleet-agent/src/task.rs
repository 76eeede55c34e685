//! One message from begin to end: lease, permission, work, and what becomes of the message.

use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use fleet_aws::row::Row;
use fleet_aws::videos::{Advance, Change};
use fleet_core::task::TaskKind;
use fleet_core::{Failure, Task, VideoState};
use redis_scripts::{Begun, Terminal};

use crate::context::{Context, patiently};
use crate::drain::Drain;
use crate::idle::Standing;
use crate::lease::Lease;
use crate::outcome::{
    Ended, Verdict, again_at_most_once, last_attempt, poisoned, sentence, verdict,
};
use crate::{cleanup, planner, segment};

pub async fn handle(context: &Context, message: Message, drain: Drain) -> Standing {
    let config = &context.config;
    let lease = Lease::start(
        context.queue.client().clone(),
        context.queue.url().to_owned(),
        message.receipt_handle.clone().unwrap_or_default(),
        config.lease,
    );
    let task = match Task::from_body(message.body().unwrap_or_default()) {
        Ok(task) => task,
        Err(error) => {
            // Only our own programs may write to this queue, so there is no work in it to lose.
            tracing::error!(%error, body = message.body(), "a message that is no task was dropped");
            lease.delete().await;
            return Standing::Receiving;
        }
    };
    let received = received(&message);
    let id = task.id();
    // It came while this machine was told to take nothing.
    if drain.takes_nothing() {
        tracing::info!(task = %id, "not begun; the message goes back");
        lease.hand_back(Duration::ZERO).await;
        return Standing::Receiving;
    }
    let receipt = format!("{}.{received}", message.message_id().unwrap_or_default());
    let begin = patiently(|| context.fleet.begin_task(&config.instance, &id, &receipt));
    let begun = tokio::select! {
        begun = begin => begun,
        () = drain.abandoned() => {
            lease.hand_back(Duration::ZERO).await;
            return Standing::Receiving;
        }
    };
    let attempt = match begun {
        Ok(Begun::Granted { attempt }) => attempt,
        Ok(Begun::Unsettled { wait }) => {
            lease.hand_back(Duration::ZERO).await;
            tokio::time::sleep(wait).await;
            return Standing::Receiving;
        }
        Ok(refused) => {
            tracing::info!(task = %id, ?refused, "refused; the message goes back");
            lease.hand_back(Duration::ZERO).await;
            return Standing::after(refused);
        }
        Err(error) => {
            tracing::warn!(task = %id, %error, "could not begin; the message goes back");
            let Verdict::HandBack(delay) = verdict(&Ended::from(error), received) else {
                return Standing::Receiving;
            };
            lease.hand_back(delay).await;
            return Standing::Receiving;
        }
    };
    tracing::info!(task = %id, attempt, "begun");
    let started = Instant::now();
    // A task that does not notice in time that its time is up is dropped where it stands, as if the
    // machine had died there; only the message goes back at once.
    let ended = tokio::select! {
        ended = work(context, &task, attempt, received, &drain) => ended,
        () = drain.abandoned() => Ended::Interrupted,
    };
    context.meter.ended(&task.kind, &ended, started.elapsed());
    // From here on this machine no longer holds the task.
    tracing::info!(task = %id, "ended");
    match verdict(&ended, received) {
        Verdict::Delete => lease.delete().await,
        Verdict::HandBack(delay) => {
            tracing::info!(task = %id, ?delay, interrupted = drain.interrupted(), "handed back");
            // A hand-back is free: it must not count towards the poison limit.
            if let Err(error) = patiently(|| context.fleet.hand_back(&id, &receipt)).await {
                tracing::warn!(task = %id, %error, "could not take an attempt back");
            }
            lease.hand_back(delay).await;
        }
        Verdict::TryAgain(delay) => lease.hand_back(delay).await,
    }
    Standing::Receiving
}

async fn work(context: &Context, task: &Task, attempt: u32, received: u32, drain: &Drain) -> Ended {
    let ended = run(context, task, attempt, received, drain).await;
    let ended = ended.map_err(|e| last_attempt(e, attempt.into(), context.config.attempts));
    let ended = settle(context, task, ended, drain).await;
    match cleanup::if_ended(context, task).await {
        Ok(true) => Ended::Settled,
        Ok(false) => ended,
        // The message must not go before what was written is sure to be read or removed.
        Err(error) => match ended {
            Ended::Settled | Ended::Rejected(_) | Ended::Replan { .. } => error,
            other => other,
        },
    }
}

async fn run(
    context: &Context,
    task: &Task,
    attempt: u32,
    received: u32,
    drain: &Drain,
) -> Result<(), Ended> {
    let row = context.videos.get(&task.tenant, &task.video).await?;
    let Some(row) = row.filter(|row| !row.state.is_terminal()) else {
        return Ok(());
    };
    if let Some(failure) = poisoned(attempt.into(), context.config.attempts) {
        return Err(Ended::Rejected(failure));
    }
    match task.kind {
        TaskKind::Plan => planner::run(context, &row, drain).await,
        // Whoever planned again may have died before it queued the new plan's segments.
        TaskKind::Segment { generation, .. } if generation < row.generation => match received {
            0 | 1 => Ok(()),
            _ => planner::again(context, task, drain).await,
        },
        TaskKind::Segment {
            generation,
            segment,
        } => {
            let assignment = segment::Assignment {
                generation,
                segment,
                reads: task.reads,
                received,
            };
            segment::run(context, &row, assignment, drain).await
        }
    }
}

/// Carries out what the ending asks for; if that fails, the ending becomes trouble.
async fn settle(context: &Context, task: &Task, ended: Result<(), Ended>, drain: &Drain) -> Ended {
    let id = task.id();
    let ended = match ended {
        Ok(()) => return Ended::Settled,
        Err(ended) => ended,
    };
    let ended = again_at_most_once(ended, &task.kind);
    let done = match &ended {
        Ended::Rejected(failure) => {
            tracing::info!(task = %id, %failure, "the video failed");
            fail(context, task, failure).await
        }
        Ended::Replan { detail } => {
            tracing::warn!(task = %id, %detail, "planning again with one segment");
            planner::again(context, task, drain).await
        }
        Ended::Trouble(trouble) => {
            tracing::warn!(task = %id, error = sentence(trouble), "trouble; the task goes back");
            return ended;
        }
        Ended::Lost(failure) => {
            tracing::warn!(task = %id, %failure, "a decoder was lost; the task goes back, counted");
            return ended;
        }
        Ended::Later(_) | Ended::Settled | Ended::Interrupted => return ended,
    };
    match done {
        Ok(()) => ended,
        // Planning again found that the video cannot be processed at all.
        Err(Ended::Rejected(failure)) => match fail(context, task, &failure).await {
            Ok(()) => Ended::Rejected(failure),
            Err(error) => error,
        },
        Err(error) => {
            if let Ended::Trouble(trouble) = &error {
                tracing::warn!(task = %id, error = sentence(trouble), "could not settle; the task goes back");
            }
            error
        }
    }
}

async fn fail(context: &Context, task: &Task, failure: &Failure) -> Result<(), Ended> {
    let ended = patiently(|| context.jobs.fail_job(&task.video, failure)).await?;
    let (tenant, video) = (&task.tenant, &task.video);
    match ended {
        Terminal::Failed(first) => {
            let change = Change {
                failure: Some(first),
                ..Change::default()
            };
            match context
                .videos
                .advance(tenant, video, VideoState::Failed, change)
                .await?
            {
                Advance::Entered(row) | Advance::Refused(row) => {
                    cleanup::after(context, &row).await?
                }
                Advance::Missing => cleanup::everything(context, tenant, video).await?,
            }
        }
        // Whoever committed or cancelled also moves the row.
        Terminal::Committed | Terminal::Cancelled => {}
    }
    Ok(())
}

fn received(message: &Message) -> u32 {
    let attributes = message.attributes();
    let count =
        attributes.and_then(|a| a.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// The row as tasks see it: its source must be known by now.
pub fn source(row: &Row) -> Result<&fleet_aws::row::Source, Ended> {
    row.source
        .as_ref()
        .ok_or_else(|| Ended::Trouble("the row names no uploaded object yet".into()))
}
