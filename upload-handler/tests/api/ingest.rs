//! From S3's own events to the task queue. Real uploads make the events.

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_sqs::types::QueueAttributeName;
use fleet_aws::videos::Change;
use fleet_core::{Task, VideoState};
use serde_json::{Value, json};
use upload_handler::ingest::Ingest;

use crate::client::{Client, put};
use crate::cloud::Cloud;

/// The event that Lambda would make of these bodies, and the ids of those that must come again.
async fn deliver(cloud: &Cloud, bodies: &[String]) -> Vec<String> {
    deliver_to(&cloud.ingest(), bodies).await
}

async fn deliver_to(ingest: &Ingest, bodies: &[String]) -> Vec<String> {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(i, body)| json!({ "messageId": format!("m{i}"), "body": body, "attributes": {} }))
        .collect();
    let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).unwrap();
    let response = ingest.handle(event).await;
    response
        .batch_item_failures
        .into_iter()
        .map(|f| f.item_identifier)
        .collect()
}

async fn events(cloud: &Cloud) -> Vec<String> {
    let messages = cloud.drain(&cloud.events_url).await;
    messages.into_iter().map(|m| m.body.unwrap()).collect()
}

async fn tasks(cloud: &Cloud) -> Vec<Task> {
    let messages = cloud.drain(&cloud.tasks_url).await;
    messages
        .iter()
        .map(|m| Task::from_body(m.body().unwrap()).unwrap())
        .collect()
}

/// A registered and uploaded video, and S3's event about it.
async fn uploaded(cloud: &Cloud, client: &Client) -> (String, Vec<String>) {
    let (id, upload) = client.register(5).await;
    let (status, body) = put(&upload, b"hello".to_vec()).await;
    assert_eq!(status, 200, "{body}");
    let bodies = events(cloud).await;
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    (id, bodies)
}

#[tokio::test]
async fn an_upload_becomes_a_plan_task_once() {
    let cloud = Cloud::new().await;
    cloud.notify().await;
    let test_event = events(&cloud).await;
    assert!(test_event[0].contains("s3:TestEvent"), "{test_event:?}");
    assert!(deliver(&cloud, &test_event).await.is_empty());
    let client = Client::of(&cloud);
    let (id, bodies) = uploaded(&cloud, &client).await;

    assert!(deliver(&cloud, &bodies).await.is_empty());
    let row = cloud.row("alice", &id).await.unwrap();
    assert_eq!(row.state, VideoState::Queued);
    let source = row.source.unwrap();
    assert!(row.upload_keys.contains(&source.key));
    assert_eq!(
        source.etag, "5d41402abc4b2a76b9719d911017c592",
        "MD5 of the bytes"
    );
    let plan = Task::plan("alice".parse().unwrap(), id.parse().unwrap());
    assert_eq!(tasks(&cloud).await, [plan]);
    assert_eq!(cloud.metric_sum("WorkQueuedSeconds").await, 1.0);

    // The same event again: the queue deduplicates the task, and nothing else moves.
    for _ in 0..2 {
        assert!(
            deliver(&cloud, &[bodies.clone(), bodies.clone()].concat())
                .await
                .is_empty()
        );
    }
    assert!(tasks(&cloud).await.is_empty());
    assert_eq!(cloud.row("alice", &id).await.unwrap().entered, row.entered);
    assert_eq!(cloud.metric_sum("WorkQueuedSeconds").await, 1.0);
}

#[tokio::test]
async fn a_crash_between_row_and_task_is_mended_by_the_next_delivery() {
    let cloud = Cloud::new().await;
    cloud.notify().await;
    events(&cloud).await;
    let (id, bodies) = uploaded(&cloud, &Client::of(&cloud)).await;
    // The queue is away: the row has moved on, the message must come again.
    let mut broken = cloud.ingest();
    broken.tasks =
        fleet_aws::TaskQueue::new(cloud.sqs.clone(), format!("{}-gone", cloud.tasks_url));
    let event: SqsEvent = serde_json::from_value(
        json!({ "Records": [{ "messageId": "m", "body": bodies[0], "attributes": {} }] }),
    )
    .unwrap();
    assert_eq!(broken.handle(event).await.batch_item_failures.len(), 1);
    assert_eq!(
        cloud.row("alice", &id).await.unwrap().state,
        VideoState::Queued
    );
    assert!(tasks(&cloud).await.is_empty());

    assert!(deliver(&cloud, &bodies).await.is_empty());
    assert_eq!(tasks(&cloud).await.len(), 1);
}

#[tokio::test]
async fn late_events_change_nothing() {
    let cloud = Cloud::new().await;
    cloud.notify().await;
    events(&cloud).await;
    let client = Client::of(&cloud);
    for state in [
        VideoState::Planning,
        VideoState::Processing,
        VideoState::Done,
        VideoState::Failed,
        VideoState::Cancelled,
    ] {
        let (id, bodies) = uploaded(&cloud, &client).await;
        let row = cloud.row("alice", &id).await.unwrap();
        if state == VideoState::Cancelled {
            // Cancelled before its event came.
            cloud.advance("alice", &id, state, Change::default()).await;
        } else {
            deliver(&cloud, &bodies).await;
            tasks(&cloud).await;
            cloud
                .advance("alice", &id, VideoState::Planning, Change::default())
                .await;
            if state != VideoState::Planning {
                cloud.advance("alice", &id, state, Change::default()).await;
            }
        }
        let before = cloud.row("alice", &id).await.unwrap();
        assert_ne!(before.state, row.state);
        assert!(deliver(&cloud, &bodies).await.is_empty());
        assert_eq!(cloud.row("alice", &id).await.unwrap(), before);
        assert!(tasks(&cloud).await.is_empty(), "{state}");
    }
    // Deleted before its event came.
    let (id, bodies) = uploaded(&cloud, &client).await;
    assert_eq!(
        client.delete(&format!("/api/videos/{id}")).await.status,
        204
    );
    assert!(deliver(&cloud, &bodies).await.is_empty());
    assert!(cloud.row("alice", &id).await.is_none());
    assert!(tasks(&cloud).await.is_empty());
}

