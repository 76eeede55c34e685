//! When an alarm's action runs, and how far the metric then is from the threshold. Pure.

use super::alarm::{Alarm, AlarmState, evaluate};
use super::metric::{Datapoint, Millis};
use super::policy::Aggregation;

/// An alarm's Auto Scaling action runs when it goes to ALARM, and then once a minute for as long as
/// it stays there, whatever its period (Amazon CloudWatch User Guide, page "Alarm actions").
pub const ACTION_AGAIN: Millis = 60_000;

/// One alarm over time: its state, and when its action last ran.
#[derive(Debug, Clone)]
pub struct Watch {
    pub state: AlarmState,
    acted: Option<Millis>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            state: AlarmState::InsufficientData,
            acted: None,
        }
    }
}

impl Watch {
    /// Evaluates the alarm; the distance from its threshold, if its action runs now.
    pub fn look(
        &mut self,
        alarm: &Alarm,
        aggregation: Aggregation,
        datapoints: &[Datapoint],
        now: Millis,
        again: Millis,
    ) -> Option<f64> {
        self.state = evaluate(alarm, datapoints, now, self.state);
        if self.state != AlarmState::Alarm {
            self.acted = None;
            return None;
        }
        if self.acted.is_some_and(|acted| now < acted + again) {
            return None;
        }
        self.acted = Some(now);
        let seen = alarm.in_range(datapoints, now);
        let latest = &seen[seen.len().saturating_sub(alarm.evaluation_periods as usize)..];
        let value = aggregation.of(latest.iter().map(|p| p.value))?;
        Some(value - alarm.threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling::{DEFAULT_SCALING, ScalingFile};

    #[test]
    fn the_action_runs_at_once_then_again_and_not_after_the_alarm() {
        let file = ScalingFile::parse(DEFAULT_SCALING).unwrap();
        let alarm = &file.alarms["work-queued"];
        let aggregation = file.policy_of(alarm).metric_aggregation_type;
        let point = |start| Datapoint { start, value: 7.0 };
        let mut watch = Watch::default();
        for (now, points, expected, state) in [
            (15_000, &[][..], None, AlarmState::Ok),
            (25_000, &[point(10_000)], Some(7.0), AlarmState::Alarm),
            (35_000, &[point(20_000)], None, AlarmState::Alarm),
            (85_000, &[point(70_000)], Some(7.0), AlarmState::Alarm),
            (145_000, &[], None, AlarmState::Ok),
            (155_000, &[point(140_000)], Some(7.0), AlarmState::Alarm),
        ] {
            let ran = watch.look(alarm, aggregation, points, now, ACTION_AGAIN);
            assert_eq!((ran, watch.state), (expected, state), "{now}");
        }
    }
}
