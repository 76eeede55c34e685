//! The edges to AWS that two or more of framefleet's programs share: one way to make clients, the
//! record of videos (DynamoDB), the task queue (SQS), metrics (CloudWatch), and logging.
//!
//! Absent: S3 (each program uses it in its own way), Redis, and any second code path for the
//! laptop: the endpoint comes from `AWS_ENDPOINT_URL`, which the SDK reads itself.

pub mod clients;
pub mod list;
pub mod logging;
pub mod metrics;
pub mod queue;
pub mod register;
pub mod row;
pub mod secrets;
pub mod videos;

pub use clients::load_config;
pub use metrics::Metrics;
pub use queue::TaskQueue;
pub use row::Row;
pub use videos::{Advance, Videos};
