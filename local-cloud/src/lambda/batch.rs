//! What a batch of SQS messages looks like to a function, and what its answer means. Pure.

use std::collections::HashSet;

use aws_sdk_sqs::types::Message;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The event that Lambda's SQS event source hands to a function.
pub fn event(messages: &[Message], queue_arn: &str, region: &str) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            let attributes: Map<String, Value> = message
                .attributes()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
                .collect();
            json!({
                "messageId": message.message_id(),
                "receiptHandle": message.receipt_handle(),
                "body": message.body(),
                "attributes": attributes,
                "messageAttributes": {},
                "md5OfBody": message.md5_of_body(),
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": region,
            })
        })
        .collect();
    json!({ "Records": records })
}

/// The messages that the function is done with; the rest return when their visibility ends.
///
/// As on Lambda: no answer, `null`, or no failures named means all; an answer that cannot be read,
/// an empty identifier, or one that was not in the batch means none.
pub fn done<'a>(ids: &[&'a str], answer: &[u8]) -> Vec<&'a str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(default)]
        batch_item_failures: Option<Vec<Failure>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure {
        item_identifier: Option<String>,
    }
    if answer.trim_ascii().is_empty() {
        return ids.to_vec();
    }
    let failures = match serde_json::from_slice::<Option<Answer>>(answer) {
        Ok(answer) => answer.and_then(|a| a.batch_item_failures),
        Err(_) => return Vec::new(),
    };
    let mut failed = HashSet::new();
    for failure in failures.unwrap_or_default() {
        match failure.item_identifier {
            Some(id) if ids.contains(&id.as_str()) => failed.insert(id),
            _ => return Vec::new(),
        };
    }
    ids.iter()
        .copied()
        .filter(|id| !failed.contains(*id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_messages_that_stay() {
        let ids = ["a", "b", "c"];
        for (answer, expected) in [
            ("", &["a", "b", "c"][..]),
            ("null", &["a", "b", "c"]),
            ("{}", &["a", "b", "c"]),
            (r#"{"batchItemFailures":null}"#, &["a", "b", "c"]),
            (r#"{"batchItemFailures":[]}"#, &["a", "b", "c"]),
            (
                r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#,
                &["a", "c"],
            ),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, &[]),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, &[]),
            (r#"{"batchItemFailures":[{"itemIdentifier":"z"}]}"#, &[]),
            (r#"{"batchItemFailures":[{"id":"b"}]}"#, &[]),
            ("not json", &[]),
        ] {
            assert_eq!(done(&ids, answer.as_bytes()), expected, "{answer}");
        }
    }

    #[test]
    fn a_message_becomes_a_record_with_the_names_lambda_uses() {
        use aws_sdk_sqs::types::MessageSystemAttributeName::ApproximateReceiveCount;
        let message = Message::builder()
            .message_id("m1")
            .receipt_handle("r1")
            .body("{}")
            .md5_of_body("99914b932bd37a50b983c5e7c90ae93b")
            .attributes(ApproximateReceiveCount, "1")
            .build();
        let event = event(&[message], "arn:aws:sqs:x:0:q", "x");
        let record = &event["Records"][0];
        assert_eq!(record["messageId"], "m1");
        assert_eq!(record["receiptHandle"], "r1");
        assert_eq!(record["body"], "{}");
        assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
        assert_eq!(record["eventSource"], "aws:sqs");
        assert_eq!(record["eventSourceARN"], "arn:aws:sqs:x:0:q");
    }
}
