//! When the fleet grows and when it shrinks: the scaling file, alarm states, step policies.
//!
//! One file (`terraform/scaling.json`) is read by Terraform, by the local stand-in for Auto Scaling
//! and by the simulator, and the last two decide with the functions here. Absent: clocks, AWS calls,
//! the choice of which machines go (that is the scale-in guard's).

mod action;
mod alarm;
mod balance;
mod file;
mod metric;
mod policy;

pub use action::{ACTION_AGAIN, Watch};
pub use alarm::{Alarm, AlarmState, Comparison, DimensionName, MissingData, evaluate};
pub use balance::{bucket, launch_bucket, quotas};
pub use file::{DEFAULT_SCALING, GroupSize, ScalingError, ScalingFile};
pub use metric::{Datapoint, MetricWindow, Millis, Statistic};
pub use policy::{
    AdjustmentType, Aggregation, Capacity, PolicyType, StepAdjustment, StepPolicy, desired_after,
};
