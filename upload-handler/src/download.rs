//! `GET /api/videos/{id}/archive`, `/manifest` and `/report`: redirects to CloudFront.

use std::time::SystemTime;

use axum::extract::State;
use axum::response::IntoResponse;
use fleet_aws::Row;
use fleet_core::{TenantId, VideoId, VideoState, keys};
use http::StatusCode;
use http::header::LOCATION;

use crate::app::App;
use crate::disposition::attachment;
use crate::extract::Id;
use crate::problem::{Answer, Kind, Problem};
use crate::tenant::Tenant;

type KeyOf = fn(&TenantId, &VideoId) -> String;

pub async fn archive(State(app): State<App>, Tenant(tenant): Tenant, Id(video): Id) -> Answer {
    redirect(&app, &tenant, &video, keys::archive, ".zip").await
}

pub async fn manifest(State(app): State<App>, Tenant(tenant): Tenant, Id(video): Id) -> Answer {
    redirect(&app, &tenant, &video, keys::manifest, ".manifest.json").await
}

pub async fn report(State(app): State<App>, Tenant(tenant): Tenant, Id(video): Id) -> Answer {
    redirect(&app, &tenant, &video, keys::report, ".report.json").await
}

async fn redirect(
    app: &App,
    tenant: &TenantId,
    video: &VideoId,
    key: KeyOf,
    suffix: &str,
) -> Answer {
    let row = app.videos.get(tenant, video).await?;
    let row = row.ok_or_else(Problem::video_not_found)?;
    must_be_done(&row)?;
    let disposition = attachment(&row.filename, suffix);
    let lifetime = app.download_expiry;
    let url = app.cdn.sign(
        &key(tenant, video),
        &disposition,
        lifetime,
        SystemTime::now(),
    );
    Ok((StatusCode::FOUND, [(LOCATION, String::from(url))]).into_response())
}

fn must_be_done(row: &Row) -> Answer<()> {
    match row.state {
        VideoState::Done => Ok(()),
        VideoState::Failed => {
            let why = row
                .failure
                .as_ref()
                .map_or("", |failure| failure.detail.as_str());
            Err(Problem::new(
                Kind::NoResult,
                format!("The video failed, so there is nothing to fetch. {why}"),
            ))
        }
        state if state.is_terminal() => Err(Problem::new(
            Kind::NoResult,
            format!("The video is {state}, so there is nothing to fetch; register it again."),
        )),
        state => Err(Problem::new(
            Kind::NotDone,
            format!("The video is {state}; ask again when its state is done."),
        )
        .retry_after(2)),
    }
}
