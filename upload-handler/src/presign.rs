//! Upload URLs: one PUT, of exactly the announced length, to a key that nothing else is ever
//! written to.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fleet_aws::Row;
use fleet_core::keys;
use serde::Serialize;

use crate::app::Parts;
use crate::problem::{Answer, Problem};

/// What a caller sends the bytes to, as the API gives it out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Upload {
    pub method: &'static str,
    pub url: String,
    /// To be sent exactly so; they are part of the signature.
    pub headers: BTreeMap<String, String>,
    /// Seconds in which the transfer must have been started.
    pub expires_in: u64,
}

/// A key no other URL has. It goes into the row before the URL goes out.
pub fn fresh_key(row: &Row) -> String {
    let upload = uuid::Uuid::now_v7().simple().to_string();
    keys::upload(&row.tenant, &row.video, &upload)
}

pub async fn presign(app: &Parts, row: &Row, key: &str) -> Answer<Upload> {
    let size = i64::try_from(row.size).map_err(|e| Problem::internal("sign an upload", e))?;
    let request = app
        .s3
        .put_object()
        .bucket(&app.uploads_bucket)
        .key(key)
        .content_length(size)
        // Signed too: a URL can fill its key once, and not replace what is there.
        .if_none_match("*")
        .set_checksum_sha256(row.sha256.as_deref().and_then(base64_of_hex));
    let signed = request
        .presigned(expires_in(app.upload_expiry)?)
        .await
        .map_err(|e| {
            Problem::internal("sign an upload", aws_sdk_s3::error::DisplayErrorContext(e))
        })?;
    Ok(Upload {
        method: "PUT",
        url: signed.uri().to_owned(),
        headers: signed
            .headers()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("host"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        expires_in: app.upload_expiry.as_secs(),
    })
}

fn expires_in(expiry: Duration) -> Answer<PresigningConfig> {
    PresigningConfig::expires_in(expiry).map_err(|e| Problem::internal("sign an upload", e))
}

/// S3 wants base64 where people write hexadecimal; registration has checked the digits.
fn base64_of_hex(hex: &str) -> Option<String> {
    Some(STANDARD.encode(hex::decode(hex).ok()?))
}
