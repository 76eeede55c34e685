//! Generated clips that may be entered in the middle, and clips that only seem so.

#[path = "common/clips.rs"]
mod clips;
#[path = "common/mod.rs"]
mod common;

use clips::clips;
use common::*;

#[test]
fn fragments_are_shared_out() {
    for clip in ["h264-fragmented.mp4", "hevc-fragmented.mp4"] {
        let path = clips().join(clip);
        let probed = probe_file(&path).unwrap();
        let (whole, _, _) = run_forced(&path, &probed, &one_a_second(), 1).unwrap();
        let (got, plan, replanned) = run_forced(&path, &probed, &one_a_second(), 3).unwrap();
        assert!(!replanned && plan.seam_check, "{clip}");
        assert_eq!(plan.segments.len(), 3, "{clip}: {}", plan.division);
        assert_eq!(got.images, whole.images, "{clip}");
    }
}
