//! Step scaling policies: from the size of a breach to the capacity wanted. Pure.
//!
//! Semantics from the Amazon EC2 Auto Scaling User Guide, page "Step and simple scaling policies for
//! Amazon EC2 Auto Scaling" (sections on step adjustments, adjustment types, warm-up) and page "Set
//! the default instance warmup for an Auto Scaling group"; their examples are tests below. Step
//! scaling has no cooldown: warm-up takes its place. Absent: simple and target tracking policies,
//! instance weights.

use serde::{Deserialize, Serialize};

/// Field names are those of Terraform's `aws_autoscaling_policy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPolicy {
    pub policy_type: PolicyType,
    pub adjustment_type: AdjustmentType,
    pub metric_aggregation_type: Aggregation,
    /// Seconds; `None` takes the group's `default_instance_warmup`.
    pub estimated_instance_warmup: Option<u64>,
    /// Only with `PercentChangeInCapacity`.
    pub min_adjustment_magnitude: Option<u32>,
    pub step_adjustments: Vec<StepAdjustment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyType {
    StepScaling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdjustmentType {
    ChangeInCapacity,
    ExactCapacity,
    PercentChangeInCapacity,
}

/// How the alarm's datapoints become the one value that a step is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aggregation {
    Minimum,
    Maximum,
    Average,
}

/// Bounds are distances from the alarm's threshold; `None` is without end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepAdjustment {
    pub metric_interval_lower_bound: Option<f64>,
    pub metric_interval_upper_bound: Option<f64>,
    pub scaling_adjustment: i64,
}

/// What the group looks like to a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub min: u32,
    pub max: u32,
    pub desired: u32,
    /// In service, warm-up over, not terminating.
    pub in_service: u32,
    /// Launched or launching, warm-up not over.
    pub warming: u32,
    pub terminating: u32,
}

impl Aggregation {
    pub fn of(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        let values: Vec<f64> = values.collect();
        match self {
            Self::Minimum => values.iter().copied().reduce(f64::min),
            Self::Maximum => values.iter().copied().reduce(f64::max),
            Self::Average if values.is_empty() => None,
            Self::Average => Some(values.iter().sum::<f64>() / values.len() as f64),
        }
    }
}

impl StepPolicy {
    /// The step for a metric that is `breach` away from the threshold (negative: below it).
    pub fn step(&self, breach: f64) -> Option<&StepAdjustment> {
        let low = |s: &StepAdjustment| s.metric_interval_lower_bound.unwrap_or(f64::NEG_INFINITY);
        let high = |s: &StepAdjustment| s.metric_interval_upper_bound.unwrap_or(f64::INFINITY);
        let above = |s: &&StepAdjustment| low(s) <= breach && breach < high(s);
        let below = |s: &&StepAdjustment| low(s) < breach && breach <= high(s);
        // Exactly at the threshold either reading may be meant: steps upward are tried first.
        let steps = &self.step_adjustments;
        match breach < 0.0 {
            true => steps.iter().find(below),
            false => steps
                .iter()
                .find(above)
                .or_else(|| (breach == 0.0).then(|| steps.iter().find(below)).flatten()),
        }
    }

    /// Instances to add (or, negative, to take away) from `base`.
    fn change(&self, adjustment: i64, base: i64) -> i64 {
        match self.adjustment_type {
            AdjustmentType::ChangeInCapacity => adjustment,
            AdjustmentType::ExactCapacity => adjustment - base,
            AdjustmentType::PercentChangeInCapacity => {
                let exact = base as f64 * adjustment as f64 / 100.0;
                // Towards zero, but a fraction of one instance is one.
                let whole = match exact != 0.0 && exact.abs() < 1.0 {
                    true => exact.signum() as i64,
                    false => exact.trunc() as i64,
                };
                let least = i64::from(self.min_adjustment_magnitude.unwrap_or(0));
                adjustment.signum() * whole.abs().max(least)
            }
        }
    }
}

