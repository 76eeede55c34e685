//! Every decision that two machines could take at once, as one Lua script each in `lua/`, and a
//! typed method of the same name on [`Jobs`] (one video's countdown) or [`Fleet`] (who is idle).
//!
//! Redis decides; it is not the record. What a job is made of lies in S3, so a job that Redis has
//! lost is answered `Unknown`, and [`Jobs::restore_job`] rebuilds it from what S3 holds.
//!
//! Absent on purpose: retry loops ([`Error::advice`] says whether to try again; the caller knows
//! for how long), Redis Cluster redirections (all keys of one call share one hash tag, so a
//! cluster proxy is enough), timestamps from callers (scripts read Redis' own clock).

mod connection;
mod error;
mod fleet;
mod jobs;
mod script;
#[cfg(feature = "testing")]
pub mod testing;

pub use connection::{Connection, Options};
pub use error::{Advice, Error};
pub use fleet::{
    Begun, Candidate, Candidates, CondemnedInstance, Fleet, FleetStatus, IdleInstance, Market,
    Place, Reported, Reprieve,
};
pub use jobs::{
    Commit, Completion, Generation, JobId, JobResults, Jobs, Lease, Opening, Progress, Restoration,
    SegmentResult, Terminal, Token,
};
