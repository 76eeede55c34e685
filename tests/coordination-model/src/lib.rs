//! The whole protocol in small: agents, guard, Auto Scaling, FIFO queue, Redis and finalizer, with
//! everything that may go wrong, explored by stateright.
//!
//! [`redis`] is the model of the Lua scripts; `tests/replay.rs` holds it to the real ones, reply by
//! reply. [`world`] is the state around it, [`step`] what may happen, [`properties`] what must hold.
//!
//! Time is absent. A lease runs out, a reprieve comes due and a quarantine ends as steps of their
//! own, each allowed only where the real durations allow it: five minutes and ten seconds are both
//! longer than the two seconds in which Auto Scaling acts on an answer or forgets it.

pub mod properties;
pub mod redis;
pub mod step;
pub mod symmetry;
pub mod world;
