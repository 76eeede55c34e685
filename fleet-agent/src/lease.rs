//! A message in work, held by a heartbeat on its visibility timeout that ends when the lease drops.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use tokio::task::JoinHandle;

#[derive(Debug)]
pub struct Lease {
    client: Client,
    queue_url: String,
    receipt: String,
    heartbeat: JoinHandle<()>,
}

impl Lease {
    pub fn start(client: Client, queue_url: String, receipt: String, lease: Duration) -> Self {
        let heartbeat = tokio::spawn(beat(
            client.clone(),
            queue_url.clone(),
            receipt.clone(),
            lease,
        ));
        Self {
            client,
            queue_url,
            receipt,
            heartbeat,
        }
    }

    /// The work is done. A failure only means that the message comes back, and changes nothing.
    pub async fn delete(self) {
        self.heartbeat.abort();
        let deleted = self
            .client
            .delete_message()
            .queue_url(&self.queue_url)
            .receipt_handle(&self.receipt)
            .send()
            .await;
        if let Err(error) = deleted {
            tracing::warn!(error = %DisplayErrorContext(error), "could not delete a message; it will come back");
        }
    }

    pub async fn hand_back(self, delay: Duration) {
        self.heartbeat.abort();
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        if let Err(error) = change(&self.client, &self.queue_url, &self.receipt, seconds).await {
            tracing::warn!(%error, "could not hand a message back; it returns when its lease ends");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

async fn beat(client: Client, queue_url: String, receipt: String, lease: Duration) {
    let seconds = i32::try_from(lease.as_secs()).unwrap_or(i32::MAX);
    let mut tick = tokio::time::interval(lease / 3);
    tick.tick().await;
    loop {
        tick.tick().await;
        // One that fails is followed by another; two thirds of the lease are left for it.
        if let Err(error) = change(&client, &queue_url, &receipt, seconds).await {
            tracing::warn!(%error, "could not extend a message's visibility timeout");
        }
    }
}

async fn change(client: &Client, url: &str, receipt: &str, seconds: i32) -> Result<(), String> {
    client
        .change_message_visibility()
        .queue_url(url)
        .receipt_handle(receipt)
        .visibility_timeout(seconds)
        .send()
        .await
        .map(|_| ())
        .map_err(|error| DisplayErrorContext(error).to_string())
}
