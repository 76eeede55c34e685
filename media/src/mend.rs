//! Timestamps that leave the line and come back to it, in codecs whose pictures are shown in the order
//! in which they are coded. Such a frame takes its place between its neighbours, and nothing after it
//! is moved: so it is the same for a worker that never reads it.

use std::collections::VecDeque;

use ffmpeg_next::Packet;

use crate::access::Access;
use crate::error::MediaError;
use crate::ffi;
use crate::input::VideoInput;

/// So many packets are looked at to see whether a timestamp comes back to the line. A clock that stays
/// away for longer has jumped.
const LOOKAHEAD: usize = 16;
/// The same where each picture is large, and most are never read.
const LOOKAHEAD_INTRA: usize = 3;

/// So many packets are read before one is given out.
pub fn lookahead(access: Access) -> usize {
    match access.codec {
        codec if !codec.divisible() || codec.reorders() => 0,
        codec if codec.is_intra() => LOOKAHEAD_INTRA,
        _ => LOOKAHEAD,
    }
}

/// Where a frame belongs: `pts` of the frames from it on, `before` that of its predecessor. None: where
/// it says.
fn mended(before: i64, pts: &[i64]) -> Option<i64> {
    let (own, later) = pts.split_first()?;
    let on = later.iter().filter(|p| **p >= before).min()?;
    if (before..=*on).contains(own) {
        return None;
    }
    let steps = later.iter().position(|p| p == on)? as i128 + 2;
    let gap = i128::from(*on) - i128::from(before);
    Some(before + i64::try_from(gap / steps).ok()?)
}

/// Whether the first of these cannot be where it says: a later one is shown before it.
fn contradicted(pts: &[i64]) -> bool {
    pts.iter().skip(1).any(|p| *p < pts[0])
}

/// Packets in order, each with a timestamp that its followers do not contradict.
pub struct Mender {
    /// None: the codec reorders pictures, or we do not know.
    access: Option<Access>,
    window: VecDeque<Packet>,
    before: Option<i64>,
    ended: bool,
    /// Where the next segment begins: pts and byte position.
    border: Option<(i64, u64)>,
    /// At that pts there was another keyframe first.
    pub misled: bool,
    /// So many timestamps were wrong.
    pub count: u64,
    /// The first timestamp was, and nothing before it tells the right one.
    pub lost: bool,
}

impl Mender {
    /// `first`: a packet that was read already. `border`: where the next segment begins, pts and byte
    /// position.
    pub fn new(input: &VideoInput, first: Option<Packet>, border: Option<(i64, u64)>) -> Self {
        let access = Access::of(input);
        Self {
            access: (lookahead(access) > 0).then_some(access),
            window: first.into_iter().collect(),
            before: None,
            ended: false,
            border,
            misled: false,
            count: 0,
            lost: false,
        }
    }

    /// Goes on from another place.
    pub fn restart(&mut self, first: Packet) {
        self.window = [first].into();
        self.before = None;
        self.ended = false;
        self.lost = false;
    }

    pub fn next(&mut self, input: &mut VideoInput) -> Result<Option<Packet>, MediaError> {
        let ahead = self.access.map_or(0, lookahead);
        while !self.ended && self.window.len() <= ahead {
            match input.next_packet()? {
                Some(packet) => self.window.push_back(packet),
                None => self.ended = true,
            }
        }
        let mut packet = self.window.pop_front();
        if let (Some(access), Some(packet)) = (self.access, &mut packet) {
            self.mend(access, packet);
        }
        if let Some(packet) = &packet {
            self.watch_border(packet);
        }
        Ok(packet)
    }

    /// A clock that begins anew shows the same times twice, and an index by time keeps one of them.
    fn watch_border(&mut self, packet: &Packet) {
        if let Some((pts, position)) = self.border
            && packet.pts() == Some(pts)
            && packet.is_key()
            && !ffi::is_hidden(packet)
        {
            self.misled |= packet.position().max(0) as u64 != position;
            self.border = None;
        }
    }

    fn mend(&mut self, access: Access, packet: &mut Packet) {
        let Some(own) = shown_at(access, packet) else {
            return;
        };
        let later = self.window.iter().filter_map(|p| shown_at(access, p));
        let line: Vec<i64> = std::iter::once(own).chain(later).collect();
        let Some(before) = self.before else {
            self.lost = contradicted(&line);
            self.before = Some(own);
            return;
        };
        let at = mended(before, &line);
        if at.is_some() {
            self.count += 1;
            // FFmpeg weighs decoding times against presentation times, and here they are the same.
            packet.set_pts(at);
            packet.set_dts(at);
        }
        self.before = Some(at.unwrap_or(own));
    }
}

/// The timestamp of the frame that a packet gives, if it gives one.
fn shown_at(access: Access, packet: &Packet) -> Option<i64> {
    let shown = access.codec.is_shown(packet.data()?) && !ffi::is_hidden(packet);
    packet.pts().filter(|_| shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole line, as a mender walks along it.
    fn walk(pts: &[i64]) -> Vec<i64> {
        let mut out: Vec<i64> = Vec::new();
        for (at, own) in pts.iter().enumerate() {
            let window = &pts[at..pts.len().min(at + LOOKAHEAD + 1)];
            let place = out.last().and_then(|before| mended(*before, window));
            out.push(place.unwrap_or(*own));
        }
        out
    }

    #[test]
    fn what_leaves_the_line_and_comes_back_is_put_on_it() {
        for (line, expected) in [
            ([0, 10, 20, 30, 40], [0, 10, 20, 30, 40]),
            // Too late, too early; one frame and two.
            ([0, 10, 500, 30, 40], [0, 10, 20, 30, 40]),
            ([0, 10, -500, 30, 40], [0, 10, 20, 30, 40]),
            ([0, 500, 510, 30, 40], [0, 10, 20, 30, 40]),
            ([0, -500, 510, 30, 40], [0, 10, 20, 30, 40]),
            // Frames of any length, gaps, and two at one time.
            ([0, 10, 10, 300, 301], [0, 10, 10, 300, 301]),
            ([0, 10, 500, 13, 40], [0, 10, 11, 13, 40]),
            // Nothing comes back: the last frame, and a clock that begins anew.
            ([0, 10, 20, 30, 500], [0, 10, 20, 30, 500]),
            ([70, 80, 90, 10, 20], [70, 80, 90, 10, 20]),
            // The first is taken at its word.
            ([500, 10, 20, 30, 40], [500, 10, 20, 30, 40]),
        ] {
            assert_eq!(walk(&line), expected, "{line:?}");
        }
        let extremes = [0, i64::MAX, i64::MIN, 30, i64::MAX];
        assert_eq!(walk(&extremes), [0, 10, 20, 30, i64::MAX]);
    }

    #[test]
    fn a_clock_that_stays_away_has_jumped() {
        let away = |frames: i64| -> Vec<i64> {
            let jumped = |n: i64| {
                if (2..2 + frames).contains(&n) {
                    9000
                } else {
                    0
                }
            };
            (0..60).map(|n| n * 10 + jumped(n)).collect()
        };
        let straight: Vec<i64> = (0..60).map(|n| n * 10).collect();
        assert_eq!(walk(&away(LOOKAHEAD as i64)), straight);
        assert_eq!(walk(&away(17))[2], 9020);
    }

    #[test]
    fn a_first_timestamp_is_contradicted_by_earlier_ones_after_it() {
        assert!(contradicted(&[500, 10, 20]));
        assert!(!contradicted(&[0, 10, 5]));
        assert!(!contradicted(&[0]));
    }
}
