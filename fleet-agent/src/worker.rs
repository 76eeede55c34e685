//! The loop: receive, begin, work, settle. It takes as many messages as it has free slots, so that
//! no message waits on a busy machine.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use tokio::task::JoinSet;

use crate::context::{Context, patiently};
use crate::drain::Drain;
use crate::idle::{self, Duty, Standing};
use crate::task;
use crate::watch::Watcher;

/// After a failed receive; the SDK has backed off and tried several times by then.
const PAUSE: Duration = Duration::from_secs(2);
/// For what still runs when the time is up.
const HAND_BACK: Duration = Duration::from_secs(15);
/// For completing the hook once the process is told to end.
const LAST_WORDS: Duration = Duration::from_secs(10);

pub async fn run(context: Context, drain: Drain) {
    let context = Arc::new(context);
    let config = &context.config;
    let watcher = Watcher::start(&context, &drain).await;
    let watching = watcher.map(|watcher| tokio::spawn(watcher.run()));
    tracing::info!(instance = %config.instance, concurrency = config.concurrency, "ready for tasks");
    let mut running: JoinSet<Standing> = JoinSet::new();
    work(&context, &mut running, &drain).await;
    let finishing = async {
        finish(&context, running, &drain).await;
        leave(&context, &drain).await;
    };
    context.heart.through(finishing).await;
    if let Some(watching) = watching {
        watching.abort();
    }
}

/// Until no new work is wanted of this machine any more.
async fn work(context: &Arc<Context>, running: &mut JoinSet<Standing>, drain: &Drain) {
    let concurrency = context.config.concurrency;
    let mut duty = Duty::new();
    while !drain.is_asked() {
        context.heart.beat();
        while let Some(ended) = running.try_join_next() {
            duty.hear(ended.unwrap_or(Standing::Receiving));
        }
        context.meter.standing(duty.standing());
        if !duty.receives() || drain.takes_nothing() {
            // Nothing is received now; what runs is finished, and then the guard decides.
            let holding = idle::hold(context, &mut duty, running, drain);
            context.heart.through(holding).await;
            continue;
        }
        if running.len() >= concurrency {
            let ended = context.heart.through(async {
                tokio::select! {
                    ended = running.join_next() => ended,
                    () = drain.asked() => None,
                }
            });
            if let Some(ended) = ended.await {
                duty.hear(ended.unwrap_or(Standing::Receiving));
            }
            continue;
        }
        let received = tokio::select! {
            received = receive(context, concurrency - running.len()) => received,
            () = drain.changed_from(false) => continue,
        };
        match received {
            Err(error) => {
                tracing::warn!(%error, "could not receive; trying again");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = drain.asked() => {}
                }
            }
            Ok(messages) if messages.is_empty() => {
                while let Some(ended) = running.try_join_next() {
                    duty.hear(ended.unwrap_or(Standing::Receiving));
                }
                if running.is_empty() {
                    duty.hear(idle::report(context).await);
                }
            }
            Ok(messages) => {
                for message in messages {
                    let (context, drain) = (context.clone(), drain.clone());
                    running.spawn(async move { task::handle(&context, message, drain).await });
                }
            }
        }
    }
}

/// SQS gives at most ten messages.
async fn receive(context: &Context, most: usize) -> Result<Vec<Message>, String> {
    let config = &context.config;
    let seconds = |d: Duration| i32::try_from(d.as_secs()).unwrap_or(i32::MAX);
    let received = context
        .queue
        .client()
        .receive_message()
        .queue_url(context.queue.url())
        .max_number_of_messages(i32::try_from(most.min(10)).unwrap_or(1))
        .wait_time_seconds(seconds(config.poll))
        .visibility_timeout(seconds(config.lease))
        .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
        .send()
        .await
        .map_err(|error| DisplayErrorContext(error).to_string())?;
    Ok(received.messages.unwrap_or_default())
}

/// Two independent facts end a drain: everything has finished, or the time is up and what still
/// runs has been handed back. A terminating hook is prolonged meanwhile.
async fn finish(context: &Context, mut running: JoinSet<Standing>, drain: &Drain) {
    tracing::info!(tasks = running.len(), "draining");
    let prolonging = async {
        match &context.hook {
            Some(hook) => hook.keep(drain).await,
            None => std::future::pending().await,
        }
    };
    let in_time = tokio::select! {
        biased;
        () = async { while running.join_next().await.is_some() {} } => true,
        () = drain.overdue() => false,
        () = prolonging => unreachable!("it never ends"),
    };
    if !in_time {
        drain.interrupt();
        let handed_back = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(HAND_BACK, handed_back).await.is_err() {
            tracing::warn!("some tasks did not stop; their messages return when their leases end");
        }
    }
    let forget = || context.fleet.forget(&context.config.instance);
    match tokio::time::timeout(Duration::from_secs(5), patiently(forget)).await {
        Ok(Ok(())) => tracing::info!("drained"),
        _ => tracing::warn!("drained, but could not sign off from Redis"),
    }
}

/// A drained process ends when it is told to. Where the machine is to go, it stays until then: the
/// init system would only start it again, and Auto Scaling may still ask for the hook.
async fn leave(context: &Context, drain: &Drain) {
    let mut told = false;
    loop {
        if drain.is_terminating() && !told {
            if let Some(hook) = &context.hook {
                tokio::select! {
                    () = hook.complete() => {}
                    () = drain.stopping_for(LAST_WORDS) => {}
                }
            }
            told = true;
        }
        tokio::select! {
            () = drain.stopping() => return,
            () = drain.withdrawn() => {
                tracing::info!("the machine stays after all; ending, to be started anew");
                return;
            }
            () = drain.terminating(), if !told => {}
        }
    }
}
