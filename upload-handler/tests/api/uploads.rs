//! What an upload URL lets a caller do, and what it does not. The emulator is the one to refuse.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{BOB, Client, put};
use crate::cloud::Cloud;

#[tokio::test]
async fn an_upload_of_the_announced_length_is_taken() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let (id, upload) = client.register(11).await;
    assert_eq!(upload["expires_in"], 5);
    assert_eq!(upload["headers"]["content-length"], "11");
    let (status, body) = put(&upload, b"hello world".to_vec()).await;
    assert_eq!(status, 200, "{body}");
    let keys = cloud.keys(&cloud.uploads).await;
    let row = cloud.row("alice", &id).await.unwrap();
    assert_eq!(keys, row.upload_keys.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_wrong_length_is_refused() {
    let cloud = Cloud::new().await;
    for wrong in [b"hello worl".to_vec(), b"hello world!".to_vec(), Vec::new()] {
        let (_, mut upload) = Client::of(&cloud).register(11).await;
        // An honest client cannot announce eleven bytes and send others, so it announces these.
        upload["headers"]["content-length"] = json!(wrong.len().to_string());
        let (status, body) = put(&upload, wrong).await;
        assert_eq!(status, 403, "{body}");
        assert!(body.contains("SignatureDoesNotMatch"), "{body}");
    }
    assert!(cloud.keys(&cloud.uploads).await.is_empty());
}

#[tokio::test]
async fn a_late_start_is_refused() {
    let cloud = Cloud::new().await;
    let (id, upload) = Client::of(&cloud).register(5).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    let (status, body) = put(&upload, b"hello".to_vec()).await;
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("expired"), "{body}");
    // The way on: a fresh URL for the same video.
    let fresh = Client::of(&cloud)
        .post(&format!("/api/videos/{id}/upload"), json!({}))
        .await;
    assert_eq!(fresh.status, 200);
    assert_ne!(fresh.json["upload"]["url"], upload["url"]);
    assert_eq!(put(&fresh.json["upload"], b"hello".to_vec()).await.0, 200);
}

#[tokio::test]
async fn a_tampered_url_is_refused() {
    let cloud = Cloud::new().await;
    let (_, upload) = Client::of(&cloud).register(5).await;
    let url = upload["url"].as_str().unwrap();
    let signature = url.split("X-Amz-Signature=").nth(1).unwrap();
    let (first, rest) = signature.split_at(1);
    let other = if first == "0" { "1" } else { "0" };
    for (what, tampered) in [
        (
            "the key",
            url.replacen("/uploads/alice/", "/uploads/bob/", 1),
        ),
        (
            "the signature",
            url.replace(signature, &format!("{other}{rest}")),
        ),
        (
            "the expiry",
            url.replace("X-Amz-Expires=5", "X-Amz-Expires=3600"),
        ),
    ] {
        assert_ne!(tampered, url);
        let mut forged = upload.clone();
        forged["url"] = json!(tampered);
        let (status, body) = put(&forged, b"hello".to_vec()).await;
        assert_eq!(status, 403, "{what}: {body}");
    }
    assert!(cloud.keys(&cloud.uploads).await.is_empty());
}

#[tokio::test]
async fn what_is_there_cannot_be_overwritten() {
    let cloud = Cloud::new().await;
    let (_, upload) = Client::of(&cloud).register(5).await;
    assert_eq!(put(&upload, b"hello".to_vec()).await.0, 200);
    let (status, body) = put(&upload, b"other".to_vec()).await;
    assert_eq!(status, 412, "{body}");
    // Nor by leaving the condition out: it is signed.
    let mut without = upload.clone();
    without["headers"]
        .as_object_mut()
        .unwrap()
        .remove("if-none-match");
    let (status, body) = put(&without, b"other".to_vec()).await;
    assert_eq!(status, 403, "{body}");
    let key = cloud.keys(&cloud.uploads).await.remove(0);
    let object = cloud
        .s3
        .get_object()
        .bucket(&cloud.uploads)
        .key(key)
        .send()
        .await
        .unwrap();
    assert_eq!(
        object.body.collect().await.unwrap().into_bytes().as_ref(),
        b"hello"
    );
}

