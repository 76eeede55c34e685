//! Machines coming, working, idling and going: the second half of the engine.

use fleet_core::scaling::{launch_bucket, quotas};
use rand::RngExt;
use rand_distr::{Distribution, Exp, LogNormal};

use crate::agenda::{Event, MachineId, TaskId};
use crate::engine::Simulation;
use crate::group::default_policy;
use crate::guard::{Guard, choose};
use crate::machine::{Running, State};
use crate::model::millis;
use crate::scaler::Metric;
use crate::work::Todo;

/// From reading a list of idle machines to the end of those on it, for a guard that only reads.
const READ_TO_KILL_SECONDS: f64 = 5.0;

impl Simulation<'_> {
    pub(crate) fn launch(&mut self) {
        let (zone, spot) = launch_bucket(&self.fleet.buckets, self.model.spot_share);
        let launched = self.now.max(self.next_launch);
        self.next_launch = launched + millis(1.0 / self.model.launch_rate).max(1);
        let machine = self.fleet.launch(launched, zone, spot);
        // The model has been checked: these parameters are finite and not negative.
        let boot = LogNormal::new(self.model.boot.ln(), self.model.boot_spread)
            .expect("boot time is positive")
            .sample(&mut self.rng);
        let warm = launched + millis(self.model.pending) + self.warmup;
        self.agenda
            .at(launched + millis(boot), Event::Booted { machine });
        self.agenda.at(warm, Event::Warm { machine });
        self.outcome.launched += 1;
        if spot && self.model.interruptions > 0.0 {
            let hours = Exp::new(self.model.interruptions)
                .expect("rate is positive")
                .sample(&mut self.rng);
            let at = launched + millis(hours * 3_600.0);
            self.agenda.at(at, Event::SpotNotice { machine });
        }
    }

    pub(crate) fn booted(&mut self, id: MachineId) {
        if self.fleet.get(id).state == State::Booting {
            self.fleet.set_state(id, State::Receiving);
            self.feed(id);
        }
    }

    /// Gives queued tasks to waiting machines. Which of several long polls SQS answers is chance.
    pub(crate) fn offer(&mut self) {
        while !self.queue.is_empty() && !self.fleet.pollers().is_empty() {
            let place = self.rng.random_range(0..self.fleet.pollers().len());
            let id = self.fleet.pollers()[place];
            if self.fleet.get(id).state == State::Condemned
                && self.strategy.guard == Guard::Condemns
            {
                // begin_task says no: the message goes back at once and the machine stops receiving.
                self.outcome.refusals += 1;
                self.fleet.leave_poll(id);
                continue;
            }
            self.feed(id);
        }
    }

    /// Fills the machine's free slots from the queue; what stays free waits in a new long poll.
    fn feed(&mut self, id: MachineId) {
        let slots = self.model.slots as usize;
        while self.fleet.get(id).running.len() < slots {
            let Some(task) = self.queue.pop_front() else {
                break;
            };
            self.begin(id, task);
        }
        if self.fleet.get(id).running.len() >= slots {
            self.fleet.leave_poll(id);
            return;
        }
        self.fleet.enter_poll(id);
        self.poll_again(id);
    }

    fn poll_again(&mut self, machine: MachineId) {
        let end = self.now + millis(self.model.poll);
        let it = self.fleet.get_mut(machine);
        it.poll_turn += 1;
        let turn = it.poll_turn;
        self.agenda.at(end, Event::PollEnd { machine, turn });
    }

    pub(crate) fn poll_end(&mut self, id: MachineId, turn: u32) {
        let machine = self.fleet.get(id);
        if machine.poll_turn != turn || !self.fleet.is_polling(id) {
            return;
        }
        if machine.running.is_empty() {
            let condemned = machine.state == State::Condemned;
            self.publish(Metric::IdlePolls, 1.0);
            if condemned && self.strategy.guard == Guard::Condemns {
                self.fleet.leave_poll(id);
                return;
            }
            let now = self.now;
            self.fleet.get_mut(id).idle_since.get_or_insert(now);
        }
        self.poll_again(id);
    }

    fn begin(&mut self, id: MachineId, task: TaskId) {
        let (time, finalizing) = match self.work.todo(task) {
            Todo::Plan { .. } => (self.model.plan, false),
            Todo::Segment { segment } => {
                let work = self.workload.segments[segment as usize];
                (f64::from(work), false)
            }
            Todo::Finalize { .. } => (self.model.finalize, true),
            Todo::Nothing => return,
        };
        self.run_task(id, task, time, finalizing);
    }

    fn run_task(&mut self, machine: MachineId, task: TaskId, time: f64, finalizing: bool) {
        let now = self.now;
        let ends = now + millis(time).max(1);
        let it = self.fleet.get_mut(machine);
        it.idle_since = None;
        it.turn += 1;
        let turn = it.turn;
        it.running.push(Running {
            task,
            began: now,
            ends,
            turn,
            finalizing,
        });
        self.agenda.at(ends, Event::TaskEnd { machine, turn });
    }

    pub(crate) fn task_end(&mut self, id: MachineId, turn: u32) {
        let machine = self.fleet.get_mut(id);
        let Some(place) = machine.running.iter().position(|r| r.turn == turn) else {
            // The machine was killed, or had handed the task back.
            return;
        };
        let done = machine.running.swap_remove(place);
        self.outcome.useful_millis += done.ends - done.began;
        let video = self.work.video_of(done.task);
        if done.finalizing {
            self.work.finish(video, self.now);
        } else {
            match self.work.todo(done.task) {
                Todo::Plan { video } => self.planned(video),
                Todo::Segment { segment } => {
                    if self.work.segment_done(segment) {
                        // The finalizer keeps the last segment's message until it has committed.
                        self.run_task(id, done.task, self.model.finalize, true);
                    }
                }
                Todo::Finalize { .. } | Todo::Nothing => self.work.ignored_results += 1,
            }
        }
        match self.fleet.get(id).state {
            State::Receiving => self.feed(id),
            State::Condemned if self.strategy.guard == Guard::ReadsOnly => self.feed(id),
            State::Draining if self.fleet.get(id).running.is_empty() => self.gone(id),
            _ => {}
        }
        self.offer();
    }

    fn planned(&mut self, index: u32) {
        if !self.work.plan_done(index) {
            return;
        }
        let video = self.workload.videos[index as usize];
        self.publish(Metric::WorkQueued, self.workload.work_of(&video));
        for segment in video.first..video.first + video.segments {
            self.queue.push_back(self.work.segment_task(segment));
        }
    }

    pub(crate) fn enqueue_first(&mut self, task: TaskId) {
        self.queue.push_front(task);
        self.offer();
    }

    /// Offers as many machines to Auto Scaling as it wants fewer, or lets it choose.
    pub(crate) fn shrink(&mut self) {
        let excess = self.fleet.kept() - self.desired;
        let quotas = quotas(&self.fleet.buckets, excess, self.model.spot_share);
        let (chosen, delay) = match self.strategy.guard {
            Guard::Condemns => (choose(&self.fleet, &quotas), self.model.termination),
            Guard::ReadsOnly => (choose(&self.fleet, &quotas), READ_TO_KILL_SECONDS),
            Guard::Absent => (default_policy(&self.fleet, &quotas, self.now), 0.0),
        };
        let end = self.now + millis(delay);
        for machine in chosen {
            self.outcome.named_busy += u64::from(!self.fleet.get(machine).running.is_empty());
            self.fleet.set_state(machine, State::Condemned);
            self.agenda.at(end, Event::Shutdown { machine });
        }
    }

    pub(crate) fn shutdown(&mut self, id: MachineId) {
        if self.fleet.get(id).state == State::Gone {
            return;
        }
        self.outcome.busy_kills += u64::from(!self.fleet.get(id).running.is_empty());
        self.outcome.scaled_in += 1;
        self.lose_tasks(id);
        self.gone(id);
    }

    /// Two minutes are left: nothing new, finish what can be finished, hand back the rest.
    pub(crate) fn spot_notice(&mut self, id: MachineId) {
        let machine = self.fleet.get(id);
        if matches!(machine.state, State::Gone | State::Condemned) {
            return;
        }
        self.outcome.interruptions += 1;
        let end = self.now + millis(self.model.notice);
        self.fleet.set_state(id, State::Draining);
        self.fleet.leave_poll(id);
        let now = self.now;
        let machine = self.fleet.get_mut(id);
        let handed_back: Vec<Running> = machine.running.extract_if(.., |r| r.ends >= end).collect();
        let idle = machine.running.is_empty();
        for running in handed_back {
            self.outcome.lost_millis += now - running.began;
            self.outcome.handed_back += 1;
            self.queue.push_front(running.task);
        }
        match idle {
            true => self.gone(id),
            false => self.agenda.at(end, Event::SpotEnd { machine: id }),
        }
        self.offer();
    }

    /// The machine died with its tasks: their messages come back when their visibility runs out.
    fn lose_tasks(&mut self, id: MachineId) {
        let lease = millis(self.model.lease);
        let now = self.now;
        let tasks = std::mem::take(&mut self.fleet.get_mut(id).running);
        for running in tasks {
            self.outcome.lost_millis += now - running.began;
            self.outcome.redelivered += 1;
            // The last heartbeat was up to a third of the lease ago.
            let left = self.rng.random_range(lease * 2 / 3..=lease);
            let task = running.task;
            self.agenda.at(now + left, Event::Redeliver { task });
        }
    }

    pub(crate) fn gone(&mut self, id: MachineId) {
        if self.fleet.get(id).state == State::Gone {
            return;
        }
        self.lose_tasks(id);
        self.bill(id);
        self.fleet.set_state(id, State::Gone);
        self.reconcile();
    }
}
