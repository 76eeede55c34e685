//! Whether the segments of a video fit together, judged from what their workers saw. Pure.
//!
//! A plan may rest on an index that is wrong, or on a container that promises nothing. Then the
//! neighbours disagree, and the video is planned again with one segment.

use media::{Plan, Selection};

use crate::records::FragmentRecord;

/// None: they fit. Else what does not, in words for the log.
pub fn mismatch(plan: &Plan, fragments: &[FragmentRecord]) -> Option<String> {
    if let Selection::EveryNth(_) = plan.request.selection {
        let mut frames = 0;
        for (planned, made) in plan.segments.iter().zip(fragments) {
            if let Some(first) = planned.first_frame.filter(|first| *first != frames) {
                let segment = made.segment;
                return Some(format!(
                    "{frames} frames came before segment {segment}, not {first} as the index says"
                ));
            }
            frames = frames.saturating_add(made.frames);
        }
    }
    if !plan.seam_check {
        return None;
    }
    let pairs = fragments.iter().zip(fragments.iter().skip(1));
    let broken = pairs
        .into_iter()
        .find(|(one, next)| one.beyond.is_none() || one.beyond != next.opening);
    broken.map(|(one, next)| {
        format!(
            "segments {} and {} see different frames at their seam: {:?} and {:?}",
            one.segment, next.segment, one.beyond, next.opening
        )
    })
}

/// The number of each fragment's first image in the archive, and of all images.
pub fn numbers(fragments: &[FragmentRecord]) -> (Vec<u64>, u64) {
    let mut next = 0;
    let first = fragments.iter().map(|fragment| {
        let first = next;
        next += fragment.images.len() as u64;
        first
    });
    let first = first.collect();
    (first, next)
}

#[cfg(test)]
mod tests {
    use media::{Glimpse, PlannedSegment, Request, VideoFacts};

    use super::*;

    fn plan(selection: Selection, first_frames: &[u64], seam_check: bool) -> Plan {
        let segments = first_frames.iter().map(|first| PlannedSegment {
            entry: None,
            start_rel: None,
            end_rel: None,
            first_image: 0,
            images: None,
            first_frame: Some(*first),
        });
        Plan {
            video: VideoFacts::default(),
            request: Request::new(selection),
            time_base: (1, 25),
            first_pts: 0,
            frame_duration: 1,
            reorder: None,
            end_rel: None,
            segments: segments.collect(),
            seam_check,
            division: String::new(),
            warnings: Vec::new(),
        }
    }

    fn made(segment: u32, frames: u64, opening: i64, beyond: Option<i64>) -> FragmentRecord {
        let glimpse = |rel| Glimpse {
            rel,
            md5: "x".into(),
        };
        FragmentRecord {
            segment,
            attempt: "a".into(),
            agent: "i".into(),
            zip: Default::default(),
            images: Vec::new(),
            warnings: Vec::new(),
            frames,
            opening: Some(glimpse(opening)),
            beyond: beyond.map(glimpse),
            bytes_read: 0,
            frames_decoded: 0,
            seconds: 0.0,
            source_wait_seconds: 0.0,
        }
    }

    #[test]
    fn frames_are_counted_across_segments() {
        let fragments = [
            made(0, 10, 0, None),
            made(1, 5, 0, None),
            made(2, 9, 0, None),
        ];
        let every =
            |first: &[u64]| mismatch(&plan(Selection::EveryNth(3), first, false), &fragments);
        assert_eq!(every(&[0, 10, 15]), None);
        assert!(every(&[0, 11, 15]).unwrap().contains("segment 1"));
        assert!(every(&[0, 10, 14]).unwrap().contains("segment 2"));
        // Where nothing rests on the count, it may differ.
        assert_eq!(
            mismatch(&plan(Selection::All, &[0, 11, 15], false), &fragments),
            None
        );
    }

    #[test]
    fn neighbours_must_see_the_same_frame_where_nothing_else_vouches_for_it() {
        let all = plan(Selection::All, &[0, 0], true);
        let seam =
            |beyond, opening| mismatch(&all, &[made(0, 1, 0, beyond), made(1, 1, opening, None)]);
        assert_eq!(seam(Some(7), 7), None);
        assert!(seam(Some(8), 7).is_some());
        assert!(seam(None, 7).is_some());
        let trusted = plan(Selection::All, &[0, 0], false);
        let fragments = [made(0, 1, 0, None), made(1, 1, 7, None)];
        assert_eq!(mismatch(&trusted, &fragments), None);
    }
}
