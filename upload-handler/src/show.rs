//! `GET /api/videos/{id}`

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;

use crate::app::App;
use crate::expiry;
use crate::extract::Id;
use crate::problem::{Answer, Problem};
use crate::tenant::Tenant;
use crate::view::View;

pub async fn get(State(app): State<App>, Tenant(tenant): Tenant, Id(video): Id) -> Answer {
    let row = app.videos.get(&tenant, &video).await?;
    let row = row.ok_or_else(Problem::video_not_found)?;
    let row = expiry::settled(&app, row).await?;
    Ok(Json(View::of(&row, fleet_aws::row::now())).into_response())
}
