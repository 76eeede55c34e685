//! One decoder process under observation: what it has used, and its end when that is too much.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fleet_core::{DecoderLimit, DecoderLimits};
use rustix::process::{Pid, Signal};

/// Why the agent ended a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Limit(DecoderLimit),
    /// It said what no decoder of ours says.
    Nonsense,
    /// The agent itself is to stop.
    Interrupted,
}

/// How often the clocks are looked at. Deadlines are minutes.
const TICK: Duration = Duration::from_millis(100);
/// From the last answer to the end of reading.
const FAREWELL: Duration = Duration::from_secs(10);

pub struct Watch<'a> {
    pid: Pid,
    limits: &'a DecoderLimits,
    started: Instant,
    state: Mutex<State>,
    changed: Condvar,
    read: AtomicU64,
    most_read: u64,
}

struct State {
    over: bool,
    why: Option<Why>,
    /// How many of the agent's threads keep the decoder waiting.
    busy: u32,
    /// Since when nobody does.
    free_since: Instant,
    /// Since when it has given its last answer.
    answered: Option<Instant>,
}

impl<'a> Watch<'a> {
    pub fn new(pid: Pid, limits: &'a DecoderLimits, video_bytes: u64) -> Self {
        let now = Instant::now();
        Self {
            pid,
            limits,
            started: now,
            state: Mutex::new(State {
                over: false,
                why: None,
                busy: 0,
                free_since: now,
                answered: None,
            }),
            changed: Condvar::new(),
            read: AtomicU64::new(0),
            most_read: limits.read_bytes(video_bytes),
        }
    }

    /// Runs until [`over`](Self::over). Ends the decoder when its time is up or `stop` says so.
    pub fn guard(&self, stop: &(dyn Fn() -> bool + Sync)) {
        let mut state = self.lock();
        while !state.over {
            let waited = self.changed.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            let idle = (state.busy == 0).then(|| state.free_since.elapsed());
            let why = if stop() {
                Why::Interrupted
            } else if self.started.elapsed() > Duration::from_secs(self.limits.wall_seconds) {
                Why::Limit(DecoderLimit::Wall)
            } else if idle.is_some_and(|t| t > Duration::from_secs(self.limits.stall_seconds)) {
                Why::Limit(DecoderLimit::Stall)
            } else if state.answered.is_some_and(|then| then.elapsed() > FAREWELL) {
                Why::Nonsense
            } else {
                continue;
            };
            self.end_locked(&mut state, Some(why));
        }
    }

    /// While the result lives, the decoder cannot be blamed for doing nothing.
    pub fn busy(&self) -> Busy<'_, 'a> {
        self.lock().busy += 1;
        Busy(self)
    }

    pub fn count_read(&self, bytes: u64) -> io::Result<()> {
        let all = self.read.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if all > self.most_read {
            self.end(Some(Why::Limit(DecoderLimit::Reads)));
            return Err(io::Error::other("too much was read"));
        }
        Ok(())
    }

    /// Kills the decoder; the first reason counts.
    pub fn end(&self, why: Option<Why>) {
        self.end_locked(&mut self.lock(), why);
    }

    fn end_locked(&self, state: &mut State, why: Option<Why>) {
        state.why = state.why.or(why);
        // Until it is waited for, which is after this watch, the pid is nobody else's.
        let _ = rustix::process::kill_process(self.pid, Signal::KILL);
    }

    pub fn answered(&self) {
        self.lock().answered = Some(Instant::now());
    }

    /// The decoder is done with: `guard` returns.
    pub fn over(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    pub fn why(&self) -> Option<Why> {
        self.lock().why
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Busy<'w, 'a>(&'w Watch<'a>);

impl Drop for Busy<'_, '_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy -= 1;
        state.free_since = Instant::now();
    }
}
