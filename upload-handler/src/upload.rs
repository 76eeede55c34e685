//! `POST /api/videos/{id}/upload`: a fresh URL, for an upload that outlived or never used its own.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use fleet_aws::Row;
use fleet_aws::register::UrlAdded;
use fleet_core::{VideoId, VideoState};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::expiry;
use crate::extract::{Id, OptionalBody};
use crate::presign::{Upload, fresh_key, presign};
use crate::problem::{Answer, Kind, Problem};
use crate::tenant::Tenant;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadRequest {
    /// Part numbers of a multipart upload. Its place in the API; no part is given out yet.
    #[serde(default)]
    parts: Option<Vec<u32>>,
}

#[derive(Serialize)]
struct FreshUpload {
    id: VideoId,
    state: VideoState,
    upload: Upload,
}

pub async fn post(
    State(app): State<App>,
    Tenant(tenant): Tenant,
    Id(video): Id,
    OptionalBody(request): OptionalBody<UploadRequest>,
) -> Answer {
    if request.parts.is_some() {
        return Err(Problem::new(
            Kind::NotSupportedYet,
            "Multipart uploads are not supported yet; leave parts out and send the file in one PUT.",
        )
        .at("parts"));
    }
    let row = app.videos.get(&tenant, &video).await?;
    let row = row.ok_or_else(Problem::video_not_found)?;
    let row = expiry::settled(&app, row).await?;
    let upload = another(&app, &row).await?;
    let body = FreshUpload {
        id: row.video,
        state: row.state,
        upload,
    };
    Ok(Json(body).into_response())
}

/// Records a fresh key, then signs its URL.
pub async fn another(app: &App, row: &Row) -> Answer<Upload> {
    let key = fresh_key(row);
    let limit = app.limits().upload_urls;
    let added = app
        .videos
        .add_upload_key(&row.tenant, &row.video, &key, limit)
        .await?;
    match added {
        UrlAdded::Added => presign(app, row, &key).await,
        UrlAdded::NotUploading => Err(Problem::new(
            Kind::NotUploading,
            "The video has been uploaded or has ended; register a new one to send another file.",
        )),
        UrlAdded::LimitReached => Err(Problem::new(
            Kind::TooManyUploadUrls,
            format!("A video gets at most {limit} upload URLs; register it again."),
        )),
    }
}
