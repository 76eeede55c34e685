//! `DELETE /api/videos/{id}`: stops the work, then removes every object and the row.
//!
//! The row goes last, so a deletion that failed half-way is finished by sending it again. What an
//! agent writes after that, before it hears of the end, is left to the buckets' lifecycle rules.

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use axum::extract::State;
use axum::response::IntoResponse;
use fleet_aws::Row;
use fleet_aws::videos::Change;
use fleet_core::{VideoState, keys};
use http::StatusCode;

use crate::app::App;
use crate::extract::Id;
use crate::problem::{Answer, Problem};
use crate::tenant::Tenant;

pub async fn delete(State(app): State<App>, Tenant(tenant): Tenant, Id(video): Id) -> Answer {
    let Some(row) = app.videos.get(&tenant, &video).await? else {
        return match app.videos.was_deleted(&tenant, &video).await? {
            true => Ok(StatusCode::NO_CONTENT.into_response()),
            false => Err(Problem::video_not_found()),
        };
    };
    cancel(&app, &row).await?;
    for (bucket, prefix) in [
        (&app.uploads_bucket, keys::upload_prefix(&tenant, &video)),
        (&app.results_bucket, keys::work_prefix(&tenant, &video)),
        (&app.results_bucket, keys::results_prefix(&tenant, &video)),
    ] {
        empty(&app, bucket, &prefix).await?;
    }
    app.videos.delete(&tenant, &video).await?;
    tracing::info!(%tenant, %video, "deleted a video");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Redis stops the agents, the row stops everybody else. Both take the first end for good, so a
/// video that became done in between simply stays done until it is gone.
async fn cancel(app: &App, row: &Row) -> Answer<()> {
    if matches!(
        row.state,
        VideoState::Done | VideoState::Failed | VideoState::Expired
    ) {
        return Ok(());
    }
    app.videos
        .advance(
            &row.tenant,
            &row.video,
            VideoState::Cancelled,
            Change::default(),
        )
        .await?;
    app.jobs
        .cancel_job(&row.video)
        .await
        .map_err(|error| Problem::unavailable("cancel a job", error))?;
    Ok(())
}

async fn empty(app: &App, bucket: &str, prefix: &str) -> Answer<()> {
    let mut pages = app
        .s3
        .list_objects_v2()
        .bucket(bucket)
        .prefix(prefix)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| unavailable(DisplayErrorContext(e)))?;
        let objects: Vec<ObjectIdentifier> = page
            .contents()
            .iter()
            .filter_map(|object| ObjectIdentifier::builder().key(object.key()?).build().ok())
            .collect();
        if objects.is_empty() {
            continue;
        }
        let batch = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build()
            .map_err(|e| Problem::internal("delete objects", e))?;
        let answer = app
            .s3
            .delete_objects()
            .bucket(bucket)
            .delete(batch)
            .send()
            .await
            .map_err(|e| unavailable(DisplayErrorContext(e)))?;
        // The call can succeed and objects still be there.
        if let Some(left) = answer.errors().first() {
            return Err(unavailable(
                left.message().unwrap_or("an object was refused"),
            ));
        }
    }
    Ok(())
}

fn unavailable(error: impl std::fmt::Display) -> Problem {
    Problem::unavailable("delete objects", error)
}
