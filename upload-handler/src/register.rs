//! `POST /api/videos`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use fleet_aws::Row;
use fleet_aws::register::{Idempotency, Registered};
use fleet_core::limits::Refused;
use fleet_core::{ExtractSpec, Limits, VideoId, VideoState};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::expiry;
use crate::extract::JsonBody;
use crate::presign::{Upload, fresh_key, presign};
use crate::problem::{Answer, Kind, Problem};
use crate::supported::supported;
use crate::tenant::Tenant;
use crate::upload;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    filename: String,
    size: u64,
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default, deserialize_with = "fleet_core::object::object")]
    extract: ExtractSpec,
}

#[derive(Serialize)]
struct Registered201 {
    id: VideoId,
    state: VideoState,
    /// Absent where a repeated request finds its video uploaded already.
    #[serde(skip_serializing_if = "Option::is_none")]
    upload: Option<Upload>,
}

pub async fn post(
    State(app): State<App>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    JsonBody(registration): JsonBody<Registration>,
) -> Answer {
    check(app.limits(), &registration)?;
    let idempotency = idempotency(&headers, &registration)?;
    let mut row = Row::new(
        tenant.clone(),
        registration.filename,
        registration.size,
        registration.extract,
    );
    row.sha256 = registration.sha256.map(|hash| hash.to_ascii_lowercase());
    let key = fresh_key(&row);
    row.upload_keys.insert(key.clone());
    match app.videos.create(&row, idempotency.as_ref()).await? {
        Registered::Created => {
            tracing::info!(%tenant, video = %row.video, size = row.size, "registered a video");
            let upload = Some(presign(&app, &row, &key).await?);
            Ok(created(&row, upload))
        }
        Registered::Repeated(video) => repeat(&app, &tenant, &video).await,
        Registered::KeyReused => Err(Problem::new(
            Kind::IdempotencyKeyReused,
            "This idempotency key came with another body before; use a fresh key for a new request.",
        )
        .at("idempotency-key")),
    }
}

/// The same answer again, with a URL that can be used now.
async fn repeat(app: &App, tenant: &fleet_core::TenantId, video: &VideoId) -> Answer {
    let Some(row) = app.videos.get(tenant, video).await? else {
        return Err(Problem::new(
            Kind::IdempotencyKeyReused,
            "This request was carried out before and its video has been deleted since; use a fresh key.",
        )
        .at("idempotency-key"));
    };
    let row = expiry::settled(app, row).await?;
    let upload = match row.state {
        VideoState::Uploading => Some(upload::another(app, &row).await?),
        _ => None,
    };
    Ok(created(&row, upload))
}

fn created(row: &Row, upload: Option<Upload>) -> Response {
    let location = format!("/api/videos/{}", row.video);
    let body = Registered201 {
        id: row.video.clone(),
        state: row.state,
        upload,
    };
    (
        StatusCode::CREATED,
        [(LOCATION, location)],
        axum::Json(body),
    )
        .into_response()
}

fn check(limits: &Limits, registration: &Registration) -> Answer<()> {
    let refused = |kind| {
        move |refused: Refused| Problem::new(kind, sentence(&refused.message)).at(refused.field)
    };
    limits
        .check_upload(&registration.filename, registration.size)
        .map_err(refused(Kind::OverLimit))?;
    limits
        .check_spec(&registration.extract)
        .map_err(refused(Kind::OverLimit))?;
    supported(&registration.extract).map_err(refused(Kind::NotSupportedYet))?;
    match &registration.sha256 {
        Some(hash) if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Err(Problem::new(
                Kind::InvalidRequest,
                "sha256 must be the SHA-256 of the file in 64 hexadecimal digits.",
            )
            .at("sha256"))
        }
        _ => Ok(()),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

/// The hash is of the request as understood, so that white space and the order of fields in the
/// body do not matter.
fn idempotency(headers: &HeaderMap, registration: &Registration) -> Answer<Option<Idempotency>> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    if !(1..=255).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Problem::new(
            Kind::InvalidParameter,
            "An idempotency key has 1 to 255 printable ASCII characters without spaces; a UUID will do.",
        )
        .at("idempotency-key"));
    }
    let understood = serde_json::to_vec(registration)
        .map_err(|e| Problem::internal("hash a registration", e))?;
    Ok(Some(Idempotency {
        key: key.to_owned(),
        request: hex::encode(Sha256::digest(understood)),
    }))
}
