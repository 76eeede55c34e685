//! The segment plan: made once from what the probe saw, and immutable from then on.
//!
//! Pure. It knows nothing of machines, so the same probe, request and options give the same plan.

use serde::{Deserialize, Serialize};

use crate::balance;
use crate::error::{MediaError, RejectReason};
use crate::facts::VideoFacts;
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
    pub segments: Vec<PlannedSegment>,
    /// Why the video was, or was not, divided.
    pub division: String,
    pub warnings: Vec<String>,
}

/// A range of requested times, from this segment's boundary up to the next one's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSegment {
    /// Where decoding starts; None: with the file.
    pub entry: Option<EntryPoint>,
    /// Ticks from the first frame; None: up to the last frame there really is.
    pub end_rel: Option<i64>,
    /// Number of the segment's first image in the whole archive, from 0.
    pub first_image: u64,
    /// How many images it gives; None: known when it is decoded (the last segment).
    pub images: Option<u64>,
}

/// A packet from which decoding gives exact frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPoint {
    /// Byte position of the packet, or of the cluster it is in.
    pub position: u64,
    pub pts: i64,
    /// What the demuxer is asked to seek to.
    pub seek_ts: i64,
}

pub fn plan(probe: &Probe, request: &Request, options: &PlanOptions) -> Result<Plan, MediaError> {
    times::check(request)?;
    let clock = Clock::new(probe.time_base);
    // `count` and the selections by frame number need the whole timeline in one place.
    let times = Times::new(request, None);
    let (boundaries, division) = match &times {
        None if request.selection == Selection::All => (
            Vec::new(),
            "one segment: how many frames come before a point is not known".to_owned(),
        ),
        Some(_) if request.duplicates == Duplicates::Skip => (
            Vec::new(),
            "one segment: how many images come before a point is not known".to_owned(),
        ),
        None => (
            Vec::new(),
            "one segment: this selection counts frames from the start".to_owned(),
        ),
        Some(_) if probe.entries.is_empty() => (Vec::new(), probe.division.clone()),
        Some(times) => {
            let wanted = options
                .forced_segments
                .unwrap_or_else(|| worth(probe, times, clock, options));
            let picked = pick(probe, wanted, options.forced_segments.is_some());
            let count = picked.len() + 1;
            (picked, format!("{count} segments: {}", probe.division))
        }
    };
    let rel = |entry: &EntryPoint| entry.pts.saturating_sub(probe.first_pts);
    let before = |entry: &EntryPoint| {
        times
            .as_ref()
            .map_or(0, |t| t.count_before(clock.seconds(rel(entry))))
    };
    let mut segments = vec![PlannedSegment {
        entry: None,
        end_rel: None,
        first_image: 0,
        images: None,
    }];
    for entry in &boundaries {
        let first_image = before(entry);
        let last = segments.last_mut().expect("never empty");
        // A segment without a single requested time would be work for nothing.
        if first_image == last.first_image {
            if last.entry.is_some() {
                last.entry = Some(*entry);
            }
            continue;
        }
        last.end_rel = Some(rel(entry));
        last.images = Some(first_image - last.first_image);
        segments.push(PlannedSegment {
            entry: Some(*entry),
            end_rel: None,
            first_image,
            images: None,
        });
    }
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
    if images >= request.max_images {
        return Err(too_many(request.max_images));
    }
    Ok(Plan {
        video: probe.video.clone(),
        request: request.clone(),
        time_base: probe.time_base,
        first_pts: probe.first_pts,
        frame_duration: probe.frame_duration,
        segments,
        division,
        warnings: probe.warnings.clone(),
    })
}

pub(crate) fn too_many(limit: u64) -> MediaError {
    MediaError::reject(
        RejectReason::TooManyImages,
        format!("the selection gives more than {limit} images"),
    )
}

/// How many segments the decode work is worth.
fn worth(probe: &Probe, times: &Times, clock: Clock, options: &PlanOptions) -> usize {
    let estimate = &probe.estimate;
    let images = times.count_before(clock.seconds(estimate.span.saturating_add(1)));
    let gop = estimate.frames / estimate.keyframes.max(1) + 1;
    // Where wanted frames are far apart, only their GOPs are decoded.
    let frames = estimate.frames.min(images.saturating_mul(gop));
    let pixels = u64::from(probe.video.width) * u64::from(probe.video.height);
    let segments = frames.saturating_mul(pixels) / options.segment_pixels.max(1);
    usize::try_from(segments)
        .unwrap_or(usize::MAX)
        .clamp(1, options.max_segments.max(1))
}

/// The boundaries of about `wanted` segments, as alike as can be.
fn pick(probe: &Probe, wanted: usize, exactly: bool) -> Vec<EntryPoint> {
    let entries = &probe.entries;
    let points: Vec<i128> = entries.iter().map(|e| i128::from(e.pts)).collect();
    let wanted = match exactly {
        true => wanted,
        false => balance::segments(wanted, entries.len() + 1),
    };
    let mut picked: Vec<EntryPoint> = Vec::new();
    for i in 1..wanted {
        let at = if exactly {
            (i * (entries.len() + 1) / wanted).checked_sub(1)
        } else {
            let span = i128::from(probe.estimate.span) * i as i128 / wanted as i128;
            balance::nearest(&points, i128::from(probe.first_pts) + span)
        };
        if let Some(entry) = at.and_then(|at| entries.get(at))
            && picked.last().is_none_or(|last| last.pts < entry.pts)
        {
            picked.push(*entry);
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::*;
    use crate::probe::Estimate;

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
            estimate: Estimate {
                frames: 2500,
                keyframes: 10,
                span: 10_000,
            },
            entries: entries
                .iter()
                .map(|&pts| EntryPoint {
                    position: pts as u64,
                    pts,
                    seek_ts: pts,
                })
                .collect(),
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
}
