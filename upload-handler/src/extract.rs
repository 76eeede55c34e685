//! Reading requests, so that whatever cannot be read answers with a problem document that names
//! the field.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use fleet_core::VideoId;
use fleet_core::object::Object;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Kind, Problem};

/// The `{id}` of the path. An id that could not be one of ours is simply not found.
pub struct Id(pub VideoId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::video_not_found())?;
        id.parse().map(Id).map_err(|_| Problem::video_not_found())
    }
}

/// A JSON body of at most the limit.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read(request, app.limits().body_bytes).await?;
        parse(&bytes).map(JsonBody)
    }
}

/// The same, where no body at all means the default.
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read(request, app.limits().body_bytes).await?;
        if bytes.is_empty() {
            return Ok(OptionalBody(T::default()));
        }
        parse(&bytes).map(OptionalBody)
    }
}

async fn read(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).cloned();
    // The limit is ours to word, so it is applied here and not by a layer.
    let bytes = to_bytes(request.into_body(), limit).await.map_err(|_| {
        Problem::new(
            Kind::BodyTooLarge,
            format!("The body may have at most {limit} bytes; shorten the list of timestamps."),
        )
    })?;
    if !bytes.is_empty() && !kind.as_ref().is_some_and(is_json) {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "Send the body as JSON, with the header content-type: application/json.",
        )
        .at("content-type"));
    }
    Ok(bytes.into())
}

fn is_json(value: &http::HeaderValue) -> bool {
    let essence = value.to_str().unwrap_or_default().split(';').next();
    essence.is_some_and(|e| e.trim().eq_ignore_ascii_case("application/json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Object(parsed) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        // serde_json calls some wrong shapes, such as an empty choice, a matter of syntax.
        if inner.is_data() || serde_json::from_slice::<serde_json::Value>(bytes).is_ok() {
            let problem = Problem::new(Kind::InvalidRequest, format!("{inner}."));
            // "." is the whole document, and "?" a place that has no name.
            return if path == "." || path.contains('?') {
                problem
            } else {
                problem.at(path)
            };
        }
        not_json(&inner)
    })?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(parsed)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(
        Kind::InvalidJson,
        format!("The body cannot be read as JSON: {error}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upload::UploadRequest;

    #[test]
    fn a_body_is_an_object_and_no_list() {
        let kind = |body: &str| {
            parse::<UploadRequest>(body.as_bytes())
                .err()
                .map(|p| p.kind)
        };
        assert_eq!(kind("{}"), None);
        assert_eq!(kind("[]"), Some(Kind::InvalidRequest));
        assert_eq!(kind(" [null]"), Some(Kind::InvalidRequest));
        assert_eq!(kind("{]"), Some(Kind::InvalidJson));
    }
}
