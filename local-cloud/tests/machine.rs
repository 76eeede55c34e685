//! Instance metadata and lifecycle hooks as clients of AWS see them: the SDK's own, and plain HTTP
//! for what the SDK hides.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::imds;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_autoscaling::error::ProvideErrorMetadata;
use local_cloud::{HookEnd, Identity, Lifecycle, Market, Metadata};
use serde_json::json;

const INSTANCE: &str = "i-0123456789abcdef0";

async fn metadata(market: Market) -> Metadata {
    let identity = Identity {
        instance_id: INSTANCE.to_owned(),
        zone: "us-east-1b".to_owned(),
        market,
        region: "us-east-1".to_owned(),
        group: "g".to_owned(),
    };
    Metadata::start(identity).await.unwrap()
}

fn sdk(metadata: &Metadata) -> imds::Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    imds::Client::builder()
        .configure(&ProviderConfig::without_region().with_http_client(http))
        .endpoint(metadata.url())
        .unwrap()
        .build()
}

/// None for 404.
async fn get(client: &imds::Client, path: &str) -> Option<String> {
    match client.get(format!("/latest/meta-data/{path}")).await {
        Ok(text) => Some(text.as_ref().to_owned()),
        Err(ImdsError::ErrorResponse(answer)) => {
            assert_eq!(answer.response().status().as_u16(), 404, "{path}");
            None
        }
        Err(error) => panic!("{path}: {error:?}"),
    }
}

#[tokio::test]
async fn the_sdks_client_reads_who_and_where_the_machine_is() {
    for (market, name) in [(Market::Spot, "spot"), (Market::OnDemand, "on-demand")] {
        let metadata = metadata(market).await;
        let client = sdk(&metadata);
        for (path, want) in [
            ("instance-id", INSTANCE),
            ("instance-life-cycle", name),
            ("placement/availability-zone", "us-east-1b"),
            ("placement/region", "us-east-1"),
            ("tags/instance/aws:autoscaling:groupName", "g"),
        ] {
            assert_eq!(get(&client, path).await.as_deref(), Some(want), "{path}");
        }
    }
}

#[tokio::test]
async fn what_has_not_come_up_is_not_found_and_then_has_awss_shape() {
    let metadata = metadata(Market::Spot).await;
    let client = sdk(&metadata);
    let paths = [
        "spot/instance-action",
        "spot/termination-time",
        "events/recommendations/rebalance",
        "autoscaling/target-lifecycle-state",
    ];
    for path in paths {
        assert_eq!(get(&client, path).await, None, "{path}");
    }
    // The time of the documentation's own example, and a fraction that is not written.
    let when = UNIX_EPOCH + Duration::from_millis(1_505_722_920_700);
    metadata.interrupt_at(when);
    metadata.rebalance_at(when);
    metadata.set_target_state("Terminated");
    let text = "2017-09-18T08:22:00Z";
    let action = get(&client, paths[0]).await.unwrap();
    let action: serde_json::Value = serde_json::from_str(&action).unwrap();
    assert_eq!(action, json!({"action": "terminate", "time": text}));
    assert_eq!(get(&client, paths[1]).await.as_deref(), Some(text));
    let recommended = get(&client, paths[2]).await.unwrap();
    let recommended: serde_json::Value = serde_json::from_str(&recommended).unwrap();
    assert_eq!(recommended, json!({"noticeTime": text}));
    assert_eq!(get(&client, paths[3]).await.as_deref(), Some("Terminated"));
    metadata.set_target_state("InService");
    assert_eq!(get(&client, paths[3]).await.as_deref(), Some("InService"));
}

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    const TOKEN: &str = "x-aws-ec2-metadata-token";
    const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
    let metadata = metadata(Market::Spot).await;
    let http = local_cloud::http_client();
    let fact = format!("{}/latest/meta-data/instance-id", metadata.url());
    let token = format!("{}/latest/api/token", metadata.url());
    assert_eq!(http.get(&fact).send().await.unwrap().status(), 401);
    let odd = http.get(&fact).header(TOKEN, "odd").send().await.unwrap();
    assert_eq!(odd.status(), 401);
    assert_eq!(http.put(&token).send().await.unwrap().status(), 400);
    for ttl in ["0", "21601", "-1", "soon"] {
        let refused = http.put(&token).header(TTL, ttl).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{ttl}");
    }
    let through_a_proxy = http
        .put(&token)
        .header(TTL, "60")
        .header("x-forwarded-for", "1.2.3.4");
    assert_eq!(through_a_proxy.send().await.unwrap().status(), 403);
    assert_eq!(http.get(&token).send().await.unwrap().status(), 405);

    let given = http.put(&token).header(TTL, "1").send().await.unwrap();
    assert_eq!(given.headers()[TTL], "1");
    let given = given.text().await.unwrap();
    let told = http.get(&fact).header(TOKEN, &given).send().await.unwrap();
    assert_eq!(told.text().await.unwrap(), INSTANCE);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let late = http.get(&fact).header(TOKEN, &given).send().await.unwrap();
    assert_eq!(late.status(), 401, "the token has expired");
}

