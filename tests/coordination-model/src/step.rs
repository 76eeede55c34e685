//! What may happen next.

use stateright::{Model, Property};

use crate::properties;
use crate::redis::{Begun, Commit, Completion, End, Mutant, Reprieve, Restoration, bit, has};
use crate::symmetry::canonical;
use crate::world::{Agent, At, Bounds, Doing, Guard, Message, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    ReportIdle(u8),
    /// Receive a message and call begin_task.
    Take {
        a: u8,
        j: u8,
        s: u8,
    },
    /// Write the fragment (again) and call complete_segment; then die, if so decided.
    Complete {
        a: u8,
        dies: bool,
    },
    Restore(u8),
    Fence(u8),
    WriteArchive(u8),
    Commit(u8),
    Reprieve(u8),
    GuardReads(u8),
    GuardCondemns,
    GuardAnswers,
    GuardIsLate,
    Retire(u8),
    Terminate(u8),
    Spare(u8),
    Launch(u8),
    Crash(u8),
    /// The visibility timeout of a message ends.
    Return {
        j: u8,
        s: u8,
    },
    LeaseEnds(u8),
    Cancel(u8),
    Wipe,
    ReplicaStops,
    FailOver,
    Settle,
}

impl Model for Bounds {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::start(self)]
    }

    fn actions(&self, w: &World, steps: &mut Vec<Step>) {
        for a in 0..self.agents {
            agent_steps(w, a, steps);
        }
        for (j, video) in w.jobs.iter().enumerate() {
            let j = j as u8;
            for (s, message) in video.messages.iter().enumerate() {
                if let Message::Held(a) = message
                    && (!holds(&w.agents[usize::from(*a)], j, s as u8) || w.left.redeliveries > 0)
                {
                    steps.push(Step::Return { j, s: s as u8 });
                }
            }
            if w.redis.jobs[usize::from(j)].lease && (!led(w, j) || w.left.pauses > 0) {
                steps.push(Step::LeaseEnds(j));
            }
            if w.left.cancels > 0 && !video.ended {
                steps.push(Step::Cancel(j));
            }
        }
        match w.guard {
            Guard::Asleep => {}
            Guard::Chose(_) => steps.push(Step::GuardCondemns),
            Guard::Answers(_) => {
                steps.push(Step::GuardAnswers);
                if w.left.slow_answers > 0 {
                    steps.push(Step::GuardIsLate);
                }
            }
        }
        if w.left.wipes > 0 {
            steps.push(Step::Wipe);
        }
        if w.left.failovers > 0 && w.replica.is_none() {
            steps.push(Step::ReplicaStops);
        }
        if w.replica.is_some() {
            steps.push(Step::FailOver);
        }
        if w.redis.unsettled && w.named() == 0 {
            steps.push(Step::Settle);
        }
        if self.strict {
            steps.retain(|step| self.next_state(w, *step).is_some());
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut w = before.clone();
        self.apply(&mut w, step);
        let after = canonical(w);
        (after != *before).then_some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

fn agent_steps(w: &World, a: u8, steps: &mut Vec<Step>) {
    let agent = &w.agents[usize::from(a)];
    if has(w.offered, a) {
        steps.push(Step::Terminate(a));
        steps.push(Step::Spare(a));
    }
    if !agent.up {
        if w.named() & bit(a) == 0 && !w.anybody() && w.jobs.iter().any(|v| !v.ended) {
            steps.push(Step::Launch(a));
        }
        return;
    }
    if w.left.crashes > 0 {
        steps.push(Step::Crash(a));
    }
    if w.left.retirements > 0 && agent.doing != Doing::Polling {
        steps.push(Step::Retire(a));
    }
    if w.guard == Guard::Asleep
        && w.guard_calls > 0
        && (has(w.redis.idle, a) || has(w.redis.condemned, a))
        && !has(w.offered, a)
    {
        steps.push(Step::GuardReads(a));
    }
    match agent.doing {
        Doing::Polling => {
            steps.push(Step::ReportIdle(a));
            if agent.stopped || has(w.redis.condemned, a) {
                steps.push(Step::Reprieve(a));
            }
            if !agent.stopped {
                for (j, video) in w.jobs.iter().enumerate() {
                    for (s, message) in video.messages.iter().enumerate() {
                        if *message == Message::Visible {
                            let (j, s) = (j as u8, s as u8);
                            steps.push(Step::Take { a, j, s });
                        }
                    }
                }
            }
        }
        Doing::Working { .. } => {
            steps.push(Step::Complete { a, dies: false });
            if w.left.crashes > 0 {
                steps.push(Step::Complete { a, dies: true });
            }
        }
        Doing::Restoring { .. } => steps.push(Step::Restore(a)),
        Doing::Finalizing { at, .. } => steps.push(match at {
            At::Building => Step::Fence(a),
            At::Fenced => Step::WriteArchive(a),
            At::Written => Step::Commit(a),
        }),
    }
}

fn holds(agent: &Agent, j: u8, s: u8) -> bool {
    agent.up
        && match agent.doing {
            Doing::Polling => false,
            Doing::Working { j: of, s: at }
            | Doing::Restoring { j: of, s: at, .. }
            | Doing::Finalizing { j: of, s: at, .. } => (of, at) == (j, s),
        }
}

/// A living finalizer holds the job's highest token.
fn led(w: &World, j: u8) -> bool {
    let token = w.redis.jobs[usize::from(j)].token;
    w.agents.iter().any(|agent| {
        agent.up
            && matches!(agent.doing, Doing::Finalizing { j: of, token: held, .. }
                if of == j && held == token)
    })
}

impl Bounds {
    fn apply(&self, w: &mut World, step: Step) {
        match step {
            Step::ReportIdle(a) => {
                let listed = w.redis.report_idle(a);
                let agent = &mut w.agents[usize::from(a)];
                agent.reported = true;
                agent.stopped |= !listed;
            }
            Step::Take { a, j, s } => self.take(w, a, j, s),
            Step::Complete { a, dies } => {
                self.complete(w, a);
                if dies {
                    crash(w, a);
                }
            }
            Step::Restore(a) => {
                if let Doing::Restoring { j, s, listed } = w.agents[usize::from(a)].doing {
                    let reply = w.redis.restore_job(usize::from(j), listed, self.segments);
                    let again = matches!(reply, Restoration::Restored(_))
                        && self.mutant != Some(Mutant::OneList);
                    w.agents[usize::from(a)].doing = if again {
                        let listed = w.jobs[usize::from(j)].fragments;
                        Doing::Restoring { j, s, listed }
                    } else {
                        Doing::Working { j, s }
                    };
                }
            }
            Step::Fence(a) | Step::WriteArchive(a) | Step::Commit(a) => self.finalize(w, a),
            Step::Reprieve(a) => {
                let due = !has(w.named(), a) || self.mutant == Some(Mutant::EarlyReprieve);
                let reply = w.redis.reprieve(a, due);
                let agent = &mut w.agents[usize::from(a)];
                if reply != Reprieve::TooEarly {
                    agent.stopped = false;
                    agent.spared |= reply == Reprieve::Idle;
                }
            }
            Step::GuardReads(a) => {
                w.guard = Guard::Chose(a);
                w.guard_calls -= 1;
            }
            Step::GuardCondemns => {
                if let Guard::Chose(a) = w.guard {
                    let named = w.redis.condemn(a, self.mutant);
                    w.guard = if named {
                        Guard::Answers(a)
                    } else {
                        Guard::Asleep
                    };
                }
            }
            Step::GuardAnswers => {
                w.offered = w.named();
                w.guard = Guard::Asleep;
            }
            Step::GuardIsLate => {
                w.left.slow_answers -= 1;
                w.guard = Guard::Asleep;
            }
            Step::Retire(a) => {
                w.left.retirements -= 1;
                w.redis.retire(a);
            }
            Step::Terminate(a) => {
                w.offered &= !bit(a);
                let agent = &w.agents[usize::from(a)];
                w.busy_kill |= agent.up && agent.doing != Doing::Polling;
                gone(w, a);
            }
            Step::Spare(a) => w.offered &= !bit(a),
            Step::Launch(a) => {
                let fresh = World::start(self).agents[0];
                w.agents[usize::from(a)] = fresh;
                // Another instance id: nothing is known of it, wherever the old one was known.
                w.redis.forget(a);
                if let Some(replica) = &mut w.replica {
                    replica.forget(a);
                }
            }
            Step::Crash(a) => crash(w, a),
            Step::Return { j, s } => {
                let message = &mut w.jobs[usize::from(j)].messages[usize::from(s)];
                if let Message::Held(a) = *message
                    && holds(&w.agents[usize::from(a)], j, s)
                {
                    w.left.redeliveries -= 1;
                }
                *message = Message::Visible;
            }
            Step::LeaseEnds(j) => {
                if led(w, j) {
                    w.left.pauses -= 1;
                }
                w.redis.jobs[usize::from(j)].lease = false;
            }
            Step::Cancel(j) => {
                w.left.cancels -= 1;
                if w.redis.end_job(usize::from(j), End::Cancelled) == End::Cancelled {
                    w.jobs[usize::from(j)].ended = true;
                }
            }
            Step::Wipe => {
                w.left.wipes -= 1;
                w.redis.lose_everything();
                after_loss(w);
            }
            Step::ReplicaStops => {
                w.left.failovers -= 1;
                w.replica = Some(w.redis.clone());
            }
            Step::FailOver => {
                if let Some(replica) = w.replica.take() {
                    w.redis = replica.taken_over();
                    after_loss(w);
                }
            }
            Step::Settle => w.redis.unsettled = false,
        }
    }

    fn take(&self, w: &mut World, a: u8, j: u8, s: u8) {
        let agent = &mut w.agents[usize::from(a)];
        match w.redis.begin_task(a, agent.old, self.mutant) {
            Begun::Granted => {
                w.spared_works |= agent.spared;
                agent.doing = Doing::Working { j, s };
                w.jobs[usize::from(j)].messages[usize::from(s)] = Message::Held(a);
            }
            // The message is given back at once.
            Begun::Condemned | Begun::Retiring => agent.stopped = true,
            Begun::Unsettled => {}
        }
    }

    fn complete(&self, w: &mut World, a: u8) {
        let Doing::Working { j, s } = w.agents[usize::from(a)].doing else {
            return;
        };
        let video = &mut w.jobs[usize::from(j)];
        if video.ended {
            // The agent looks at the row first.
            return leave(w, a, j, s, Message::Deleted);
        }
        video.fragments |= bit(s);
        let reply = w.redis.complete_segment(
            usize::from(j),
            s,
            self.segments,
            &mut video.clock,
            self.mutant,
        );
        match reply {
            Completion::Waiting(_) => leave(w, a, j, s, Message::Deleted),
            Completion::Finalizing => leave(w, a, j, s, Message::Visible),
            Completion::Finalize(token) => {
                let at = At::Building;
                w.agents[usize::from(a)].doing = Doing::Finalizing { j, s, token, at };
            }
            Completion::Ended(_) => {
                video.ended = true;
                leave(w, a, j, s, Message::Deleted);
            }
            Completion::Unknown => {
                let listed = video.fragments;
                w.agents[usize::from(a)].doing = Doing::Restoring { j, s, listed };
            }
        }
    }

    fn finalize(&self, w: &mut World, a: u8) {
        let Doing::Finalizing { j, s, token, at } = w.agents[usize::from(a)].doing else {
            return;
        };
        let of = usize::from(j);
        let next = match at {
            At::Building => {
                let held = w.redis.renew_finalizer(of, token, self.mutant);
                if !held || !w.redis.complete(of, self.segments) {
                    return leave(w, a, j, s, Message::Visible);
                }
                At::Fenced
            }
            At::Fenced => {
                let video = &mut w.jobs[of];
                let all = video.fragments.count_ones() == u32::from(self.segments);
                w.torn_archive |= !all;
                // Somebody's archive is there already: the same bytes.
                if video.archives == 0 || self.mutant == Some(Mutant::NoIfNoneMatch) {
                    video.archives += 1;
                }
                At::Written
            }
            At::Written => {
                match w.redis.commit_job(of, token, self.mutant) {
                    Commit::Committed => {
                        w.stale_commit |= token < w.jobs[of].clock;
                        w.jobs[of].commits += 1;
                        w.jobs[of].ended = true;
                        leave(w, a, j, s, Message::Deleted);
                    }
                    Commit::Already => {
                        w.jobs[of].ended = true;
                        leave(w, a, j, s, Message::Deleted);
                    }
                    Commit::Lost => leave(w, a, j, s, Message::Visible),
                }
                return;
            }
        };
        w.agents[usize::from(a)].doing = Doing::Finalizing {
            j,
            s,
            token,
            at: next,
        };
    }
}

/// Done with the task. What becomes of the message is the agent's to say only while it holds it.
fn leave(w: &mut World, a: u8, j: u8, s: u8, message: Message) {
    let slot = &mut w.jobs[usize::from(j)].messages[usize::from(s)];
    if *slot == Message::Held(a) {
        *slot = message;
    }
    w.agents[usize::from(a)].doing = Doing::Polling;
}

fn crash(w: &mut World, a: u8) {
    w.left.crashes -= 1;
    gone(w, a);
}

fn gone(w: &mut World, a: u8) {
    let agent = &mut w.agents[usize::from(a)];
    agent.up = false;
    agent.doing = Doing::Polling;
    agent.stopped = false;
    agent.spared = false;
}

fn after_loss(w: &mut World) {
    w.lost = true;
    for agent in &mut w.agents {
        agent.old = agent.reported;
    }
}
