//! High-resolution custom metrics. Losing one costs a few seconds of scaling, so a failure is
//! logged here and never stops work.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};

/// Estimated seconds of work that were queued; published on every accepted upload and plan.
pub const WORK_QUEUED: &str = "WorkQueuedSeconds";
/// One for every 20 s poll that brought nothing.
pub const IDLE_POLLS: &str = "IdlePolls";

#[derive(Debug, Clone)]
pub struct Metrics {
    client: Client,
    namespace: String,
    fleet: String,
}

impl Metrics {
    pub fn new(client: Client, namespace: impl Into<String>, fleet: impl Into<String>) -> Self {
        Self {
            client,
            namespace: namespace.into(),
            fleet: fleet.into(),
        }
    }

    pub async fn publish(&self, name: &'static str, value: f64, unit: StandardUnit) {
        let datum = MetricDatum::builder()
            .metric_name(name)
            .dimensions(
                Dimension::builder()
                    .name("Fleet")
                    .value(&self.fleet)
                    .build(),
            )
            .value(value)
            .unit(unit)
            .storage_resolution(1)
            .build();
        let sent = self
            .client
            .put_metric_data()
            .namespace(&self.namespace)
            .metric_data(datum)
            .send()
            .await;
        if let Err(error) = sent {
            let error = aws_sdk_cloudwatch::error::DisplayErrorContext(error);
            tracing::warn!(metric = name, %error, "could not publish a metric");
        }
    }
}
