//! What follows from the signs that instance metadata shows: a table, and nothing else.
//!
//! A *Spot interruption notice* is certain: the machine ends in two minutes. So no new work; what
//! can be finished in that time, less a margin for handing back, is finished.
//!
//! A *target state* of `Terminated` is as certain, but Auto Scaling waits in the terminating hook
//! for as long as we prolong it. So no new work, and much time for what runs.
//!
//! A *rebalance recommendation* is only a likelihood, and most machines that get one live on. New
//! work is left to the others for a while, what runs is finished without haste, and the machine is
//! offered to the guard as idle. If nobody takes it, it works again: a whole zone may get the
//! recommendation at once, and a fleet that stands still has lost more than an interruption, with
//! its hand-back, ever costs. For the same reason the agent does not end: nothing would take its
//! place, since the group's capacity rebalancing is off.
//!
//! *Standby* and the states of a warm pool are wishes of the operator: no new work while they last.

use std::time::{Duration, SystemTime};

/// What metadata says just now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// When EC2 ends the machine.
    pub interruption: Option<SystemTime>,
    /// How long the present rebalance recommendation has been known.
    pub at_risk_for: Option<Duration>,
    /// What Auto Scaling moves the instance to; None outside a group.
    pub target: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Kept of the notice for handing back and saying good-bye.
    pub margin: Duration,
    /// For running work while the terminating hook is prolonged.
    pub termination: Duration,
    /// How long a recommendation keeps new work away.
    pub aside: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    Work,
    /// No new work for now.
    Aside(Why),
    /// No new work any more; what runs ends within `left`, or is handed back.
    Leave {
        left: Duration,
        why: Why,
        /// Auto Scaling waits in its hook, and must be told when we are done.
        hooked: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Interruption,
    Termination,
    Rebalance,
    Standby,
    WarmPool,
}

pub fn course(signs: &Signs, now: SystemTime, allowance: &Allowance) -> Course {
    let target = signs.target.as_deref().unwrap_or_default();
    let hooked = is_terminated(target);
    if let Some(end) = signs.interruption {
        let left = end.duration_since(now).unwrap_or_default();
        let left = left.saturating_sub(allowance.margin);
        let why = Why::Interruption;
        return Course::Leave { left, why, hooked };
    }
    if hooked {
        let (left, why) = (allowance.termination, Why::Termination);
        return Course::Leave { left, why, hooked };
    }
    if target == "Standby" {
        return Course::Aside(Why::Standby);
    }
    if target.starts_with("Warmed:") {
        return Course::Aside(Why::WarmPool);
    }
    match signs.at_risk_for {
        Some(known) if known < allowance.aside => Course::Aside(Why::Rebalance),
        _ => Course::Work,
    }
}

/// Whether the instance is on its way out, from the group or from its warm pool.
pub fn is_terminated(target: &str) -> bool {
    matches!(target, "Terminated" | "Warmed:Terminated")
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        margin: Duration::from_secs(20),
        termination: Duration::from_secs(3600),
        aside: Duration::from_secs(300),
    };

    /// `end` is the interruption in seconds from now, `risk` how long a recommendation is known.
    fn decided(end: Option<i64>, risk: Option<u64>, target: Option<&str>) -> Course {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let at =
            |end: i64| UNIX_EPOCH + Duration::from_secs(1_000_000_u64.saturating_add_signed(end));
        let signs = Signs {
            interruption: end.map(at),
            at_risk_for: risk.map(Duration::from_secs),
            target: target.map(str::to_owned),
        };
        course(&signs, now, &ALLOWANCE)
    }

    fn leave(left: u64, why: Why, hooked: bool) -> Course {
        let left = Duration::from_secs(left);
        Course::Leave { left, why, hooked }
    }

    #[test]
    fn a_machine_without_signs_works() {
        for target in [None, Some("InService"), Some("Detached"), Some("Novel")] {
            assert_eq!(decided(None, None, target), Course::Work, "{target:?}");
        }
    }

    #[test]
    fn an_interruption_leaves_its_notice_less_the_margin() {
        for (end, left) in [(120, 100), (21, 1), (20, 0), (5, 0), (-30, 0)] {
            let want = leave(left, Why::Interruption, false);
            assert_eq!(decided(Some(end), None, Some("InService")), want, "{end}");
        }
    }

    #[test]
    fn a_termination_has_its_hook_prolonged_unless_an_interruption_comes_first() {
        let want = leave(3600, Why::Termination, true);
        assert_eq!(decided(None, None, Some("Terminated")), want);
        assert_eq!(decided(None, Some(10), Some("Warmed:Terminated")), want);
        let want = leave(100, Why::Interruption, true);
        assert_eq!(decided(Some(120), Some(10), Some("Terminated")), want);
    }

    #[test]
    fn a_recommendation_keeps_new_work_away_for_a_while_only() {
        for (known, want) in [
            (0, Course::Aside(Why::Rebalance)),
            (299, Course::Aside(Why::Rebalance)),
            (300, Course::Work),
            (9000, Course::Work),
        ] {
            assert_eq!(
                decided(None, Some(known), Some("InService")),
                want,
                "{known}"
            );
        }
        let want = leave(100, Why::Interruption, false);
        assert_eq!(decided(Some(120), Some(9000), None), want);
    }

    #[test]
    fn standby_and_the_warm_pool_keep_new_work_away_while_they_last() {
        for (target, why) in [
            ("Standby", Why::Standby),
            ("Warmed:Stopped", Why::WarmPool),
            ("Warmed:Running", Why::WarmPool),
            ("Warmed:Hibernated", Why::WarmPool),
        ] {
            assert_eq!(decided(None, Some(9000), Some(target)), Course::Aside(why));
        }
    }
}
