//! What the alarms see: metrics read from CloudWatch, and the queue's own metrics put there, which
//! the emulator leaves to us.
//!
//! The emulator's alarms are not used: they know no missing data and no aligned periods.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, StandardUnit,
};
use aws_sdk_sqs::types::QueueAttributeName;
use fleet_core::scaling::{Alarm, Datapoint, DimensionName, Millis, Statistic};

use super::status::Waiting;
use crate::error::StartError;

#[derive(Debug, Clone)]
pub struct Metrics {
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub queue_url: String,
}

impl Metrics {
    /// Finished and unfinished periods of each alarm's metric, oldest first.
    pub async fn read(
        &self,
        alarms: &[(&String, &Alarm)],
        now: Millis,
    ) -> Result<BTreeMap<String, Vec<Datapoint>>, StartError> {
        let doing = "read metrics";
        let mut queries = Vec::new();
        let mut longest = 0;
        for (index, (_, alarm)) in alarms.iter().enumerate() {
            longest = longest.max(alarm.period_millis() * alarm.window() as u64);
            let dimensions = alarm.dimensions.iter().map(|(name, value)| {
                let value = match value {
                    DimensionName::Fleet => crate::FLEET,
                    DimensionName::TaskQueue => self.queue_name(),
                };
                Dimension::builder().name(name).value(value).build()
            });
            let metric = Metric::builder()
                .namespace(&alarm.namespace)
                .metric_name(&alarm.metric_name)
                .set_dimensions(Some(dimensions.collect()))
                .build();
            let period = i32::try_from(alarm.period).unwrap_or(i32::MAX);
            let stat = MetricStat::builder()
                .metric(metric)
                .period(period)
                .stat(statistic(alarm.statistic))
                .build();
            let id = format!("a{index}");
            queries.push(MetricDataQuery::builder().id(id).metric_stat(stat).build());
        }
        let answer = self
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries))
            .start_time(DateTime::from_millis(
                now.saturating_sub(longest).cast_signed(),
            ))
            .end_time(DateTime::from_millis(now.cast_signed()))
            .send()
            .await
            .map_err(|e| StartError::sdk(doing, e))?;
        let mut read = BTreeMap::new();
        for result in answer.metric_data_results() {
            let index = result
                .id()
                .and_then(|id| id.strip_prefix('a')?.parse().ok());
            let Some((name, _)) = index.and_then(|index: usize| alarms.get(index)) else {
                continue;
            };
            let mut points: Vec<Datapoint> = result
                .timestamps()
                .iter()
                .zip(result.values())
                .map(|(at, &value)| Datapoint {
                    start: at.secs().unsigned_abs() * 1_000,
                    value,
                })
                .collect();
            points.sort_by_key(|p| p.start);
            read.insert((*name).clone(), points);
        }
        Ok(read)
    }

    pub async fn count_tasks(&self) -> Result<Waiting, StartError> {
        let doing = "count the tasks";
        let attributes = self
            .sqs
            .get_queue_attributes()
            .queue_url(&self.queue_url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .send()
            .await
            .map_err(|e| StartError::sdk(doing, e))?
            .attributes
            .unwrap_or_default();
        let count = |name| {
            let text = attributes.get(&name).map_or("0", String::as_str);
            text.parse().map_err(|e| StartError::setup(doing, e))
        };
        Ok(Waiting {
            waiting: count(QueueAttributeName::ApproximateNumberOfMessages)?,
            in_work: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)?,
        })
    }

    /// As SQS does once a minute. The real service takes no `AWS/` namespace from a caller.
    pub async fn publish_queue(&self) -> Result<(), StartError> {
        let count = self.count_tasks().await?;
        let name = Dimension::builder()
            .name("QueueName")
            .value(self.queue_name())
            .build();
        let datum = MetricDatum::builder()
            .metric_name("ApproximateNumberOfMessagesVisible")
            .dimensions(name)
            .value(count.waiting as f64)
            .unit(StandardUnit::Count)
            .build();
        self.cloudwatch
            .put_metric_data()
            .namespace("AWS/SQS")
            .metric_data(datum)
            .send()
            .await
            .map_err(|e| StartError::sdk("publish the queue's metric", e))?;
        Ok(())
    }

    fn queue_name(&self) -> &str {
        self.queue_url.rsplit('/').next().unwrap_or_default()
    }
}

fn statistic(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Sum => "Sum",
        Statistic::Average => "Average",
        Statistic::Minimum => "Minimum",
        Statistic::Maximum => "Maximum",
        Statistic::SampleCount => "SampleCount",
    }
}
