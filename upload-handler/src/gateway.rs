//! API Gateway's part, for the local server: keys become tenants, and callers are slowed down.
//!
//! Absent: usage plans with daily quotas, and everything else that API Gateway could do.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use fleet_core::TenantId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::problem::{Kind, Problem};

/// API keys and whose they are. `{:?}` shows none of them.
#[derive(Clone)]
pub struct Keys(HashMap<String, TenantId>);

impl FromStr for Keys {
    type Err = String;

    /// `key=tenant,key=tenant`
    fn from_str(text: &str) -> Result<Self, String> {
        let mut keys = HashMap::new();
        for (i, pair) in text.split(',').enumerate() {
            let (key, tenant) = pair
                .trim()
                .split_once('=')
                .ok_or_else(|| format!("entry {} must be key=tenant", i + 1))?;
            let tenant = tenant
                .parse()
                .map_err(|e| format!("entry {}: {e}", i + 1))?;
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(format!(
                    "entry {}: a key has printable ASCII characters",
                    i + 1
                ));
            }
            if keys.insert(key.to_owned(), tenant).is_some() {
                return Err(format!("entry {}: the key is there twice", i + 1));
            }
        }
        Ok(Self(keys))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

struct Gateway {
    keys: Keys,
    rate: DefaultKeyedRateLimiter<TenantId>,
}

/// Puts the stand-in before the router.
pub fn gateway(router: Router, keys: Keys, per_second: NonZeroU32, burst: NonZeroU32) -> Router {
    let quota = Quota::per_second(per_second).allow_burst(burst);
    let gateway = Gateway {
        keys,
        rate: RateLimiter::keyed(quota),
    };
    router.layer(from_fn_with_state(Arc::new(gateway), admit))
}

async fn admit(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    // As on AWS, where health checks are not part of the API that needs a key.
    if request.uri().path() == "/healthz" {
        return next.run(request).await;
    }
    match gateway.check(&request) {
        Ok(tenant) => {
            // The key has done its work; nothing behind this line needs it.
            request.headers_mut().remove("x-api-key");
            request.extensions_mut().insert(tenant);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

impl Gateway {
    fn check(&self, request: &Request) -> Result<TenantId, Problem> {
        let key = request.headers().get("x-api-key").ok_or_else(|| {
            Problem::new(
                Kind::ApiKeyMissing,
                "Send your API key in the header x-api-key.",
            )
            .at("x-api-key")
        })?;
        let tenant = key
            .to_str()
            .ok()
            .and_then(|key| self.keys.0.get(key))
            .ok_or_else(|| {
                Problem::new(
                    Kind::ApiKeyInvalid,
                    "Check the API key in the header x-api-key.",
                )
                .at("x-api-key")
            })?;
        self.rate.check_key(tenant).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Problem::new(
                Kind::TooManyRequests,
                "Wait for the seconds that retry-after names.",
            )
            .retry_after(wait.as_secs() + 1)
        })?;
        Ok(tenant.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_or_refused_without_being_repeated() {
        let keys: Keys = "k1=alice, k2=bob".parse().unwrap();
        assert_eq!(keys.0["k2"].as_str(), "bob");
        assert_eq!(format!("{keys:?}"), "Keys(2)");
        for bad in [
            "",
            "secret",
            "=alice",
            "secret=",
            "secret=a b",
            "secret=a,secret=b",
            "se cret=a",
        ] {
            let why = bad.parse::<Keys>().unwrap_err();
            assert!(
                why.starts_with("entry ") && !why.contains("secret"),
                "{bad}: {why}"
            );
        }
    }
}
