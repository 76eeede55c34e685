//! The terminating lifecycle hook: prolonged while work is finished, completed when it is.

use std::time::Duration;

use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::error::DisplayErrorContext;
use backon::{ExponentialBuilder, Retryable};
use fleet_core::InstanceId;

use crate::drain::Drain;

#[derive(Debug, Clone)]
pub struct Hook {
    pub client: Client,
    pub group: String,
    pub name: String,
    pub instance: InstanceId,
    /// Between heartbeats; far below the hook's own timeout.
    pub every: Duration,
}

impl Hook {
    /// Prolongs the hook from when Auto Scaling waits in it. Never ends.
    pub async fn keep(&self, drain: &Drain) {
        drain.terminating().await;
        let mut tick = tokio::time::interval(self.every);
        loop {
            tick.tick().await;
            match self.heartbeat().await {
                Ok(()) => tracing::info!(group = %self.group, "prolonged the terminating hook"),
                Err(error) => tracing::warn!(%error, "could not prolong the terminating hook"),
            }
        }
    }

    /// Lets Auto Scaling go on. Tried for about a minute: metadata may tell of the termination a
    /// little before the hook begins. After that the hook's own timeout goes on in our place.
    pub async fn complete(&self) {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(9);
        let done = (|| self.finish())
            .retry(backoff)
            .notify(|error, pause| {
                tracing::warn!(%error, ?pause, "completing the terminating hook; trying again");
            })
            .await;
        match done {
            Ok(()) => tracing::info!(group = %self.group, "completed the terminating hook"),
            Err(error) => tracing::error!(%error, "could not complete the terminating hook"),
        }
    }

    async fn heartbeat(&self) -> Result<(), String> {
        self.client
            .record_lifecycle_action_heartbeat()
            .auto_scaling_group_name(&self.group)
            .lifecycle_hook_name(&self.name)
            .instance_id(self.instance.as_str())
            .send()
            .await
            .map(drop)
            .map_err(|error| DisplayErrorContext(error).to_string())
    }

    async fn finish(&self) -> Result<(), String> {
        self.client
            .complete_lifecycle_action()
            .auto_scaling_group_name(&self.group)
            .lifecycle_hook_name(&self.name)
            .instance_id(self.instance.as_str())
            .lifecycle_action_result("CONTINUE")
            .send()
            .await
            .map(drop)
            .map_err(|error| DisplayErrorContext(error).to_string())
    }
}
