//! The scaling file: alarms, periods and step sizes, in the words of the Terraform resources that
//! are made from it. Absent: alarms meant for people; Terraform has those alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::alarm::Alarm;
use super::policy::{AdjustmentType, StepAdjustment, StepPolicy};

/// The file that Terraform applies, as it was when this was built.
pub const DEFAULT_SCALING: &str = include_str!("../../../terraform/scaling.json");

const VERSION: u32 = 1;
/// CloudWatch: periods times their number may not pass one day for periods under an hour.
const LONGEST_RANGE_SECONDS: u64 = 86_400;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalingFile {
    pub version: u32,
    pub group: GroupSize,
    pub alarms: BTreeMap<String, Alarm>,
    pub policies: BTreeMap<String, StepPolicy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSize {
    pub min_size: u32,
    pub max_size: u32,
    /// Seconds.
    pub default_instance_warmup: u64,
}

/// The file is wrong; reading it again will not help.
#[derive(Debug, Error)]
pub enum ScalingError {
    #[error("read the scaling file: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the scaling file has version {0}; this build reads version {VERSION}")]
    Version(u32),
    #[error("the group's min_size is {min} and its max_size {max}")]
    Sizes { min: u32, max: u32 },
    #[error("alarm {name}: {message}")]
    Alarm { name: String, message: String },
    #[error("policy {name}: {message}")]
    Policy { name: String, message: String },
}

impl ScalingFile {
    pub fn parse(json: &str) -> Result<Self, ScalingError> {
        let file: Self = serde_json::from_str(json)?;
        file.check()?;
        Ok(file)
    }

    /// The policy of an alarm that is in this file.
    pub fn policy_of(&self, alarm: &Alarm) -> &StepPolicy {
        // `check` has seen that it is there.
        &self.policies[&alarm.policy]
    }

    /// Seconds until a machine launched by this policy counts as capacity.
    pub fn warmup(&self, policy: &StepPolicy) -> u64 {
        policy
            .estimated_instance_warmup
            .unwrap_or(self.group.default_instance_warmup)
    }

    fn check(&self) -> Result<(), ScalingError> {
        if self.version != VERSION {
            return Err(ScalingError::Version(self.version));
        }
        let (min, max) = (self.group.min_size, self.group.max_size);
        if min > max {
            return Err(ScalingError::Sizes { min, max });
        }
        for (name, alarm) in &self.alarms {
            let name = name.clone();
            check_alarm(alarm, &self.policies)
                .map_err(|message| ScalingError::Alarm { name, message })?;
        }
        for (name, policy) in &self.policies {
            let name = name.clone();
            check_policy(policy).map_err(|message| ScalingError::Policy { name, message })?;
        }
        Ok(())
    }
}

fn check_alarm(alarm: &Alarm, policies: &BTreeMap<String, StepPolicy>) -> Result<(), String> {
    let (period, wanted, needed) = (
        alarm.period,
        alarm.evaluation_periods,
        alarm.datapoints_to_alarm,
    );
    if !(matches!(period, 10 | 20 | 30) || (period > 0 && period.is_multiple_of(60))) {
        return Err(format!(
            "period is {period}; use 10, 20, 30 or a multiple of 60"
        ));
    }
    if alarm.namespace.starts_with("AWS/") && period < 60 {
        return Err(format!(
            "period is {period}, but AWS publishes {} once a minute",
            alarm.metric_name
        ));
    }
    if needed == 0 || needed > wanted {
        return Err(format!(
            "datapoints_to_alarm is {needed} of {wanted} evaluation_periods"
        ));
    }
    if period.saturating_mul(wanted) > LONGEST_RANGE_SECONDS {
        return Err("period times evaluation_periods is more than a day".into());
    }
    if !policies.contains_key(&alarm.policy) {
        return Err(format!("there is no policy {}", alarm.policy));
    }
    Ok(())
}

/// The rules of the EC2 Auto Scaling API Reference, page "StepAdjustment".
fn check_policy(policy: &StepPolicy) -> Result<(), String> {
    let mut steps: Vec<&StepAdjustment> = policy.step_adjustments.iter().collect();
    let low = |s: &StepAdjustment| s.metric_interval_lower_bound.unwrap_or(f64::NEG_INFINITY);
    let high = |s: &StepAdjustment| s.metric_interval_upper_bound.unwrap_or(f64::INFINITY);
    steps.sort_by(|a, b| low(a).total_cmp(&low(b)));
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return Err("it has no step_adjustments".into());
    };
    if steps.iter().any(|s| low(s) >= high(s)) {
        return Err("a step's lower bound must be below its upper bound".into());
    }
    if steps
        .iter()
        .any(|s| low(s).is_infinite() && high(s).is_infinite())
    {
        return Err("a step needs at least one bound".into());
    }
    if let Some(pair) = steps.windows(2).find(|pair| high(pair[0]) != low(pair[1])) {
        let (end, start) = (high(pair[0]), low(pair[1]));
        return Err(format!(
            "steps must join: one ends at {end}, the next starts at {start}"
        ));
    }
    if low(first) < 0.0 && low(first).is_finite() {
        return Err("the lowest step must have no lower bound".into());
    }
    if high(last) > 0.0 && high(last).is_finite() {
        return Err("the highest step must have no upper bound".into());
    }
    let percent = policy.adjustment_type == AdjustmentType::PercentChangeInCapacity;
    if policy.min_adjustment_magnitude.is_some() && !percent {
        return Err("min_adjustment_magnitude needs PercentChangeInCapacity".into());
    }
    let exact = policy.adjustment_type == AdjustmentType::ExactCapacity;
    if exact && steps.iter().any(|s| s.scaling_adjustment < 0) {
        return Err("an ExactCapacity cannot be negative".into());
    }
    Ok(())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
