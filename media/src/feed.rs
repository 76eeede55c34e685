//! Which packets must be decoded so that every wanted frame comes out exactly. Pure.
//!
//! Packets are judged a group at a time: from one random access point up to the next. Pictures shown
//! before that next point but coded after it (its leading pictures) may refer to this group.

/// A packet in decode order, as far as the decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    pub pts: i64,
    /// Decoding can start here.
    pub entry: bool,
    /// It gives a frame. Some codecs have pictures that are only referred to.
    pub shown: bool,
    /// It is known that no other picture refers to it.
    pub unreferenced: bool,
    /// Its place among the pictures from one random access point to the next, by the codec's own word.
    pub order: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Decode,
    /// Nobody wants it; the decoder may leave it out if no other picture refers to it.
    OnlyIfReferred,
    Drop,
}

/// The first packets of a window, to be decided together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    pub len: usize,
    /// It ends at a random access point whose leading pictures are all in the window, or at the end.
    pub closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub uses: Vec<Use>,
    /// What follows does not need this group, so the decoder is emptied after it.
    pub drain: bool,
}

/// Longer than any reordering a codec allows, in packets.
const LOOKAHEAD: usize = 64;

/// The group at the front of `window`; None: read on. `full`: the window may not grow. `reorders`: the
/// next point may have leading pictures.
pub fn group(window: &[Item], ended: bool, full: bool, reorders: bool) -> Option<Group> {
    let next = window.iter().skip(1).position(|i| i.entry).map(|i| i + 1);
    if let Some(len) = next {
        let point = window[len];
        let past = window[len + 1..]
            .iter()
            .any(|i| i.shown && i.pts > point.pts);
        if past || ended || !reorders {
            return Some(Group { len, closed: true });
        }
    } else if ended {
        return Some(Group {
            len: window.len(),
            closed: true,
        });
    }
    let known = next.unwrap_or(window.len());
    (full && window.len() > 2 * LOOKAHEAD).then(|| Group {
        len: known.min(window.len() - LOOKAHEAD),
        closed: false,
    })
}

/// Timestamps must be distinct and in the order of the pictures, and later groups must be shown later;
/// else nothing can be foretold.
pub fn regular(window: &[Item], group: Group) -> bool {
    let mut pts: Vec<i64> = window.iter().filter(|i| i.shown).map(|i| i.pts).collect();
    pts.sort_unstable();
    if pts.windows(2).any(|w| w[0] == w[1]) {
        return false;
    }
    let next = window.iter().skip(1).position(|i| i.entry);
    let alike = &window[..next.map_or(window.len(), |at| at + 1)];
    let mut places: Vec<(i64, i64)> = alike
        .iter()
        .filter(|i| i.shown)
        .map(|i| (i.pts, i.order))
        .collect();
    places.sort_unstable();
    if places.windows(2).any(|w| w[0].1 >= w[1].1) {
        return false;
    }
    let own = window[..group.len].iter().filter(|i| i.shown);
    let Some(point) = window.get(group.len).filter(|_| group.closed) else {
        return true;
    };
    own.map(|i| i.pts).all(|p| p < point.pts)
}

