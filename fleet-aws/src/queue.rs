//! Sending tasks to the FIFO queue. Receiving is the agent's alone.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use fleet_core::Task;
use thiserror::Error;

/// Messages in one SendMessageBatch call: SQS allows no more.
const BATCH: usize = 10;
/// Times that the entries SQS refused one by one are sent again.
const ATTEMPTS: usize = 5;

/// Always worth a retry: a task that was sent twice is one task to the queue or to Redis.
#[derive(Debug, Error)]
#[error("send tasks: {0}")]
pub struct SendError(String);

#[derive(Debug, Clone)]
pub struct TaskQueue {
    client: Client,
    url: String,
}

impl TaskQueue {
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Queues every task or fails; some may have been queued when it fails.
    pub async fn send(&self, tasks: &[Task]) -> Result<(), SendError> {
        for batch in tasks.chunks(BATCH) {
            self.send_batch(batch).await?;
        }
        Ok(())
    }

    async fn send_batch(&self, tasks: &[Task]) -> Result<(), SendError> {
        let mut left: Vec<(String, &Task)> = tasks
            .iter()
            .enumerate()
            .map(|(i, task)| (i.to_string(), task))
            .collect();
        let mut refused = String::new();
        for _ in 0..ATTEMPTS {
            let entries = left.iter().map(|(id, task)| entry(id, task)).collect();
            let answer = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|error| SendError(DisplayErrorContext(error).to_string()))?;
            // A batch can succeed as a call and fail entry by entry.
            let failed = answer.failed();
            if failed.is_empty() {
                return Ok(());
            }
            refused = failed[0].message().unwrap_or(failed[0].code()).to_owned();
            left.retain(|(id, _)| failed.iter().any(|f| f.id() == id));
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        Err(SendError(format!(
            "{} of {} were refused: {refused}",
            left.len(),
            tasks.len()
        )))
    }
}

fn entry(id: &str, task: &Task) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(task.to_body())
        .message_group_id(task.group())
        .message_deduplication_id(task.id())
        .build()
        .expect("id and body are set")
}
