//! What the scripts in redis-scripts/lua do, without their clock.
//!
//! Instances and segments are bits. A token is an ordinal: the clock that makes real tokens grow
//! across a loss is the `clock` argument, the highest token ever given.

pub type Bits = u8;

pub fn bit(i: u8) -> Bits {
    1 << i
}

pub fn has(bits: Bits, i: u8) -> bool {
    bits & bit(i) != 0
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Redis {
    pub idle: Bits,
    /// Reported since this history of Redis began.
    pub seen: Bits,
    pub condemned: Bits,
    pub retiring: Bits,
    /// Data was or may have been lost, and the quarantine after it is not over.
    pub unsettled: bool,
    pub jobs: Vec<Job>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Job {
    pub exists: bool,
    /// All writes were made in the present history.
    pub whole: bool,
    pub done: Bits,
    /// 0 for none.
    pub token: u8,
    /// A finalizer's lease is live.
    pub lease: bool,
    pub ended: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    Committed,
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Begun {
    Granted,
    Condemned,
    Retiring,
    Unsettled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Completion {
    Waiting(u8),
    Finalizing,
    Finalize(u8),
    Ended(End),
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Commit {
    Committed,
    Lost,
    Already,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Restoration {
    Restored(u8),
    Exists,
    Ended(End),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reprieve {
    Idle,
    NotCondemned,
    TooEarly,
}

/// What can be taken out of the protocol, to see that the model misses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// begin_task grants without looking at condemned.
    NoRecheck,
    /// renew_finalizer and commit_job do not look at the token, so a commit must be repeatable.
    NoFencing,
    /// The archive is written without If-None-Match.
    NoIfNoneMatch,
    /// Counts are trusted across a failover.
    NoHistory,
    /// Tasks are granted at once after a loss.
    NoQuarantine,
    /// An instance is condemned on what it reported before a loss.
    NoNewSighting,
    /// A reprieve does not wait until the last offer is dead.
    EarlyReprieve,
    /// A job is restored from one list, however old.
    OneList,
}

impl Redis {
    pub fn new(jobs: usize) -> Self {
        let job = Job {
            exists: true,
            whole: true,
            ..Job::default()
        };
        Self {
            jobs: vec![job; jobs],
            ..Self::default()
        }
    }

    /// FLUSHALL, or a server that came back empty.
    pub fn lose_everything(&mut self) {
        *self = Self {
            unsettled: true,
            jobs: vec![Job::default(); self.jobs.len()],
            ..Self::default()
        };
    }

    /// This state, as the primary that took over has it.
    pub fn taken_over(mut self) -> Self {
        self.seen = 0;
        self.unsettled = true;
        for job in &mut self.jobs {
            job.whole = false;
        }
        self
    }

    /// False for condemned.
    pub fn report_idle(&mut self, a: u8) -> bool {
        self.seen |= bit(a);
        if has(self.condemned, a) {
            return false;
        }
        self.idle |= bit(a);
        true
    }

    /// `old`: the instance first reported idle before the last loss.
    pub fn begin_task(&mut self, a: u8, old: bool, mutant: Option<Mutant>) -> Begun {
        if mutant != Some(Mutant::NoRecheck) {
            if has(self.condemned, a) {
                return Begun::Condemned;
            }
            if has(self.retiring, a) {
                return Begun::Retiring;
            }
        }
        if self.unsettled && old && mutant != Some(Mutant::NoQuarantine) {
            return Begun::Unsettled;
        }
        self.idle &= !bit(a);
        Begun::Granted
    }

    /// Whether it may be named.
    pub fn condemn(&mut self, a: u8, mutant: Option<Mutant>) -> bool {
        if !has(self.seen, a) && mutant != Some(Mutant::NoNewSighting) {
            return false;
        }
        let named = has(self.condemned, a) || has(self.idle, a);
        if named {
            self.idle &= !bit(a);
            self.condemned |= bit(a);
        }
        named
    }

    pub fn retire(&mut self, a: u8) -> bool {
        if has(self.condemned, a) {
            return false;
        }
        self.retiring |= bit(a);
        true
    }

    /// `due`: the last offer was long enough ago.
    pub fn reprieve(&mut self, a: u8, due: bool) -> Reprieve {
        let condemned = has(self.condemned, a);
        if condemned && !due {
            return Reprieve::TooEarly;
        }
        self.retiring &= !bit(a);
        self.seen |= bit(a);
        if !condemned {
            return Reprieve::NotCondemned;
        }
        self.condemned &= !bit(a);
        self.idle |= bit(a);
        Reprieve::Idle
    }

    pub fn forget(&mut self, a: u8) {
        for set in [
            &mut self.idle,
            &mut self.seen,
            &mut self.condemned,
            &mut self.retiring,
        ] {
            *set &= !bit(a);
        }
    }

    pub fn complete_segment(
        &mut self,
        j: usize,
        segment: u8,
        segments: u8,
        clock: &mut u8,
        mutant: Option<Mutant>,
    ) -> Completion {
        let job = &mut self.jobs[j];
        if let Some(end) = job.ended {
            return Completion::Ended(end);
        }
        if !job.exists || (!job.whole && mutant != Some(Mutant::NoHistory)) {
            return Completion::Unknown;
        }
        job.done |= bit(segment);
        let left = segments - job.done.count_ones() as u8;
        if left > 0 {
            return Completion::Waiting(left);
        }
        if job.lease {
            return Completion::Finalizing;
        }
        *clock += 1;
        job.token = *clock;
        job.lease = true;
        Completion::Finalize(job.token)
    }

    fn holds(&self, j: usize, token: u8, mutant: Option<Mutant>) -> bool {
        let job = &self.jobs[j];
        if mutant == Some(Mutant::NoFencing) {
            return job.exists;
        }
        let whole = job.whole || mutant == Some(Mutant::NoHistory);
        job.exists && whole && job.token == token && token > 0
    }

    pub fn renew_finalizer(&mut self, j: usize, token: u8, mutant: Option<Mutant>) -> bool {
        let held = self.jobs[j].ended.is_none() && self.holds(j, token, mutant);
        self.jobs[j].lease |= held;
        held
    }

    pub fn commit_job(&mut self, j: usize, token: u8, mutant: Option<Mutant>) -> Commit {
        match self.jobs[j].ended {
            // Without a token, a repeated call of one finalizer looks like another's first.
            Some(End::Committed) if mutant == Some(Mutant::NoFencing) => Commit::Committed,
            Some(End::Committed) => Commit::Already,
            Some(_) => Commit::Lost,
            None if !self.holds(j, token, mutant) => Commit::Lost,
            None => {
                self.jobs[j].ended = Some(End::Committed);
                self.jobs[j].lease = false;
                Commit::Committed
            }
        }
    }

    /// fail_job and cancel_job; the answer is how it ended.
    pub fn end_job(&mut self, j: usize, end: End) -> End {
        let job = &mut self.jobs[j];
        if job.ended.is_none() {
            job.ended = Some(end);
            job.lease = false;
        }
        job.ended.unwrap_or(end)
    }

    pub fn restore_job(&mut self, j: usize, listed: Bits, segments: u8) -> Restoration {
        let job = &mut self.jobs[j];
        if let Some(end) = job.ended {
            return Restoration::Ended(end);
        }
        if job.exists && job.whole {
            job.done |= listed;
            return Restoration::Exists;
        }
        *job = Job {
            exists: true,
            whole: true,
            done: job.done | listed,
            ..Job::default()
        };
        Restoration::Restored(segments - job.done.count_ones() as u8)
    }

    /// The winning results, where all are known.
    pub fn complete(&self, j: usize, segments: u8) -> bool {
        self.jobs[j].exists && self.jobs[j].done.count_ones() == u32::from(segments)
    }
}