/// The desired capacity after the alarm's action ran with a metric `breach` away from the threshold.
///
/// Growing counts from what has warmed up, so a second alarm during a warm-up adds only what the
/// first did not. Shrinking counts from what is there, those on their way out included, and waits
/// while anything is still warming up.
pub fn desired_after(policy: &StepPolicy, breach: f64, capacity: &Capacity) -> u32 {
    let Some(step) = policy.step(breach) else {
        return capacity.desired;
    };
    let in_service = i64::from(capacity.in_service);
    let desired = i64::from(capacity.desired);
    let (min, max) = (i64::from(capacity.min), i64::from(capacity.max));
    let grown = in_service + policy.change(step.scaling_adjustment, in_service);
    let present = in_service + i64::from(capacity.terminating);
    let shrunk = present + policy.change(step.scaling_adjustment, present);
    let out = match policy.adjustment_type {
        AdjustmentType::ExactCapacity => step.scaling_adjustment >= desired,
        _ => step.scaling_adjustment >= 0,
    };
    let wanted = match out {
        true => grown.clamp(min, max).max(desired),
        false if capacity.warming > 0 => desired,
        false => shrunk.clamp(min, max).min(desired),
    };
    wanted.clamp(0, i64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use AdjustmentType::*;

    fn policy(
        adjustment_type: AdjustmentType,
        steps: &[(Option<f64>, Option<f64>, i64)],
    ) -> StepPolicy {
        StepPolicy {
            policy_type: PolicyType::StepScaling,
            adjustment_type,
            metric_aggregation_type: Aggregation::Average,
            estimated_instance_warmup: None,
            min_adjustment_magnitude: None,
            step_adjustments: steps
                .iter()
                .map(|&(low, high, by)| StepAdjustment {
                    metric_interval_lower_bound: low,
                    metric_interval_upper_bound: high,
                    scaling_adjustment: by,
                })
                .collect(),
        }
    }

    fn capacity(desired: u32, in_service: u32, warming: u32, terminating: u32) -> Capacity {
        Capacity {
            min: 0,
            max: 100,
            desired,
            in_service,
            warming,
            terminating,
        }
    }

    /// The guide's example: threshold 50, percent of the group.
    fn guide_out() -> StepPolicy {
        policy(
            PercentChangeInCapacity,
            &[
                (Some(0.0), Some(10.0), 0),
                (Some(10.0), Some(20.0), 10),
                (Some(20.0), None, 30),
            ],
        )
    }

    fn guide_in() -> StepPolicy {
        policy(
            PercentChangeInCapacity,
            &[
                (Some(-10.0), Some(0.0), 0),
                (Some(-20.0), Some(-10.0), -10),
                (None, Some(-20.0), -30),
            ],
        )
    }

    #[test]
    fn the_guides_walk_up_and_down() {
        for (policy, metric, capacity, expected) in [
            (guide_out(), 55.0, capacity(10, 10, 0, 0), 10),
            (guide_out(), 60.0, capacity(10, 10, 0, 0), 11),
            (guide_out(), 70.0, capacity(11, 11, 0, 0), 14),
            (guide_in(), 45.0, capacity(14, 14, 0, 0), 14),
            (guide_in(), 40.0, capacity(14, 14, 0, 0), 13),
            (guide_in(), 30.0, capacity(13, 13, 0, 0), 10),
            // During the warm-up of the eleventh.
            (guide_out(), 62.0, capacity(11, 10, 1, 0), 11),
            (guide_out(), 70.0, capacity(11, 10, 1, 0), 13),
        ] {
            assert_eq!(
                desired_after(&policy, metric - 50.0, &capacity),
                expected,
                "metric {metric}, {capacity:?}"
            );
        }
    }

    #[test]
    fn bounds_are_inclusive_on_the_side_of_the_threshold() {
        let by = |policy: &StepPolicy, breach| policy.step(breach).map(|s| s.scaling_adjustment);
        for (breach, expected) in [
            (0.0, Some(0)),
            (9.9, Some(0)),
            (10.0, Some(10)),
            (20.0, Some(30)),
            (-1.0, None),
        ] {
            assert_eq!(by(&guide_out(), breach), expected, "{breach}");
        }
        for (breach, expected) in [
            (0.0, Some(0)),
            (-9.9, Some(0)),
            (-10.0, Some(-10)),
            (-20.0, Some(-30)),
            (1.0, None),
        ] {
            assert_eq!(by(&guide_in(), breach), expected, "{breach}");
        }
    }

    #[test]
    fn percentages_round_towards_zero_and_never_to_nothing() {
        let percent = |by| policy(PercentChangeInCapacity, &[(Some(0.0), None, by)]);
        for (by, in_service, expected) in [
            (127, 10, 22),  // 12.7 becomes 12
            (67, 1, 2),     // 0.67 becomes 1
            (-58, 1, 0),    // -0.58 becomes -1
            (-667, 1, 0),   // below the minimum: held at it
            (-67, 10, 4),   // -6.7 becomes -6
            (900, 20, 100), // above the maximum: held at it
        ] {
            let capacity = capacity(in_service, in_service, 0, 0);
            assert_eq!(
                desired_after(&percent(by), 1.0, &capacity),
                expected,
                "{by}"
            );
        }
        let mut at_least_two = percent(25);
        at_least_two.min_adjustment_magnitude = Some(2);
        assert_eq!(desired_after(&at_least_two, 1.0, &capacity(4, 4, 0, 0)), 6);
        assert_eq!(desired_after(&at_least_two, 1.0, &capacity(0, 0, 0, 0)), 2);
    }

    #[test]
    fn changes_and_exact_sizes() {
        let all = |kind, by| policy(kind, &[(Some(0.0), None, by)]);
        for (kind, by, capacity, expected, why) in [
            (ChangeInCapacity, 5, capacity(3, 3, 0, 0), 8, "the guide's"),
            (ExactCapacity, 5, capacity(3, 3, 0, 0), 5, "the guide's"),
            (ExactCapacity, 5, capacity(9, 9, 0, 0), 5, "down as well"),
            (ExactCapacity, 0, capacity(9, 9, 0, 0), 0, "to nothing"),
            (
                ExactCapacity,
                2,
                capacity(9, 8, 1, 0),
                9,
                "waits for warm-up",
            ),
            (ChangeInCapacity, 5, capacity(0, 0, 0, 0), 5, "from nothing"),
            (
                ChangeInCapacity,
                5,
                capacity(5, 0, 5, 0),
                5,
                "the same step again",
            ),
            (
                ChangeInCapacity,
                9,
                capacity(5, 0, 5, 0),
                9,
                "a larger step",
            ),
            (
                ChangeInCapacity,
                2,
                capacity(5, 0, 5, 0),
                5,
                "a smaller step",
            ),
            (
                ChangeInCapacity,
                -2,
                capacity(5, 4, 1, 0),
                5,
                "waits for warm-up",
            ),
            (ChangeInCapacity, -2, capacity(5, 5, 0, 0), 3, "shrinks"),
            (
                ChangeInCapacity,
                -2,
                capacity(3, 3, 0, 2),
                3,
                "those leaving count",
            ),
            (
                ChangeInCapacity,
                -2,
                capacity(3, 5, 0, 0),
                3,
                "the guard has not found them",
            ),
            (
                ChangeInCapacity,
                1,
                capacity(3, 5, 0, 0),
                6,
                "growth calls them back",
            ),
            (
                ChangeInCapacity,
                -9,
                capacity(5, 5, 0, 0),
                0,
                "never below the minimum",
            ),
            (
                ChangeInCapacity,
                0,
                capacity(5, 5, 0, 0),
                5,
                "a step of nothing",
            ),
        ] {
            let policy = all(kind, by);
            assert_eq!(desired_after(&policy, 1.0, &capacity), expected, "{why}");
        }
    }

    #[test]
    fn aggregation_of_the_alarms_datapoints() {
        let values = [2.0, 4.0, 9.0];
        for (aggregation, expected) in [
            (Aggregation::Minimum, 2.0),
            (Aggregation::Maximum, 9.0),
            (Aggregation::Average, 5.0),
        ] {
            assert_eq!(aggregation.of(values.into_iter()), Some(expected));
            assert_eq!(aggregation.of(std::iter::empty()), None);
        }
    }
}
