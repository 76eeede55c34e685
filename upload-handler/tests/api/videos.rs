//! Showing, listing, fetching and deleting videos.

use fleet_aws::row::{Archive, Progress, Source};
use fleet_aws::videos::Change;
use fleet_core::{Failure, Reason, VideoState, keys};
use redis_scripts::{JobId, Terminal};
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::signature::Verifier;
use serde_json::{Value, json};
use sha1::Sha1;

use crate::client::{BOB, Client};
use crate::cloud::{CDN, Cloud};

#[tokio::test]
async fn a_video_is_shown_as_far_as_it_is() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let (id, _) = client.register(5).await;
    let path = format!("/api/videos/{id}");
    let shown = client.get(&path).await;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.json["state"], "uploading");
    assert_eq!(shown.json["progress"]["fraction"], 0.0);
    assert_eq!(shown.json["cost"]["instance_seconds"], Value::Null);
    assert_eq!(
        shown.json["extract"]["select"],
        json!({ "fps": 1 }),
        "defaults are filled in"
    );
    let mut last = 0.0;
    for (state, segments_done) in [
        (VideoState::Queued, None),
        (VideoState::Planning, None),
        (VideoState::Processing, Some(0)),
        (VideoState::Processing, Some(3)),
        (VideoState::Processing, Some(8)),
        (VideoState::Finalizing, None),
        (VideoState::Done, None),
    ] {
        let progress = segments_done.map(|segments_done| Progress {
            segments: 8,
            segments_done,
            images: segments_done * 10,
            image_bytes: segments_done * 1000,
        });
        match progress {
            Some(progress) if progress.segments_done > 0 => {
                cloud.progress("alice", &id, &progress).await;
            }
            progress => {
                cloud
                    .advance(
                        "alice",
                        &id,
                        state,
                        Change {
                            progress,
                            ..Change::default()
                        },
                    )
                    .await
            }
        }
        let shown = client.get(&path).await.json;
        assert_eq!(shown["state"], state.as_str());
        let fraction = shown["progress"]["fraction"].as_f64().unwrap();
        assert!(fraction >= last, "{state}: {fraction} after {last}");
        last = fraction;
    }
    assert_eq!(last, 1.0);
    let shown = client.get(&path).await.json;
    let entered = shown["entered"].as_object().unwrap();
    assert_eq!(entered.len(), 6, "{entered:?}");
    let timings = shown["timings"].as_object().unwrap();
    assert_eq!(timings.len(), 5, "done is no stage: {timings:?}");
}

#[tokio::test]
async fn another_tenants_video_is_no_video() {
    let cloud = Cloud::new().await;
    let alice = Client::of(&cloud);
    let bob = alice.with_key(Some(BOB));
    let (id, _) = alice.register(5).await;
    let path = format!("/api/videos/{id}");
    bob.get(&path)
        .await
        .is_problem(404, "video-not-found", None);
    bob.delete(&path)
        .await
        .is_problem(404, "video-not-found", None);
    for what in ["archive", "manifest", "report"] {
        bob.get(&format!("{path}/{what}"))
            .await
            .is_problem(404, "video-not-found", None);
    }
    assert_eq!(bob.get("/api/videos").await.json["videos"], json!([]));
    assert_eq!(alice.get(&path).await.status, 200);
}

#[tokio::test]
async fn an_upload_that_never_comes_makes_the_video_expired() {
    let mut cloud = Cloud::new().await;
    let early = Client::of(&cloud);
    let (seen, _) = early.register(5).await;
    let (listed, _) = early.register(5).await;
    let (queued, _) = early.register(5).await;
    cloud
        .advance("alice", &queued, VideoState::Queued, Change::default())
        .await;
    let states = |client: Client, query: &'static str| async move {
        let list = client.get(&format!("/api/videos?{query}")).await.json;
        let videos = list["videos"].as_array().unwrap().clone();
        let state = |v: &Value| (v["id"].clone(), v["state"].as_str().unwrap().to_owned());
        videos.iter().map(state).collect::<Vec<_>>()
    };
    assert_eq!(states(Client::of(&cloud), "state=expired").await, []);
    cloud.limits.upload_seconds = 0;
    let late = Client::of(&cloud);
    let shown = late.get(&format!("/api/videos/{seen}")).await.json;
    assert_eq!(shown["state"], "expired");
    assert_eq!(shown["entered"].as_object().unwrap().len(), 2);
    let refused = late
        .post(&format!("/api/videos/{seen}/upload"), json!({}))
        .await;
    refused.is_problem(409, "not-uploading", None);
    // Found by a list of the state that it is in, though nobody has looked at it before.
    let expired = states(Client::of(&cloud), "state=expired").await;
    let ids: Vec<_> = expired.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, [json!(listed), json!(seen)]);
    assert_eq!(states(Client::of(&cloud), "state=uploading").await, []);
    let all = states(Client::of(&cloud), "limit=9").await;
    let all: Vec<_> = all.iter().map(|(_, state)| state.as_str()).collect();
    assert_eq!(all, ["queued", "expired", "expired"]);
    // For good: a longer limit brings none back.
    let shown = early.get(&format!("/api/videos/{seen}")).await.json;
    assert_eq!(shown["state"], "expired");
}

