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
            bucket: record
                .s3
                .bucket
                .name
                .ok_or(EventError::Missing(i, "bucket"))?,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn body(name: &str, key: &str) -> String {
        format!(
            r#"{{"Records":[{{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1",
            "eventTime":"2026-01-02T03:04:05.678Z","eventName":"{name}",
            "userIdentity":{{"principalId":"AWS:X"}},"requestParameters":{{"sourceIPAddress":"10.0.0.1"}},
            "responseElements":{{"x-amz-request-id":"R"}},
            "s3":{{"s3SchemaVersion":"1.0","configurationId":"c","bucket":{{"name":"b","ownerIdentity":{{"principalId":"P"}},"arn":"arn:aws:s3:::b"}},
            "object":{{"key":"{key}","size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"0055AED6DCD90281E5"}}}}}}]}}"#
        )
    }

    #[test]
    fn created_objects_are_read_as_s3_writes_them() {
        for name in [
            "ObjectCreated:Put",
            "s3:ObjectCreated:CompleteMultipartUpload",
        ] {
            let objects = created_objects(&body(name, "uploads/a+b%2Bc%C3%A9")).unwrap();
            assert_eq!(objects.len(), 1);
            assert_eq!(objects[0].key, "uploads/a b+c\u{e9}");
            assert_eq!((objects[0].size, objects[0].bucket.as_str()), (1024, "b"));
        }
    }

    #[test]
    fn other_events_are_none_and_other_bodies_an_error() {
        for name in ["ObjectRemoved:Delete", "ObjectRestore:Completed"] {
            assert_eq!(created_objects(&body(name, "k")).unwrap(), []);
        }
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-02T03:04:05Z","Bucket":"b"}"#;
        assert_eq!(created_objects(test).unwrap(), []);
        let no_key = body("ObjectCreated:Put", "k").replace(r#""key":"k","#, "");
        assert!(matches!(
            created_objects(&no_key),
            Err(EventError::Missing(0, "key"))
        ));
        for bad in ["", "{}", "[]", "null", r#"{"Event":"other"}"#] {
            assert!(created_objects(bad).is_err(), "{bad}");
        }
    }
}
