//! CloudFront's signed URLs, from the side that verifies them. Pure.
//!
//! A canned policy is not in the URL: it is rebuilt from the URL itself and `Expires`, and the
//! signature is over its exact bytes. A custom policy travels in the URL, with its own resource
//! pattern and conditions.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rsa::RsaPublicKey;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::signature::Verifier;
use serde::Deserialize;
use sha1::Sha1;
use wildmatch::WildMatch;

/// A key of the trusted key group.
#[derive(Debug, Clone)]
pub struct Signer {
    pub key_pair_id: String,
    pub key: RsaPublicKey,
}

/// The trusted key group. Keys come and go while URLs are being checked: that is how one is changed
/// without a gap.
#[derive(Debug, Clone, Default)]
pub struct KeyGroup(Arc<RwLock<Vec<Signer>>>);

impl KeyGroup {
    pub fn trust(&self, signer: Signer) {
        self.distrust(&signer.key_pair_id);
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(signer);
    }

    pub fn distrust(&self, key_pair_id: &str) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|signer| signer.key_pair_id != key_pair_id);
    }

    fn key(&self, key_pair_id: &str) -> Option<RsaPublicKey> {
        let signers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let signer = signers.iter().find(|s| s.key_pair_id == key_pair_id)?;
        Some(signer.key.clone())
    }
}

/// Why a request is answered with 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    MissingKey,
    UnknownKey,
    MalformedPolicy,
    MalformedSignature,
    /// The signature is not of this policy, or not by this key.
    WrongSignature,
    /// The policy is another resource's.
    WrongResource,
    Expired,
    NotYet,
    WrongAddress,
}

/// May this request be served? `base` is the distribution's scheme and host, `path` and `query`
/// are as they came, still encoded. `now` is in seconds since 1970.
pub fn check(
    group: &KeyGroup,
    base: &str,
    path: &str,
    query: &str,
    client: IpAddr,
    now: u64,
) -> Result<(), Refusal> {
    let mut signed = Vec::new();
    let (mut expires, mut policy, mut signature, mut key_pair_id) = (None, None, None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "Expires" => expires = Some(value),
            "Policy" => policy = Some(value),
            "Signature" => signature = Some(value),
            "Key-Pair-Id" => key_pair_id = Some(value),
            _ => signed.push(pair),
        }
    }
    let key = group
        .key(key_pair_id.ok_or(Refusal::MissingKey)?)
        .ok_or(Refusal::UnknownKey)?;
    let mut resource = format!("{base}{path}");
    if !signed.is_empty() {
        resource = format!("{resource}?{}", signed.join("&"));
    }
    let document = match (policy, expires) {
        (Some(policy), _) => decode(policy).ok_or(Refusal::MalformedPolicy)?,
        (None, Some(expires)) => canned(&resource, expires)?.into_bytes(),
        (None, None) => return Err(Refusal::MalformedPolicy),
    };
    let signature = signature
        .and_then(decode)
        .and_then(|bytes| Signature::try_from(bytes.as_slice()).ok())
        .ok_or(Refusal::MalformedSignature)?;
    VerifyingKey::<Sha1>::new(key)
        .verify(&document, &signature)
        .map_err(|_| Refusal::WrongSignature)?;
    allows(&document, &resource, client, now)
}

fn canned(resource: &str, expires: &str) -> Result<String, Refusal> {
    let expires: u64 = expires.parse().map_err(|_| Refusal::MalformedPolicy)?;
    Ok(format!(
        r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
    ))
}

/// Base64 with the three characters replaced that URLs would have to escape.
fn decode(text: &str) -> Option<Vec<u8>> {
    let usual = text.replace('-', "+").replace('_', "=").replace('~', "/");
    BASE64_STANDARD.decode(usual).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    resource: Option<String>,
    condition: Condition,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    date_less_than: Time,
    date_greater_than: Option<Time>,
    ip_address: Option<Address>,
}

#[derive(Deserialize)]
struct Time {
    #[serde(rename = "AWS:EpochTime")]
    epoch: u64,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "AWS:SourceIp")]
    source: String,
}

fn allows(document: &[u8], resource: &str, client: IpAddr, now: u64) -> Result<(), Refusal> {
    let policy: Policy = serde_json::from_slice(document).map_err(|_| Refusal::MalformedPolicy)?;
    let [statement] = policy.statement.as_slice() else {
        return Err(Refusal::MalformedPolicy);
    };
    let pattern = statement.resource.as_deref().unwrap_or("*");
    // A canned policy was rebuilt from this very URL; a path may hold `?` and `*` of its own.
    if pattern != resource && !WildMatch::new(pattern).matches(resource) {
        return Err(Refusal::WrongResource);
    }
    let condition = &statement.condition;
    if now >= condition.date_less_than.epoch {
        return Err(Refusal::Expired);
    }
    if condition
        .date_greater_than
        .as_ref()
        .is_some_and(|t| now <= t.epoch)
    {
        return Err(Refusal::NotYet);
    }
    match &condition.ip_address {
        Some(address) if !matches_address(&address.source, client) => Err(Refusal::WrongAddress),
        _ => Ok(()),
    }
}

/// `0.0.0.0/0` or one address: a laptop has no more use for ranges.
fn matches_address(source: &str, client: IpAddr) -> bool {
    let single = source.strip_suffix("/32").unwrap_or(source);
    source == "0.0.0.0/0" || single.parse() == Ok(client)
}

impl Refusal {
    /// CloudFront's own code and sentence.
    pub fn code_and_message(self) -> (&'static str, &'static str) {
        match self {
            Refusal::MissingKey => (
                "MissingKey",
                "Missing Key-Pair-Id query parameter or cookie value",
            ),
            Refusal::UnknownKey => ("InvalidKey", "Unknown Key"),
            Refusal::MalformedPolicy => ("MalformedPolicy", "Malformed Policy"),
            Refusal::MalformedSignature => ("MalformedSignature", "Could not unencode Signature"),
            _ => ("AccessDenied", "Access denied"),
        }
    }
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
