//! The event loop: videos, queue, machines, Auto Scaling. Deterministic by the model's seed.

use std::collections::VecDeque;

use fleet_core::scaling::Millis;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::agenda::{Agenda, Event, MachineId, TaskId};
use crate::guard::Guard;
use crate::machine::Fleet;
use crate::model::{Model, millis};
use crate::outcome::{Outcome, Point};
use crate::scaler::{Metric, Scaler, Strategy};
use crate::work::Work;
use crate::workload::Workload;

const MINUTE: Millis = 60_000;
pub const SAMPLE_EVERY: Millis = 10_000;
/// How long after the last arrival's window a run may go on before it is given up.
const GIVE_UP: Millis = 2 * 24 * 3_600_000;

/// Machines are paid for and watched this long after the arrivals' window at least, so that a fleet
/// that never shrinks shows what it costs.
pub const TAIL: Millis = 30 * MINUTE;

/// Runs the workload to its end: every video finished, and the fleet empty if the strategy can do that.
pub fn run(model: &Model, workload: &Workload, strategy: &Strategy) -> Outcome {
    let mut simulation = Simulation::new(model, workload, strategy);
    simulation.start();
    while let Some((now, event)) = simulation.agenda.next() {
        simulation.now = now;
        simulation.handle(event);
        if event == Event::Sample && simulation.is_over() {
            break;
        }
    }
    simulation.finish()
}

pub(crate) struct Simulation<'a> {
    pub(crate) model: &'a Model,
    pub(crate) strategy: &'a Strategy,
    pub(crate) workload: &'a Workload,
    /// Keeps the fleet's luck apart from the workload's.
    pub(crate) rng: ChaCha8Rng,
    pub(crate) agenda: Agenda,
    pub(crate) now: Millis,
    pub(crate) work: Work,
    pub(crate) queue: VecDeque<TaskId>,
    pub(crate) fleet: Fleet,
    pub(crate) scaler: Scaler,
    pub(crate) desired: u32,
    pub(crate) warmup: Millis,
    pub(crate) next_launch: Millis,
    pub(crate) asking: bool,
    pub(crate) outcome: Outcome,
    /// The first upload since the scale-out alarm was last in OK.
    unseen_upload: Option<Millis>,
}

impl<'a> Simulation<'a> {
    fn new(model: &'a Model, workload: &'a Workload, strategy: &'a Strategy) -> Self {
        Self {
            model,
            strategy,
            workload,
            rng: ChaCha8Rng::seed_from_u64(model.seed ^ 0x666c_6565_7473_696d),
            agenda: Agenda::default(),
            now: 0,
            work: Work::new(workload),
            queue: VecDeque::new(),
            fleet: Fleet::new(model.zones),
            scaler: strategy.scaler(model),
            desired: strategy.initial(),
            warmup: 0,
            next_launch: 0,
            asking: false,
            outcome: Outcome::new(&strategy.name),
            unseen_upload: None,
        }
    }

