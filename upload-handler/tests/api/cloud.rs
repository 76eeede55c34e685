//! One test's own corner of the emulator: buckets, queues, table, and the handler over them.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_sdk_s3::types::{
    FilterRule, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter,
    QueueConfiguration, S3KeyFilter,
};
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use aws_smithy_types::DateTime;
use fleet_aws::row::Progress;
use fleet_aws::videos::Change;
use fleet_aws::{Advance, Metrics, Row, TaskQueue, Videos};
use fleet_core::{Limits, TenantId, VideoId, VideoState};
use redis_scripts::testing::Server;
use redis_scripts::{Connection, Jobs, Options};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use upload_handler::App;
use upload_handler::app::Parts;
use upload_handler::cdn::Signer;
use upload_handler::ingest::Ingest;

use crate::emulator;

pub const CDN: &str = "https://cdn.example.test/base";

pub struct Cloud {
    pub aws: SdkConfig,
    pub s3: aws_sdk_s3::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub videos: Videos,
    pub jobs: Jobs,
    pub redis: Server,
    pub name: String,
    pub uploads: String,
    pub results: String,
    pub events_url: String,
    pub tasks_url: String,
    pub cdn_key: RsaPrivateKey,
    pub limits: Limits,
    pub upload_expiry: Duration,
}

