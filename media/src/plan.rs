//! The segment plan: made once from what the probe saw, and immutable from then on.
//!
//! Pure. It knows nothing of machines, so the same probe, request and options give the same plan.

use serde::{Deserialize, Serialize};

use crate::divide;
use crate::error::{MediaError, RejectReason};
use crate::facts::VideoFacts;
use crate::fragments::Hidden;
use crate::probe::Probe;
use crate::request::{Duplicates, Request, Selection};
use crate::times::{self, Clock, Times};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOptions {
    /// Decode work worth one segment, in pixels decoded.
    pub segment_pixels: u64,
    pub max_segments: usize,
    /// Exactly this many, where there are entry points for it. For tests.
    pub forced_segments: Option<usize>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            // 10 s of 1080p at 30 fps.
            segment_pixels: 300 * 1920 * 1080,
            max_segments: 64,
            forced_segments: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub video: VideoFacts,
    pub request: Request,
    /// Seconds a tick, numerator and denominator.
    pub time_base: (i64, i64),
    pub first_pts: i64,
    /// Ticks a frame, for frames that do not say.
    pub frame_duration: i64,
    /// How many frames the decoder holds back to put them in order; None: to be found out.
    #[serde(default)]
    pub reorder: Option<u32>,
    /// Ticks from the first frame to the end of the last one; where the selection needs it.
    #[serde(default)]
    pub end_rel: Option<i64>,
    pub segments: Vec<PlannedSegment>,
    /// The container promises nothing about its entry points: neighbours compare what they see.
    #[serde(default)]
    pub seam_check: bool,
    /// Why the video was, or was not, divided.
    pub division: String,
    pub warnings: Vec<String>,
}

impl Plan {
    /// Where the segment after this one begins, if the container says where: pts and byte position.
    pub fn border(&self, planned: &PlannedSegment) -> Option<(i64, u64)> {
        let end = planned.end_rel?;
        let next = |s: &&PlannedSegment| s.start_rel == Some(end);
        let entry = self.segments.iter().find(next)?.entry?;
        (!entry.by_position).then_some((entry.pts, entry.position))
    }
}

/// A range of requested times, from this segment's boundary up to the next one's; or of frames. The
/// default is the whole video.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlannedSegment {
    /// Where decoding starts; None: with the file.
    pub entry: Option<EntryPoint>,
    /// Ticks from the first frame. Frames before this belong to the segment before.
    #[serde(default)]
    pub start_rel: Option<i64>,
    /// Ticks from the first frame; None: up to the last frame there really is.
    pub end_rel: Option<i64>,
    /// Number of the segment's first image in the whole archive, from 0. Where [`images`](Self::images)
    /// of a segment before is None it is what the index lets expect, and whoever joins the segments
    /// corrects it.
    pub first_image: u64,
    /// How many images it gives; None: known when it is decoded.
    pub images: Option<u64>,
    /// Number of the segment's first frame, counted from the start of the range. Where a selection
    /// counts frames, whoever joins the segments compares it with what was seen.
    #[serde(default)]
    pub first_frame: Option<u64>,
}

/// A packet from which decoding gives exact frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPoint {
    /// Byte position of the packet, or of the cluster it is in.
    pub position: u64,
    pub pts: i64,
    /// What the demuxer is asked to seek to.
    pub seek_ts: i64,
    /// The demuxer is sent to `position` instead, in a container without an index.
    #[serde(default)]
    pub by_position: bool,
    /// Bytes that the demuxer is not shown; it meets the packet first, without being sent anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Hidden>,
}

impl EntryPoint {
    /// Where reading begins, the container's own words about the packet included.
    pub fn begins(&self) -> u64 {
        self.hidden.map_or(self.position, |hidden| hidden.to)
    }
}

/// Half a year. Exact fractions of longer spans may not fit 128 bits.
const LONGEST_SECONDS: i128 = 1 << 24;

pub fn plan(probe: &Probe, request: &Request, options: &PlanOptions) -> Result<Plan, MediaError> {
    times::check(request)?;
    let clock = Clock::new(probe.time_base);
    let end = probe.end_rel.map(|ticks| clock.seconds(ticks));
    if end.is_some_and(|end| end > times::Time::from_integer(LONGEST_SECONDS)) {
        return Err(MediaError::reject(
            RejectReason::TooLong,
            format!("the last frame is more than {LONGEST_SECONDS} s after the first"),
        ));
    }
    if let Selection::Count(n) = request.selection
        && n > request.max_images
    {
        return Err(too_many(request.max_images));
    }
    let times = Times::new(request, end);
    let divided = divide::divide(probe, request, times.as_ref(), options);
    let mut segments = divided.segments;
    let seam_check = probe.seam_check && segments.len() > 1;
    if let Some(times) = &times
        && segments.len() > 1
        && times
            .get(segments[segments.len() - 1].first_image)
            .is_none()
    {
        // Nothing is asked for past the last boundary.
        segments.pop();
    }
    let images = segments.last().map_or(0, |s| s.first_image);
    // Where repeated images are left out, these are times, and only the archive's sum tells.
    if images >= request.max_images && request.duplicates == Duplicates::Keep {
        return Err(too_many(request.max_images));
    }
    Ok(Plan {
        video: probe.video.clone(),
        request: request.clone(),
        time_base: probe.time_base,
        first_pts: probe.first_pts,
        frame_duration: probe.frame_duration,
        reorder: probe.reorder,
        end_rel: probe.end_rel,
        segments,
        seam_check,
        division: divided.reason,
        warnings: probe.warnings.clone(),
    })
}

