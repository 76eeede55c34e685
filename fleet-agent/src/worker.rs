//! The loop: receive, begin, work, settle. It takes as many messages as it has free slots, so that
//! no message waits on a busy machine.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::context::{Context, patiently};
use crate::drain::{Ask, Drain};
use crate::idle::{self, Standing};
use crate::task;

/// After a failed receive; the SDK has backed off and tried several times by then.
const PAUSE: Duration = Duration::from_secs(2);

pub async fn run(context: Context, (_ask, mut drain): (Ask, Drain)) -> anyhow::Result<()> {
    let context = Arc::new(context);
    let config = &context.config;
    tracing::info!(instance = %config.instance, concurrency = config.concurrency, "ready for tasks");
    let slots = Arc::new(Semaphore::new(config.concurrency));
    let mut running: JoinSet<Standing> = JoinSet::new();
    let mut standing = Standing::Receiving;
    while !drain.is_asked() {
        if standing != Standing::Receiving {
            // Nothing is received now; what runs is finished, and then the guard decides.
            standing = idle::hold(&context, standing, &mut running, &mut drain).await;
            continue;
        }
        let free = tokio::select! {
            free = free_slots(&slots, config.concurrency) => free,
            () = drain.asked() => break,
        };
        let received = tokio::select! {
            received = receive(&context, free.len()) => received,
            () = drain.asked() => break,
        };
        while let Some(ended) = running.try_join_next() {
            standing = standing.worst(ended.unwrap_or(Standing::Receiving));
        }
        match received {
            Err(error) => {
                tracing::warn!(%error, "could not receive; trying again");
                tokio::time::sleep(PAUSE).await;
            }
            Ok(messages) if messages.is_empty() => {
                drop(free);
                if running.is_empty() {
                    standing = standing.worst(idle::report(&context).await);
                }
            }
            Ok(messages) => {
                for (message, permit) in messages.into_iter().zip(free) {
                    running.spawn(work(context.clone(), message, permit, drain.clone()));
                }
            }
        }
    }
    finish(&context, running, &drain).await;
    Ok(())
}

async fn work(
    context: Arc<Context>,
    message: Message,
    permit: OwnedSemaphorePermit,
    drain: Drain,
) -> Standing {
    let standing = task::handle(&context, message, drain).await;
    drop(permit);
    standing
}

/// At least one permit, and as many more as are free. SQS gives at most ten messages.
async fn free_slots(slots: &Arc<Semaphore>, most: usize) -> Vec<OwnedSemaphorePermit> {
    let mut free = Vec::new();
    // The semaphore is never closed.
    free.extend(slots.clone().acquire_owned().await);
    while free.len() < most.min(10)
        && let Ok(permit) = slots.clone().try_acquire_owned()
    {
        free.push(permit);
    }
    free
}

async fn receive(context: &Context, most: usize) -> Result<Vec<Message>, String> {
    let config = &context.config;
    let seconds = |d: Duration| i32::try_from(d.as_secs()).unwrap_or(i32::MAX);
    let received = context
        .queue
        .client()
        .receive_message()
        .queue_url(context.queue.url())
        .max_number_of_messages(i32::try_from(most).unwrap_or(1))
        .wait_time_seconds(seconds(config.poll))
        .visibility_timeout(seconds(config.lease))
        .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
        .send()
        .await
        .map_err(|error| DisplayErrorContext(error).to_string())?;
    Ok(received.messages.unwrap_or_default())
}

/// Two independent facts end a drain: everything has finished, or the time is up and what still
/// runs has been handed back.
async fn finish(context: &Context, mut running: JoinSet<Standing>, drain: &Drain) {
    tracing::info!(tasks = running.len(), "draining");
    let all = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(context.config.drain, all)
        .await
        .is_err()
    {
        drain.interrupt();
        let handed_back = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(15), handed_back)
            .await
            .is_err()
        {
            tracing::warn!("some tasks did not stop; their messages return when their leases end");
        }
    }
    let forget = || context.fleet.forget(&context.config.instance);
    match tokio::time::timeout(Duration::from_secs(5), patiently(forget)).await {
        Ok(Ok(())) => tracing::info!("drained"),
        _ => tracing::warn!("drained, but could not sign off from Redis"),
    }
}
