//! What Terraform makes in a real account: buckets with their event notification, queues with
//! their dead-letter queues, the table, the CDN's key pair.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use aws_sdk_s3::types::{Event, NotificationConfiguration, QueueConfiguration};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::json;

use crate::error::StartError;

pub const UPLOADS_BUCKET: &str = "framefleet-uploads";
pub const RESULTS_BUCKET: &str = "framefleet-results";
pub const TABLE: &str = "framefleet-videos";
pub const CDN_KEY_SECRET: &str = "framefleet/cdn-private-key";

/// A net below the agents' own poison limit, which ends a video long before: a message that is
/// handed back, as drains do, counts here too.
const TASK_RECEIVES: u32 = 1000;
const EVENT_RECEIVES: u32 = 5;
/// Agents extend it while they work.
const TASK_VISIBILITY: u32 = 60;
/// Longer than the ingest function may run, or a second copy would run beside the first.
pub const EVENT_VISIBILITY: u32 = 30;
/// What CloudFront takes.
const KEY_BITS: usize = 2048;

#[derive(Debug, Clone)]
pub struct Queues {
    pub tasks: String,
    pub tasks_dead: String,
    pub events: String,
    pub events_arn: String,
    pub events_dead: String,
}

pub async fn create_queues(sdk: &SdkConfig) -> Result<Queues, StartError> {
    let sqs = aws_sdk_sqs::Client::new(sdk);
    let fifo = [
        (Attribute::FifoQueue, "true".to_owned()),
        (Attribute::ContentBasedDeduplication, "false".to_owned()),
        // High throughput: limits hold for a message group, not for the queue.
        (Attribute::DeduplicationScope, "messageGroup".to_owned()),
        (
            Attribute::FifoThroughputLimit,
            "perMessageGroupId".to_owned(),
        ),
    ];
    let (tasks_dead, arn) = create_queue(&sqs, "framefleet-tasks-dead.fifo", fifo.to_vec()).await?;
    let mut attributes = fifo.to_vec();
    attributes.push((Attribute::VisibilityTimeout, TASK_VISIBILITY.to_string()));
    attributes.push((Attribute::RedrivePolicy, redrive(&arn, TASK_RECEIVES)));
    let (tasks, _) = create_queue(&sqs, "framefleet-tasks.fifo", attributes).await?;

    let (events_dead, arn) = create_queue(&sqs, "framefleet-events-dead", Vec::new()).await?;
    let attributes = vec![
        (Attribute::VisibilityTimeout, EVENT_VISIBILITY.to_string()),
        (Attribute::RedrivePolicy, redrive(&arn, EVENT_RECEIVES)),
        (Attribute::Policy, s3_may_send()),
    ];
    let (events, events_arn) = create_queue(&sqs, "framefleet-events", attributes).await?;
    Ok(Queues {
        tasks,
        tasks_dead,
        events,
        events_arn,
        events_dead,
    })
}

pub async fn create_buckets(sdk: &SdkConfig, queues: &Queues) -> Result<(), StartError> {
    let s3 = aws_sdk_s3::Client::new(sdk);
    for bucket in [UPLOADS_BUCKET, RESULTS_BUCKET] {
        s3.create_bucket()
            .bucket(bucket)
            .send()
            .await
            .map_err(|e| StartError::sdk("create a bucket", e))?;
    }
    let queue = QueueConfiguration::builder()
        .queue_arn(&queues.events_arn)
        .events(Event::S3ObjectCreated)
        .build()
        .map_err(|e| StartError::setup("describe the event notification", e))?;
    s3.put_bucket_notification_configuration()
        .bucket(UPLOADS_BUCKET)
        .notification_configuration(
            NotificationConfiguration::builder()
                .queue_configurations(queue)
                .build(),
        )
        .send()
        .await
        .map_err(|e| StartError::sdk("set the bucket's event notification", e))?;
    Ok(())
}

pub async fn create_table(sdk: &SdkConfig) -> Result<(), StartError> {
    let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
    let mut table = dynamodb
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("tenant", KeyType::Hash), ("item", KeyType::Range)] {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build();
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build();
        table = table
            .attribute_definitions(
                attribute.map_err(|e| StartError::setup("describe the table", e))?,
            )
            .key_schema(key.map_err(|e| StartError::setup("describe the table", e))?);
    }
    table
        .send()
        .await
        .map_err(|e| StartError::sdk("create the table", e))?;
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name("expires_at")
        .enabled(true)
        .build()
        .map_err(|e| StartError::setup("describe the table's expiry", e))?;
    dynamodb
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(ttl)
        .send()
        .await
        .map_err(|e| StartError::sdk("set the table's expiry", e))?;
    Ok(())
}

/// The private half goes to Secrets Manager for the upload handler, the public half to the CDN.
pub async fn create_cdn_key(sdk: &SdkConfig) -> Result<RsaPublicKey, StartError> {
    let doing = "make the CDN's key pair";
    let key =
        tokio::task::spawn_blocking(|| RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS))
            .await
            .map_err(|e| StartError::setup(doing, e))?
            .map_err(|e| StartError::setup(doing, e))?;
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|e| StartError::setup(doing, e))?;
    aws_sdk_secretsmanager::Client::new(sdk)
        .create_secret()
        .name(CDN_KEY_SECRET)
        .secret_string(pem.as_str())
        .send()
        .await
        .map_err(|e| StartError::sdk("store the CDN's private key", e))?;
    Ok(key.to_public_key())
}

async fn create_queue(
    sqs: &aws_sdk_sqs::Client,
    name: &str,
    attributes: Vec<(Attribute, String)>,
) -> Result<(String, String), StartError> {
    let url = sqs
        .create_queue()
        .queue_name(name)
        .set_attributes(Some(attributes.into_iter().collect()))
        .send()
        .await
        .map_err(|e| StartError::sdk("create a queue", e))?
        .queue_url
        .unwrap_or_default();
    let arn = sqs
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(Attribute::QueueArn)
        .send()
        .await
        .map_err(|e| StartError::sdk("read a queue's ARN", e))?
        .attributes
        .and_then(|mut found| found.remove(&Attribute::QueueArn))
        .ok_or_else(|| StartError::setup("read a queue's ARN", "there is none"))?;
    Ok((url, arn))
}

fn redrive(dead_letter_arn: &str, receives: u32) -> String {
    json!({"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": receives}).to_string()
}

fn s3_may_send() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
            "Condition": {"ArnEquals": {"aws:SourceArn": format!("arn:aws:s3:::{UPLOADS_BUCKET}")}},
        }],
    })
    .to_string()
}
