//! What the service manager hears of the agent: that it is ready, that its loop goes on, that it is
//! about to end.
//!
//! The sign of life is tied to the loop itself: a loop that hangs is as good as dead, and is started
//! anew. Absent: any judgement of single tasks, which have limits and leases of their own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

/// How often a wait without an end of its own counts as going on.
const BEAT: Duration = Duration::from_secs(5);

/// When the loop was last seen to go on.
#[derive(Debug, Clone)]
pub struct Heart(Arc<Mutex<Instant>>);

impl Default for Heart {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Heart {
    /// Once a turn of the loop.
    pub fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Waits for what may rightly take for ever. The loop's own task does the beating, so a blocked
    /// runtime is still noticed.
    pub async fn through<T>(&self, waiting: impl Future<Output = T>) -> T {
        tokio::pin!(waiting);
        loop {
            self.beat();
            if let Ok(over) = tokio::time::timeout(BEAT, &mut waiting).await {
                self.beat();
                return over;
            }
        }
    }

    fn silence(&self) -> Duration {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

/// Tells the service manager that tasks can be taken, and, where it asks for that, goes on telling
/// it that the loop lives. Without a service manager nothing happens. `call` is the longest that one
/// call in the loop may take.
pub fn start(heart: Heart, call: Duration) -> Option<JoinHandle<()>> {
    notify(&[NotifyState::Ready]);
    let interval = sd_notify::watchdog_enabled()?;
    if patience(interval) <= call {
        tracing::warn!(
            ?interval,
            ?call,
            "the watchdog is shorter than a call may take with its retries; raise WatchdogSec"
        );
    }
    Some(tokio::spawn(async move {
        let mut tick = tokio::time::interval(interval / 4);
        let mut well = true;
        loop {
            tick.tick().await;
            let silence = heart.silence();
            if is_alive(silence, interval) {
                notify(&[NotifyState::Watchdog]);
            } else if well {
                tracing::error!(
                    ?silence,
                    "the loop does not go on; the watchdog will end it"
                );
            }
            well = is_alive(silence, interval);
        }
    }))
}

pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// How long the loop may be silent: long enough for a slow call, short enough that the service
/// manager's own count ends soon after.
fn patience(interval: Duration) -> Duration {
    interval * 2 / 3
}

fn is_alive(silence: Duration, interval: Duration) -> bool {
    silence <= patience(interval)
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "could not notify the service manager");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_dead_after_two_thirds_of_the_interval() {
        let interval = Duration::from_secs(300);
        for (silence, alive) in [
            (0, true),
            (180, true),
            (200, true),
            (201, false),
            (900, false),
        ] {
            assert_eq!(
                is_alive(Duration::from_secs(silence), interval),
                alive,
                "{silence}"
            );
        }
    }

    #[tokio::test]
    async fn a_long_wait_is_no_silence_and_a_blocked_one_is() {
        let heart = Heart::default();
        let before = Instant::now();
        let value = heart
            .through(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                7
            })
            .await;
        assert_eq!(value, 7);
        // It beat when the wait was over, not only when it began.
        assert!(heart.silence() < before.elapsed());
        std::thread::sleep(Duration::from_millis(20));
        assert!(heart.silence() >= Duration::from_millis(20));
        heart.beat();
        assert!(heart.silence() < before.elapsed());
    }
}
