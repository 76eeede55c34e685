//! What a caller may choose about the local Auto Scaling group.

use std::time::Duration;

use fleet_core::scaling::{Alarm, DEFAULT_SCALING, ScalingFile, StepAdjustment};

/// A group that grows and shrinks. The defaults are production's, but for the size.
#[derive(Debug, Clone)]
pub struct Scaling {
    pub file: ScalingFile,
    /// Alarms act. Without, only `Cloud::set_desired` changes the size.
    pub alarms: bool,
    pub min: u32,
    pub max: u32,
    /// At the start.
    pub desired: u32,
    /// Share of machines that are Spot.
    pub spot_share: f64,
    /// From the launch of a machine to the start of its agent.
    pub boot: Duration,
    /// None: as often as CloudWatch, every period, but at least every minute.
    pub evaluate_every: Option<Duration>,
    /// An alarm that stays in ALARM runs its action again after this long.
    pub act_again: Duration,
    /// How long until the guard is asked again, while the group wants fewer machines.
    pub ask_again: Duration,
    /// How many of the machines that the guard names are spared, from 0 to 1.
    pub spare: f64,
    /// How long the terminating lifecycle hook waits without a heartbeat.
    pub hook_timeout: Duration,
    /// From a Spot interruption's notice to the end.
    pub spot_notice: Duration,
}

impl Default for Scaling {
    fn default() -> Self {
        let file = ScalingFile::parse(DEFAULT_SCALING).expect("tests parse the shipped file");
        Self {
            file,
            alarms: true,
            min: 0,
            max: 4,
            desired: 0,
            spot_share: 0.8,
            boot: Duration::from_secs(40),
            evaluate_every: None,
            act_again: Duration::from_millis(fleet_core::scaling::ACTION_AGAIN),
            ask_again: Duration::from_secs(15),
            spare: 0.0,
            hook_timeout: Duration::from_secs(300),
            spot_notice: Duration::from_secs(120),
        }
    }
}

/// Work that calls one machine, where production's scaling file says 160 s.
const HURRIED_STEP_SECONDS: f64 = 1.0;
const PRODUCTION_STEP_SECONDS: f64 = 160.0;
/// CloudWatch's shortest.
const SHORTEST_PERIOD: u64 = 10;
/// One long poll of an agent, where production has 20 s.
pub const HURRIED_POLL: Duration = Duration::from_secs(5);

impl Scaling {
    /// The same group for somebody who watches: it boots, idles and shrinks in seconds, and a short
    /// video calls several machines.
    pub fn hurried(max: u32) -> Self {
        let mut scaling = Self {
            max,
            boot: Duration::from_secs(3),
            ask_again: Duration::from_secs(5),
            evaluate_every: Some(Duration::from_secs(1)),
            ..Self::default()
        };
        let idles = |alarm: &&mut Alarm| alarm.metric_name == "IdlePolls";
        for alarm in scaling.file.alarms.values_mut().filter(idles) {
            alarm.period = SHORTEST_PERIOD;
        }
        // All that poll in vain may go at once; each does so twice a period.
        let step = |n: u32| StepAdjustment {
            metric_interval_lower_bound: Some(f64::from(2 * n - 2)),
            metric_interval_upper_bound: (n < max).then(|| f64::from(2 * n)),
            scaling_adjustment: -i64::from(n),
        };
        if let Some(policy) = scaling.file.policies.get_mut("shrink-when-idle") {
            policy.step_adjustments = (1..=max.max(1)).map(step).collect();
        }
        let factor = HURRIED_STEP_SECONDS / PRODUCTION_STEP_SECONDS;
        if let Some(policy) = scaling.file.policies.get_mut("grow-with-work") {
            for step in &mut policy.step_adjustments {
                for bound in [
                    &mut step.metric_interval_lower_bound,
                    &mut step.metric_interval_upper_bound,
                ] {
                    *bound = bound.map(|bound| bound * factor);
                }
            }
        }
        scaling
    }

    /// In what a hurried group differs from production, a line each.
    pub fn differences(&self) -> Vec<String> {
        let production = Self::default();
        let seconds = |d: Duration| d.as_secs();
        let mut lines: Vec<String> = [
            (
                "a machine boots in",
                seconds(self.boot),
                seconds(production.boot),
            ),
            ("one empty poll takes", HURRIED_POLL.as_secs(), 20),
            (
                "the guard is asked again after",
                seconds(self.ask_again),
                seconds(production.ask_again),
            ),
            ("the idle alarms' periods are", SHORTEST_PERIOD, 60),
            (
                "one more machine is called by work of",
                HURRIED_STEP_SECONDS as u64,
                PRODUCTION_STEP_SECONDS as u64,
            ),
        ]
        .into_iter()
        .map(|(what, here, there)| format!("{what} {here} s (in production {there} s)"))
        .collect();
        lines.push("all idle machines may go at once (in production, half of them)".into());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hurried_file_is_one_that_terraform_would_take() {
        let hurried = Scaling::hurried(4);
        let json = serde_json::to_string(&hurried.file).unwrap();
        assert_eq!(ScalingFile::parse(&json).unwrap(), hurried.file);
        let policy = &hurried.file.policies["grow-with-work"];
        for (seconds, machines) in [(0.5, 1), (1.5, 2), (2.5, 4), (4.5, 8)] {
            let step = policy.step(seconds).unwrap();
            assert_eq!(step.scaling_adjustment, machines, "{seconds} s of work");
        }
        let policy = &hurried.file.policies["shrink-when-idle"];
        for (polls, machines) in [(1.0, -1), (2.0, -1), (4.0, -2), (8.0, -4), (99.0, -4)] {
            let step = policy.step(polls - 1.0).unwrap();
            assert_eq!(step.scaling_adjustment, machines, "{polls} polls in vain");
        }
    }

    #[test]
    fn what_is_said_of_production_is_in_the_shipped_file() {
        let shipped = Scaling::default();
        assert_eq!(shipped.file.alarms["idle"].period, 60);
        let policy = &shipped.file.policies["grow-with-work"];
        let first = policy.step_adjustments[0].metric_interval_upper_bound;
        assert_eq!(first, Some(PRODUCTION_STEP_SECONDS));
        assert_eq!(shipped.differences().len(), 6);
    }
}
