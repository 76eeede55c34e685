//! Metrics on their way to alarms, and alarms on their way to policies, over fleet-core's pure code.

use std::collections::VecDeque;

use fleet_core::scaling::{
    ACTION_AGAIN, Alarm, Capacity, MetricWindow, Millis, ScalingFile, StepPolicy, Watch,
    desired_after,
};

/// Alarms of a minute and longer are evaluated every minute; high-resolution ones every 10 s.
const STANDARD_EVALUATION: Millis = 60_000;

/// One alarm, the metric it watches, and the policy it runs.
#[derive(Debug, Clone)]
pub struct Signal {
    pub name: String,
    pub alarm: Alarm,
    pub policy: StepPolicy,
    /// Seconds of warm-up of machines that the policy launches.
    pub warmup: u64,
    pub watch: Watch,
    delay: Millis,
    window: MetricWindow,
    /// Published, not yet visible: when it will be, when it was, the value.
    under_way: VecDeque<(Millis, Millis, f64)>,
}

impl Signal {
    pub fn new(name: &str, alarm: Alarm, policy: StepPolicy, warmup: u64, delay: Millis) -> Self {
        Self {
            name: name.into(),
            window: MetricWindow::new(alarm.period_millis(), alarm.window()),
            alarm,
            policy,
            warmup,
            watch: Watch::default(),
            delay,
            under_way: VecDeque::new(),
        }
    }

    /// Every alarm of the file; those of AWS' own metrics see them `queue_delay` late.
    pub fn all_of(file: &ScalingFile, delay: Millis, queue_delay: Millis) -> Vec<Self> {
        file.alarms
            .iter()
            .map(|(name, alarm)| {
                let policy = file.policy_of(alarm);
                let delay = match alarm.namespace.starts_with("AWS/") {
                    true => queue_delay,
                    false => delay,
                };
                Self::new(
                    name,
                    alarm.clone(),
                    policy.clone(),
                    file.warmup(policy),
                    delay,
                )
            })
            .collect()
    }

    pub fn evaluation_interval(&self) -> Millis {
        self.alarm
            .period_millis()
            .clamp(10_000, STANDARD_EVALUATION)
    }

    pub fn publish(&mut self, now: Millis, value: f64) {
        self.under_way.push_back((now + self.delay, now, value));
    }

    /// Evaluates the alarm; what its policy now wants, if its action runs.
    pub fn tick(&mut self, now: Millis, capacity: &Capacity) -> Option<u32> {
        let breach = self.breach(now)?;
        Some(desired_after(&self.policy, breach, capacity))
    }

    /// How far the metric is from the threshold, if the alarm's action runs now.
    pub fn breach(&mut self, now: Millis) -> Option<f64> {
        while let Some(&(visible, at, value)) = self.under_way.front() {
            if visible > now {
                break;
            }
            self.window.record(at, value);
            self.under_way.pop_front();
        }
        let datapoints = self.window.datapoints(self.alarm.statistic);
        let aggregation = self.policy.metric_aggregation_type;
        self.watch
            .look(&self.alarm, aggregation, &datapoints, now, ACTION_AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::scaling::{AlarmState, DEFAULT_SCALING};

    fn signal(name: &str) -> Signal {
        let file = ScalingFile::parse(DEFAULT_SCALING).unwrap();
        Signal::all_of(&file, 2_000, 60_000)
            .into_iter()
            .find(|signal| signal.name == name)
            .unwrap()
    }

    #[test]
    fn the_action_runs_at_once_and_then_once_a_minute() {
        let mut signal = signal("work-queued");
        let mut acted = Vec::new();
        for now in (0..200_000).step_by(1_000) {
            if (5_000..150_000).contains(&now) {
                signal.publish(now, 10.0);
            }
            if now % 10_000 == 3_000 && signal.breach(now).is_some() {
                acted.push(now);
            }
        }
        assert_eq!(acted, [13_000, 73_000, 133_000]);
        assert_eq!(signal.watch.state, AlarmState::Ok);
    }

    #[test]
    fn a_queue_metric_comes_a_minute_late() {
        let mut signal = signal("backlog");
        signal.publish(60_000, 5.0);
        assert_eq!(signal.breach(119_000), None);
        assert!(signal.breach(120_000).is_some());
    }
}