    fn start(&mut self) {
        if let Some(first) = self.workload.videos.first() {
            self.agenda.at(first.at, Event::Arrive { video: 0 });
        }
        let intervals: Vec<Millis> = self
            .scaler
            .signals()
            .iter()
            .map(|signal| signal.evaluation_interval())
            .collect();
        for (index, interval) in intervals.into_iter().enumerate() {
            // When within its interval an alarm is evaluated is not for us to choose.
            let phase = self.rng.random_range(0..interval);
            let index = index as u32;
            self.agenda.at(phase, Event::Alarm { index });
        }
        self.agenda.at(0, Event::Minute);
        self.agenda.at(0, Event::Sample);
        self.reconcile();
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrive { video } => self.arrive(video),
            Event::TaskEnd { machine, turn } => self.task_end(machine, turn),
            Event::PollEnd { machine, turn } => self.poll_end(machine, turn),
            Event::Booted { machine } => self.booted(machine),
            Event::Warm { machine } => self.fleet.set_warm(machine),
            Event::Redeliver { task } => self.enqueue_first(task),
            Event::SpotNotice { machine } => self.spot_notice(machine),
            Event::SpotEnd { machine } => self.gone(machine),
            Event::Shutdown { machine } => self.shutdown(machine),
            Event::AskAgain => {
                self.asking = false;
                self.reconcile();
            }
            Event::Alarm { index } => self.alarm(index),
            Event::Minute => {
                self.publish(Metric::Visible, self.queue.len() as f64);
                self.agenda.at(self.now + MINUTE, Event::Minute);
            }
            Event::Sample => self.sample(),
        }
    }

    fn arrive(&mut self, video: u32) {
        let next = video + 1;
        if let Some(after) = self.workload.videos.get(next as usize) {
            self.agenda.at(after.at, Event::Arrive { video: next });
        }
        self.unseen_upload.get_or_insert(self.now);
        let estimate = self.workload.videos[video as usize].estimate;
        self.publish(Metric::WorkQueued, estimate);
        self.queue.push_back(self.work.plan_task(video));
        self.offer();
    }

    pub(crate) fn publish(&mut self, metric: Metric, value: f64) {
        let in_service = self.fleet.kept();
        self.scaler.publish(metric, self.now, value, in_service);
    }

    fn alarm(&mut self, index: u32) {
        let place = index as usize;
        let interval = self.scaler.signals()[place].evaluation_interval();
        self.agenda.at(self.now + interval, Event::Alarm { index });
        let (min, max) = (self.strategy.min, self.strategy.max);
        let capacity = self.fleet.capacity(min, max, self.desired);
        let decision = self.scaler.tick(place, self.now, &capacity);
        self.note_alarm(place);
        let Some(decision) = decision else { return };
        if decision.desired > self.desired {
            self.warmup = decision.warmup * 1_000;
        }
        if decision.desired != self.desired {
            self.outcome.decisions += 1;
            self.desired = decision.desired;
            self.reconcile();
        }
    }

    /// How long an upload waited for its alarm.
    fn note_alarm(&mut self, index: usize) {
        use fleet_core::scaling::AlarmState;
        let signal = &self.scaler.signals()[index];
        if signal.alarm.metric_name == "WorkQueuedSeconds"
            && signal.watch.state == AlarmState::Alarm
            && let Some(upload) = self.unseen_upload.take()
            && self.outcome.first_alarm.is_none()
        {
            self.outcome.first_alarm = Some(self.now - upload);
        }
    }

    /// As Auto Scaling does: launch what lacks, ask whom to take while there are too many.
    pub(crate) fn reconcile(&mut self) {
        while self.fleet.kept() < self.desired {
            self.launch();
        }
        if self.fleet.kept() > self.desired && !self.asking {
            self.shrink();
            self.asking = true;
            let again = self.now + millis(self.model.ask_again);
            self.agenda.at(again, Event::AskAgain);
        }
    }

    fn sample(&mut self) {
        self.agenda.at(self.now + SAMPLE_EVERY, Event::Sample);
        let living = self.fleet.living();
        let busy = living
            .iter()
            .filter(|&&id| !self.fleet.get(id).running.is_empty())
            .count() as u32;
        let point = Point {
            at: self.now,
            queued: self.queue.len() as u32,
            machines: living.len() as u32,
            busy,
            desired: self.desired,
        };
        self.outcome.sample(point);
    }

    fn is_over(&self) -> bool {
        let settled = self.work.all_finished() && self.now >= self.workload.window + TAIL;
        let can_empty = self.strategy.min == 0 && self.strategy.guard != Guard::Absent;
        let given_up = self.now > self.workload.window + GIVE_UP;
        given_up || (settled && (self.fleet.living().is_empty() || !can_empty))
    }

    fn finish(mut self) -> Outcome {
        for id in self.fleet.living().to_vec() {
            self.bill(id);
        }
        self.outcome.end = self.now;
        self.outcome.events = self.agenda.count();
        self.outcome.still_running = self.fleet.living().len() as u32;
        self.work.report(self.workload, &mut self.outcome);
        self.outcome
    }

    pub(crate) fn bill(&mut self, id: MachineId) {
        /// EC2 bills Linux machines by the second, a minute at least.
        const LEAST: Millis = 60_000;
        let machine = self.fleet.get(id);
        if machine.launched >= self.now {
            return;
        }
        let time = (self.now - machine.launched).max(LEAST);
        let hours = time as f64 / 3_600_000.0;
        let price = match machine.spot {
            true => self.model.spot_price,
            false => self.model.on_demand_price,
        };
        self.outcome.instance_millis += time;
        self.outcome.spot_hours += if machine.spot { hours } else { 0.0 };
        self.outcome.cost += hours * price;
    }
}
