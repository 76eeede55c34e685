//! From an SQS message to what it says became of objects.

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    Created(Created),
    Removed { bucket: String, key: String },
}

/// Other kinds of events are passed over.
pub fn happened(body: &str) -> Result<Vec<Happened>, EventError> {
    if let Ok(test) = serde_json::from_str::<TestEvent>(body)
        && test.event == "s3:TestEvent"
    {
        return Ok(Vec::new());
    }
    let event: S3Event = serde_json::from_str(body)?;
    let mut all = Vec::new();
    for (i, record) in event.records.into_iter().enumerate() {
        let name = record.event_name.ok_or(EventError::Missing(i, "event"))?;
        // With or without the prefix that the rules are written with.
        let name = name.trim_start_matches("s3:");
        let (created, removed) = (
            name.starts_with("ObjectCreated:"),
            name.starts_with("ObjectRemoved:"),
        );
        if !created && !removed {
            continue;
        }
        let bucket = record.s3.bucket.name;
        let bucket = bucket.ok_or(EventError::Missing(i, "bucket"))?;
        let object = record.s3.object;
        let key = decode(&object.key.ok_or(EventError::Missing(i, "key"))?);
        if removed {
            all.push(Happened::Removed { bucket, key });
            continue;
        }
        let size = object.size.and_then(|size| u64::try_from(size).ok());
        all.push(Happened::Created(Created {
            bucket,
            key,
            size: size.ok_or(EventError::Missing(i, "size"))?,
            etag: object.e_tag.ok_or(EventError::Missing(i, "ETag"))?,
        }));
    }
    Ok(all)
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
            let created = Created {
                bucket: "b".into(),
                key: "uploads/a b+c\u{e9}".into(),
                size: 1024,
                etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
            };
            let found = happened(&body(name, "uploads/a+b%2Bc%C3%A9")).unwrap();
            assert_eq!(found, [Happened::Created(created)]);
        }
    }

    #[test]
    fn removed_objects_need_neither_size_nor_etag() {
        let full = body("ObjectRemoved:Delete", "results/t/v/frames.zip");
        let bare = full
            .replace(r#","size":1024"#, "")
            .replace(r#","eTag":"d41d8cd98f00b204e9800998ecf8427e""#, "");
        assert_ne!(full, bare);
        let removed = Happened::Removed {
            bucket: "b".into(),
            key: "results/t/v/frames.zip".into(),
        };
        for body in [full, bare] {
            assert_eq!(happened(&body).unwrap(), std::slice::from_ref(&removed));
        }
    }

    #[test]
    fn other_events_are_none_and_other_bodies_an_error() {
        for name in ["LifecycleExpiration:Delete", "ObjectRestore:Completed"] {
            assert_eq!(happened(&body(name, "k")).unwrap(), []);
        }
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-02T03:04:05Z","Bucket":"b"}"#;
        assert_eq!(happened(test).unwrap(), []);
        let no_key = body("ObjectCreated:Put", "k").replace(r#""key":"k","#, "");
        assert!(matches!(
            happened(&no_key),
            Err(EventError::Missing(0, "key"))
        ));
        for bad in ["", "{}", "[]", "null", r#"{"Event":"other"}"#] {
            assert!(happened(bad).is_err(), "{bad}");
        }
    }
}
