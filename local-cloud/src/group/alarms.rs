//! Alarms over the group's metrics, and the step policies that they run.

use std::collections::BTreeMap;
use std::time::Duration;

use fleet_core::scaling::{Alarm, AlarmState, Millis, Watch, desired_after};

use super::settings::Scaling;
use super::status::What;
use super::{Group, now};

/// SQS publishes its metrics so often.
const QUEUE_METRIC_EVERY: Duration = Duration::from_secs(60);
/// CloudWatch evaluates alarms of a minute and longer every minute; shorter ones every 10 s.
const EVALUATIONS: std::ops::RangeInclusive<Millis> = 10_000..=60_000;

#[derive(Debug, Default)]
pub struct Watched {
    pub watch: Watch,
    due: Millis,
}

pub fn watched(scaling: &Scaling) -> BTreeMap<String, Watched> {
    let names = scaling.file.alarms.keys().cloned();
    names.map(|name| (name, Watched::default())).collect()
}

/// When an alarm is evaluated after `now`.
fn next(scaling: &Scaling, alarm: &Alarm, now: Millis) -> Millis {
    let usual = alarm
        .period_millis()
        .clamp(*EVALUATIONS.start(), *EVALUATIONS.end());
    let every = scaling.evaluate_every;
    now + every.map_or(usual, |d| u64::try_from(d.as_millis()).unwrap_or(usual))
}

impl Group {
    /// Evaluates the alarms that are due, and runs the policies of those whose action runs.
    pub(super) async fn look_at_alarms(&self) {
        let Some(scaling) = self.scaling.as_ref().filter(|s| s.alarms) else {
            return;
        };
        let now = now();
        let due: Vec<(&String, &Alarm)> = {
            let mut state = self.state();
            let mut due = Vec::new();
            for (name, alarm) in &scaling.file.alarms {
                if let Some(watched) = state.watches.get_mut(name)
                    && watched.due <= now
                {
                    watched.due = next(scaling, alarm, now);
                    due.push((name, alarm));
                }
            }
            due
        };
        if due.is_empty() {
            return;
        }
        let read = match self.edges.metrics.read(&due, now).await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "the alarms see nothing this time");
                return;
            }
        };
        for (name, alarm) in due {
            let datapoints = read.get(name).map_or(&[][..], Vec::as_slice);
            self.look(scaling, name, alarm, datapoints, now);
        }
    }

    fn look(
        &self,
        scaling: &Scaling,
        name: &str,
        alarm: &Alarm,
        datapoints: &[fleet_core::scaling::Datapoint],
        now: Millis,
    ) {
        let policy = scaling.file.policy_of(alarm);
        let again = u64::try_from(scaling.act_again.as_millis()).unwrap_or(u64::MAX);
        let mut state = self.state();
        let Some(watched) = state.watches.get_mut(name) else {
            return;
        };
        let before = watched.watch.state;
        let aggregation = policy.metric_aggregation_type;
        let breach = watched
            .watch
            .look(alarm, aggregation, datapoints, now, again);
        let after = watched.watch.state;
        // Going from "no data yet" to OK is not worth a line.
        if after != before && (after == AlarmState::Alarm || before == AlarmState::Alarm) {
            self.log.add(What::Alarm {
                name: name.to_owned(),
                state: after,
                value: alarm.in_range(datapoints, now).last().map(|p| p.value),
            });
        }
        let Some(breach) = breach else {
            return;
        };
        let capacity = state
            .roster
            .capacity((scaling.min, scaling.max), state.desired, now);
        let to = desired_after(policy, breach, &capacity);
        drop(state);
        self.change_desired(to, name);
    }

    /// Feeds the `backlog` alarm.
    pub(super) async fn feed_the_queues_metric(&self) {
        let mut tick = tokio::time::interval(QUEUE_METRIC_EVERY);
        loop {
            tick.tick().await;
            if let Err(error) = self.edges.metrics.publish_queue().await {
                tracing::warn!(%error, "the queue's metric is missing this time");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_evaluated_as_often_as_cloudwatch_does_unless_hurried() {
        let scaling = Scaling::default();
        let hurried = Scaling::hurried(1);
        for (name, usual) in [
            ("work-queued", 10_000),
            ("idle-several", 30_000),
            ("idle", 60_000),
        ] {
            let alarm = &scaling.file.alarms[name];
            assert_eq!(next(&scaling, alarm, 5), 5 + usual, "{name}");
            assert_eq!(next(&hurried, alarm, 5), 1_005, "{name}");
        }
    }
}
