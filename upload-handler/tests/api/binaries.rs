//! The two programs as they are started: as a local server, and by Lambda's runtime API.

use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use fleet_core::VideoState;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::client::{Client, http, put};
use crate::cloud::{CDN, Cloud};
use crate::emulator;

const UPLOAD_HANDLER: &str = env!("CARGO_BIN_EXE_upload-handler");
const INGEST: &str = env!("CARGO_BIN_EXE_ingest");

/// Generous: the machine may be busy with other things.
const SOON: Duration = Duration::from_secs(60);

async fn program(cloud: &Cloud, path: &str) -> Command {
    let secret = format!("{}-cdn", cloud.name);
    let pem = cloud.cdn_key.to_pkcs8_pem(LineEnding::LF).unwrap();
    // Fails where the secret is there already, which is just as well.
    let _ = aws_sdk_secretsmanager::Client::new(&cloud.aws)
        .create_secret()
        .name(&secret)
        .secret_string(pem.as_str())
        .send()
        .await;
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("AWS_ENDPOINT_URL", emulator::endpoint())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("FRAMEFLEET_FLEET", "test-fleet")
        .env("FRAMEFLEET_TABLE", &cloud.name)
        .env("FRAMEFLEET_UPLOADS_BUCKET", &cloud.uploads)
        .env("FRAMEFLEET_RESULTS_BUCKET", &cloud.results)
        .env("FRAMEFLEET_TASKS_QUEUE_URL", &cloud.tasks_url)
        .env("FRAMEFLEET_METRICS_NAMESPACE", &cloud.name)
        .env("FRAMEFLEET_REDIS_URL", cloud.redis.url())
        .env("FRAMEFLEET_CDN_URL", CDN)
        .env("FRAMEFLEET_CDN_KEY_PAIR_ID", "KTEST")
        .env("FRAMEFLEET_CDN_KEY_SECRET_ID", &secret)
        .env("FRAMEFLEET_LOCAL_API_KEYS", "alice-key=alice")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn the_local_server_prints_its_address_and_stops_on_sigterm() {
    let cloud = Cloud::new().await;
    let mut serve = program(&cloud, UPLOAD_HANDLER).await;
    let mut child = serve
        .args(["serve", "--listen", "127.0.0.1:0"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(SOON, lines.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let address = line.strip_prefix("listening on ").unwrap();
    let post = http()
        .post(format!("{address}/api/videos"))
        .header("x-api-key", "alice-key")
        .json(&json!({ "filename": "secret-name.mp4", "size": 5 }));
    let answer = post.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(put(&body["upload"], b"hello".to_vec()).await.0, 200);

    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    let status = tokio::time::timeout(SOON, child.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(status.success(), "{status}");
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .await
        .unwrap();
    assert!(log.contains("registered a video"), "{log}");
    for secret in ["alice-key", "X-Amz-Signature", "PRIVATE KEY", "redis://"] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[tokio::test]
async fn what_cannot_start_says_what_is_missing() {
    let cloud = Cloud::new().await;
    for (path, args, without, words) in [
        (
            UPLOAD_HANDLER,
            &["serve"][..],
            "FRAMEFLEET_TABLE",
            "FRAMEFLEET_TABLE is not set",
        ),
        (
            UPLOAD_HANDLER,
            &["serve"],
            "FRAMEFLEET_LOCAL_API_KEYS",
            "FRAMEFLEET_LOCAL_API_KEYS is not set",
        ),
        (UPLOAD_HANDLER, &[], "", "upload-handler serve"),
        (
            INGEST,
            &[],
            "FRAMEFLEET_TASKS_QUEUE_URL",
            "FRAMEFLEET_TASKS_QUEUE_URL is not set",
        ),
    ] {
        let mut command = program(&cloud, path).await;
        let output = command.args(args).env_remove(without).output();
        let output = tokio::time::timeout(SOON, output).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(text.contains(words), "{text}");
    }
}

/// One function process over a runtime API that hands it events and collects its answers.
struct Lambda {
    events: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Value>,
    _child: Child,
}

type Exchange = (
    std::sync::Arc<tokio::sync::Mutex<mpsc::Receiver<Value>>>,
    mpsc::Sender<Value>,
);

impl Lambda {
    async fn start(mut function: Command) -> Self {
        let (events, next) = mpsc::channel(1);
        let (answer, answers) = mpsc::channel(1);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let exchange: Exchange = (std::sync::Arc::new(tokio::sync::Mutex::new(next)), answer);
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_event))
            .route(
                "/2018-06-01/runtime/invocation/r1/response",
                post(take_answer),
            )
            .with_state(exchange);
        tokio::spawn(async move { axum::serve(listener, api).await.unwrap() });
        let child = function
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "f")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "s")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "g")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            events,
            answers,
            _child: child,
        }
    }

    async fn call(&mut self, event: Value) -> Value {
        self.events.send(event).await.unwrap();
        tokio::time::timeout(SOON, self.answers.recv())
            .await
            .unwrap()
            .unwrap()
    }
}