impl Cloud {
    pub async fn new() -> Self {
        let aws = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(emulator::endpoint())
            .region(Region::new("us-east-1"))
            .credentials_provider(
                aws_credential_types::provider::SharedCredentialsProvider::new(Credentials::new(
                    "test", "test", None, None, "tests",
                )),
            )
            .http_client(http_client())
            .build();
        let name = format!("t{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let s3 = aws_sdk_s3::Client::new(&aws);
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
        let (uploads, results) = (format!("{name}-uploads"), format!("{name}-results"));
        for bucket in [&uploads, &results] {
            s3.create_bucket().bucket(bucket).send().await.unwrap();
        }
        create_table(&dynamodb, &name).await;
        let redis = Server::start();
        let connection = Connection::lazy(&Options::new(redis.url())).unwrap();
        Self {
            events_url: create_queue(&sqs, &format!("{name}-events"), false).await,
            tasks_url: create_queue(&sqs, &format!("{name}-tasks.fifo"), true).await,
            videos: Videos::new(dynamodb, &name),
            jobs: Jobs::new(&connection),
            aws,
            s3,
            sqs,
            redis,
            name,
            uploads,
            results,
            cdn_key: RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap(),
            limits: Limits::default(),
            upload_expiry: Duration::from_secs(5),
        }
    }

    pub fn app(&self) -> App {
        let pem = self.cdn_key.to_pkcs8_pem(LineEnding::LF).unwrap();
        App::new(Parts {
            videos: self.videos.clone(),
            s3: self.s3.clone(),
            jobs: self.jobs.clone(),
            uploads_bucket: self.uploads.clone(),
            results_bucket: self.results.clone(),
            upload_expiry: self.upload_expiry,
            download_expiry: Duration::from_secs(3600),
            cdn: Signer::new(CDN.parse().unwrap(), "KTEST".into(), &pem).unwrap(),
            limits: self.limits.clone(),
        })
    }

    pub fn ingest(&self) -> Ingest {
        Ingest {
            videos: self.videos.clone(),
            tasks: TaskQueue::new(self.sqs.clone(), &self.tasks_url),
            metrics: Metrics::new(
                aws_sdk_cloudwatch::Client::new(&self.aws),
                &self.name,
                "test-fleet",
            ),
            s3: self.s3.clone(),
            uploads_bucket: self.uploads.clone(),
            bytes_per_work_second: 5_000_000.try_into().unwrap(),
            edges: None,
        }
    }

    /// S3 tells the events queue about every object in the uploads bucket, as Terraform sets it up.
    pub async fn notify(&self) {
        self.notify_of(&self.uploads, "s3:ObjectCreated:*", "")
            .await;
    }

    /// And about every result that was removed.
    pub async fn notify_of_removals(&self) {
        self.notify_of(&self.results, "s3:ObjectRemoved:*", "results/")
            .await;
    }

    async fn notify_of(&self, bucket: &str, event: &str, prefix: &str) {
        let arn = self
            .queue_attribute(&self.events_url, QueueAttributeName::QueueArn)
            .await;
        let rule = FilterRule::builder()
            .name(FilterRuleName::Prefix)
            .value(prefix);
        let filter = S3KeyFilter::builder().filter_rules(rule.build()).build();
        let queue = QueueConfiguration::builder()
            .queue_arn(arn)
            .events(event.into())
            .filter(
                NotificationConfigurationFilter::builder()
                    .key(filter)
                    .build(),
            )
            .build()
            .unwrap();
        self.s3
            .put_bucket_notification_configuration()
            .bucket(bucket)
            .notification_configuration(
                NotificationConfiguration::builder()
                    .queue_configurations(queue)
                    .build(),
            )
            .send()
            .await
            .unwrap();
    }

    pub async fn queue_attribute(&self, url: &str, name: QueueAttributeName) -> String {
        let got = self
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(name.clone())
            .send()
            .await
            .unwrap();
        got.attributes.unwrap()[&name].clone()
    }

    /// Takes every message off a queue, waiting a second for the first.
    pub async fn drain(&self, url: &str) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let wait = if all.is_empty() { 1 } else { 0 };
            let got = self
                .sqs
                .receive_message()
                .queue_url(url)
                .max_number_of_messages(10)
                .wait_time_seconds(wait)
                .send()
                .await
                .unwrap();
            let messages = got.messages.unwrap_or_default();
            if messages.is_empty() {
                return all;
            }
            for message in &messages {
                let handle = message.receipt_handle().unwrap();
                self.sqs
                    .delete_message()
                    .queue_url(url)
                    .receipt_handle(handle)
                    .send()
                    .await
                    .unwrap();
            }
            all.extend(messages);
        }
    }

    pub async fn row(&self, tenant: &str, id: &str) -> Option<Row> {
        let tenant: TenantId = tenant.parse().unwrap();
        let video: VideoId = id.parse().unwrap();
        self.videos.get(&tenant, &video).await.unwrap()
    }

    pub async fn advance(&self, tenant: &str, id: &str, to: VideoState, change: Change) {
        let (tenant, video) = (tenant.parse().unwrap(), id.parse().unwrap());
        let advanced = self
            .videos
            .advance(&tenant, &video, to, change)
            .await
            .unwrap();
        assert!(
            matches!(advanced, Advance::Entered(_)),
            "{to}: {advanced:?}"
        );
    }

    pub async fn progress(&self, tenant: &str, id: &str, progress: &Progress) {
        let (tenant, video) = (tenant.parse().unwrap(), id.parse().unwrap());
        self.videos
            .progress(&tenant, &video, progress)
            .await
            .unwrap();
    }

    /// The sum of a metric over the last hour.
    pub async fn metric_sum(&self, name: &str) -> f64 {
        let now = fleet_aws::row::now() as i64 / 1000;
        let got = aws_sdk_cloudwatch::Client::new(&self.aws)
            .get_metric_statistics()
            .namespace(&self.name)
            .metric_name(name)
            .dimensions(
                Dimension::builder()
                    .name("Fleet")
                    .value("test-fleet")
                    .build(),
            )
            .start_time(DateTime::from_secs(now - 3600))
            .end_time(DateTime::from_secs(now + 60))
            .period(3660)
            .statistics(Statistic::Sum)
            .send()
            .await
            .unwrap();
        got.datapoints()
            .iter()
            .filter_map(|point| point.sum())
            .sum()
    }

    /// Makes a row that no version of the handler could read.
    pub async fn break_row(&self, tenant: &str, id: &str) {
        let key = fleet_aws::videos::key(&tenant.parse().unwrap(), &id.parse().unwrap());
        self.videos
            .client()
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .update_expression("SET #size = :size")
            .expression_attribute_names("#size", "size")
            .expression_attribute_values(":size", AttributeValue::S("large".into()))
            .send()
            .await
            .unwrap();
    }

    pub async fn drop_table(&self) {
        self.videos
            .client()
            .delete_table()
            .table_name(&self.name)
            .send()
            .await
            .unwrap();
    }

    pub async fn keys(&self, bucket: &str) -> Vec<String> {
        let got = self
            .s3
            .list_objects_v2()
            .bucket(bucket)
            .send()
            .await
            .unwrap();
        got.contents()
            .iter()
            .map(|o| o.key().unwrap().to_owned())
            .collect()
    }
}

fn http_client() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

async fn create_table(dynamodb: &aws_sdk_dynamodb::Client, name: &str) {
    let mut create = dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [("tenant", KeyType::Hash), ("item", KeyType::Range)] {
        let definition = AttributeDefinition::builder()
            .attribute_name(attribute)
            .attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder()
            .attribute_name(attribute)
            .key_type(kind);
        create = create
            .attribute_definitions(definition.build().unwrap())
            .key_schema(element.build().unwrap());
    }
    create.send().await.unwrap();
}

async fn create_queue(sqs: &aws_sdk_sqs::Client, name: &str, fifo: bool) -> String {
    let mut create = sqs.create_queue().queue_name(name);
    if fifo {
        create = create.attributes(QueueAttributeName::FifoQueue, "true");
    }
    create.send().await.unwrap().queue_url.unwrap()
}