/// `wanted(from, to)`: is a time asked for that a frame shown from `from` up to `to` answers?
/// `end`: no frame of the window is shown any more; None: frames follow that are not in it.
pub fn decide(
    window: &[Item],
    group: Group,
    end: Option<i64>,
    wanted: impl Fn(i64, Option<i64>) -> bool,
) -> Decision {
    let mut shown: Vec<i64> = window.iter().filter(|i| i.shown).map(|i| i.pts).collect();
    shown.sort_unstable();
    let is_wanted = |item: &Item| {
        let next = shown.partition_point(|p| *p <= item.pts);
        item.shown && wanted(item.pts, shown.get(next).copied().or(end))
    };
    let own = &window[..group.len];
    let point = window.get(group.len);
    let leading_wanted = point.is_some_and(|point| {
        let leading = window[group.len + 1..]
            .iter()
            .filter(|i| i.shown && i.pts < point.pts);
        leading.into_iter().any(is_wanted)
    });
    let mut uses: Vec<Use> = own
        .iter()
        .map(|item| {
            if is_wanted(item) {
                Use::Decode
            } else if item.unreferenced {
                Use::Drop
            } else {
                Use::OnlyIfReferred
            }
        })
        .collect();
    if !group.closed || leading_wanted {
        return Decision { uses, drain: false };
    }
    let needed = uses
        .iter()
        .rposition(|u| *u == Use::Decode)
        .map_or(0, |last| last + 1);
    uses[needed..].fill(Use::Drop);
    Decision {
        drain: needed < uses.len(),
        uses,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<Item> {
        let number = |word: &str| {
            let digits = word.trim_matches(|c: char| !c.is_ascii_digit());
            digits.parse().unwrap()
        };
        text.split_whitespace()
            .map(|word| Item {
                pts: number(word),
                entry: word.starts_with('K'),
                shown: !word.ends_with('h'),
                unreferenced: word.ends_with('u'),
                order: number(word),
            })
            .collect()
    }

    /// D: decode, o: only if referred to, -: dropped.
    fn picture(decision: &Decision) -> String {
        let letter = |u: &Use| match u {
            Use::Decode => 'D',
            Use::OnlyIfReferred => 'o',
            Use::Drop => '-',
        };
        decision.uses.iter().map(letter).collect()
    }

    #[test]
    fn groups_end_at_the_next_random_access_point_once_its_leading_pictures_are_known() {
        for (window, ended, full, expected) in [
            ("K0 4 2 1 3", false, false, None),
            ("K0 4 2 1 3", true, false, Some((5, true))),
            ("K0 4 2 1 3 K8", false, false, None),
            ("K0 4 2 1 3 K8 6", false, false, None),
            ("K0 4 2 1 3 K8 6 5 7 9", false, false, Some((5, true))),
            ("K0 4 2 1 3 K8", true, false, Some((5, true))),
        ] {
            let got = group(&items(window), ended, full, true).map(|g| (g.len, g.closed));
            assert_eq!(got, expected, "{window}");
        }
        // Nothing is shown before what was coded before it.
        let in_order = group(&items("K0 1 2 K3"), false, false, false);
        assert_eq!(in_order.map(|g| (g.len, g.closed)), Some((3, true)));
        let long: Vec<Item> = (0..200)
            .map(|pts| Item {
                pts,
                entry: pts == 0,
                shown: true,
                unreferenced: false,
                order: pts,
            })
            .collect();
        assert_eq!(group(&long, false, false, true), None);
        assert_eq!(
            group(&long, false, true, true),
            Some(Group {
                len: 136,
                closed: false
            })
        );
    }

    #[test]
    fn timestamps_must_be_in_the_order_of_the_pictures() {
        let judged = |places: &[(i64, i64)]| {
            let mut window = items("K0 4 2 1 3 K8 6 7 9");
            for (item, (pts, order)) in window.iter_mut().zip(places) {
                (item.pts, item.order) = (*pts, *order);
            }
            let group = group(&window, false, false, true).unwrap();
            regular(&window, group)
        };
        assert!(judged(&[(0, 0), (4, 8), (2, 4), (1, 2), (3, 6)]));
        // As coded, whatever the codec says; one too early; two alike.
        assert!(!judged(&[(0, 0), (1, 8), (2, 4), (3, 2), (4, 6)]));
        assert!(!judged(&[(0, 0), (4, 8), (2, 4), (3, 6), (1, 7)]));
        assert!(!judged(&[(0, 0), (4, 8), (2, 4), (1, 4), (3, 6)]));
        // The next group counts anew.
        assert!(judged(&[(0, 0), (4, 8), (2, 4), (1, 2), (3, 6), (8, 0)]));
    }

    #[test]
    fn nothing_past_the_last_wanted_frame_is_decoded() {
        for (window, times, expected, drain) in [
            ("K0 4 2 1 3 K5 6", &[0][..], "D----", true),
            ("K0 4 2 1 3 K5 6", &[2], "ooD--", true),
            ("K0 4 2 1 3 K5 6", &[3], "ooooD", false),
            ("K0 4 2 1 3 K5 6", &[5], "-----", true),
            ("K0 4 2 1 3 K5 6", &[], "-----", true),
            // Time 7 falls on a leading picture of K8, which may refer to this group.
            ("K0 4 2 1 3 K8 6 7 9", &[7], "ooooo", false),
            // A gap: time 3 still shows frame 2.
            ("K0 4 2 1 K5 6", &[3], "ooD-", true),
            // A picture that is not shown answers no time.
            ("K0 1h 2 K3 4", &[1], "D--", true),
            // Pictures that are known to be of no use to others.
            ("K0 4 2 1u 3u K5 6", &[2], "ooD--", true),
            ("K0 4 2 1u 3u K5 6", &[1], "oooD-", true),
            ("K0 4 2 1u 3u K5 6", &[3], "ooo-D", false),
        ] {
            let window = items(window);
            let group = group(&window, false, false, true).unwrap();
            assert!(regular(&window, group));
            let asked = |from: i64, to: Option<i64>| {
                times
                    .iter()
                    .any(|t| *t >= from && to.is_none_or(|to| *t < to))
            };
            let decision = decide(&window, group, None, asked);
            assert_eq!(
                (picture(&decision).as_str(), decision.drain),
                (expected, drain),
                "{window:?} {times:?}"
            );
        }
    }

    #[test]
    fn after_the_last_wanted_frame_the_videos_rest_is_left_out() {
        for (time, end, expected, drain) in [
            (2, Some(5), "ooD--", true),
            (4, Some(5), "oD---", true),
            // At the end or past it nothing is shown.
            (5, Some(5), "-----", true),
            // Where the end is not known, the last frame may be shown for ever.
            (5, None, "oD---", true),
        ] {
            let window = items("K0 4 2 1 3");
            let group = group(&window, true, false, true).unwrap();
            let asked = |from: i64, to: Option<i64>| time >= from && to.is_none_or(|to| time < to);
            let decision = decide(&window, group, end, asked);
            assert_eq!(
                (picture(&decision).as_str(), decision.drain),
                (expected, drain),
                "{time} {end:?}"
            );
        }
    }

    #[test]
    fn odd_timestamps_are_noticed() {
        for (window, expected) in [
            ("K0 2 1 K3 4", true),
            ("K0 2 2 K3 4", false),
            ("K0 2 9 K3 4", false),
        ] {
            let window = items(window);
            assert_eq!(
                regular(&window, group(&window, false, false, true).unwrap()),
                expected
            );
        }
    }
}
