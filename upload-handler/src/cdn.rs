//! CloudFront signed URLs with a canned policy.
//!
//! The AWS SDK has no signer for these. `cloudfront_sign` reads the key anew for each URL, takes
//! PKCS#1 only and signs without blinding, so the policy is put together here, and `rsa` signs it
//! with blinding. Absent: custom policies (start times, address ranges, wildcards).

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
        let mut url = self.base.clone();
        url.set_path(&format!("{}{key}", self.base.path()));
        let disposition = utf8_percent_encode(disposition, UNRESERVED);
        // Not `query_pairs_mut`: its `+` for a space is a form's, and not every reader's of URLs.
        let query = format!("response-content-disposition={disposition}");
        url.set_query(Some(&query));
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let expires = (now + lifetime).as_secs();
        let policy = canned_policy(url.as_str(), expires);
        let signature = self.key.sign_with_rng(&mut OsRng, policy.as_bytes());
        let signature = url_safe(&signature.to_bytes());
        let id = &self.key_pair_id;
        url.set_query(Some(&format!(
            "{query}&Expires={expires}&Signature={signature}&Key-Pair-Id={id}"
        )));
        url
    }
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
