//! Looks at instance metadata every few seconds, and carries out what `notice` decides.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::{Instant, MissedTickBehavior};

use crate::context::Context;
use crate::drain::Drain;
use crate::machine::{Machine, MetadataError, Reading};
use crate::notice::{Course, Signs, course};

pub struct Watcher {
    context: Arc<Context>,
    machine: Machine,
    drain: Drain,
    /// The last recommendation, and since when it is known.
    risk: Option<(String, Instant)>,
    course: Course,
    /// Whether the last reading succeeded; None before the first.
    heard: Option<bool>,
}

impl Watcher {
    /// Looks once, so that a machine that is about to go takes no task to begin with. None where
    /// there is no metadata to look at.
    pub async fn start(context: &Arc<Context>, drain: &Drain) -> Option<Self> {
        let Some(machine) = &context.machine else {
            tracing::info!(
                "instance metadata is disabled: no Spot notice and no termination will be heard of"
            );
            return None;
        };
        let mut watcher = Self {
            context: context.clone(),
            machine: machine.clone(),
            drain: drain.clone(),
            risk: None,
            course: Course::Work,
            heard: None,
        };
        watcher.look().await;
        Some(watcher)
    }

    /// Never ends.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(self.context.config.metadata_poll);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tick.tick().await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        match self.machine.read().await {
            Ok(reading) => {
                if self.heard == Some(false) {
                    tracing::info!("instance metadata answers now");
                }
                self.heard = Some(true);
                self.follow(reading);
            }
            // Said once: on a machine without metadata it will never be otherwise.
            Err(error) => {
                if self.heard != Some(false) {
                    self.silence(&error);
                }
                self.heard = Some(false);
            }
        }
    }

    fn silence(&self, error: &MetadataError) {
        tracing::warn!(
            %error,
            "no instance metadata: working on, but no Spot notice and no termination will be heard of until it answers"
        );
    }

    fn follow(&mut self, reading: Reading) {
        let known = self.risk.take();
        self.risk = reading.rebalance.map(|given| match known {
            Some((before, since)) if before == given => (before, since),
            _ => (given, Instant::now()),
        });
        let signs = Signs {
            interruption: reading.interruption,
            at_risk_for: self.risk.as_ref().map(|(_, since)| since.elapsed()),
            target: reading.target,
        };
        let next = course(&signs, SystemTime::now(), &self.context.config.allowance);
        if !same(next, self.course) {
            tracing::info!(course = ?next, ?signs, "instance metadata has changed our course");
        }
        match next {
            Course::Leave { left, hooked, .. } => {
                // Asked again each time: a nearer end counts, a farther one does not.
                self.drain.ask(left);
                if hooked {
                    self.drain.terminate();
                }
            }
            Course::Work | Course::Aside(_) => {
                if matches!(self.course, Course::Leave { .. }) {
                    self.drain.withdraw();
                }
            }
        }
        self.drain.stand_aside(matches!(next, Course::Aside(_)));
        self.course = next;
    }
}

/// The time that is left runs down with every look, and is no change.
fn same(a: Course, b: Course) -> bool {
    match (a, b) {
        (
            Course::Leave { why, hooked, .. },
            Course::Leave {
                why: before,
                hooked: was,
                ..
            },
        ) => (why, hooked) == (before, was),
        _ => a == b,
    }
}