#[tokio::test]
async fn an_announced_sha256_is_held_to() {
    let cloud = Cloud::new().await;
    let body = json!({
        "filename": "a.mp4", "size": 5, "sha256": hex::encode(Sha256::digest(b"hello")),
    });
    let client = Client::of(&cloud);
    let answer = client.post("/api/videos", body.clone()).await;
    let (status, text) = put(&answer.json["upload"], b"other".to_vec()).await;
    assert_eq!(status, 400, "{text}");
    let answer = client.post("/api/videos", body).await;
    let (status, text) = put(&answer.json["upload"], b"hello".to_vec()).await;
    assert_eq!(status, 200, "{text}");
}

#[tokio::test]
async fn every_url_has_a_key_of_its_own_and_there_is_a_last_one() {
    let mut cloud = Cloud::new().await;
    cloud.limits.upload_urls = 3;
    let client = Client::of(&cloud);
    let (id, _) = client.register(5).await;
    let path = format!("/api/videos/{id}/upload");
    for _ in 0..2 {
        let answer = client
            .send(Method::POST, &path, &[], axum::body::Body::empty())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.json);
    }
    let keys = cloud.row("alice", &id).await.unwrap().upload_keys;
    assert_eq!(keys.len(), 3, "{keys:?}");
    client
        .post(&path, json!({}))
        .await
        .is_problem(409, "too-many-upload-urls", None);
    client
        .with_key(Some(BOB))
        .post(&path, json!({}))
        .await
        .is_problem(404, "video-not-found", None);
    client
        .post(&path, json!({ "parts": [1, 2] }))
        .await
        .is_problem(422, "not-supported-yet", Some("parts"));
}

#[tokio::test]
async fn a_request_sent_twice_with_one_key_is_one_video() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let body = json!({ "filename": "a.mp4", "size": 5 });
    // White space, order and spelled-out defaults make no other request of it.
    let same = json!({ "size": 5, "extract": { "select": { "fps": "1/1" } }, "filename": "a.mp4" });
    let key = [("idempotency-key", "k-1")];
    let first = client.post_with("/api/videos", &key, body.clone()).await;
    let second = client.post_with("/api/videos", &key, same).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert_eq!(first.json["id"], second.json["id"]);
    assert_ne!(first.json["upload"]["url"], second.json["upload"]["url"]);
    assert_eq!(put(&second.json["upload"], b"hello".to_vec()).await.0, 200);

    let other = json!({ "filename": "b.mp4", "size": 5 });
    let reused = client.post_with("/api/videos", &key, other.clone()).await;
    reused.is_problem(422, "idempotency-key-reused", Some("idempotency-key"));
    // Another tenant's keys are its own.
    let bobs = client
        .with_key(Some(BOB))
        .post_with("/api/videos", &key, other)
        .await;
    assert_eq!(bobs.status, 201);
    assert_ne!(bobs.json["id"], first.json["id"]);

    let id = first.json["id"].as_str().unwrap();
    assert_eq!(
        client.delete(&format!("/api/videos/{id}")).await.status,
        204
    );
    let after = client.post_with("/api/videos", &key, body).await;
    after.is_problem(422, "idempotency-key-reused", Some("idempotency-key"));
}

#[tokio::test]
async fn ten_requests_at_once_with_one_key_are_one_video() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let client = client.clone();
        calls.spawn(async move {
            let body = json!({ "filename": "a.mp4", "size": 5 });
            client
                .post_with("/api/videos", &[("idempotency-key", "k")], body)
                .await
        });
    }
    let answers = calls.join_all().await;
    let ids: std::collections::BTreeSet<String> =
        answers.iter().map(|a| a.json["id"].to_string()).collect();
    assert!(answers.iter().all(|a| a.status == 201), "{answers:?}");
    assert_eq!(ids.len(), 1);
    let list: Value = client.get("/api/videos").await.json;
    assert_eq!(list["videos"].as_array().unwrap().len(), 1);
}
