//! The ways to size the fleet that are compared: our alarms and steps, target tracking on the
//! backlog per machine, and a fixed number.

use std::collections::BTreeMap;

use fleet_core::scaling::{
    AdjustmentType, Aggregation, Alarm, Capacity, Comparison, DimensionName, Millis, MissingData,
    PolicyType, ScalingFile, Statistic, StepPolicy,
};

use crate::guard::Guard;
use crate::model::{Model, millis};
use crate::signal::Signal;

/// What an agent, a handler or the queue publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    WorkQueued,
    IdlePolls,
    /// Messages that nobody has received.
    Visible,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::WorkQueued => "WorkQueuedSeconds",
            Self::IdlePolls => "IdlePolls",
            Self::Visible => "ApproximateNumberOfMessagesVisible",
        }
    }
}

/// One way to run the fleet.
#[derive(Debug, Clone)]
pub struct Strategy {
    pub name: String,
    pub sizing: Sizing,
    pub guard: Guard,
    pub min: u32,
    pub max: u32,
}

#[derive(Debug, Clone)]
pub enum Sizing {
    Steps(ScalingFile),
    /// Messages a machine should have waiting.
    TargetTracking {
        backlog_per_machine: f64,
    },
    Fixed(u32),
}

#[derive(Debug)]
pub enum Scaler {
    Steps(Vec<Signal>),
    TargetTracking { target: f64, alarms: Vec<Signal> },
    Fixed,
}

/// A decision of an alarm's action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub desired: u32,
    /// Seconds of warm-up for machines that it launches.
    pub warmup: u64,
}

impl Strategy {
    pub fn ours(file: &ScalingFile) -> Self {
        Self {
            name: "steps + guard".into(),
            sizing: Sizing::Steps(file.clone()),
            guard: Guard::Condemns,
            min: file.group.min_size,
            max: file.group.max_size,
        }
    }

    pub fn scaler(&self, model: &Model) -> Scaler {
        let delay = millis(model.metric_delay);
        let queue_delay = millis(model.queue_metric_delay);
        match &self.sizing {
            Sizing::Steps(file) => Scaler::Steps(Signal::all_of(file, delay, queue_delay)),
            Sizing::TargetTracking {
                backlog_per_machine,
            } => Scaler::TargetTracking {
                target: *backlog_per_machine,
                alarms: tracking_alarms(*backlog_per_machine, queue_delay),
            },
            Sizing::Fixed(_) => Scaler::Fixed,
        }
    }

    pub fn initial(&self) -> u32 {
        match self.sizing {
            Sizing::Fixed(machines) => machines,
            _ => self.min,
        }
    }
}

impl Scaler {
    pub fn signals(&self) -> &[Signal] {
        match self {
            Self::Steps(alarms) | Self::TargetTracking { alarms, .. } => alarms,
            Self::Fixed => &[],
        }
    }

    /// `in_service` is what a metric per machine is divided by.
    pub fn publish(&mut self, metric: Metric, now: Millis, value: f64, in_service: u32) {
        match self {
            Self::Steps(signals) => signals
                .iter_mut()
                .filter(|signal| signal.alarm.metric_name == metric.name())
                .for_each(|signal| signal.publish(now, value)),
            Self::TargetTracking { alarms, .. } if metric == Metric::Visible => {
                let each = value / f64::from(in_service.max(1));
                alarms.iter_mut().for_each(|alarm| alarm.publish(now, each));
            }
            _ => {}
        }
    }

    pub fn tick(&mut self, index: usize, now: Millis, capacity: &Capacity) -> Option<Decision> {
        match self {
            Self::Steps(signals) => {
                let signal = &mut signals[index];
                signal.tick(now, capacity).map(|desired| Decision {
                    desired,
                    warmup: signal.warmup,
                })
            }
            Self::TargetTracking { target, alarms } => {
                let signal = &mut alarms[index];
                let metric = signal.breach(now)? + signal.alarm.threshold;
                let desired = tracked(metric / *target, capacity, index == 0)?;
                let warmup = signal.warmup;
                Some(Decision { desired, warmup })
            }
            Self::Fixed => None,
        }
    }
}

/// In proportion to the metric, outward from what is warm, inward only when nothing warms up.
fn tracked(ratio: f64, capacity: &Capacity, outward: bool) -> Option<u32> {
    let wanted = (f64::from(capacity.in_service.max(1)) * ratio).ceil();
    let wanted = (wanted as u32).clamp(capacity.min, capacity.max);
    match outward {
        true => Some(wanted.max(capacity.desired)),
        false if capacity.warming > 0 => None,
        false => Some(wanted.min(capacity.desired)),
    }
}

/// The two alarms that Auto Scaling makes for a target tracking policy: 3 periods of a minute above
/// the target grow the group, 15 well below it shrink it (Amazon EC2 Auto Scaling User Guide, page
/// "Target tracking scaling policies").
fn tracking_alarms(target: f64, delay: Millis) -> Vec<Signal> {
    const WARMUP: u64 = 60;
    let alarm = |name: &str, comparison_operator, threshold, periods| {
        let alarm = Alarm {
            description: name.into(),
            namespace: "AWS/SQS".into(),
            metric_name: "BacklogPerInstance".into(),
            dimensions: BTreeMap::from([("QueueName".into(), DimensionName::TaskQueue)]),
            statistic: Statistic::Average,
            period: 60,
            evaluation_periods: periods,
            datapoints_to_alarm: periods,
            comparison_operator,
            threshold,
            treat_missing_data: MissingData::Missing,
            policy: "tracking".into(),
        };
        // Only its aggregation is used: the size comes from the ratio, not from steps.
        let policy = StepPolicy {
            policy_type: PolicyType::StepScaling,
            adjustment_type: AdjustmentType::ExactCapacity,
            metric_aggregation_type: Aggregation::Average,
            estimated_instance_warmup: Some(WARMUP),
            min_adjustment_magnitude: None,
            step_adjustments: Vec::new(),
        };
        Signal::new(name, alarm, policy, WARMUP, delay)
    };
    vec![
        alarm("above", Comparison::GreaterThanThreshold, target, 3),
        alarm("below", Comparison::LessThanThreshold, 0.9 * target, 15),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracking_is_proportional_and_waits_for_warm_up_before_it_shrinks() {
        let capacity = |in_service, warming, desired| Capacity {
            min: 1,
            max: 50,
            desired,
            in_service,
            warming,
            terminating: 0,
        };
        for (ratio, capacity, outward, expected) in [
            (3.0, capacity(4, 0, 4), true, Some(12)),
            (3.0, capacity(4, 8, 12), true, Some(12)),
            (30.0, capacity(4, 0, 4), true, Some(50)),
            (5.0, capacity(0, 0, 0), true, Some(5)),
            (0.0, capacity(9, 0, 9), false, Some(1)),
            (0.5, capacity(9, 0, 9), false, Some(5)),
            (0.5, capacity(9, 1, 10), false, None),
        ] {
            assert_eq!(
                tracked(ratio, &capacity, outward),
                expected,
                "{ratio} {capacity:?}"
            );
        }
    }
}