async fn auto_scaling(hooks: &Lifecycle) -> aws_sdk_autoscaling::Client {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(hooks.url())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    aws_sdk_autoscaling::Client::new(&config)
}

/// None where it is accepted, else the error's code and message.
async fn complete(
    client: &aws_sdk_autoscaling::Client,
    group: &str,
    hook: &str,
    instance: &str,
) -> Option<(String, String)> {
    let call = client
        .complete_lifecycle_action()
        .auto_scaling_group_name(group)
        .lifecycle_hook_name(hook)
        .instance_id(instance)
        .lifecycle_action_result("CONTINUE");
    let error = call.send().await.err()?;
    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
    Some((text(error.code()), text(error.message())))
}

#[tokio::test]
async fn a_hook_ends_when_its_instance_says_so_and_only_then() {
    let hooks = Lifecycle::start("g", "drain").await.unwrap();
    let client = auto_scaling(&hooks).await;
    let (code, message) = complete(&client, "g", "drain", INSTANCE).await.unwrap();
    assert_eq!(code, "ValidationError");
    let want = format!("No active Lifecycle Action found with instance ID {INSTANCE}");
    assert_eq!(message, want);

    hooks.begin(INSTANCE, "t", Duration::from_secs(3600));
    for (group, hook, instance) in [
        ("other", "drain", INSTANCE),
        ("g", "other", INSTANCE),
        ("g", "drain", "i-0123456789abcdef1"),
        ("g", "drain", "<i/>"),
    ] {
        let refused = complete(&client, group, hook, instance).await;
        assert!(refused.is_some(), "{group} {hook} {instance}");
    }
    let waits = tokio::time::timeout(Duration::from_millis(200), hooks.wait(INSTANCE));
    assert!(waits.await.is_err(), "nobody has completed it");
    assert_eq!(complete(&client, "g", "drain", INSTANCE).await, None);
    assert_eq!(hooks.wait(INSTANCE).await, HookEnd::Completed);
    // Once only.
    assert!(complete(&client, "g", "drain", INSTANCE).await.is_some());
    // The same by its token, for the next action of the same instance.
    hooks.begin(INSTANCE, "t2", Duration::from_secs(3600));
    client
        .complete_lifecycle_action()
        .auto_scaling_group_name("g")
        .lifecycle_hook_name("drain")
        .lifecycle_action_token("t2")
        .lifecycle_action_result("ABANDON")
        .send()
        .await
        .unwrap();
    assert_eq!(hooks.wait(INSTANCE).await, HookEnd::Completed);
}

#[tokio::test]
async fn heartbeats_prolong_a_hook_and_silence_ends_it() {
    let hooks = Lifecycle::start("g", "drain").await.unwrap();
    let client = auto_scaling(&hooks).await;
    let timeout = Duration::from_secs(4);
    hooks.begin(INSTANCE, "t", timeout);
    let begun = SystemTime::now();
    let beating = async {
        for _ in 0..3 {
            tokio::time::sleep(timeout / 2).await;
            client
                .record_lifecycle_action_heartbeat()
                .auto_scaling_group_name("g")
                .lifecycle_hook_name("drain")
                .instance_id(INSTANCE)
                .send()
                .await
                .unwrap();
        }
    };
    let (end, ()) = tokio::join!(hooks.wait(INSTANCE), beating);
    assert_eq!(end, HookEnd::TimedOut);
    assert_eq!(hooks.heartbeats(INSTANCE), 3);
    let took = begun.elapsed().unwrap();
    assert!(took >= timeout / 2 * 3 + timeout, "{took:?}");
    assert!(
        complete(&client, "g", "drain", INSTANCE).await.is_some(),
        "too late"
    );
}
