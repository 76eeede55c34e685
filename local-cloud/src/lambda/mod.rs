//! The Lambda service, as far as our functions can see it: the runtime API they fetch their work
//! from, one sandbox process a function, and the event source mapping that feeds it from SQS.
//!
//! Absent: concurrency above one, versions, layers, and every way to invoke but ours.

mod batch;
mod function;
mod mapping;
mod runtime_api;

pub use function::{Function, InvokeError, Settings};
pub use mapping::{Mapping, run as run_mapping};
