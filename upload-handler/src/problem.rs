//! RFC 9457 problem documents: the one shape of every error answer.

use axum::Json;
use axum::response::{IntoResponse, Response};
use fleet_aws::videos::VideosError;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

pub type Answer<T = Response> = Result<T, Problem>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub kind: Kind,
    /// One sentence or two: what is wrong, and what to do about it.
    pub detail: String,
    /// The JSON path, parameter or header at fault.
    pub field: Option<String>,
    pub retry_after_seconds: Option<u64>,
}

macro_rules! kinds {
    ($($variant:ident $status:literal $slug:literal $title:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($variant),* }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            pub fn status(self) -> StatusCode {
                let code: u16 = match self { $(Kind::$variant => $status),* };
                StatusCode::from_u16(code).expect("a status in the table is a status")
            }

            pub fn slug(self) -> &'static str {
                match self { $(Kind::$variant => $slug),* }
            }

            pub fn title(self) -> &'static str {
                match self { $(Kind::$variant => $title),* }
            }
        }
    };
}

kinds! {
    InvalidJson 400 "invalid-json" "The body is not JSON"
    InvalidParameter 400 "invalid-parameter" "A parameter or header cannot be used"
    ApiKeyMissing 401 "api-key-missing" "An API key is required"
    ApiKeyInvalid 403 "api-key-invalid" "The API key is not known"
    VideoNotFound 404 "video-not-found" "There is no such video"
    PathNotFound 404 "path-not-found" "There is nothing at this address"
    MethodNotAllowed 405 "method-not-allowed" "This address has no such method"
    NotDone 409 "not-done" "The video is not done yet"
    NoResult 409 "no-result" "The video ended without a result"
    NotUploading 409 "not-uploading" "The video takes no more uploads"
    TooManyUploadUrls 409 "too-many-upload-urls" "Too many upload URLs were asked for"
    BodyTooLarge 413 "body-too-large" "The body is too large"
    UnsupportedMediaType 415 "unsupported-media-type" "The body must be JSON"
    InvalidRequest 422 "invalid-request" "The request cannot be understood"
    OverLimit 422 "over-limit" "The request is outside the limits"
    NotSupportedYet 422 "not-supported-yet" "This is not supported yet"
    IdempotencyKeyReused 422 "idempotency-key-reused" "The idempotency key was used for another request"
    TooManyRequests 429 "too-many-requests" "Too many requests"
    Internal 500 "internal" "Something failed on our side"
    Unavailable 503 "unavailable" "A service we need is not answering"
}

impl Kind {
    /// The stable `type` of the document.
    pub fn uri(self) -> String {
        format!("urn:framefleet:problem:{}", self.slug())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            retry_after_seconds: None,
        }
    }

    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    pub fn video_not_found() -> Self {
        Self::new(
            Kind::VideoNotFound,
            "No video of yours has this id: check the id and the API key.",
        )
    }

    /// For a fault that the caller can do nothing about but wait: the cause is logged, not told.
    pub fn unavailable(doing: &'static str, error: impl std::fmt::Display) -> Self {
        tracing::error!(doing, %error, "a service did not answer");
        Self::new(
            Kind::Unavailable,
            "A service we need did not answer in time; send the same request again in a few seconds.",
        )
        .retry_after(2)
    }

    pub fn internal(doing: &'static str, error: impl std::fmt::Display) -> Self {
        tracing::error!(doing, %error, "a request failed");
        Self::new(
            Kind::Internal,
            "The request failed on our side; if it fails again, report the x-request-id of this answer.",
        )
    }
}

impl From<VideosError> for Problem {
    fn from(error: VideosError) -> Self {
        match error {
            VideosError::Service { .. } => Self::unavailable("reach the table of videos", error),
            VideosError::Shape(_) => Self::internal("read a video's row", error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: self.kind.uri(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
        };
        let mut response = (self.kind.status(), Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_type_and_an_error_status_of_its_own() {
        let mut uris: Vec<String> = Kind::ALL.iter().map(|kind| kind.uri()).collect();
        uris.sort();
        uris.dedup();
        assert_eq!(uris.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
            assert_eq!(
                Problem::new(*kind, "x").into_response().status(),
                kind.status()
            );
        }
    }
}
