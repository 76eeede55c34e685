//! One state of everything.

use crate::redis::{Bits, Mutant, Redis, bit};

/// How much of each the model explores. Faults are budgets: so many of them, at any moment.
#[derive(Debug, Clone)]
pub struct Bounds {
    pub agents: u8,
    pub jobs: usize,
    pub segments: u8,
    pub guard_calls: u8,
    pub faults: Faults,
    pub mutant: Option<Mutant>,
    /// List only steps that change something. A random walk is retraced by the places of its steps
    /// in the list, and must not count others; an exhaustive search is faster without.
    pub strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// An agent dies without a word.
    pub crashes: u8,
    /// A message is delivered again while its first receiver still works on it.
    pub redeliveries: u8,
    /// A finalizer is paused past its lease.
    pub pauses: u8,
    /// Redis loses everything.
    pub wipes: u8,
    /// Redis fails over to a replica that is any number of writes behind.
    pub failovers: u8,
    /// The guard's answer comes too late.
    pub slow_answers: u8,
    /// Somebody cancels a video.
    pub cancels: u8,
    /// The group wants a busy instance replaced.
    pub retirements: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub agents: Vec<Agent>,
    pub jobs: Vec<Video>,
    pub redis: Redis,
    /// What the replica holds once it has stopped following.
    pub replica: Option<Redis>,
    pub guard: Guard,
    pub guard_calls: u8,
    /// Named to Auto Scaling, which will terminate or spare them.
    pub offered: Bits,
    pub left: Faults,
    /// A loss happened: being told "committed" once for each history is allowed then.
    pub lost: bool,
    /// An instance was terminated by the group while it held a task.
    pub busy_kill: bool,
    /// A finalizer committed although a newer one had been elected.
    pub stale_commit: bool,
    /// An archive was written of fewer fragments than the plan has.
    pub torn_archive: bool,
    /// A spared instance was granted a task.
    pub spared_works: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Agent {
    pub up: bool,
    /// It has reported idle at least once.
    pub reported: bool,
    /// It first did so before Redis last lost data.
    pub old: bool,
    /// It was refused, and receives nothing until it is spared.
    pub stopped: bool,
    pub spared: bool,
    pub doing: Doing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doing {
    Polling,
    /// Granted; nothing of it is in S3 yet, or it is about to be recorded again.
    Working {
        j: u8,
        s: u8,
    },
    /// Was told "unknown", and has listed what S3 holds.
    Restoring {
        j: u8,
        s: u8,
        listed: Bits,
    },
    Finalizing {
        j: u8,
        s: u8,
        token: u8,
        at: At,
    },
}

/// How far a finalizer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    Building,
    /// The lease was renewed just before the archive is completed.
    Fenced,
    Written,
}

/// One video: what the queue, S3 and its row hold of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Video {
    /// One message a segment; each is its own FIFO group.
    pub messages: Vec<Message>,
    /// Segments with a fragment in S3.
    pub fragments: Bits,
    /// How often the archive was written.
    pub archives: u8,
    /// How often a finalizer was told "committed".
    pub commits: u8,
    /// The row says done, failed or cancelled.
    pub ended: bool,
    /// The highest token ever given: the clock behind real tokens.
    pub clock: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    Visible,
    /// In flight with this agent; only its receipt deletes it.
    Held(u8),
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guard {
    Asleep,
    /// It read the idle list and chose.
    Chose(u8),
    /// It condemned, and its answer is on the way.
    Answers(u8),
}

impl World {
    pub fn start(bounds: &Bounds) -> Self {
        let agent = Agent {
            up: true,
            reported: false,
            old: false,
            stopped: false,
            spared: false,
            doing: Doing::Polling,
        };
        let video = Video {
            messages: vec![Message::Visible; usize::from(bounds.segments)],
            fragments: 0,
            archives: 0,
            commits: 0,
            ended: false,
            clock: 0,
        };
        Self {
            agents: vec![agent; usize::from(bounds.agents)],
            jobs: vec![video; bounds.jobs],
            redis: Redis::new(bounds.jobs),
            replica: None,
            guard: Guard::Asleep,
            guard_calls: bounds.guard_calls,
            offered: 0,
            left: bounds.faults,
            lost: false,
            busy_kill: false,
            stale_commit: false,
            torn_archive: false,
            spared_works: false,
        }
    }

    /// Named, or about to be.
    pub fn named(&self) -> Bits {
        match self.guard {
            Guard::Answers(a) => self.offered | bit(a),
            _ => self.offered,
        }
    }

    /// An agent that may still take work.
    pub fn anybody(&self) -> bool {
        let free = |a: &&Agent| a.up && !(a.stopped && a.doing == Doing::Polling);
        self.agents.iter().any(|a| free(&a))
    }
}
