//! Secrets Manager: what programs may know and configuration may not say.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use thiserror::Error;
use url::Url;

#[derive(Debug, Error)]
pub enum SecretError {
    /// Worth a retry.
    #[error("fetch the secret {id}: {error}")]
    Service { id: String, error: String },
    #[error("fetch the secret {0}: it is not text")]
    NotText(String),
    /// The URL itself is left out: it may carry a password.
    #[error("put a password into the Redis URL: it must be redis:// or rediss:// with a host")]
    RedisUrl,
}

pub async fn text(sdk: &SdkConfig, id: &str) -> Result<String, SecretError> {
    let answer = Client::new(sdk)
        .get_secret_value()
        .secret_id(id)
        .send()
        .await
        .map_err(|error| SecretError::Service {
            id: id.to_owned(),
            error: DisplayErrorContext(error).to_string(),
        })?;
    answer
        .secret_string
        .ok_or_else(|| SecretError::NotText(id.to_owned()))
}

/// The URL with the password that the secret holds; as it is where there is no secret.
pub async fn redis_url(
    sdk: &SdkConfig,
    url: &str,
    secret_id: Option<&str>,
) -> Result<String, SecretError> {
    match secret_id {
        None => Ok(url.to_owned()),
        Some(id) => with_password(url, &text(sdk, id).await?),
    }
}

fn with_password(url: &str, password: &str) -> Result<String, SecretError> {
    let mut url = Url::parse(url).map_err(|_| SecretError::RedisUrl)?;
    if !matches!(url.scheme(), "redis" | "rediss") {
        return Err(SecretError::RedisUrl);
    }
    url.set_password(Some(password))
        .map_err(|()| SecretError::RedisUrl)?;
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_into_the_url_escaped() {
        for (url, password, expected) in [
            (
                "rediss://agent@cache:6379",
                "s3cret",
                "rediss://agent:s3cret@cache:6379",
            ),
            ("redis://cache", "a/b@c", "redis://:a%2Fb%40c@cache"),
        ] {
            assert_eq!(with_password(url, password).unwrap(), expected);
        }
    }

    #[test]
    fn a_url_that_can_hold_none_is_refused_without_being_quoted() {
        for url in ["cache:6379", "http://u:hidden@cache", "redis:"] {
            let error = with_password(url, "hidden").unwrap_err().to_string();
            assert!(
                error.contains("redis://") && !error.contains("hidden"),
                "{error}"
            );
        }
    }
}