#[tokio::test]
async fn foreign_objects_change_nothing() {
    let cloud = Cloud::new().await;
    cloud.notify().await;
    events(&cloud).await;
    let client = Client::of(&cloud);
    let (id, _) = client.register(5).await;
    let before = cloud.row("alice", &id).await.unwrap();
    let nobody = "0".repeat(32);
    for key in [
        // Under the video's prefix, and yet no URL for it was given out.
        format!("uploads/alice/{id}/other"),
        format!("uploads/bob/{id}/u"),
        format!("uploads/alice/{nobody}/u"),
        "uploads/alice/x y+z%2F\u{e9}".to_owned(),
        "elsewhere.mp4".to_owned(),
    ] {
        let body = b"hello".to_vec().into();
        cloud
            .s3
            .put_object()
            .bucket(&cloud.uploads)
            .key(&key)
            .body(body)
            .send()
            .await
            .unwrap();
    }
    let bodies = events(&cloud).await;
    assert_eq!(bodies.len(), 5);
    assert!(deliver(&cloud, &bodies).await.is_empty());
    assert_eq!(cloud.row("alice", &id).await.unwrap(), before);
    assert!(tasks(&cloud).await.is_empty());
    assert_eq!(
        cloud.keys(&cloud.uploads).await.len(),
        5,
        "not ours to delete"
    );
    // The right key in another bucket is foreign too.
    let key = before.upload_keys.first().unwrap();
    let forged = bodies[4]
        .replace("elsewhere.mp4", key)
        .replace(&cloud.uploads, "some-bucket");
    assert!(deliver(&cloud, &[forged]).await.is_empty());
    assert_eq!(cloud.row("alice", &id).await.unwrap(), before);
}

#[tokio::test]
async fn the_first_of_two_uploads_is_the_video() {
    let cloud = Cloud::new().await;
    cloud.notify().await;
    events(&cloud).await;
    let client = Client::of(&cloud);
    let (id, first) = client.register(5).await;
    let second = client
        .post(&format!("/api/videos/{id}/upload"), json!({}))
        .await
        .json;
    assert_eq!(put(&second["upload"], b"SECOND"[..5].to_vec()).await.0, 200);
    assert_eq!(put(&first, b"first".to_vec()).await.0, 200);
    let bodies = events(&cloud).await;
    assert_eq!(bodies.len(), 2);
    assert!(deliver(&cloud, &bodies).await.is_empty());
    let source = cloud.row("alice", &id).await.unwrap().source.unwrap();
    assert!(bodies[0].contains(&source.key));
    assert_eq!(tasks(&cloud).await.len(), 1);
}

#[tokio::test]
async fn an_object_of_the_wrong_size_is_deleted_and_the_caller_may_try_again() {
    let cloud = Cloud::new().await;
    cloud.notify().await;
    events(&cloud).await;
    let client = Client::of(&cloud);
    let (id, upload) = client.register(5).await;
    let before = cloud.row("alice", &id).await.unwrap();
    // No URL allows it, so it is put there by somebody with the right to the bucket.
    let key = before.upload_keys.first().unwrap();
    let body = b"too long".to_vec().into();
    cloud
        .s3
        .put_object()
        .bucket(&cloud.uploads)
        .key(key)
        .body(body)
        .send()
        .await
        .unwrap();
    let bodies = events(&cloud).await;
    assert!(deliver(&cloud, &bodies).await.is_empty());
    assert!(cloud.keys(&cloud.uploads).await.is_empty());
    assert_eq!(cloud.row("alice", &id).await.unwrap(), before);
    assert!(tasks(&cloud).await.is_empty());

    assert_eq!(put(&upload, b"hello".to_vec()).await.0, 200);
    let bodies = events(&cloud).await;
    assert!(deliver(&cloud, &bodies).await.is_empty());
    assert_eq!(tasks(&cloud).await.len(), 1);
}

#[tokio::test]
async fn one_bad_message_does_not_hold_up_the_others() {
    let cloud = Cloud::new().await;
    cloud.notify().await;
    events(&cloud).await;
    let (id, good) = uploaded(&cloud, &Client::of(&cloud)).await;
    let bad = ["", "not json", "{}", r#"{"Records":[{}]}"#].map(str::to_owned);
    let bodies = [&bad[..2], &good[..], &bad[2..]].concat();
    // The queue's redrive sets these aside for a person to look at.
    assert_eq!(deliver(&cloud, &bodies).await, ["m0", "m1", "m3", "m4"]);
    assert_eq!(
        cloud.row("alice", &id).await.unwrap().state,
        VideoState::Queued
    );
    let left = QueueAttributeName::ApproximateNumberOfMessages;
    assert_eq!(cloud.queue_attribute(&cloud.tasks_url, left).await, "1");
}
