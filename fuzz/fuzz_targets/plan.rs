//! Any numbers a decoder may answer a probe with (after the agent's check of them), and any
//! request: a plan without gap or overlap, no longer than allowed, or a refusal.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use media::{
    Duplicates, Entry, EntryPoint, Estimate, PlanOptions, Probe, Request, Selection, TimeRange,
    VideoFacts,
};
use num_rational::Ratio;

#[derive(Debug, Arbitrary)]
struct Input {
    time_base: (u16, u32),
    first_pts: i64,
    frame_duration: i64,
    frames: u64,
    keyframes: u64,
    span: i64,
    end_rel: Option<i64>,
    frames_before_range: Option<u64>,
    seam_check: bool,
    size: (u16, u16),
    claimed_duration: Option<f64>,
    entries: Vec<(i64, Option<u64>, u64, bool)>,
    selection: Wanted,
    range: Option<((u32, u16), Option<(u32, u16)>)>,
    skip: bool,
    max_images: u64,
    segment_pixels: u64,
    max_segments: u16,
    forced_segments: Option<u16>,
}

#[derive(Debug, Arbitrary)]
enum Wanted {
    Fps(u32, u32),
    EverySeconds(u32, u32),
    EveryNth(u64),
    Timestamps(Vec<(u32, u16)>),
    Count(u32),
    Keyframes,
    Scenes(u8),
    All,
}

/// The API refuses zeros and negative numbers before anything is planned.
fn ratio((n, d): (u32, u32)) -> Ratio<i64> {
    Ratio::new(n.max(1).into(), d.max(1).into())
}

fn time((n, d): (u32, u16)) -> Ratio<i64> {
    Ratio::new(n.into(), d.max(1).into())
}

fn selection(wanted: Wanted) -> Selection {
    match wanted {
        Wanted::Fps(n, d) => Selection::Fps(ratio((n, d))),
        Wanted::EverySeconds(n, d) => Selection::EverySeconds(ratio((n, d))),
        Wanted::EveryNth(n) => Selection::EveryNth(n.max(1)),
        Wanted::Timestamps(times) => Selection::Timestamps(times.into_iter().map(time).collect()),
        Wanted::Count(n) => Selection::Count(n.max(1).into()),
        Wanted::Keyframes => Selection::Keyframes,
        Wanted::Scenes(percent) => Selection::Scenes {
            threshold: Ratio::new(percent.min(100).into(), 100),
        },
        Wanted::All => Selection::All,
    }
}

fuzz_target!(|input: Input| {
    let mut entries = input.entries;
    entries.sort_unstable();
    entries.dedup_by_key(|entry| entry.0);
    entries.truncate(64);
    let point = |pts| EntryPoint {
        position: 0,
        pts,
        seek_ts: pts,
        by_position: false,
        hidden: None,
    };
    let probe = Probe {
        video: VideoFacts {
            width: u32::from(input.size.0).max(1),
            height: u32::from(input.size.1).max(1),
            claimed_duration: input.claimed_duration.filter(|d| d.is_finite()),
            ..VideoFacts::default()
        },
        time_base: (
            i64::from(input.time_base.0).max(1),
            i64::from(input.time_base.1 >> 1).max(1),
        ),
        first_pts: input.first_pts,
        frame_duration: input.frame_duration,
        reorder: None,
        estimate: Estimate {
            frames: input.frames,
            keyframes: input.keyframes,
            span: input.span,
        },
        end_rel: input.end_rel,
        frames_before_range: input.frames_before_range,
        entries: entries
            .into_iter()
            .map(|(pts, frames_before, keyframes_before, lead)| Entry {
                point: point(pts),
                frames_before,
                keyframes_before,
                lead_in: lead.then(|| point(pts.saturating_sub(1))),
            })
            .collect(),
        seam_check: input.seam_check,
        division: String::new(),
        warnings: vec![],
    };
    let request = Request {
        selection: selection(input.selection),
        range: input.range.map(|(start, end)| TimeRange {
            start: time(start),
            end: end.map(time),
        }),
        duplicates: if input.skip {
            Duplicates::Skip
        } else {
            Duplicates::Keep
        },
        max_images: input.max_images,
    };
    let options = PlanOptions {
        segment_pixels: input.segment_pixels,
        max_segments: input.max_segments.into(),
        forced_segments: input.forced_segments.map(usize::from),
    };
    let Ok(plan) = media::plan(&probe, &request, &options) else {
        return;
    };
    let timed = matches!(
        request.selection,
        Selection::Fps(_) | Selection::EverySeconds(_) | Selection::Timestamps(_)
    );
    if timed && request.duplicates == Duplicates::Keep {
        let open = plan.segments.iter().rev().skip(1);
        assert!(open.into_iter().all(|segment| segment.images.is_some()));
    }
    let most = options.forced_segments.unwrap_or(options.max_segments);
    assert!(plan.segments.len() <= most.max(1));
    for pair in plan.segments.windows(2) {
        if let Some(images) = pair[0].images {
            assert_eq!(pair[0].first_image + images, pair[1].first_image);
        }
        assert!(pair[0].end_rel.is_some() && pair[1].entry.is_some());
        assert_eq!(pair[0].end_rel, pair[1].start_rel);
    }
    let json = serde_json::to_vec(&plan).expect("a plan is plain data");
    let again: media::Plan = serde_json::from_slice(&json).expect("what was written can be read");
    assert_eq!(again.segments, plan.segments);
});
