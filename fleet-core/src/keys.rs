//! Where things lie in S3, and back from a key to what it names.
//!
//! ```text
//! uploads bucket   uploads/{tenant}/{video}/{upload}             one fresh key an upload URL
//! results bucket   work/{tenant}/{video}/plan-{generation}.json  immutable
//!                  work/{tenant}/{video}/{generation}/{segment:05}/{attempt}.zip    fragment
//!                  work/{tenant}/{video}/{generation}/{segment:05}/{attempt}.json   its index, written after it
//!                  results/{tenant}/{video}/frames.zip           the archive, written once
//!                  results/{tenant}/{video}/manifest.json
//!                  results/{tenant}/{video}/report.json          who did what, and how long it took
//! ```

use crate::ids::{TenantId, VideoId};

pub fn upload(tenant: &TenantId, video: &VideoId, upload: &str) -> String {
    format!("uploads/{tenant}/{video}/{upload}")
}

pub fn upload_prefix(tenant: &TenantId, video: &VideoId) -> String {
    format!("uploads/{tenant}/{video}/")
}

/// The tenant and video an upload key belongs to; None for a key that is not ours.
pub fn parse_upload(key: &str) -> Option<(TenantId, VideoId)> {
    let mut parts = key.split('/');
    let (root, tenant, video, upload) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if root != "uploads" || upload.is_empty() || parts.next().is_some() {
        return None;
    }
    Some((tenant.parse().ok()?, video.parse().ok()?))
}

pub fn work_prefix(tenant: &TenantId, video: &VideoId) -> String {
    format!("work/{tenant}/{video}/")
}

pub fn plan(tenant: &TenantId, video: &VideoId, generation: u32) -> String {
    format!("work/{tenant}/{video}/plan-{generation}.json")
}

pub fn segments_prefix(tenant: &TenantId, video: &VideoId, generation: u32) -> String {
    format!("work/{tenant}/{video}/{generation}/")
}

/// The fragment that one attempt at one segment made.
pub fn fragment(t: &TenantId, v: &VideoId, generation: u32, segment: u32, attempt: &str) -> String {
    format!("work/{t}/{v}/{generation}/{segment:05}/{attempt}.zip")
}

/// What the fragment holds. It is written after the fragment is complete, so its presence proves
/// the fragment's.
pub fn fragment_index(
    t: &TenantId,
    v: &VideoId,
    generation: u32,
    segment: u32,
    attempt: &str,
) -> String {
    format!("work/{t}/{v}/{generation}/{segment:05}/{attempt}.json")
}

/// Segment and attempt of a fragment index key below `segments_prefix`.
pub fn parse_fragment_index(key: &str) -> Option<(u32, String)> {
    let mut parts = key.rsplit('/');
    let attempt = parts.next()?.strip_suffix(".json")?;
    let segment = parts.next()?.parse().ok()?;
    Some((segment, attempt.to_owned()))
}

pub fn results_prefix(tenant: &TenantId, video: &VideoId) -> String {
    format!("results/{tenant}/{video}/")
}

/// The tenant and video that a result's key belongs to; None for a key that is no result.
pub fn parse_result(key: &str) -> Option<(TenantId, VideoId)> {
    let mut parts = key.split('/');
    let (root, tenant, video, file) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if root != "results" || file.is_empty() {
        return None;
    }
    Some((tenant.parse().ok()?, video.parse().ok()?))
}

pub fn archive(tenant: &TenantId, video: &VideoId) -> String {
    format!("results/{tenant}/{video}/frames.zip")
}

pub fn manifest(tenant: &TenantId, video: &VideoId) -> String {
    format!("results/{tenant}/{video}/manifest.json")
}

/// Which agent did which segment, and how long each stage took. It differs from run to run, so it
/// is kept out of the manifest.
pub fn report(tenant: &TenantId, video: &VideoId) -> String {
    format!("results/{tenant}/{video}/report.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (TenantId, VideoId) {
        ("acme".parse().unwrap(), VideoId::new())
    }

    #[test]
    fn upload_keys_lead_back_to_their_video() {
        let (tenant, video) = ids();
        assert_eq!(
            parse_upload(&upload(&tenant, &video, "u1")),
            Some((tenant, video))
        );
    }

    #[test]
    fn foreign_keys_lead_nowhere() {
        for key in [
            "",
            "uploads/acme",
            "x/acme/0/1",
            "uploads/a/b/c",
            "uploads/acme/../../etc",
        ] {
            assert_eq!(parse_upload(key), None, "{key}");
        }
        let (tenant, video) = ids();
        assert_eq!(
            parse_upload(&format!("{}/more", upload(&tenant, &video, "u1"))),
            None
        );
    }

    #[test]
    fn fragment_indexes_lead_back_to_their_segment() {
        let (tenant, video) = ids();
        let key = fragment_index(&tenant, &video, 0, 7, "a1");
        assert!(key.starts_with(&segments_prefix(&tenant, &video, 0)));
        assert_eq!(parse_fragment_index(&key), Some((7, "a1".to_owned())));
        assert_eq!(
            parse_fragment_index(&fragment(&tenant, &video, 0, 7, "a1")),
            None
        );
    }
}
