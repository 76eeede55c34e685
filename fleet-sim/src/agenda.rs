//! What happens next. Events of one moment keep the order in which they were put in, so that a run
//! depends on nothing but its seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fleet_core::scaling::Millis;

/// A task: first every video's plan, then every segment.
pub type TaskId = u32;
/// A machine: its place in the fleet's table.
pub type MachineId = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Arrive {
        video: u32,
    },
    /// `turn` tells apart this use of the slot from one that was cut short.
    TaskEnd {
        machine: MachineId,
        turn: u32,
    },
    PollEnd {
        machine: MachineId,
        turn: u32,
    },
    Booted {
        machine: MachineId,
    },
    Warm {
        machine: MachineId,
    },
    Redeliver {
        task: TaskId,
    },
    SpotNotice {
        machine: MachineId,
    },
    SpotEnd {
        machine: MachineId,
    },
    Shutdown {
        machine: MachineId,
    },
    AskAgain,
    Alarm {
        index: u32,
    },
    Minute,
    Sample,
}

#[derive(Debug, Default)]
pub struct Agenda {
    heap: BinaryHeap<Reverse<(Millis, u64, Event)>>,
    count: u64,
}

impl Agenda {
    pub fn at(&mut self, time: Millis, event: Event) {
        self.heap.push(Reverse((time, self.count, event)));
        self.count += 1;
    }

    pub fn next(&mut self) -> Option<(Millis, Event)> {
        self.heap
            .pop()
            .map(|Reverse((time, _, event))| (time, event))
    }

    /// Events put in so far.
    pub fn count(&self) -> u64 {
        self.count
    }
}
