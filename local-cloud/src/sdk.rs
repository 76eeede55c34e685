//! The SDK configured for the emulator alone: nothing of the person's own profiles or region.

use std::net::SocketAddr;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;

/// The emulator takes any credentials, but presigned URLs must be signed with the same ones.
pub const ACCESS_KEY_ID: &str = "test";
pub const SECRET_ACCESS_KEY: &str = "test";

pub async fn config(emulator: SocketAddr) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "local-cloud");
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::from_static(crate::REGION))
        .endpoint_url(format!("http://{emulator}"))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::standard())
        .load()
        .await
}