#[tokio::test]
async fn videos_are_listed_newest_first_page_by_page() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.insert(0, client.register(5).await.0);
        // Ids sort by millisecond.
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    for id in [&ids[1], &ids[4], &ids[6]] {
        cloud
            .advance("alice", id, VideoState::Queued, Change::default())
            .await;
    }
    let walk = async |query: &str| {
        let (mut seen, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = client
                .get(&format!("/api/videos?{query}{cursor}"))
                .await
                .json;
            let videos = page["videos"].as_array().unwrap();
            sizes.push(videos.len());
            seen.extend(videos.iter().map(|v| v["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return (seen, sizes),
            }
        }
    };
    assert_eq!(walk("limit=20").await, (ids.clone(), vec![7]));
    let (seen, sizes) = walk("limit=3").await;
    assert_eq!(seen, ids);
    assert!(sizes.iter().all(|n| *n <= 3) && sizes[0] == 3, "{sizes:?}");
    let queued = vec![ids[1].clone(), ids[4].clone(), ids[6].clone()];
    let (seen, sizes) = walk("limit=2&state=queued").await;
    assert_eq!(seen, queued);
    assert!(sizes.iter().all(|n| *n <= 2), "{sizes:?}");
    assert_eq!(walk("limit=1&state=done").await.0, Vec::<String>::new());
}

#[tokio::test]
async fn results_are_fetched_by_signed_urls_once_they_are_there() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let body = json!({ "filename": "Ferien \u{1f3ac}/\"x\".mp4", "size": 5 });
    let id = client.post("/api/videos", body).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/videos/{id}");
    for what in ["archive", "manifest", "report"] {
        let answer = client.get(&format!("{path}/{what}")).await;
        answer.is_problem(409, "not-done", None);
    }
    cloud
        .advance("alice", &id, VideoState::Queued, Change::default())
        .await;
    let archive = Some(Archive {
        bytes: 9,
        images: 1,
        instance_seconds: 2.5,
    });
    cloud
        .advance(
            "alice",
            &id,
            VideoState::Done,
            Change {
                archive,
                ..Change::default()
            },
        )
        .await;
    let (tenant, video) = ("alice".parse().unwrap(), id.parse().unwrap());
    for (what, key, suffix) in [
        ("archive", keys::archive(&tenant, &video), ".zip"),
        (
            "manifest",
            keys::manifest(&tenant, &video),
            ".manifest.json",
        ),
        ("report", keys::report(&tenant, &video), ".report.json"),
    ] {
        let answer = client.get(&format!("{path}/{what}")).await;
        assert_eq!(answer.status, 302);
        let url = answer.header("location");
        let disposition = verified(&cloud, url, &format!("{CDN}/{key}"));
        assert!(disposition.starts_with("attachment; "), "{disposition}");
        assert!(disposition.contains(suffix), "{disposition}");
    }
    assert_eq!(
        client.get(&path).await.json["cost"]["instance_seconds"],
        2.5
    );
}

/// Checks a canned-policy URL as CloudFront does, and gives the disposition it carries.
fn verified(cloud: &Cloud, url: &str, resource: &str) -> String {
    use base64::Engine;
    let (signed, rest) = url.split_once("&Expires=").unwrap();
    let (expires, rest) = rest.split_once("&Signature=").unwrap();
    let (signature, id) = rest.split_once("&Key-Pair-Id=").unwrap();
    assert_eq!(id, "KTEST");
    let left = expires.parse::<i64>().unwrap() - (fleet_aws::row::now() / 1000) as i64;
    assert!((3590..=3600).contains(&left), "an hour: {left}");
    let policy = json!({ "Statement": [{
        "Resource": signed,
        "Condition": { "DateLessThan": { "AWS:EpochTime": expires.parse::<u64>().unwrap() } },
    }] });
    // CloudFront's text has Resource first, so it is put together anew and compared as JSON.
    let text = format!(
        r#"{{"Statement":[{{"Resource":"{signed}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
    );
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), policy);
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(
            signature
                .replace('-', "+")
                .replace('_', "=")
                .replace('~', "/"),
        )
        .unwrap();
    let key = VerifyingKey::<Sha1>::new(cloud.cdn_key.to_public_key());
    let signature = Signature::try_from(bytes.as_slice()).unwrap();
    key.verify(text.as_bytes(), &signature).unwrap();
    assert!(
        key.verify(text.replace("alice", "bob").as_bytes(), &signature)
            .is_err()
    );
    let url: url::Url = signed.parse().unwrap();
    assert_eq!(
        format!("{}{}", url.origin().ascii_serialization(), url.path()),
        resource
    );
    let (name, disposition) = url.query_pairs().next().unwrap();
    assert_eq!(name, "response-content-disposition");
    disposition.into_owned()
}

