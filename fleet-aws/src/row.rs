//! One video's row: the record that the API answers from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use fleet_core::{ExtractSpec, Failure, TenantId, VideoId, VideoState};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, as DynamoDB keeps them.
pub type Millis = u64;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Partition key.
    pub tenant: TenantId,
    /// Sort key: `video#{id}`; ids sort by creation.
    pub item: String,
    pub video: VideoId,
    pub state: VideoState,
    /// When each state was entered.
    pub entered: BTreeMap<VideoState, Millis>,
    pub filename: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    pub extract: ExtractSpec,
    /// Keys of every upload URL given out; the first complete object under one of them is the video.
    /// A string set cannot be empty in DynamoDB, so it is absent until the first URL.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub upload_keys: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The newest plan: 0, and one higher each time the video was planned again.
    #[serde(default)]
    pub generation: u32,
    #[serde(default)]
    pub progress: Progress,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
    /// Seconds since 1970 after which DynamoDB may drop the row; absent while it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// The uploaded object. Readers name the ETag, so that an overwritten object is noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub key: String,
    pub etag: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub segments: u64,
    pub segments_done: u64,
    pub images: u64,
    pub image_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Archive {
    pub bytes: u64,
    pub images: u64,
    /// Seconds that agents spent on the video, all together.
    pub instance_seconds: f64,
}

impl Row {
    pub fn new(tenant: TenantId, filename: String, size: u64, extract: ExtractSpec) -> Self {
        let video = VideoId::new();
        Self {
            item: item(&video),
            tenant,
            video,
            state: VideoState::Uploading,
            entered: BTreeMap::from([(VideoState::Uploading, now())]),
            filename,
            size,
            sha256: None,
            extract,
            upload_keys: BTreeSet::new(),
            source: None,
            generation: 0,
            progress: Progress::default(),
            failure: None,
            warnings: Vec::new(),
            archive: None,
            expires_at: None,
        }
    }
}

pub fn item(video: &VideoId) -> String {
    format!("video#{video}")
}

pub fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_its_item() {
        let mut row = Row::new(
            "t".parse().unwrap(),
            "a.mp4".into(),
            9,
            ExtractSpec::default(),
        );
        for keys in [
            BTreeSet::new(),
            BTreeSet::from(["k1".to_owned(), "k2".to_owned()]),
        ] {
            row.upload_keys = keys;
            let item: std::collections::HashMap<_, aws_sdk_dynamodb::types::AttributeValue> =
                serde_dynamo::to_item(&row).unwrap();
            if !row.upload_keys.is_empty() {
                assert!(item["upload_keys"].is_ss(), "{item:?}");
            }
            let back: Row = serde_dynamo::from_item(item).unwrap();
            assert_eq!(back, row);
        }
    }
}
