//! Any numbers a decoder may answer a probe with (after the agent's check of them), and any
//! request: a plan without gap or overlap, no longer than allowed, or a refusal.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use media::{
    Duplicates, EntryPoint, Estimate, PlanOptions, Probe, Request, Selection, TimeRange, VideoFacts,
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
    size: (u16, u16),
    claimed_duration: Option<f64>,
    entries: Vec<i64>,
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
    Count(u64),
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
        Wanted::Count(n) => Selection::Count(n.max(1)),
        Wanted::Keyframes => Selection::Keyframes,
        Wanted::Scenes(percent) => Selection::Scenes {
            threshold: Ratio::new(percent.min(100).into(), 100),
        },
        Wanted::All => Selection::All,
    }
}

fuzz_target!(|input: Input| {
    let mut pts = input.entries;
    pts.sort_unstable();
    pts.dedup();
    pts.truncate(64);
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
        estimate: Estimate {
            frames: input.frames,
            keyframes: input.keyframes,
            span: input.span,
        },
        entries: pts
            .into_iter()
            .map(|pts| EntryPoint {
                position: 0,
                pts,
                seek_ts: pts,
            })
            .collect(),
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
    let most = options.forced_segments.unwrap_or(options.max_segments);
    assert!(plan.segments.len() <= most.max(1));
    for pair in plan.segments.windows(2) {
        let images = pair[0].images.expect("only the last is open");
        assert_eq!(pair[0].first_image + images, pair[1].first_image);
        assert!(pair[0].end_rel.is_some() && pair[1].entry.is_some());
    }
    let json = serde_json::to_vec(&plan).expect("a plan is plain data");
    let again: media::Plan = serde_json::from_slice(&json).expect("what was written can be read");
    assert_eq!(again.segments, plan.segments);
});
