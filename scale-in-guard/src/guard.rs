//! One call: read, ask Redis, decide, condemn, answer. Everything that can fail ends here.

use std::cell::Cell;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fleet_aws::clients::Patience;
use fleet_aws::secrets;
use redis_scripts::{Connection, Fleet, Options};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::Config;
use crate::decide::{SEEN_WITHIN, decide};
use crate::event::{Answer, Event};
use crate::metrics;

/// Auto Scaling waits 2 s, and counts the way to us and back.
const ANSWER_WITHIN: Duration = Duration::from_millis(850);
/// A cold start may take longer than a call, as long as a call is not waiting for it.
const CONNECT_WITHIN: Duration = Duration::from_millis(700);

/// Why an answer is empty although capacity is wanted. Auto Scaling retries by itself.
#[derive(Debug, Error)]
pub enum Fault {
    #[error("read the event: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("{}", chain(.0))]
    Redis(#[from] redis_scripts::Error),
    #[error(transparent)]
    Secret(#[from] secrets::SecretError),
    #[error("{stage}: not done within {} ms", .limit.as_millis())]
    TimedOut {
        stage: &'static str,
        limit: Duration,
    },
}

fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|s| format!(": {s}")).unwrap_or_default();
    format!("{error}{source}")
}

pub struct Guard {
    config: Config,
    /// None until connected, and again after a fault: the address or the password may have changed.
    fleet: Mutex<Option<Fleet>>,
}

struct Outcome {
    answer: Answer,
    wanted: u64,
    fault: Option<Fault>,
}

impl Guard {
    pub fn new(config: Config) -> Self {
        let fleet = Mutex::default();
        Self { config, fleet }
    }

    /// Connects ahead of the first call. A failure is only logged: the call will try again.
    pub async fn warm_up(&self) {
        let stage = Cell::new("connect");
        if let Err(fault) = within(CONNECT_WITHIN, &stage, self.fleet()).await {
            tracing::warn!(%fault, "could not connect at start");
        }
    }

    /// Never fails, and never takes longer than `ANSWER_WITHIN` (and the parsing of the event).
    pub async fn answer(&self, event: &str) -> Answer {
        let start = Instant::now();
        let stage = Cell::new("read the event");
        let outcome = match within(ANSWER_WITHIN, &stage, self.carry_out(event, &stage)).await {
            Ok(outcome) => outcome,
            Err(fault) => Outcome {
                answer: Answer::default(),
                wanted: 0,
                fault: Some(fault),
            },
        };
        if let Some(fault) = &outcome.fault {
            tracing::error!(%fault, "the answer may be short");
            if !matches!(fault, Fault::Malformed(_)) {
                self.disconnect();
            }
        }
        self.publish(&outcome, start.elapsed());
        outcome.answer
    }

    async fn carry_out(&self, event: &str, stage: &Cell<&'static str>) -> Result<Outcome, Fault> {
        let event: Event<'_> = serde_json::from_str(event)?;
        let capacities = event.capacity_to_terminate.iter().map(|c| c.capacity);
        let wanted = capacities.fold(0, u64::saturating_add);
        let mut outcome = Outcome {
            answer: Answer::default(),
            wanted,
            fault: None,
        };
        if wanted == 0 {
            return Ok(outcome);
        }
        stage.set("connect");
        let fleet = self.fleet().await?;
        stage.set("read the fleet");
        let decision = decide(&event, &fleet.candidates(SEEN_WITHIN).await?);
        stage.set("condemn");
        if !decision.offer.is_empty() {
            outcome.answer.instance_ids = fleet.condemn(&decision.offer, SEEN_WITHIN).await?;
        }
        // Whoever is condemned is named in any case, whatever becomes of the others.
        if !decision.retire.is_empty()
            && let Err(fault) = fleet.retire(&decision.retire).await
        {
            outcome.fault = Some(fault.into());
        }
        tracing::info!(
            group = %event.auto_scaling_group_name,
            cause = ?event.cause,
            listed = event.instances.len(),
            more = event.has_more_instances,
            wanted,
            offered = outcome.answer.instance_ids.len(),
            retired = decision.retire.len(),
            "answered"
        );
        Ok(outcome)
    }

    async fn fleet(&self) -> Result<Fleet, Fault> {
        let mut slot = self.fleet.lock().await;
        if let Some(fleet) = &*slot {
            return Ok(fleet.clone());
        }
        let options = Options {
            connect_timeout: Duration::from_millis(300),
            // The call's own limit comes first, and says in which stage it was.
            reply_timeout: 2 * ANSWER_WITHIN,
            retries: 1,
            ..Options::new(self.redis_url().await?)
        };
        let fleet = Fleet::new(&Connection::open(&options).await?, &self.config.fleet)?;
        *slot = Some(fleet.clone());
        Ok(fleet)
    }

    async fn redis_url(&self) -> Result<String, Fault> {
        let Some(id) = &self.config.redis_secret_id else {
            return Ok(self.config.redis_url.clone());
        };
        let patience = Patience {
            connect: Duration::from_millis(200),
            read: Duration::from_millis(400),
            operation: Duration::from_millis(600),
            attempts: 2,
        };
        let sdk = fleet_aws::load_config(&patience).await;
        Ok(secrets::redis_url(&sdk, &self.config.redis_url, Some(id)).await?)
    }

    fn disconnect(&self) {
        if let Ok(mut slot) = self.fleet.try_lock() {
            *slot = None;
        }
    }

    fn publish(&self, outcome: &Outcome, took: Duration) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let offered = outcome.answer.instance_ids.len() as u64;
        let facts: Vec<_> = outcome
            .fault
            .iter()
            .map(|fault| ("fault", fault.to_string()))
            .collect();
        let line = metrics::line(
            now.unwrap_or_default().as_millis(),
            &self.config.fleet,
            &[
                (metrics::ERRORS, u64::from(outcome.fault.is_some())),
                (metrics::WANTED, outcome.wanted),
                (metrics::OFFERED, offered),
                (metrics::MILLIS, took.as_millis() as u64),
            ],
            &facts,
        );
        println!("{line}");
    }
}

async fn within<T>(
    limit: Duration,
    stage: &Cell<&'static str>,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        let stage = stage.get();
        Err(Fault::TimedOut { stage, limit })
    })
}
