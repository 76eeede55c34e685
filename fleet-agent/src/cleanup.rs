//! What is left behind when a video has ended. All of it may be repeated.

use fleet_aws::row::Row;
use fleet_core::{Task, TenantId, VideoId, VideoState, keys};

use crate::context::Context;
use crate::outcome::Ended;
use crate::store::{StoreError, delete_prefix};

/// Removes what a video in a terminal state no longer needs: fragments and the upload always, and
/// results unless it is done.
pub async fn after(context: &Context, row: &Row) -> Result<(), StoreError> {
    let (tenant, video) = (&row.tenant, &row.video);
    intermediate(context, tenant, video).await?;
    if row.state != VideoState::Done {
        let (client, bucket) = (&context.store.client, &context.config.results_bucket);
        delete_prefix(client, bucket, &keys::results_prefix(tenant, video)).await?;
    }
    Ok(())
}

/// True where the video has ended or is gone; then nothing is left of it that is not a result.
///
/// Whoever ends a video removes what is there by then. A machine that slept past its lease, or works
/// on a copy of a message, may write later, and looks here when it is through.
pub async fn if_ended(context: &Context, task: &Task) -> Result<bool, Ended> {
    match context.videos.get(&task.tenant, &task.video).await? {
        Some(row) if row.state.is_terminal() => after(context, &row).await?,
        Some(_) => return Ok(false),
        None => everything(context, &task.tenant, &task.video).await?,
    }
    Ok(true)
}

/// For a video whose row is gone: it was deleted.
pub async fn everything(
    context: &Context,
    tenant: &TenantId,
    video: &VideoId,
) -> Result<(), StoreError> {
    intermediate(context, tenant, video).await?;
    let (client, bucket) = (&context.store.client, &context.config.results_bucket);
    delete_prefix(client, bucket, &keys::results_prefix(tenant, video)).await
}

async fn intermediate(
    context: &Context,
    tenant: &TenantId,
    video: &VideoId,
) -> Result<(), StoreError> {
    let client = &context.store.client;
    let config = &context.config;
    delete_prefix(
        client,
        &config.results_bucket,
        &keys::work_prefix(tenant, video),
    )
    .await?;
    delete_prefix(
        client,
        &config.uploads_bucket,
        &keys::upload_prefix(tenant, video),
    )
    .await
}
