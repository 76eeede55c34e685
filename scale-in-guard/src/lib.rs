//! The group's custom termination policy: Auto Scaling asks which instances may go, and only those
//! are named that are idle and have been condemned, so that none of them can take a task any more.
//!
//! Absent on purpose: terminating anything (only Auto Scaling does), scaling decisions (the alarms
//! do), and any guess. Whatever goes wrong, the answer is an empty list in time, and Auto Scaling
//! asks again.

pub mod config;
pub mod decide;
pub mod event;
pub mod guard;
pub mod metrics;
