//! The event source mapping: long-polls a queue, invokes a function with what came, deletes what
//! the function is done with.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};

use super::batch;
use super::function::Function;

#[derive(Debug, Clone)]
pub struct Mapping {
    pub queue_url: String,
    pub queue_arn: String,
    pub function: Arc<Function>,
}

const BATCH: i32 = 10;
const POLL_SECONDS: i32 = 20;
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// Never returns; the caller aborts it.
pub async fn run(sqs: Client, mapping: Mapping) {
    loop {
        let received = sqs
            .receive_message()
            .queue_url(&mapping.queue_url)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(POLL_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await;
        match received {
            Ok(received) => {
                let messages = received.messages.unwrap_or_default();
                if !messages.is_empty() {
                    deliver(&sqs, &mapping, &messages).await;
                }
            }
            Err(error) => {
                let error = DisplayErrorContext(error);
                tracing::warn!(%error, queue = mapping.queue_url, "could not poll");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

async fn deliver(sqs: &Client, mapping: &Mapping, messages: &[Message]) {
    let event = batch::event(messages, &mapping.queue_arn, crate::REGION).to_string();
    let answer = match mapping.function.invoke(event).await {
        Ok(answer) => answer,
        Err(error) => {
            // Nothing is deleted, so everything returns, and goes to the dead-letter queue in time.
            tracing::warn!(%error, function = mapping.function.name(), "an invocation failed");
            return;
        }
    };
    let ids: Vec<&str> = messages.iter().filter_map(Message::message_id).collect();
    let done = batch::done(&ids, &answer);
    let entries: Vec<_> = messages
        .iter()
        .filter(|message| message.message_id().is_some_and(|id| done.contains(&id)))
        .filter_map(|message| {
            DeleteMessageBatchRequestEntry::builder()
                .id(message.message_id()?)
                .receipt_handle(message.receipt_handle()?)
                .build()
                .ok()
        })
        .collect();
    if entries.is_empty() {
        return;
    }
    let deleted = sqs
        .delete_message_batch()
        .queue_url(&mapping.queue_url)
        .set_entries(Some(entries))
        .send()
        .await;
    if let Err(error) = deleted {
        let error = DisplayErrorContext(error);
        tracing::warn!(%error, "could not delete delivered messages; they will come again");
    }
}