#[tokio::test]
async fn a_video_that_ended_badly_says_why() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let (id, _) = client.register(5).await;
    cloud
        .advance("alice", &id, VideoState::Queued, Change::default())
        .await;
    let failure = Some(Failure::plain(Reason::NotMedia));
    cloud
        .advance(
            "alice",
            &id,
            VideoState::Failed,
            Change {
                failure,
                ..Change::default()
            },
        )
        .await;
    let answer = client.get(&format!("/api/videos/{id}/archive")).await;
    answer.is_problem(409, "no-result", None);
    assert!(
        answer.json["detail"]
            .as_str()
            .unwrap()
            .contains("not a video"),
        "{}",
        answer.json
    );
    let shown = client.get(&format!("/api/videos/{id}")).await.json;
    assert_eq!(shown["failure"]["reason"], "not_media");
    let upload = client
        .post(&format!("/api/videos/{id}/upload"), json!({}))
        .await;
    upload.is_problem(409, "not-uploading", None);
}

#[tokio::test]
async fn hostile_names_survive_from_registration_to_download() {
    let names: Value = serde_json::from_str(include_str!("../data/hostile_names.json")).unwrap();
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let mut count = 0;
    for name in names["names"].as_array().unwrap() {
        let answer = client
            .post("/api/videos", json!({ "filename": name, "size": 5 }))
            .await;
        if name == "" {
            answer.is_problem(422, "over-limit", Some("filename"));
            continue;
        }
        assert_eq!(answer.status, 201, "{name}: {}", answer.json);
        let id = answer.json["id"].as_str().unwrap();
        let shown = client.get(&format!("/api/videos/{id}")).await.json;
        assert_eq!(shown["filename"], *name, "kept as it was given");
        let upload_key = cloud
            .row("alice", id)
            .await
            .unwrap()
            .upload_keys
            .pop_first()
            .unwrap();
        assert!(
            upload_key.starts_with(&format!("uploads/alice/{id}/")),
            "{upload_key}"
        );
        cloud
            .advance("alice", id, VideoState::Queued, Change::default())
            .await;
        cloud
            .advance("alice", id, VideoState::Done, Change::default())
            .await;
        let answer = client.get(&format!("/api/videos/{id}/archive")).await;
        let key = keys::archive(&"alice".parse().unwrap(), &id.parse().unwrap());
        let disposition = verified(&cloud, answer.header("location"), &format!("{CDN}/{key}"));
        // It becomes a header of S3's answer.
        assert!(
            http::HeaderValue::from_str(&disposition).is_ok(),
            "{disposition}"
        );
        count += 1;
    }
    assert!(count > 40, "{count}");
}

#[tokio::test]
async fn a_deleted_video_leaves_nothing_and_may_be_deleted_again() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let (id, _) = client.register(5).await;
    let (other, _) = client.register(5).await;
    let path = format!("/api/videos/{id}");
    for video in [&id, &other] {
        let (t, v) = ("alice".parse().unwrap(), video.parse().unwrap());
        for (bucket, key) in [
            (&cloud.uploads, keys::upload(&t, &v, "u1")),
            (&cloud.results, keys::plan(&t, &v, 0)),
            (&cloud.results, keys::fragment(&t, &v, 0, 1, "a")),
            (&cloud.results, keys::archive(&t, &v)),
        ] {
            cloud
                .s3
                .put_object()
                .bucket(bucket)
                .key(key)
                .send()
                .await
                .unwrap();
        }
    }
    // A running job: its agents hear of the end from Redis.
    let source = Some(Source {
        key: "k".into(),
        etag: "e".into(),
    });
    cloud
        .advance(
            "alice",
            &id,
            VideoState::Queued,
            Change {
                source,
                ..Change::default()
            },
        )
        .await;
    let job = JobId::new(id.parse().unwrap(), 0);
    cloud.jobs.open_job(&job, 2).await.unwrap();

    assert_eq!(client.delete(&path).await.status, 204);
    client
        .get(&path)
        .await
        .is_problem(404, "video-not-found", None);
    assert!(cloud.row("alice", &id).await.is_none());
    for bucket in [&cloud.uploads, &cloud.results] {
        let left = cloud.keys(bucket).await;
        assert!(
            !left.is_empty() && left.iter().all(|key| key.contains(&other)),
            "{left:?}"
        );
    }
    let ended = cloud.jobs.cancel_job(&job.video).await.unwrap();
    assert_eq!(ended, Terminal::Cancelled);

    assert_eq!(client.delete(&path).await.status, 204, "idempotent");
    client
        .with_key(Some(BOB))
        .delete(&path)
        .await
        .is_problem(404, "video-not-found", None);
    assert_eq!(
        client.get(&format!("/api/videos/{other}")).await.status,
        200
    );
}
