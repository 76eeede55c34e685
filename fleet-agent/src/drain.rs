//! Being told to stop: a flag that every loop and every decoder can look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

#[derive(Debug, Clone)]
pub struct Drain {
    asked: watch::Receiver<bool>,
    interrupt: Arc<AtomicBool>,
}

impl Drain {
    /// Resolves once no new work may be taken.
    pub async fn asked(&mut self) {
        // A closed channel means that nobody is left who could ask.
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Time is up: running decoders stop at the next byte or image.
    pub fn interrupt(&self) {
        self.interrupt.store(true, Ordering::Relaxed);
    }

    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone)]
pub struct Ask(watch::Sender<bool>);

impl Ask {
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

pub fn channel() -> (Ask, Drain) {
    let (sender, asked) = watch::channel(false);
    (
        Ask(sender),
        Drain {
            asked,
            interrupt: Arc::default(),
        },
    )
}

/// Asks on SIGTERM or SIGINT.
pub fn on_signal() -> (Ask, Drain) {
    let (ask, drain) = channel();
    let on = ask.clone();
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
        on.now();
    });
    (ask, drain)
}
