//! The ingest function, for Lambda or anything that speaks its runtime API.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use fleet_aws::{Metrics, TaskQueue, Videos, load_config};
use fleet_core::config::{Lookup, from_env};
use lambda_runtime::{LambdaEvent, service_fn};
use upload_handler::ingest::Ingest;
use upload_handler::ingest::config::Config;
use upload_handler::ingest::edges::Edges;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let lookup = Lookup::new(&from_env);
    fleet_aws::logging::init(&lookup)?;
    let config = Config::from_lookup(&lookup)?;
    let aws = load_config(&config.patience).await;
    let ingest = Arc::new(Ingest {
        videos: Videos::new(aws_sdk_dynamodb::Client::new(&aws), &config.table),
        tasks: TaskQueue::new(aws_sdk_sqs::Client::new(&aws), &config.tasks_queue_url),
        metrics: Metrics::new(
            aws_sdk_cloudwatch::Client::new(&aws),
            &config.metrics_namespace,
            &config.fleet,
        ),
        s3: aws_sdk_s3::Client::new(&aws),
        uploads_bucket: config.uploads_bucket,
        bytes_per_work_second: config.bytes_per_work_second,
        edges: config.edges.map(|edges| Edges {
            client: aws_sdk_cloudfront::Client::new(&aws),
            distribution: edges.distribution,
            results_bucket: edges.results_bucket,
        }),
    });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let ingest = ingest.clone();
        async move { Ok::<_, std::convert::Infallible>(ingest.handle(event.payload).await) }
    }))
    .await
    .map_err(|error| anyhow::anyhow!("run as a Lambda function: {error}"))
}
