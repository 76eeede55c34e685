//! The words that two or more of framefleet's programs share: ids, the extraction spec, task
//! messages, S3 keys, states, failure reasons, limits, the manifest.
//!
//! Absent on purpose: tokio, AWS, Redis, FFmpeg. Everything here is data and pure decisions.

pub mod config;
pub mod decoder_limits;
pub mod failure;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod manifest;
pub mod object;
pub mod rational;
pub mod scaling;
pub mod spec;
pub mod state;
pub mod task;

pub use decoder_limits::{DecoderLimit, DecoderLimits};
pub use failure::{Failure, Reason};
pub use ids::{InstanceId, TenantId, VideoId};
pub use limits::Limits;
pub use rational::Rational;
pub use spec::ExtractSpec;
pub use state::VideoState;
pub use task::Task;
