//! Where a plan is cut. Pure: boundaries are picked among the probe's entry points by the work between
//! them, and each segment is told what it owns.

use crate::balance;
use crate::plan::{EntryPoint, PlanOptions, PlannedSegment};
use crate::probe::{Entry, Probe};
use crate::request::{Duplicates, Request, Selection};
use crate::times::{Clock, Time, Times, wide};

pub struct Divided {
    pub segments: Vec<PlannedSegment>,
    /// Why the video was, or was not, divided.
    pub reason: String,
}

pub fn divide(
    probe: &Probe,
    request: &Request,
    times: Option<&Times>,
    options: &PlanOptions,
) -> Divided {
    let clock = Clock::new(probe.time_base);
    let one = |reason: String| Divided {
        segments: vec![PlannedSegment::default()],
        reason,
    };
    if probe.entries.is_empty() {
        return one(probe.division.clone());
    }
    let area = Area::new(probe, request, clock);
    match times {
        None if matches!(request.selection, Selection::Count(_)) => {
            one("one segment: where the video ends is not known before it is decoded".into())
        }
        Some(times) => {
            let images = times.count_before(clock.seconds(probe.estimate.span.saturating_add(1)));
            let wanted = wanted(probe, options, images, &area);
            let picked = pick(&area.entries(probe, |_| true), &area, wanted, options);
            let exact = request.duplicates == Duplicates::Keep;
            let segments = by_time(probe, times, clock, picked, exact);
            let reason = format!("{} segments: {}", segments.len(), probe.division);
            Divided { segments, reason }
        }
        None => by_frame(probe, request, &area, options).unwrap_or_else(|why| one(why.to_owned())),
    }
}

/// The part of the video that the request is about, in ticks from the first frame.
struct Area {
    first_pts: i64,
    start: i64,
    end: i64,
    /// Before this entry points count: an estimated end must not hide any.
    last: i64,
    /// As a part of the whole, in thousandths.
    share: u64,
}

impl Area {
    fn new(probe: &Probe, request: &Request, clock: Clock) -> Self {
        let ticks = |t: num_rational::Ratio<i64>| -> i64 {
            let t: Time = wide(t);
            clock.ticks(t)
        };
        let span = probe.estimate.span.max(1);
        let start = request.range.map_or(0, |r| ticks(r.start)).clamp(0, span);
        // Rounded up: whatever is before it is inside.
        let last = request
            .range
            .and_then(|r| r.end)
            .map_or(i64::MAX, |end| clock.ticks(-wide(end)).saturating_neg());
        let end = last.clamp(start, span);
        let share = (i128::from(end - start) * 1000 / i128::from(span)).max(1);
        Self {
            first_pts: probe.first_pts,
            start,
            end,
            last,
            share: share as u64,
        }
    }

    fn rel(&self, point: &EntryPoint) -> i64 {
        point.pts.saturating_sub(self.first_pts)
    }

    /// The entry points inside, of those that will do.
    fn entries<'p>(&self, probe: &'p Probe, fits: impl Fn(&Entry) -> bool) -> Vec<&'p Entry> {
        let inside = |e: &&Entry| (self.start + 1..self.last).contains(&self.rel(&e.point));
        probe
            .entries
            .iter()
            .filter(inside)
            .filter(|e| fits(e))
            .collect()
    }
}

/// How many segments the decode work is worth, for so many images.
fn wanted(probe: &Probe, options: &PlanOptions, images: u64, area: &Area) -> usize {
    if let Some(forced) = options.forced_segments {
        return forced;
    }
    let estimate = &probe.estimate;
    let gop = (estimate.frames / estimate.keyframes.max(1)).saturating_add(1);
    // Where wanted frames are far apart, only their GOPs are decoded.
    let frames = estimate.frames.min(images.saturating_mul(gop));
    let frames = frames.saturating_mul(area.share) / 1000;
    let pixels = u64::from(probe.video.width) * u64::from(probe.video.height);
    let segments = frames.saturating_mul(pixels) / options.segment_pixels.max(1);
    usize::try_from(segments)
        .unwrap_or(usize::MAX)
        .clamp(1, options.max_segments.max(1))
}

/// The boundaries of about `wanted` segments, as alike as can be.
fn pick<'p>(
    entries: &[&'p Entry],
    area: &Area,
    wanted: usize,
    options: &PlanOptions,
) -> Vec<&'p Entry> {
    let points: Vec<i128> = entries.iter().map(|e| area.rel(&e.point).into()).collect();
    let wanted = match options.forced_segments {
        Some(_) => wanted,
        None => balance::segments(wanted, entries.len() + 1),
    };
    let mut picked: Vec<&Entry> = Vec::new();
    for i in 1..wanted {
        let at = if options.forced_segments.is_some() {
            (i * (entries.len() + 1) / wanted).checked_sub(1)
        } else {
            let into = i128::from(area.end - area.start) * i as i128 / wanted as i128;
            balance::nearest(&points, i128::from(area.start) + into)
        };
        if let Some(entry) = at.and_then(|at| entries.get(at))
            && picked
                .last()
                .is_none_or(|last| last.point.pts < entry.point.pts)
        {
            picked.push(entry);
        }
    }
    picked
}

