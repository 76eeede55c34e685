//! The machines of the fleet and what each is doing. Absent: when anything happens; the engine
//! moves machines from state to state.

use fleet_core::scaling::{Capacity, Millis, bucket};

use crate::agenda::{MachineId, TaskId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Booting,
    /// Receives tasks, works or idles.
    Receiving,
    /// Has had an interruption's notice: finishes, takes nothing.
    Draining,
    /// Named to Auto Scaling, which will terminate it.
    Condemned,
    Gone,
}

#[derive(Debug, Clone, Copy)]
pub struct Running {
    pub task: TaskId,
    pub began: Millis,
    pub ends: Millis,
    pub turn: u32,
    /// The segments are all there; this machine splices them.
    pub finalizing: bool,
}

#[derive(Debug)]
pub struct Machine {
    pub state: State,
    pub zone: u32,
    pub spot: bool,
    pub launched: Millis,
    pub warm: bool,
    /// Since when it is in the KillMe set.
    pub idle_since: Option<Millis>,
    pub running: Vec<Running>,
    /// Counts slot uses, so that the end of one that was cut short is known as stale.
    pub turn: u32,
    pub poll_turn: u32,
    /// Its place among those in a long poll.
    waiting: Option<u32>,
    /// Its place among the living.
    place: u32,
}

#[derive(Debug, Default)]
pub struct Fleet {
    pub machines: Vec<Machine>,
    /// Not gone.
    living: Vec<MachineId>,
    waiters: Vec<MachineId>,
    /// Per zone and market: neither gone nor condemned.
    pub buckets: Vec<u32>,
    warm: u32,
    kept: u32,
    terminating: u32,
}

impl Fleet {
    pub fn new(zones: u32) -> Self {
        Self {
            buckets: vec![0; zones as usize * 2],
            ..Self::default()
        }
    }

    pub fn launch(&mut self, launched: Millis, zone: u32, spot: bool) -> MachineId {
        let id = self.machines.len() as MachineId;
        self.machines.push(Machine {
            state: State::Booting,
            zone,
            spot,
            launched,
            warm: false,
            idle_since: None,
            running: Vec::new(),
            turn: 0,
            poll_turn: 0,
            waiting: None,
            place: self.living.len() as u32,
        });
        self.living.push(id);
        self.buckets[bucket(zone, spot)] += 1;
        self.kept += 1;
        id
    }

    pub fn get(&self, id: MachineId) -> &Machine {
        &self.machines[id as usize]
    }

    pub fn get_mut(&mut self, id: MachineId) -> &mut Machine {
        &mut self.machines[id as usize]
    }

    pub fn living(&self) -> &[MachineId] {
        &self.living
    }

    /// Machines that Auto Scaling counts towards the desired capacity.
    pub fn kept(&self) -> u32 {
        self.kept
    }

    pub fn capacity(&self, min: u32, max: u32, desired: u32) -> Capacity {
        Capacity {
            min,
            max,
            desired,
            in_service: self.warm,
            warming: self.kept - self.warm,
            terminating: self.terminating,
        }
    }

    pub fn set_warm(&mut self, id: MachineId) {
        let machine = &mut self.machines[id as usize];
        if !machine.warm && is_kept(machine.state) {
            machine.warm = true;
            self.warm += 1;
        }
    }

    pub fn set_state(&mut self, id: MachineId, state: State) {
        let machine = &mut self.machines[id as usize];
        let before = std::mem::replace(&mut machine.state, state);
        let (warm, index) = (machine.warm, bucket(machine.zone, machine.spot));
        if is_kept(before) && !is_kept(state) {
            self.buckets[index] -= 1;
            self.kept -= 1;
            self.warm -= u32::from(warm);
        }
        self.terminating += u32::from(state == State::Condemned);
        self.terminating -= u32::from(before == State::Condemned);
        if state == State::Gone {
            self.leave_poll(id);
            let place = self.machines[id as usize].place as usize;
            self.living.swap_remove(place);
            if let Some(&moved) = self.living.get(place) {
                self.machines[moved as usize].place = place as u32;
            }
        }
    }

    pub fn enter_poll(&mut self, id: MachineId) {
        let place = self.waiters.len() as u32;
        let machine = &mut self.machines[id as usize];
        if machine.waiting.is_none() {
            machine.waiting = Some(place);
            self.waiters.push(id);
        }
    }

    pub fn leave_poll(&mut self, id: MachineId) {
        let Some(place) = self.machines[id as usize].waiting.take() else {
            return;
        };
        self.waiters.swap_remove(place as usize);
        if let Some(&moved) = self.waiters.get(place as usize) {
            self.machines[moved as usize].waiting = Some(place);
        }
    }

    pub fn is_polling(&self, id: MachineId) -> bool {
        self.machines[id as usize].waiting.is_some()
    }

    pub fn pollers(&self) -> &[MachineId] {
        &self.waiters
    }
}

fn is_kept(state: State) -> bool {
    !matches!(state, State::Condemned | State::Gone)
}
