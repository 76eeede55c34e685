//! The invariants 1 to 6 of the coordination design, over the model's states.

use stateright::{Model, Property};

use crate::redis::has;
use crate::step::Step;
use crate::world::{Bounds, Doing, World};

pub const NOT_NAMED_WHILE_BUSY: &str = "1: nobody is named while it holds a task";
pub const NO_BUSY_KILL: &str = "1: nobody is terminated while it holds a task";
pub const EVERY_VIDEO_ENDS: &str = "2: every video ends";
pub const ONE_ARCHIVE: &str = "3: an archive is written once, of all fragments";
pub const ONE_COMMIT: &str = "3: one finalizer commits";
pub const CONDEMNED_RESTS: &str = "4: a condemned instance takes no task";
pub const SPARED_WORKS: &str = "4: a spared instance works again";
pub const NO_STALE_COMMIT: &str = "5: a stale finalizer does not commit";
pub const IDLE_IS_OFFERED: &str = "6: idle capacity is offered";

pub fn all() -> Vec<Property<Bounds>> {
    vec![
        Property::always(NOT_NAMED_WHILE_BUSY, |_, w: &World| {
            busy(w).all(|a| !has(w.named(), a))
        }),
        Property::always(NO_BUSY_KILL, |_, w: &World| !w.busy_kill),
        Property::always(EVERY_VIDEO_ENDS, |b: &Bounds, w: &World| {
            w.jobs.iter().all(|v| v.ended) || moves(b, w)
        }),
        Property::always(ONE_ARCHIVE, |_, w: &World| {
            !w.torn_archive && w.jobs.iter().all(|v| v.archives <= 1)
        }),
        // A Redis that forgot a commit may be told of it again; the archive is still one.
        Property::always(ONE_COMMIT, |_, w: &World| {
            w.lost || w.jobs.iter().all(|v| v.commits <= 1)
        }),
        Property::always(CONDEMNED_RESTS, |_, w: &World| {
            busy(w).all(|a| !has(w.redis.condemned & w.redis.seen, a))
        }),
        Property::always(NO_STALE_COMMIT, |_, w: &World| !w.stale_commit),
        Property::always(IDLE_IS_OFFERED, |b: &Bounds, w: &World| {
            let at_rest = |(a, _)| has(w.redis.idle & w.redis.seen, a as u8);
            let living = w.agents.iter().enumerate().filter(|(_, agent)| agent.up);
            moves(b, w) || living.into_iter().all(at_rest)
        }),
        Property::sometimes(SPARED_WORKS, |_, w: &World| w.spared_works),
        Property::sometimes("all videos end", |_, w: &World| {
            w.jobs.iter().all(|v| v.ended && v.archives == 1)
        }),
        Property::sometimes("a finalizer is taken over", |_, w: &World| {
            w.jobs.iter().any(|v| v.clock > 1 && v.commits == 1)
        }),
    ]
}

fn busy(w: &World) -> impl Iterator<Item = u8> {
    let busy = w.agents.iter().enumerate();
    busy.filter(|(_, agent)| agent.up && agent.doing != Doing::Polling)
        .map(|(a, _)| a as u8)
}

/// Something happens by itself: no fault, and nothing that only the group may want. Where nothing
/// does, the system is at rest, and must have done all it has to.
fn moves(bounds: &Bounds, w: &World) -> bool {
    let mut steps = Vec::new();
    let quiet = World {
        left: Default::default(),
        guard_calls: 0,
        replica: None,
        ..w.clone()
    };
    bounds.actions(&quiet, &mut steps);
    steps.into_iter().any(|step: Step| {
        bounds
            .next_state(&quiet, step)
            .is_some_and(|next| next != quiet)
    })
}
