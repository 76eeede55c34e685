//! Taking a deleted video from the CDN's edges, where copies of its results may be.
//!
//! The handler deletes the objects, and S3 tells us: the handler is in the VPC, where CloudFront cannot
//! be called, and after the deletion no edge can fetch a result anew. A result's name for the download
//! is part of what an edge keeps it under, so the pattern has to cover all of them.

use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::error::{BuildError, DisplayErrorContext};
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
use fleet_core::{TenantId, VideoId, keys};
use thiserror::Error;

/// A distribution, and the bucket that it serves.
#[derive(Debug, Clone)]
pub struct Edges {
    pub client: Client,
    pub distribution: String,
    pub results_bucket: String,
}

#[derive(Debug, Error)]
pub enum EdgesError {
    #[error("describe an invalidation: {0}")]
    Describe(#[from] BuildError),
    /// Worth a retry: only so many may be under way at once.
    #[error("take a deleted video from the CDN's edges: {0}")]
    Service(String),
}

impl Edges {
    /// May be repeated: the same video is the same invalidation to CloudFront.
    pub async fn forget(&self, tenant: &TenantId, video: &VideoId) -> Result<(), EdgesError> {
        let batch = batch(tenant, video)?;
        self.client
            .create_invalidation()
            .distribution_id(&self.distribution)
            .invalidation_batch(batch)
            .send()
            .await
            .map_err(|error| EdgesError::Service(DisplayErrorContext(error).to_string()))?;
        tracing::info!(%tenant, %video, "took a deleted video from the CDN's edges");
        Ok(())
    }
}

/// Ids hold nothing that a path would have to escape.
fn batch(tenant: &TenantId, video: &VideoId) -> Result<InvalidationBatch, BuildError> {
    let pattern = format!("/{}*", keys::results_prefix(tenant, video));
    let paths = Paths::builder().quantity(1).items(pattern).build()?;
    InvalidationBatch::builder()
        .caller_reference(format!("deleted-{video}"))
        .paths(paths)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pattern_covers_a_videos_results_under_every_name_and_no_other() {
        let (tenant, video) = ("t-1".parse().unwrap(), VideoId::new());
        let batch = batch(&tenant, &video).unwrap();
        let pattern = format!("/results/t-1/{video}/*");
        assert_eq!(batch.paths().unwrap().items(), [pattern]);
        // CloudFront's own limit.
        assert!(batch.caller_reference().len() <= 128);
    }
}
