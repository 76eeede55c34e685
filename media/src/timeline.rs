//! Presentation times of decoded frames, made whole: a frame without one, or with one that goes
//! back, takes its predecessor's plus the nominal frame duration. Pure.

#[derive(Debug, Clone)]
pub struct Timeline {
    first_pts: i64,
    /// Ticks a frame, where neither frame nor container says.
    nominal: i64,
    /// Added to every timestamp since the clock last jumped back.
    shift: i64,
    last: Option<Placed>,
    pub missing: u64,
    pub backward: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub pts: i64,
    /// Ticks from the first frame of the video.
    pub rel: i64,
    pub duration: i64,
}

impl Timeline {
    pub fn new(first_pts: i64, nominal: i64) -> Self {
        Self {
            first_pts,
            nominal: nominal.max(1),
            shift: 0,
            last: None,
            missing: 0,
            backward: 0,
        }
    }

    pub fn place(&mut self, pts: Option<i64>, duration: i64) -> Placed {
        let duration = if duration > 0 { duration } else { self.nominal };
        let expected = self
            .last
            .map_or(self.first_pts, |l| l.pts.saturating_add(l.duration));
        let mut at = match pts {
            Some(pts) => pts.saturating_add(self.shift),
            None => {
                self.missing += 1;
                expected
            }
        };
        if let Some(last) = self.last
            && at < last.pts
        {
            self.backward += 1;
            self.shift = self.shift.saturating_add(expected.saturating_sub(at));
            at = expected;
        }
        let placed = Placed {
            pts: at,
            rel: at.saturating_sub(self.first_pts),
            duration,
        };
        self.last = Some(placed);
        placed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_jumps_are_bridged() {
        let mut t = Timeline::new(100, 10);
        let rels: Vec<i64> = [
            Some(100),
            Some(110),
            None,
            Some(130),
            Some(130),
            Some(50),
            Some(60),
        ]
        .into_iter()
        .map(|pts| t.place(pts, 0).rel)
        .collect();
        assert_eq!(rels, [0, 10, 20, 30, 30, 40, 50]);
        assert_eq!((t.missing, t.backward), (1, 1));
    }

    #[test]
    fn a_frames_own_duration_wins_over_the_nominal_one() {
        let mut t = Timeline::new(0, 10);
        assert_eq!(
            t.place(Some(0), 25),
            Placed {
                pts: 0,
                rel: 0,
                duration: 25
            }
        );
        assert_eq!(t.place(None, 0).rel, 25);
    }
}
