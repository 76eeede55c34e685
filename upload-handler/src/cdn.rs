//! CloudFront signed URLs, with a canned policy or with a custom one.
//!
//! The AWS SDK has no signer for these. `cloudfront_sign` reads the key anew for each URL, takes
//! PKCS#1 only and signs without blinding, so the policy is put together here, and `rsa` signs it
//! with blinding. Absent: wildcards in what a policy opens, and signed cookies.

use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::rand_core::OsRng;
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use serde_json::json;
use sha1::Sha1;
use thiserror::Error;
use url::Url;

/// What RFC 3986 lets stand for itself.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Debug, Error)]
pub enum SignerError {
    /// What the key holds is not repeated.
    #[error("read the CDN signing key: it must be an RSA private key in PEM, PKCS#8 or PKCS#1")]
    Key,
    #[error("use the CDN's address: {0}")]
    Address(&'static str),
}

pub struct Signer {
    base: Url,
    key_pair_id: String,
    key: SigningKey<Sha1>,
}

/// What a custom policy can say and a canned one cannot. CloudFront compares IPv4 addresses only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub until: SystemTime,
    pub from: Option<SystemTime>,
    pub address: Option<Ipv4Addr>,
}

impl Signer {
    pub fn new(mut base: Url, key_pair_id: String, pem: &str) -> Result<Self, SignerError> {
        if base.cannot_be_a_base() || base.query().is_some() || base.fragment().is_some() {
            return Err(SignerError::Address(
                "it must be a plain http or https address",
            ));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let key = RsaPrivateKey::from_pkcs8_pem(pem)
            .ok()
            .or_else(|| RsaPrivateKey::from_pkcs1_pem(pem).ok())
            .ok_or(SignerError::Key)?;
        Ok(Self {
            base,
            key_pair_id,
            key: SigningKey::new(key),
        })
    }

    /// A URL of the object, good until `now` plus `lifetime`. The disposition reaches S3 as its
    /// response-content-disposition parameter, and is part of what is signed.
    pub fn sign(&self, key: &str, disposition: &str, lifetime: Duration, now: SystemTime) -> Url {
        let url = self.object(key, disposition);
        let expires = seconds(now + lifetime);
        let policy = canned_policy(url.as_str(), expires);
        self.signed(url, &policy, format!("Expires={expires}"))
    }

    /// A URL of the object that is good on these terms. It carries its policy, and so is longer.
    pub fn sign_on_terms(&self, key: &str, disposition: &str, terms: Terms) -> Url {
        let url = self.object(key, disposition);
        let policy = custom_policy(url.as_str(), terms);
        let carried = format!("Policy={}", url_safe(policy.as_bytes()));
        self.signed(url, &policy, carried)
    }

    fn object(&self, key: &str, disposition: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{key}", self.base.path()));
        let disposition = utf8_percent_encode(disposition, UNRESERVED);
        // Not `query_pairs_mut`: its `+` for a space is a form's, and not every reader's of URLs.
        url.set_query(Some(&format!("response-content-disposition={disposition}")));
        url
    }

    fn signed(&self, mut url: Url, policy: &str, terms: String) -> Url {
        let signature = self.key.sign_with_rng(&mut OsRng, policy.as_bytes());
        let signature = url_safe(&signature.to_bytes());
        let (id, query) = (&self.key_pair_id, url.query().unwrap_or_default());
        let query = format!("{query}&{terms}&Signature={signature}&Key-Pair-Id={id}");
        url.set_query(Some(&query));
        url
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// `?` and `*` are patterns here. The one that begins the query stands for itself among others; keys
/// and dispositions hold none, since ids have neither and the rest is escaped.
fn custom_policy(url: &str, terms: Terms) -> String {
    let mut condition = json!({ "DateLessThan": { "AWS:EpochTime": seconds(terms.until) } });
    if let Some(from) = terms.from {
        condition["DateGreaterThan"] = json!({ "AWS:EpochTime": seconds(from) });
    }
    if let Some(address) = terms.address {
        condition["IpAddress"] = json!({ "AWS:SourceIp": format!("{address}/32") });
    }
    json!({ "Statement": [{ "Resource": url, "Condition": condition }] }).to_string()
}

/// CloudFront rebuilds this text from the URL and the expiry, so it must be exactly so.
fn canned_policy(url: &str, expires: u64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
    )
}

/// CloudFront's own variant of base64 for URLs.
fn url_safe(bytes: &[u8]) -> String {
    STANDARD
        .encode(bytes)
        .replace('+', "-")
        .replace('=', "_")
        .replace('/', "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::pkcs1::EncodeRsaPrivateKey;
    use rsa::pkcs8::{EncodePrivateKey, LineEnding};

    #[test]
    fn a_custom_policy_says_what_it_was_given_and_nothing_else() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let until = r#""DateLessThan":{"AWS:EpochTime":9}"#;
        for (from, address, condition) in [
            (None, None, format!("{{{until}}}")),
            (
                Some(at(3)),
                Some(Ipv4Addr::new(192, 0, 2, 1)),
                format!(
                    r#"{{"DateGreaterThan":{{"AWS:EpochTime":3}},{until},"IpAddress":{{"AWS:SourceIp":"192.0.2.1/32"}}}}"#
                ),
            ),
        ] {
            let terms = Terms {
                until: at(9),
                from,
                address,
            };
            let policy: serde_json::Value =
                serde_json::from_str(&custom_policy("https://d/k?a=b", terms)).unwrap();
            let wanted = format!(
                r#"{{"Statement":[{{"Condition":{condition},"Resource":"https://d/k?a=b"}}]}}"#
            );
            let wanted: serde_json::Value = serde_json::from_str(&wanted).unwrap();
            assert_eq!(policy, wanted);
        }
    }

    #[test]
    fn a_key_is_taken_in_either_form_and_never_quoted() {
        let key = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
        let new = |base: &str, pem: &str| Signer::new(base.parse().unwrap(), "K".into(), pem);
        let pkcs8 = key.to_pkcs8_pem(LineEnding::LF).unwrap();
        let pkcs1 = key.to_pkcs1_pem(LineEnding::LF).unwrap();
        for pem in [&pkcs8, &pkcs1] {
            let signer = new("https://d.example.test", pem).unwrap();
            let url = signer.sign(
                "results/t/v/frames.zip",
                "attachment; filename=\"a b\"",
                Duration::from_secs(60),
                UNIX_EPOCH,
            );
            let start = "https://d.example.test/results/t/v/frames.zip?response-content-disposition=attachment%3B%20filename%3D%22a%20b%22&Expires=60&Signature=";
            assert!(url.as_str().starts_with(start), "{url}");
            assert!(url.as_str().ends_with("&Key-Pair-Id=K"), "{url}");
            assert!(!url.as_str().contains('+'));
        }
        let broken = pkcs8.replace("PRIVATE", "PUBLIC");
        let error = new("https://d.example.test", &broken)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("RSA private key") && error.len() < 100,
            "{error}"
        );
        for base in ["mailto:x@y", "https://d.example.test/?a=b"] {
            assert!(
                matches!(new(base, &pkcs8), Err(SignerError::Address(_))),
                "{base}"
            );
        }
    }
}