pub(crate) fn too_many(limit: u64) -> MediaError {
    MediaError::reject(
        RejectReason::TooManyImages,
        format!("the selection gives more than {limit} images"),
    )
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::*;
    use crate::probe::{Entry, Estimate};
    use crate::request::{Duplicates, TimeRange};

    /// Frames are 4 ticks long, and every 25th of them is a keyframe.
    fn entry(pts: i64) -> Entry {
        let point = |pts: i64| EntryPoint {
            position: pts as u64,
            pts,
            seek_ts: pts,
            by_position: false,
            hidden: None,
        };
        Entry {
            point: point(pts),
            frames_before: Some((pts - 50) as u64 / 4),
            keyframes_before: (pts - 50) as u64 / 100,
            lead_in: Some(point(pts - 100)),
        }
    }

    fn probe(entries: &[i64]) -> Probe {
        Probe {
            video: VideoFacts {
                width: 1920,
                height: 1080,
                ..VideoFacts::default()
            },
            time_base: (1, 100),
            first_pts: 50,
            frame_duration: 4,
            reorder: None,
            estimate: Estimate {
                frames: 2500,
                keyframes: 10,
                span: 10_000,
            },
            end_rel: None,
            frames_before_range: None,
            entries: entries.iter().map(|&pts| entry(pts)).collect(),
            seam_check: false,
            division: "found".into(),
            warnings: vec![],
        }
    }

    fn fps(n: i64, d: i64) -> Request {
        Request::new(Selection::Fps(Ratio::new(n, d)))
    }

    fn forced(n: usize) -> PlanOptions {
        PlanOptions {
            forced_segments: Some(n),
            ..PlanOptions::default()
        }
    }

    #[test]
    fn segments_own_ranges_of_times_without_gap_or_overlap() {
        let entries: Vec<i64> = (1..10).map(|k| 50 + k * 1000).collect();
        for n in [1, 2, 3, 7, 100] {
            let plan = plan(&probe(&entries), &fps(1, 3), &forced(n)).unwrap();
            assert_eq!(plan.segments.len(), n.min(10), "{n}");
            for pair in plan.segments.windows(2) {
                assert_eq!(
                    pair[0].first_image + pair[0].images.unwrap(),
                    pair[1].first_image
                );
                assert_eq!(pair[0].end_rel.unwrap() + 50, pair[1].entry.unwrap().pts);
            }
            let last = plan.segments.last().unwrap();
            assert_eq!((last.end_rel, last.images), (None, None));
        }
    }

    #[test]
    fn a_segment_without_a_requested_time_is_not_planned() {
        let entries: Vec<i64> = (1..10).map(|k| 50 + k * 100).collect();
        let plan = plan(&probe(&entries), &fps(1, 5), &forced(10)).unwrap();
        // Times 0, 5, 10: the last boundaries before 5 s and 10 s are the ones that count.
        let entry: Vec<_> = plan
            .segments
            .iter()
            .map(|s| s.entry.map(|e| e.pts))
            .collect();
        assert_eq!(entry, [None, Some(50 + 500), Some(50 + 900)]);
    }

    #[test]
    fn nothing_is_planned_past_the_last_timestamp() {
        let entries: Vec<i64> = (1..10).map(|k| 50 + k * 1000).collect();
        let request = Request::new(Selection::Timestamps(vec![Ratio::from(1), Ratio::from(15)]));
        let plan = plan(&probe(&entries), &request, &forced(10)).unwrap();
        assert_eq!(plan.segments.len(), 2);
        assert_eq!(plan.segments[1].entry.unwrap().pts, 50 + 1000);
    }

    #[test]
    fn the_plan_is_the_same_each_time_and_survives_json() {
        let probe = probe(&[1050, 2050]);
        let make = || plan(&probe, &fps(30000, 1001), &PlanOptions::default()).unwrap();
        let json = serde_json::to_string(&make()).unwrap();
        assert_eq!(json, serde_json::to_string(&make()).unwrap());
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), make());
    }

    #[test]
    fn small_work_is_one_segment_and_large_work_is_capped() {
        let entries: Vec<i64> = (1..100).map(|k| 50 + k * 100).collect();
        let mut probe = probe(&entries);
        let count = |p: &Probe, o: &PlanOptions| plan(p, &fps(1, 1), o).unwrap().segments.len();
        assert_eq!(count(&probe, &PlanOptions::default()), 8);
        assert_eq!(
            count(
                &probe,
                &PlanOptions {
                    max_segments: 3,
                    ..PlanOptions::default()
                }
            ),
            3
        );
        probe.estimate.frames = 20;
        assert_eq!(count(&probe, &PlanOptions::default()), 1);
    }

    #[test]
    fn too_many_images_are_refused_before_any_work() {
        let request = Request {
            max_images: 10,
            ..fps(1000, 1)
        };
        let result = plan(&probe(&[1050]), &request, &forced(2));
        assert!(matches!(
            result,
            Err(MediaError::Reject {
                reason: RejectReason::TooManyImages,
                ..
            })
        ));
    }

    #[test]
    fn segments_by_frame_know_what_came_before() {
        let entries: Vec<i64> = (1..10).map(|k| 50 + k * 1000).collect();
        let numbers = |selection, range, fbr| {
            let probe = Probe {
                frames_before_range: fbr,
                ..probe(&entries)
            };
            let request = Request {
                range,
                ..Request::new(selection)
            };
            let plan = plan(&probe, &request, &forced(3)).unwrap();
            let number = |s: &PlannedSegment| (s.first_image, s.first_frame, s.start_rel);
            plan.segments.iter().map(number).collect::<Vec<_>>()
        };
        let first = (0, Some(0), None);
        assert_eq!(
            numbers(Selection::All, None, None),
            [first, (750, None, Some(3000)), (1500, None, Some(6000))]
        );
        assert_eq!(
            numbers(Selection::EveryNth(7), None, None),
            [
                first,
                (108, Some(750), Some(3000)),
                (215, Some(1500), Some(6000))
            ]
        );
        let range = Some(TimeRange {
            start: Ratio::new(5, 2),
            end: Some(Ratio::from(62)),
        });
        // 500 and 1000 frames come before 2000 and 4000 ticks, 63 of them before the range.
        assert_eq!(
            numbers(Selection::EveryNth(7), range, Some(63)),
            [
                first,
                (63, Some(437), Some(2000)),
                (134, Some(937), Some(4000))
            ]
        );
        // An entry point at the very end of the range begins nothing.
        let short = Some(TimeRange {
            start: Ratio::from(0),
            end: Some(Ratio::from(10)),
        });
        assert_eq!(numbers(Selection::All, short, None).len(), 1);
        // Not known where the range starts: one segment.
        assert_eq!(numbers(Selection::EveryNth(7), range, None).len(), 1);
    }

    #[test]
    fn scenes_begin_before_their_boundary_and_images_once_are_counted_later() {
        let probe = probe(&[1050, 5050]);
        let scenes = Request::new(Selection::Scenes {
            threshold: Ratio::new(1, 3),
        });
        let late = Request {
            range: Some(TimeRange {
                start: Ratio::new(1, 2),
                end: None,
            }),
            ..scenes.clone()
        };
        let scenes = plan(&probe, &scenes, &forced(3)).unwrap().segments;
        assert_eq!(scenes[1].entry.unwrap().pts, 950);
        assert_eq!(scenes[1].start_rel, Some(1000));
        // There may be no frame between the range's start and its first entry point.
        let late = plan(&probe, &late, &forced(3)).unwrap().segments;
        let starts: Vec<_> = late.iter().map(|s| s.start_rel).collect();
        assert_eq!(starts, [None, Some(5000)]);
        let once = Request {
            duplicates: Duplicates::Skip,
            ..fps(1, 1)
        };
        let once = plan(&probe, &once, &forced(3)).unwrap().segments;
        assert_eq!((once[0].images, once[1].first_image), (None, 10));
    }

    #[test]
    fn a_count_is_divided_where_the_end_is_known() {
        let count = Request::new(Selection::Count(100));
        let mut probe = probe(&[1050, 5050]);
        let segments = |p: &Probe| plan(p, &count, &forced(3)).unwrap().segments;
        assert_eq!(segments(&probe).len(), 1);
        probe.end_rel = Some(10_000);
        let first: Vec<u64> = segments(&probe).iter().map(|s| s.first_image).collect();
        assert_eq!(first, [0, 10, 50]);
        let reason = |p: &Probe, n| {
            let request = Request {
                max_images: 1000,
                ..Request::new(Selection::Count(n))
            };
            match plan(p, &request, &forced(3)) {
                Err(MediaError::Reject { reason, .. }) => Some(reason),
                _ => None,
            }
        };
        assert_eq!(reason(&probe, 1000), None);
        assert_eq!(reason(&probe, u64::MAX), Some(RejectReason::TooManyImages));
        probe.end_rel = Some(i64::MAX);
        assert_eq!(reason(&probe, 1000), Some(RejectReason::TooLong));
    }
}
