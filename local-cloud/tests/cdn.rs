//! The CloudFront stand-in in front of the emulator's S3, over HTTP. Its URLs are signed here, with
//! the key that the upload handler would use; every refusal is in the signature's own table.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use local_cloud::{CDN_KEY_SECRET, Cloud, Options, RESULTS_BUCKET};
use reqwest::{Client, Method, StatusCode};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::{SignatureEncoding, Signer};
use sha1::Sha1;

const BODY: &[u8] = b"0123456789";

struct Front {
    cloud: Cloud,
    key: RsaPrivateKey,
    client: Client,
}

impl Front {
    async fn start() -> Self {
        let cloud = Cloud::start(Options::default().agents(0)).await.unwrap();
        let sdk = cloud.sdk_config().await;
        let secret = aws_sdk_secretsmanager::Client::new(&sdk)
            .get_secret_value()
            .secret_id(CDN_KEY_SECRET)
            .send()
            .await
            .unwrap();
        let key = RsaPrivateKey::from_pkcs8_pem(secret.secret_string().unwrap()).unwrap();
        aws_sdk_s3::Client::new(&sdk)
            .put_object()
            .bucket(RESULTS_BUCKET)
            .key("results/t/v/a b.zip")
            .content_type("application/zip")
            .body(BODY.to_vec().into())
            .send()
            .await
            .unwrap();
        Self {
            cloud,
            key,
            client: local_cloud::http_client(),
        }
    }

    fn sign(&self, path: &str, seconds_from_now: i64) -> String {
        self.sign_with(&self.key, path, seconds_from_now)
    }

    fn sign_with(&self, key: &RsaPrivateKey, path: &str, seconds_from_now: i64) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let expires = now.saturating_add_signed(seconds_from_now);
        let resource = format!("{}{path}", self.cloud.cdn_url());
        let policy = format!(
            r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
        );
        let signature = SigningKey::<Sha1>::new(key.clone()).sign(policy.as_bytes());
        let signature = BASE64_STANDARD.encode(signature.to_bytes());
        let signature = signature
            .replace('+', "-")
            .replace('=', "_")
            .replace('/', "~");
        let id = self.cloud.cdn_key_pair_id();
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{resource}{joint}Expires={expires}&Signature={signature}&Key-Pair-Id={id}")
    }

    async fn ask(&self, method: Method, url: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

#[tokio::test]
async fn a_signed_url_serves_ranges_heads_and_etags_and_nothing_else_does() {
    let front = Front::start().await;
    let path = "/results/t/v/a%20b.zip";
    let url = front.sign(path, 600);

    let whole = front.ask(Method::GET, &url, &[]).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()["content-type"], "application/zip");
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(whole.bytes().await.unwrap(), BODY);

    for (range, status, content_range, body) in [
        ("bytes=2-4", 206, "bytes 2-4/10", &b"234"[..]),
        ("bytes=7-", 206, "bytes 7-9/10", b"789"),
        ("bytes=-1", 206, "bytes 9-9/10", b"9"),
    ] {
        let part = front.ask(Method::GET, &url, &[("range", range)]).await;
        assert_eq!(part.status(), status, "{range}");
        assert_eq!(part.headers()["content-range"], content_range);
        assert_eq!(part.bytes().await.unwrap(), body, "{range}");
    }
    for (headers, status) in [
        (&[("range", "bytes=10-")][..], 416),
        (&[("if-none-match", etag.as_str())], 304),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-match", etag.as_str()), ("range", "bytes=0-0")], 206),
    ] {
        let answer = front.ask(Method::GET, &url, headers).await;
        assert_eq!(answer.status(), status, "{headers:?}");
    }

    let head = front.ask(Method::HEAD, &url, &[]).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-length"], "10");
    assert_eq!(head.headers()["etag"], etag);
    assert_eq!(head.bytes().await.unwrap().len(), 0);

    let named =
        format!("{path}?response-content-disposition=attachment%3B%20filename%3D%22x.zip%22");
    let answer = front.ask(Method::GET, &front.sign(&named, 600), &[]).await;
    let disposition = &answer.headers()["content-disposition"];
    assert_eq!(disposition, "attachment; filename=\"x.zip\"");

    let stranger = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    for (what, method, url, code) in [
        (
            "tampered path",
            Method::GET,
            url.replace("/t/v/", "/u/v/"),
            "AccessDenied",
        ),
        ("expired", Method::GET, front.sign(path, -1), "AccessDenied"),
        (
            "wrong key",
            Method::GET,
            front.sign_with(&stranger, path, 600),
            "AccessDenied",
        ),
        (
            "unsigned",
            Method::GET,
            format!("{}{path}", front.cloud.cdn_url()),
            "MissingKey",
        ),
        (
            "no such object",
            Method::GET,
            front.sign("/results/t/v/none.zip", 600),
            "AccessDenied",
        ),
        ("a write", Method::PUT, url.clone(), "InvalidMethod"),
    ] {
        let answer = front.ask(method, &url, &[]).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{what}");
        assert_eq!(answer.headers()["content-type"], "text/xml");
        let body = answer.text().await.unwrap();
        assert!(
            body.contains(&format!("<Code>{code}</Code>")),
            "{what}: {body}"
        );
    }
    front.cloud.shutdown().await;
}
