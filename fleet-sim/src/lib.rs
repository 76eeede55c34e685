//! The fleet simulator: thousands of machines and a million segments in seconds, over the very code
//! that decides in production (fleet-core's alarms and step policies, the scale-in guard's choice).
//!
//! Absent: video, network, Redis. A task is some seconds of one core.

pub mod cli;
pub mod compare;
pub mod engine;
pub mod grid;
pub mod guard;
pub mod model;
pub mod outcome;
pub mod plot;
pub mod report;
pub mod scaler;
pub mod workload;

mod agenda;
mod group;
mod lifecycle;
mod machine;
mod signal;
mod work;
