//! A deleted video is gone from the CDN's edges: the real event of the deletion, and what CloudFront
//! was asked for.

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::types::{
    DefaultCacheBehavior, DistributionConfig, Origin, Origins, S3OriginConfig, ViewerProtocolPolicy,
};
use fleet_core::{TenantId, VideoId, keys};
use serde_json::json;
use upload_handler::ingest::Ingest;
use upload_handler::ingest::edges::Edges;

use crate::client::Client as Caller;
use crate::cloud::Cloud;

/// A cache policy that AWS keeps for everybody.
const CACHING_OPTIMIZED: &str = "658327ea-f89d-4fab-a63d-7e88639e58f6";

async fn distribution(cloud: &Cloud, client: &Client) -> String {
    let origin = Origin::builder()
        .id("results")
        .domain_name(format!("{}.s3.amazonaws.com", cloud.results))
        .s3_origin_config(S3OriginConfig::builder().origin_access_identity("").build());
    let origins = Origins::builder()
        .quantity(1)
        .items(origin.build().unwrap());
    let behaviour = DefaultCacheBehavior::builder()
        .target_origin_id("results")
        .viewer_protocol_policy(ViewerProtocolPolicy::HttpsOnly)
        .cache_policy_id(CACHING_OPTIMIZED);
    let config = DistributionConfig::builder()
        .caller_reference(&cloud.name)
        .comment(&cloud.name)
        .enabled(true)
        .origins(origins.build().unwrap())
        .default_cache_behavior(behaviour.build().unwrap());
    let made = client
        .create_distribution()
        .distribution_config(config.build().unwrap())
        .send()
        .await
        .unwrap();
    made.distribution.unwrap().id
}

/// The patterns of every invalidation there was.
async fn invalidated(client: &Client, distribution: &str) -> Vec<String> {
    let listed = client
        .list_invalidations()
        .distribution_id(distribution)
        .send()
        .await
        .unwrap();
    let mut patterns = Vec::new();
    for summary in listed.invalidation_list.unwrap().items() {
        let got = client
            .get_invalidation()
            .distribution_id(distribution)
            .id(summary.id())
            .send()
            .await
            .unwrap();
        let batch = got.invalidation.unwrap().invalidation_batch.unwrap();
        patterns.extend(batch.paths.unwrap().items.unwrap_or_default());
    }
    patterns
}

async fn deliver(ingest: &Ingest, bodies: &[String]) -> usize {
    let records: Vec<_> = bodies
        .iter()
        .map(|body| json!({ "messageId": "m", "body": body, "attributes": {} }))
        .collect();
    let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).unwrap();
    ingest.handle(event).await.batch_item_failures.len()
}

#[tokio::test]
async fn deleting_a_video_takes_its_results_from_the_edges_once() {
    let cloud = Cloud::new().await;
    cloud.notify_of_removals().await;
    cloud.drain(&cloud.events_url).await;
    let caller = Caller::of(&cloud);
    let (id, _) = caller.register(5).await;
    let (other, _) = caller.register(5).await;
    for id in [&id, &other] {
        let (tenant, video): (TenantId, VideoId) = ("alice".parse().unwrap(), id.parse().unwrap());
        for key in [
            keys::archive(&tenant, &video),
            keys::manifest(&tenant, &video),
            keys::plan(&tenant, &video, 0),
        ] {
            let put = cloud.s3.put_object().bucket(&cloud.results).key(key);
            put.body(b"x".to_vec().into()).send().await.unwrap();
        }
    }
    assert_eq!(
        caller.delete(&format!("/api/videos/{id}")).await.status,
        204
    );
    let messages = cloud.drain(&cloud.events_url).await;
    let bodies: Vec<String> = messages.into_iter().map(|m| m.body.unwrap()).collect();
    assert_eq!(bodies.len(), 2, "two results, and not the plan: {bodies:?}");

    let client = Client::new(&cloud.aws);
    let distribution = distribution(&cloud, &client).await;
    let edges = |distribution: &str, bucket: &str| Ingest {
        edges: Some(Edges {
            client: client.clone(),
            distribution: distribution.to_owned(),
            results_bucket: bucket.to_owned(),
        }),
        ..cloud.ingest()
    };
    // Switched off, and told of another bucket: nothing is asked for.
    assert_eq!(deliver(&cloud.ingest(), &bodies).await, 0);
    assert_eq!(
        deliver(&edges(&distribution, "elsewhere"), &bodies).await,
        0
    );
    assert!(invalidated(&client, &distribution).await.is_empty());

    // Twice, as a queue may.
    let ingest = edges(&distribution, &cloud.results);
    for _ in 0..2 {
        assert_eq!(deliver(&ingest, &bodies).await, 0);
    }
    let pattern = format!("/results/alice/{id}/*");
    assert_eq!(invalidated(&client, &distribution).await, [pattern]);

    // A CDN that refuses is asked again: the messages come back.
    let refused = edges("ENONE", &cloud.results);
    assert_eq!(deliver(&refused, &bodies).await, bodies.len());
}
