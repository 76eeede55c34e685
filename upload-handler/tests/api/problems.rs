//! Every problem document, by the request that brings it about.

use std::collections::BTreeSet;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};
use upload_handler::app::{finish, router};
use upload_handler::gateway::gateway;
use upload_handler::problem::Kind;

use crate::client::Client;
use crate::cloud::Cloud;
use crate::contract::DOCUMENT;

const NO_VIDEO: &str = "/api/videos/00000000000000000000000000000000";

#[test]
fn the_document_lists_exactly_the_problems_there_are() {
    let listed = &DOCUMENT["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
    let listed: BTreeSet<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let uris: Vec<String> = Kind::ALL.iter().map(|kind| kind.uri()).collect();
    assert_eq!(listed, uris.iter().map(String::as_str).collect());
}

#[tokio::test]
async fn a_body_that_cannot_be_used_is_told_where_it_is_wrong() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let ok = json!({ "filename": "a.mp4", "size": 5 });
    let with = |path: &str, value: Value| {
        let mut body = ok.clone();
        let mut at = &mut body;
        for name in path.split('.') {
            at = &mut at[name];
        }
        *at = value;
        body
    };
    for (path, value, status, slug, field) in [
        ("filename", json!(""), 422, "over-limit", "filename"),
        (
            "filename",
            json!("x".repeat(1025)),
            422,
            "over-limit",
            "filename",
        ),
        ("filename", json!(7), 422, "invalid-request", "filename"),
        ("size", json!(0), 422, "over-limit", "size"),
        ("size", json!(50_000_000_001_u64), 422, "over-limit", "size"),
        ("size", json!(-1), 422, "invalid-request", "size"),
        ("size", json!(1.5), 422, "invalid-request", "size"),
        ("size", json!("5"), 422, "invalid-request", "size"),
        ("sha256", json!("abc"), 422, "invalid-request", "sha256"),
        (
            "sha256",
            json!("g".repeat(64)),
            422,
            "invalid-request",
            "sha256",
        ),
        ("extra", json!(1), 422, "invalid-request", "extra"),
        (
            "extract.select.fps",
            json!(0),
            422,
            "over-limit",
            "extract.select.fps",
        ),
        (
            "extract.select.fps",
            json!("a"),
            422,
            "invalid-request",
            "extract.select.fps",
        ),
        (
            "extract",
            json!({ "naming": "time", "select": { "fps": 1001 } }),
            422,
            "not-supported-yet",
            "extract.naming",
        ),
        (
            "extract.image",
            json!({ "format": "webp", "width": 16384 }),
            422,
            "not-supported-yet",
            "extract.image.width",
        ),
        (
            "extract.select",
            json!({}),
            422,
            "invalid-request",
            "extract.select",
        ),
        (
            "extract.image.format",
            json!("tiff"),
            422,
            "invalid-request",
            "extract.image.format",
        ),
        (
            "extract.image.quality",
            json!(0),
            422,
            "over-limit",
            "extract.image.quality",
        ),
        (
            "extract.image.quality",
            json!(300),
            422,
            "invalid-request",
            "extract.image.quality",
        ),
        (
            "extract.image.width",
            json!(20_000),
            422,
            "over-limit",
            "extract.image.width",
        ),
        (
            "extract.range",
            json!({ "start": 2, "end": 1 }),
            422,
            "over-limit",
            "extract.range",
        ),
    ] {
        let answer = client.post("/api/videos", with(path, value.clone())).await;
        let told = answer.json["field"].as_str();
        assert_eq!(told, Some(field), "{path} = {value}: {}", answer.json);
        answer.is_problem(status, slug, Some(field));
    }
    let answer = client.post("/api/videos", json!({ "size": 1 })).await;
    answer.is_problem(422, "invalid-request", None);
    assert!(answer.json["detail"].as_str().unwrap().contains("filename"));
    assert_eq!(
        client.get("/api/videos").await.json["videos"],
        json!([]),
        "nothing was registered"
    );
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_told_so() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let send = async |kind: &'static str, body: Vec<u8>| {
        let headers: &[(&str, &str)] = match kind {
            "" => &[],
            kind => &[("content-type", kind)],
        };
        client
            .send(Method::POST, "/api/videos", headers, Body::from(body))
            .await
    };
    let good = br#"{"filename":"a.mp4","size":5}"#.to_vec();
    let json = "application/json";
    send(json, b"{".to_vec())
        .await
        .is_problem(400, "invalid-json", None);
    send(json, Vec::new())
        .await
        .is_problem(400, "invalid-json", None);
    send(json, b"{\"filename\":\"\xff\",\"size\":5}".to_vec())
        .await
        .is_problem(400, "invalid-json", None);
    send(json, [good.clone(), b"x".to_vec()].concat())
        .await
        .is_problem(400, "invalid-json", None);
    for kind in ["", "text/plain", "multipart/form-data; boundary=x"] {
        let answer = send(kind, good.clone()).await;
        answer.is_problem(415, "unsupported-media-type", Some("content-type"));
    }
    assert_eq!(
        send("application/json; charset=utf-8", good.clone())
            .await
            .status,
        201
    );
    let padding = vec![b' '; 256 * 1024 - good.len()];
    assert_eq!(
        send(json, [padding.clone(), good.clone()].concat())
            .await
            .status,
        201
    );
    let answer = send(json, [padding, good, b" ".to_vec()].concat()).await;
    answer.is_problem(413, "body-too-large", None);
}

