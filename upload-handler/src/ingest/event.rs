//! From an SQS message to the objects it says were created.

use aws_lambda_events::s3::S3Event;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use thiserror::Error;

use crate::ingest::decide::Created;

/// Trying again will not help; the queue's own redrive moves the message aside for people.
#[derive(Debug, Error)]
pub enum EventError {
    #[error("read an S3 event: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("read an S3 event: record {0} names no {1}")]
    Missing(usize, &'static str),
}

/// S3 announces a new notification rule with this.
#[derive(Deserialize)]
struct TestEvent {
    #[serde(rename = "Event")]
    event: String,
}

pub fn created_objects(body: &str) -> Result<Vec<Created>, EventError> {
    if let Ok(test) = serde_json::from_str::<TestEvent>(body)
        && test.event == "s3:TestEvent"
    {
        return Ok(Vec::new());
    }
    let event: S3Event = serde_json::from_str(body)?;
    let mut objects = Vec::new();
    for (i, record) in event.records.into_iter().enumerate() {
        let name = record.event_name.ok_or(EventError::Missing(i, "event"))?;
        // With or without the prefix that the rules are written with.
        if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
            continue;
        }
        let object = record.s3.object;
        let size = object.size.and_then(|size| u64::try_from(size).ok());
        objects.push(Created {
            bucket: record.s3.bucket.name.ok_or(EventError::Missing(i, "bucket"))?,
            key: decode(&object.key.ok_or(EventError::Missing(i, "key"))?),
            size: size.ok_or(EventError::Missing(i, "size"))?,
            etag: object.e_tag.ok_or(EventError::Missing(i, "ETag"))?,
        });
    }
    Ok(objects)
}

/// Keys are encoded as in a form: a space is `+`.
fn decode(key: &str) -> String {
    percent_decode_str(&key.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}
