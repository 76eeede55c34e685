//! How much is in the queues, for tests and those who look on.

use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::error::StartError;
use crate::resources::Queues;

/// Messages in each queue, waiting and in flight together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepths {
    pub tasks: u64,
    pub tasks_dead: u64,
    pub events: u64,
    pub events_dead: u64,
}

impl QueueDepths {
    pub async fn count(sdk: &SdkConfig, queues: &Queues) -> Result<Self, StartError> {
        let sqs = aws_sdk_sqs::Client::new(sdk);
        Ok(Self {
            tasks: depth(&sqs, &queues.tasks).await?,
            tasks_dead: depth(&sqs, &queues.tasks_dead).await?,
            events: depth(&sqs, &queues.events).await?,
            events_dead: depth(&sqs, &queues.events_dead).await?,
        })
    }
}

async fn depth(sqs: &aws_sdk_sqs::Client, url: &str) -> Result<u64, StartError> {
    let counts = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let found = sqs
        .get_queue_attributes()
        .queue_url(url)
        .set_attribute_names(Some(counts.to_vec()))
        .send()
        .await
        .map_err(|e| StartError::sdk("count a queue's messages", e))?
        .attributes
        .unwrap_or_default();
    counts
        .iter()
        .map(|name| {
            let value = found.get(name).map_or("0", String::as_str);
            value
                .parse::<u64>()
                .map_err(|e| StartError::setup("count a queue's messages", e))
        })
        .sum()
}
