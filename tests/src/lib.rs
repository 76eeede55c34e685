//! What the journeys over the whole fleet share: a caller of the REST API, the videos and what is
//! known of them, readers of archives that are not ours, and a proxy that misbehaves on request.
//!
//! Nothing here is a stand-in for what a journey is about: the fleet is real processes, a real
//! redis-server and the emulator behind the real AWS SDK.

pub mod agent_log;
pub mod archive;
pub mod caller;
pub mod chaos;
pub mod corpus;
pub mod cut;
pub mod fleet;
pub mod journey;
pub mod proxy;
pub mod reference;
