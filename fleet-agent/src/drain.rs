//! Being told to stop, or to stand aside: what every loop and every decoder can look at.
//!
//! Nothing here is ever taken back but standing aside. A second reason to leave can only bring the
//! end nearer.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

/// For a task to notice that its time is up. After that it is dropped, wherever it stands.
const NOTICE_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    /// No new work for now.
    aside: bool,
    /// No new work any more, and what runs has this long.
    until: Option<Instant>,
    /// The time is up.
    interrupted: bool,
    /// Auto Scaling waits for us in the terminating hook.
    terminating: bool,
    /// The process itself is to end.
    stopping: bool,
    /// The reason to leave is gone; see `withdraw`.
    withdrawn: bool,
}

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<watch::Sender<State>>);

impl Drain {
    /// No new work; what runs is finished within `left`, or handed back.
    pub fn ask(&self, left: Duration) {
        let until = Instant::now() + left;
        self.0.send_modify(|state| {
            state.until = Some(state.until.map_or(until, |before| before.min(until)));
            state.withdrawn = false;
        });
    }

    pub fn stand_aside(&self, aside: bool) {
        self.0.send_modify(|state| state.aside = aside);
    }

    pub fn terminate(&self) {
        self.0.send_modify(|state| state.terminating = true);
    }

    /// The machine stays after all. A drain that has begun is finished all the same: whoever starts
    /// the process starts it anew.
    pub fn withdraw(&self) {
        self.0.send_modify(|state| state.withdrawn = true);
    }

    /// Time is up: running decoders stop at the next byte or image.
    pub fn interrupt(&self) {
        self.0.send_modify(|state| state.interrupted = true);
    }

    pub fn is_asked(&self) -> bool {
        self.0.borrow().until.is_some()
    }

    /// No new work, for now or for good.
    pub fn takes_nothing(&self) -> bool {
        let state = *self.0.borrow();
        state.aside || state.until.is_some()
    }

    pub fn interrupted(&self) -> bool {
        self.0.borrow().interrupted
    }

    pub fn is_terminating(&self) -> bool {
        self.0.borrow().terminating
    }

    pub async fn asked(&self) {
        self.when(|state| state.until.is_some()).await;
    }

    /// Resolves when the answer of `takes_nothing` is no longer `now`.
    pub async fn changed_from(&self, now: bool) {
        self.when(|state| (state.aside || state.until.is_some()) != now)
            .await;
    }

    pub async fn terminating(&self) {
        self.when(|state| state.terminating).await;
    }

    pub async fn stopping(&self) {
        self.when(|state| state.stopping).await;
    }

    pub async fn stopping_for(&self, time: Duration) {
        self.stopping().await;
        tokio::time::sleep(time).await;
    }

    pub async fn withdrawn(&self) {
        self.when(|state| state.withdrawn).await;
    }

    /// Resolves when what still runs must be handed back. The time may get shorter meanwhile.
    pub async fn overdue(&self) {
        let mut state = self.0.subscribe();
        loop {
            let until = state.borrow_and_update().until;
            let time_is_up = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = time_is_up => return,
                // Its sender is ours, so it never closes.
                _ = state.changed() => {}
            }
        }
    }

    /// Resolves when a task has had its chance to notice an interruption.
    pub async fn abandoned(&self) {
        self.when(|state| state.interrupted).await;
        tokio::time::sleep(NOTICE_WITHIN).await;
    }

    async fn when(&self, holds: impl FnMut(&State) -> bool) {
        let _ = self.0.subscribe().wait_for(holds).await;
    }

    /// Asks on SIGTERM or SIGINT; running tasks then have `left`.
    pub fn on_signal(&self, left: Duration) {
        let drain = self.clone();
        tokio::spawn(async move {
            let (Ok(mut term), Ok(mut int)) = (
                signal(SignalKind::terminate()),
                signal(SignalKind::interrupt()),
            ) else {
                tracing::error!("could not listen for signals");
                return;
            };
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            tracing::info!("asked to stop: no new work is taken");
            drain.ask(left);
            drain.0.send_modify(|state| state.stopping = true);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_later_reason_only_brings_the_end_nearer() {
        let drain = Drain::default();
        assert!(!drain.takes_nothing());
        drain.ask(Duration::from_secs(3600));
        let overdue = tokio::spawn({
            let drain = drain.clone();
            async move { drain.overdue().await }
        });
        tokio::task::yield_now().await;
        drain.ask(Duration::from_millis(10));
        drain.ask(Duration::from_secs(7200));
        let waited = tokio::time::timeout(Duration::from_secs(60), overdue).await;
        waited.expect("the nearer end counts").unwrap();
    }

    #[tokio::test]
    async fn standing_aside_can_be_taken_back_and_leaving_cannot() {
        let drain = Drain::default();
        drain.stand_aside(true);
        assert!(drain.takes_nothing() && !drain.is_asked());
        drain.changed_from(false).await;
        drain.stand_aside(false);
        assert!(!drain.takes_nothing());
        drain.ask(Duration::ZERO);
        drain.withdraw();
        drain.stand_aside(false);
        assert!(drain.takes_nothing() && drain.is_asked());
        drain.withdrawn().await;
        drain.overdue().await;
    }
}