#[tokio::test]
async fn parameters_and_headers_are_checked() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("state=sleeping", "state"),
        ("cursor=abc", "cursor"),
        ("cursor=MTp4", "cursor"),
        ("sort=size", "sort"),
    ] {
        let answer = client.get(&format!("/api/videos?{query}")).await;
        answer.is_problem(400, "invalid-parameter", Some(field));
    }
    let body = json!({ "filename": "a.mp4", "size": 5 });
    for key in ["", "a b", "\u{e9}", &"k".repeat(256)] {
        let answer = client
            .post_with("/api/videos", &[("idempotency-key", key)], body.clone())
            .await;
        answer.is_problem(400, "invalid-parameter", Some("idempotency-key"));
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    for path in [
        "/",
        "/api",
        "/api/videos/",
        "/api/video",
        &format!("{NO_VIDEO}/frames/1"),
    ] {
        client
            .get(path)
            .await
            .is_problem(404, "path-not-found", None);
    }
    for path in [
        NO_VIDEO,
        "/api/videos/x",
        "/api/videos/..%2f..%2fetc",
        "/api/videos/%ff",
    ] {
        client
            .get(path)
            .await
            .is_problem(404, "video-not-found", None);
        client
            .delete(path)
            .await
            .is_problem(404, "video-not-found", None);
        for what in ["archive", "manifest", "report"] {
            client
                .get(&format!("{path}/{what}"))
                .await
                .is_problem(404, "video-not-found", None);
        }
        let upload = client.post(&format!("{path}/upload"), json!({})).await;
        upload.is_problem(404, "video-not-found", None);
    }
    let answer = client
        .send(Method::PUT, "/api/videos", &[], Body::empty())
        .await;
    answer.is_problem(405, "method-not-allowed", None);
    assert_eq!(answer.header("allow"), "POST,GET,HEAD");
}

#[tokio::test]
async fn callers_are_known_by_their_key_and_slowed_down() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let no_key = client.with_key(None);
    no_key
        .get("/api/videos")
        .await
        .is_problem(401, "api-key-missing", Some("x-api-key"));
    let wrong = client.with_key(Some("nobody's"));
    wrong
        .get(NO_VIDEO)
        .await
        .is_problem(403, "api-key-invalid", Some("x-api-key"));
    assert_eq!(no_key.get("/healthz").await.status, 200);

    let one = 1.try_into().unwrap();
    let slow = gateway(
        router(cloud.app()),
        "alice-key=alice".parse().unwrap(),
        one,
        one,
    );
    let slow = Client::over(finish(slow));
    assert_eq!(slow.get("/api/videos").await.status, 200);
    let answer = slow.get("/api/videos").await;
    answer.is_problem(429, "too-many-requests", None);
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait));

    // Without anything in front, nobody is anybody.
    let bare = Client::over(finish(router(cloud.app())));
    bare.get("/api/videos")
        .await
        .is_problem(401, "api-key-missing", Some("x-api-key"));
}

#[tokio::test]
async fn a_service_that_is_away_is_a_503_and_a_broken_row_a_500() {
    let mut cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let (id, _) = client.register(5).await;
    // Redis away: the deletion is not done, and says so; it can be sent again later.
    cloud.redis.kill();
    let answer = client.delete(&format!("/api/videos/{id}")).await;
    answer.is_problem(503, "unavailable", None);
    assert!(cloud.row("alice", &id).await.is_some());
    cloud.redis.restart();
    assert_eq!(
        client.delete(&format!("/api/videos/{id}")).await.status,
        204
    );

    let (id, _) = client.register(5).await;
    cloud.break_row("alice", &id).await;
    let answer = client.get(&format!("/api/videos/{id}")).await;
    answer.is_problem(500, "internal", None);

    cloud.drop_table().await;
    client
        .get("/api/videos")
        .await
        .is_problem(503, "unavailable", None);
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_it() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let with_id = [("x-request-id", "forged\u{a0}id")];
    for answer in [
        client.get("/healthz").await,
        client.get("/nowhere").await,
        client.with_key(None).get("/api/videos").await,
        client
            .send(Method::GET, "/api/videos", &with_id, Body::empty())
            .await,
    ] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(
            answer
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
        assert!(
            answer
                .header("strict-transport-security")
                .starts_with("max-age=")
        );
        assert_eq!(
            answer.header("x-request-id").len(),
            36,
            "ours, not the caller's"
        );
    }
}
