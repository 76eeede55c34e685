//! The router as a Lambda function behind an API Gateway REST API.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use fleet_core::TenantId;
use http::Uri;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

/// Takes tenant and path from what API Gateway says about the request.
pub fn behind_api_gateway(router: Router) -> Router {
    // A layer on the router runs after routing, so the path is corrected by one around it.
    Router::new()
        .fallback_service(router)
        .layer(from_fn(translate))
}

async fn translate(mut request: Request, next: Next) -> Response {
    if let Some(tenant) = tenant(&request) {
        request.extensions_mut().insert(tenant);
    }
    // lambda_http writes the stage before the path; the addresses of the API begin after it.
    let path = request.raw_http_path().to_owned();
    if !path.is_empty() {
        let query = request
            .uri()
            .query()
            .map(|q| format!("?{q}"))
            .unwrap_or_default();
        if let Ok(uri) = format!("{path}{query}").parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    next.run(request).await
}

/// The id of the API key, which API Gateway has checked. Never a header: callers write those.
fn tenant(request: &Request) -> Option<TenantId> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.identity.api_key_id.as_ref()?.parse().ok(),
        _ => None,
    }
}
