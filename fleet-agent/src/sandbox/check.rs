//! What a decoder says is taken for what it is: the word of a process that a stranger may command.
//! Pure. The agent computes with these numbers, and shows these texts.

use media::{ExtractedImage, PlannedSegment, Probe, ProbeLimits, SegmentOutcome};

/// A text as it may be shown: short, and without control characters.
pub fn words(text: &str) -> String {
    const MOST: usize = 500;
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    shown.take(MOST).collect::<String>().trim().to_owned()
}

/// The next image of a segment: inside it, in order, and a picture.
pub struct Images {
    next: u64,
    /// One past the last index it may have.
    end: u64,
    side_pixels: u32,
}

impl Images {
    pub fn of(segment: &PlannedSegment, max_images: u64, side_pixels: u32) -> Self {
        let end = segment
            .images
            .map_or(max_images, |n| segment.first_image.saturating_add(n));
        Self {
            next: segment.first_image,
            end: end.min(max_images),
            side_pixels,
        }
    }

    pub fn accept(&mut self, image: &ExtractedImage) -> bool {
        let positive = |t: &num_rational::Ratio<i64>| *t.denom() > 0;
        let side = |s: u32| (1..=self.side_pixels.max(65_535)).contains(&s);
        let good = image.index >= self.next
            && image.index < self.end
            && side(image.width)
            && side(image.height)
            && positive(&image.time)
            && image.requested.as_ref().is_none_or(positive);
        self.next = image.index.saturating_add(1);
        good
    }
}

/// Shows the texts of a probe as they may be shown, and refuses numbers that no probe gives.
pub fn probe(mut probe: Probe, limits: &ProbeLimits) -> Option<Probe> {
    let video = &mut probe.video;
    for text in [
        &mut video.container,
        &mut video.codec,
        &mut video.pixel_format,
        &mut video.sample_aspect_ratio,
        &mut video.time_base,
        &mut probe.division,
    ] {
        *text = words(text);
    }
    let color = &mut video.color;
    for text in [
        &mut video.profile,
        &mut video.average_frame_rate,
        &mut color.range,
        &mut color.matrix,
        &mut color.primaries,
        &mut color.transfer,
    ] {
        *text = text.as_deref().map(words);
    }
    probe.warnings.truncate(100);
    probe.warnings.iter_mut().for_each(|w| *w = words(w));
    let pixels = u64::from(video.width) * u64::from(video.height);
    let (num, den) = probe.time_base;
    let finite = video.claimed_duration.is_none_or(f64::is_finite);
    let in_order = probe
        .entries
        .windows(2)
        .all(|two| two[0].point.pts < two[1].point.pts);
    let good = (1..=i64::from(i32::MAX)).contains(&num)
        && (1..=i64::from(i32::MAX)).contains(&den)
        && (1..=limits.frame_pixels).contains(&pixels)
        && video.width.max(video.height) <= limits.side_pixels
        && finite
        && in_order
        && probe.end_rel.is_none_or(|end| end >= 0)
        && probe.entries.len() <= limits.entry_points.saturating_add(1);
    good.then_some(probe)
}

/// Shows the texts of a segment's outcome as they may be shown.
pub fn outcome(mut outcome: SegmentOutcome) -> SegmentOutcome {
    outcome.warnings.truncate(100);
    outcome.warnings.iter_mut().for_each(|w| *w = words(w));
    let glimpses = [&mut outcome.opening, &mut outcome.beyond];
    for glimpse in glimpses.into_iter().flatten() {
        glimpse.md5 = words(&glimpse.md5);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::*;

    fn image(index: u64) -> ExtractedImage {
        ExtractedImage {
            index,
            requested: Some(Ratio::new(1, 2)),
            pts: 0,
            time: Ratio::new(1, 2),
            keyframe: false,
            width: 4,
            height: 4,
            data: vec![],
            frame_md5: None,
        }
    }

    fn segment(first_image: u64, images: Option<u64>) -> PlannedSegment {
        PlannedSegment {
            entry: None,
            start_rel: None,
            end_rel: None,
            first_image,
            images,
            first_frame: None,
        }
    }

    #[test]
    fn images_stay_inside_their_segment_and_in_order() {
        let mut images = Images::of(&segment(10, Some(3)), 100, 100);
        let accepted: Vec<bool> = [9, 10, 10, 11, 12, 13]
            .map(|index| images.accept(&image(index)))
            .into();
        assert_eq!(accepted, [false, true, false, true, true, false]);
        let mut last = Images::of(&segment(98, None), 100, 100);
        assert!(last.accept(&image(99)));
        assert!(!last.accept(&image(100)));
    }

    #[test]
    fn impossible_images_are_refused() {
        let accept = |image: &ExtractedImage| Images::of(&segment(0, None), 10, 100).accept(image);
        assert!(accept(&image(0)));
        let no_side = ExtractedImage {
            width: 0,
            ..image(0)
        };
        let huge = ExtractedImage {
            height: 65_536,
            ..image(0)
        };
        let no_time = ExtractedImage {
            time: Ratio::new_raw(1, 0),
            ..image(0)
        };
        let backwards = ExtractedImage {
            requested: Some(Ratio::new_raw(1, -1)),
            ..image(0)
        };
        for wrong in [no_side, huge, no_time, backwards] {
            assert!(!accept(&wrong), "{wrong:?}");
        }
    }

    #[test]
    fn texts_are_short_and_printable() {
        assert_eq!(words("a\x1b[31m\nb\0"), "a [31m b");
        assert_eq!(words(&"x".repeat(10_000)).len(), 500);
        let glimpse = media::Glimpse {
            rel: 0,
            md5: "\x1b".repeat(10_000),
        };
        let said = outcome(SegmentOutcome {
            warnings: vec!["a\nb".into(); 1000],
            beyond: Some(glimpse),
            ..SegmentOutcome::default()
        });
        assert_eq!(
            (said.warnings.len(), said.warnings[0].as_str()),
            (100, "a b")
        );
        assert_eq!(said.beyond.expect("kept").md5, "");
    }

    #[test]
    fn impossible_probes_are_refused() {
        let good = || Probe {
            video: media::VideoFacts {
                width: 64,
                height: 64,
                ..media::VideoFacts::default()
            },
            time_base: (1, 25),
            first_pts: 0,
            frame_duration: 1,
            reorder: None,
            estimate: media::Estimate::default(),
            end_rel: None,
            frames_before_range: None,
            entries: vec![],
            seam_check: false,
            division: String::new(),
            warnings: vec![],
        };
        let limits = ProbeLimits::default();
        assert!(probe(good(), &limits).is_some());
        let entry = |pts| media::Entry {
            point: media::EntryPoint {
                position: 0,
                pts,
                seek_ts: pts,
                by_position: false,
                hidden: None,
            },
            frames_before: None,
            keyframes_before: 0,
            lead_in: None,
        };
        let wrongs: [fn(&mut Probe); 7] = [
            |p| p.end_rel = Some(-1),
            |p| p.time_base = (0, 1),
            |p| p.time_base = (1, -1),
            |p| p.video.width = 0,
            |p| p.video.height = 100_000,
            |p| p.video.claimed_duration = Some(f64::NAN),
            |p| p.video.width = 16_385,
        ];
        for wrong in wrongs {
            let mut changed = good();
            wrong(&mut changed);
            assert!(probe(changed, &limits).is_none());
        }
        let mut disordered = good();
        disordered.entries = vec![entry(2), entry(1)];
        assert!(probe(disordered, &limits).is_none());
        let mut many = good();
        many.entries = (0..1000).map(entry).collect();
        assert!(probe(many, &limits).is_none());
    }
}
