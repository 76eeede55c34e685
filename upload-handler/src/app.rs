//! What every handler shares, and the table of addresses.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client as S3;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use fleet_aws::Videos;
use fleet_core::Limits;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Request};
use redis_scripts::Jobs;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{
    MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};

use crate::cdn::Signer;
use crate::problem::{Kind, Problem};
use crate::{delete, download, list, register, show, upload};

#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub videos: Videos,
    pub s3: S3,
    pub jobs: Jobs,
    pub uploads_bucket: String,
    pub results_bucket: String,
    pub upload_expiry: Duration,
    pub download_expiry: Duration,
    pub cdn: Signer,
    pub limits: Limits,
}

impl App {
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The whole API. Requests need a tenant in their extensions, see `gateway` and `lambda`.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/videos", post(register::post).get(list::get))
        .route("/api/videos/{id}", get(show::get).delete(delete::delete))
        .route("/api/videos/{id}/upload", post(upload::post))
        .route("/api/videos/{id}/archive", get(download::archive))
        .route("/api/videos/{id}/manifest", get(download::manifest))
        .route("/api/videos/{id}/report", get(download::report))
        .route("/healthz", get(healthz))
        .fallback(path_not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

/// Wraps the router, and whatever stands before it, in what every answer needs.
pub fn finish(router: Router) -> Router {
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(CACHE_CONTROL, "no-store"))
        .layer(header(REFERRER_POLICY, "no-referrer"))
        .layer(header(
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ))
        .layer(header(
            STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        ))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(DefaultOnResponse::new().level(tracing::Level::INFO))
                // The problem that becomes a 5xx is logged with its cause where it is made.
                .on_failure(()),
        )
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(axum::middleware::map_request(drop_foreign_request_id))
}

/// The path without its query: queries hold cursors and, in time, perhaps more.
fn span<B>(request: &Request<B>) -> tracing::Span {
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default();
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}

/// A caller's own id would let it write into our logs; ours goes into every answer.
async fn drop_foreign_request_id(mut request: axum::extract::Request) -> axum::extract::Request {
    request.headers_mut().remove("x-request-id");
    request
}

async fn healthz() -> impl IntoResponse {
    axum::Json(serde_json::json!({ "status": "ok" }))
}

async fn path_not_found() -> Problem {
    Problem::new(
        Kind::PathNotFound,
        "Nothing is at this address; the addresses are listed in openapi.yaml.",
    )
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        Kind::MethodNotAllowed,
        "Use a method that the allow header of this answer names.",
    )
}

fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    // The panic hook has printed the message; it may quote what is nobody else's business.
    Problem::internal("answer a request", "a handler panicked").into_response()
}
