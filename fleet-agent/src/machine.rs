//! The machine as instance metadata (IMDSv2) describes it, through the SDK's own client, which
//! holds the session token and tries again. `AWS_EC2_METADATA_SERVICE_ENDPOINT` leads it elsewhere,
//! `AWS_EC2_METADATA_DISABLED` means that there is none.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::imds;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::display::DisplayErrorContext;
use redis_scripts::{Market, Place};
use serde::Deserialize;
use thiserror::Error;

/// What a notice gives, where its time cannot be read.
const USUAL_NOTICE: Duration = Duration::from_secs(120);

#[derive(Debug, Error)]
#[error("read {path} of instance metadata: {error}")]
pub struct MetadataError {
    path: &'static str,
    error: String,
}

/// One reading of everything that may change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    pub interruption: Option<SystemTime>,
    /// When the recommendation was given, as it is written. A newer one differs.
    pub rebalance: Option<String>,
    pub target: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Machine {
    client: imds::Client,
}

impl Machine {
    pub fn new(aws: &SdkConfig) -> Self {
        let mut provider = ProviderConfig::without_region();
        if let Some(http) = aws.http_client() {
            provider = provider.with_http_client(http);
        }
        let client = imds::Client::builder().configure(&provider).build();
        Self { client }
    }

    pub async fn place(&self) -> Result<Option<Place>, MetadataError> {
        let zone = self.get("placement/availability-zone").await?;
        let paid = self.get("instance-life-cycle").await?;
        Ok(zone.zip(paid).map(|(zone, paid)| Place {
            zone,
            // Scheduled capacity and capacity blocks are not Spot either.
            market: match paid.as_str() {
                "spot" => Market::Spot,
                _ => Market::OnDemand,
            },
        }))
    }

    /// The gravest first: an error on the way must not hide it.
    pub async fn read(&self) -> Result<Reading, MetadataError> {
        let interruption = self.get("spot/instance-action").await?;
        let target = self.target().await?;
        let rebalance = self.get("events/recommendations/rebalance").await?;
        Ok(Reading {
            interruption: interruption.map(|text| interruption_time(&text)),
            rebalance,
            target,
        })
    }

    /// What Auto Scaling moves the instance to, or None outside a group.
    pub async fn target(&self) -> Result<Option<String>, MetadataError> {
        self.get("autoscaling/target-lifecycle-state").await
    }

    /// None for what is not there (yet).
    async fn get(&self, path: &'static str) -> Result<Option<String>, MetadataError> {
        match self.client.get(format!("/latest/meta-data/{path}")).await {
            Ok(text) => Ok(Some(text.as_ref().trim().to_owned())),
            Err(ImdsError::ErrorResponse(answer)) if answer.response().status().as_u16() == 404 => {
                Ok(None)
            }
            Err(error) => Err(MetadataError {
                path,
                error: DisplayErrorContext(error).to_string(),
            }),
        }
    }
}

/// `{"action": "terminate", "time": "2017-09-18T08:22:00Z"}`. Stopping and hibernating end the work
/// as well. A notice that cannot be read is a notice still.
fn interruption_time(text: &str) -> SystemTime {
    #[derive(Deserialize)]
    struct Action {
        time: String,
    }
    let action = serde_json::from_str::<Action>(text).ok();
    action
        .and_then(|action| DateTime::from_str(&action.time, Format::DateTime).ok())
        .and_then(|time| SystemTime::try_from(time).ok())
        .unwrap_or_else(|| SystemTime::now() + USUAL_NOTICE)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn the_documented_notice_is_read_and_an_odd_one_gives_the_usual_time() {
        let documented = r#"{"action": "terminate", "time": "2017-09-18T08:22:00Z"}"#;
        let want = UNIX_EPOCH + Duration::from_secs(1_505_722_920);
        assert_eq!(interruption_time(documented), want);
        for odd in ["", "soon", "{}", r#"{"action":"stop","time":"tomorrow"}"#] {
            let left = interruption_time(odd).duration_since(SystemTime::now());
            assert!(left.unwrap() > Duration::from_secs(110), "{odd}");
        }
    }
}