async fn next_event(State((events, _)): State<Exchange>) -> impl axum::response::IntoResponse {
    let event = events.lock().await.recv().await.unwrap_or_default();
    let deadline = (fleet_aws::row::now() + 30_000).to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", "r1".to_owned()),
        ("lambda-runtime-deadline-ms", deadline),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:0:function:f".to_owned(),
        ),
    ];
    (headers, axum::Json(event))
}

async fn take_answer(State((_, answers)): State<Exchange>, body: String) {
    answers
        .send(serde_json::from_str(&body).unwrap())
        .await
        .unwrap();
}

/// A request as an API Gateway REST API hands it to Lambda.
fn proxied(method: &str, path: &str, key_id: Option<&str>, body: Value) -> Value {
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": method,
        "headers": { "Host": "abc.example.test", "content-type": "application/json", "x-api-key": "bob-key" },
        "multiValueHeaders": { "Host": ["abc.example.test"], "content-type": ["application/json"], "x-api-key": ["bob-key"] },
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "accountId": "0", "apiId": "abc", "stage": "prod", "httpMethod": method,
            "path": format!("/prod{path}"), "resourcePath": "/{proxy+}", "requestId": "q", "protocol": "HTTP/1.1",
            "identity": { "sourceIp": "10.0.0.1", "apiKey": "the-key", "apiKeyId": key_id },
        },
        "body": if body.is_null() { Value::Null } else { json!(body.to_string()) },
        "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn behind_api_gateway_the_key_id_is_the_tenant() {
    let cloud = Cloud::new().await;
    let mut lambda = Lambda::start(program(&cloud, UPLOAD_HANDLER).await).await;
    let body = json!({ "filename": "a.mp4", "size": 5 });
    let answer = lambda
        .call(proxied(
            "POST",
            "/api/videos",
            Some("key-id-1"),
            body.clone(),
        ))
        .await;
    assert_eq!(answer["statusCode"], 201, "{answer}");
    let video: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let id = video["id"].as_str().unwrap();
    assert!(cloud.row("key-id-1", id).await.is_some());
    assert_eq!(put(&video["upload"], b"hello".to_vec()).await.0, 200);
    let path = format!("/api/videos/{id}");
    for (key_id, status) in [
        (Some("key-id-1"), 200),
        (Some("key-id-2"), 404),
        (None, 401),
        (Some("a b"), 401),
    ] {
        let answer = lambda
            .call(proxied("GET", &path, key_id, Value::Null))
            .await;
        assert_eq!(answer["statusCode"], status, "{answer}");
    }
    let answer = lambda
        .call(proxied("GET", "/api/nowhere", Some("k"), Value::Null))
        .await;
    assert_eq!(answer["statusCode"], 404);
    let mut listed = proxied("GET", "/api/videos", Some("key-id-1"), Value::Null);
    listed["queryStringParameters"] = json!({ "limit": "x" });
    listed["multiValueQueryStringParameters"] = json!({ "limit": ["x"] });
    assert_eq!(
        lambda.call(listed).await["statusCode"],
        400,
        "the query arrives"
    );
}

#[tokio::test]
async fn the_ingest_function_takes_batches_from_lambda() {
    let cloud = Cloud::new().await;
    cloud.notify().await;
    cloud.drain(&cloud.events_url).await;
    let (id, upload) = Client::of(&cloud).register(5).await;
    assert_eq!(put(&upload, b"hello".to_vec()).await.0, 200);
    let body = cloud.drain(&cloud.events_url).await.remove(0).body.unwrap();
    let mut lambda = Lambda::start(program(&cloud, INGEST).await).await;
    let message = |id: &str, body: &str| {
        json!({
            "messageId": id, "receiptHandle": "h", "body": body, "attributes": {}, "messageAttributes": {},
            "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:0:q", "awsRegion": "us-east-1",
        })
    };
    let batch = json!({ "Records": [message("bad", "?"), message("good", &body)] });
    let answer = lambda.call(batch).await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [{ "itemIdentifier": "bad" }] })
    );
    assert_eq!(
        cloud.row("alice", &id).await.unwrap().state,
        VideoState::Queued
    );
    let empty = lambda.call(json!({ "Records": [] })).await;
    assert_eq!(empty, json!({ "batchItemFailures": [] }));
}
