//! Who is calling. Something in front of the router put the tenant into the request's extensions.

use axum::extract::FromRequestParts;
use fleet_core::TenantId;
use http::request::Parts;

use crate::problem::{Kind, Problem};

/// Every handler under `/api` takes one, so a request without a tenant reaches none of them.
#[derive(Debug, Clone)]
pub struct Tenant(pub TenantId);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<TenantId>() {
            Some(tenant) => Ok(Self(tenant.clone())),
            None => Err(Problem::new(
                Kind::ApiKeyMissing,
                "Send your API key in the header x-api-key.",
            )
            .at("x-api-key")),
        }
    }
}
