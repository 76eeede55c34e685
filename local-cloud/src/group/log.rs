//! What has happened to the group, in order.

use std::sync::{Mutex, PoisonError};

use super::now;
use super::status::{Happening, What};

#[derive(Debug, Default)]
pub struct Log(Mutex<Vec<Happening>>);

impl Log {
    pub fn add(&self, what: What) {
        let mut happenings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tracing::info!("{what}");
        let number = happenings.len() as u64;
        happenings.push(Happening {
            number,
            at_ms: now(),
            what,
        });
    }

    pub fn all(&self) -> Vec<Happening> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