/// `exact`: every time gives an image, so the numbers are known.
fn by_time(
    probe: &Probe,
    times: &Times,
    clock: Clock,
    picked: Vec<&Entry>,
    exact: bool,
) -> Vec<PlannedSegment> {
    let mut segments = vec![PlannedSegment::default()];
    for entry in picked {
        let rel = entry.point.pts.saturating_sub(probe.first_pts);
        let first_image = times.count_before(clock.seconds(rel));
        // A segment without a single requested time would be work for nothing.
        if let [.., before, last] = segments.as_mut_slice()
            && first_image == last.first_image
        {
            before.end_rel = Some(rel);
            last.entry = Some(entry.point);
            last.start_rel = Some(rel);
            continue;
        }
        let last = segments.last_mut().expect("never empty");
        if first_image == last.first_image {
            continue;
        }
        last.end_rel = Some(rel);
        last.images = exact.then(|| first_image - last.first_image);
        segments.push(PlannedSegment {
            entry: Some(entry.point),
            start_rel: Some(rel),
            first_image,
            ..PlannedSegment::default()
        });
    }
    segments
}

/// Segments that own ranges of frames.
fn by_frame(
    probe: &Probe,
    request: &Request,
    area: &Area,
    options: &PlanOptions,
) -> Result<Divided, &'static str> {
    let selection = &request.selection;
    let scenes = matches!(selection, Selection::Scenes { .. });
    let counted = |e: &Entry| e.frames_before.is_some();
    let every = match selection {
        Selection::EveryNth(n) => Some((*n).max(1)),
        _ => None,
    };
    if every.is_some() && probe.entries.iter().any(|e| !counted(e)) {
        return Err("one segment: how many frames come before a point is not in the index");
    }
    // Frames before the range do not count.
    let skipped = match (area.start, probe.frames_before_range) {
        (0, _) => 0,
        (_, Some(frames)) => frames,
        (_, None) if every.is_some() => {
            return Err("one segment: how many frames come before the range is not in the index");
        }
        (_, None) => 0,
    };
    let images = match selection {
        Selection::Keyframes => probe.estimate.keyframes,
        Selection::EveryNth(n) => probe.estimate.frames / (*n).max(1),
        _ => probe.estimate.frames,
    };
    let fits = |e: &Entry| !scenes || e.lead_in.is_some();
    let wanted = match (selection, options.forced_segments) {
        (_, Some(forced)) => forced,
        // Only keyframes are decoded, but all packets are read.
        (Selection::Keyframes, None) => {
            let frames = images.max(probe.estimate.frames / 50);
            let pixels = u64::from(probe.video.width) * u64::from(probe.video.height);
            let work = (frames.saturating_mul(area.share) / 1000).saturating_mul(pixels);
            let segments = work / options.segment_pixels.max(1);
            usize::try_from(segments)
                .unwrap_or(usize::MAX)
                .clamp(1, options.max_segments.max(1))
        }
        (_, None) => self::wanted(probe, options, images, area),
    };
    let mut entries = area.entries(probe, fits);
    if scenes && area.start > 0 {
        // The range's first frame is an image, and the first segment's. That there is one before a
        // boundary is sure only from the second entry point on: the first is such a frame.
        let first = area.entries(probe, |_| true).first().map(|e| e.point.pts);
        entries.retain(|e| Some(e.point.pts) != first);
    }
    let picked = pick(&entries, area, wanted, options);
    let mut segments = vec![PlannedSegment {
        entry: first_entry(probe, area, scenes).filter(|_| options.forced_segments != Some(1)),
        first_frame: Some(0),
        ..PlannedSegment::default()
    }];
    for entry in picked {
        let rel = area.rel(&entry.point);
        segments.last_mut().expect("never empty").end_rel = Some(rel);
        let frames = entry.frames_before.map(|n| n.saturating_sub(skipped));
        let first_image = match (selection, frames) {
            (Selection::All, Some(frames)) => frames,
            (Selection::EveryNth(n), Some(frames)) => frames.div_ceil((*n).max(1)),
            (Selection::Keyframes, _) if area.start == 0 => entry.keyframes_before,
            _ => 0,
        };
        segments.push(PlannedSegment {
            entry: if scenes {
                entry.lead_in
            } else {
                Some(entry.point)
            },
            start_rel: Some(rel),
            first_image,
            first_frame: frames.filter(|_| every.is_some()),
            ..PlannedSegment::default()
        });
    }
    let reason = match segments.len() {
        1 if scenes => "one segment: no two frames could be found before any entry point".into(),
        n => format!("{n} segments: {}", probe.division),
    };
    Ok(Divided { segments, reason })
}

/// Where to begin for a range that starts late. Scenes need the two frames before it.
fn first_entry(probe: &Probe, area: &Area, scenes: bool) -> Option<EntryPoint> {
    let lead = if scenes {
        probe.frame_duration.max(0).saturating_mul(4)
    } else {
        0
    };
    let before = |e: &&Entry| area.rel(&e.point) <= area.start.saturating_sub(lead);
    let last = probe.entries.iter().rfind(before)?;
    Some(last.point)
}
