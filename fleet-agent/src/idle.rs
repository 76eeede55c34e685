//! Being idle, and being about to be taken: the agent's side of the KillMe protocol.

use std::time::{Duration, Instant};

use aws_sdk_cloudwatch::types::StandardUnit;
use fleet_aws::metrics::IDLE_POLLS;
use redis_scripts::{Begun, Reported, Reprieve};
use tokio::task::JoinSet;

use crate::context::Context;
use crate::drain::Drain;
use crate::notice::is_terminated;

/// Whether this machine may take work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Receiving,
    /// To be replaced: no new task, idle from now on.
    Retiring,
    /// Offered to Auto Scaling: no new task, until the end or a reprieve.
    Condemned,
}

impl Standing {
    pub fn after(begun: Begun) -> Self {
        match begun {
            Begun::Granted { .. } | Begun::Unsettled { .. } => Standing::Receiving,
            Begun::Retiring => Standing::Retiring,
            Begun::Condemned => Standing::Condemned,
        }
    }
}

/// The gravest standing that was heard of, and since when nothing runs under it.
#[derive(Debug)]
pub struct Duty {
    standing: Standing,
    idle_since: Option<Instant>,
}

impl Duty {
    pub fn new() -> Self {
        Self {
            standing: Standing::Receiving,
            idle_since: None,
        }
    }

    pub fn hear(&mut self, standing: Standing) {
        self.standing = self.standing.max(standing);
    }

    pub fn receives(&self) -> bool {
        self.standing == Standing::Receiving
    }

    pub fn standing(&self) -> Standing {
        self.standing
    }

    fn idle_for(&mut self) -> Duration {
        self.idle_since.get_or_insert_with(Instant::now).elapsed()
    }
}

/// Whether a machine that runs nothing asks to work again.
///
/// How long a condemned one has been so is Redis' to say: each new offer starts that time again. A
/// retiring one counts for itself: the refresh that marked it takes idle machines first of all, so
/// one that was not taken for so long is no longer wanted.
fn asks_again(standing: Standing, idle_for: Duration, reprieve_after: Duration) -> bool {
    match standing {
        Standing::Receiving => false,
        Standing::Retiring => idle_for >= reprieve_after,
        Standing::Condemned => true,
    }
}

/// After a poll that brought nothing, while no task runs.
pub async fn report(context: &Context) -> Standing {
    context
        .metrics
        .publish(IDLE_POLLS, 1.0, StandardUnit::Count)
        .await;
    report_to_redis(context).await
}

async fn report_to_redis(context: &Context) -> Standing {
    match context.fleet.report_idle(&context.config.instance).await {
        Ok(Reported::Idle) => Standing::Receiving,
        Ok(Reported::Condemned) => Standing::Condemned,
        Err(error) => {
            // Not being listed as idle costs money, not work.
            tracing::warn!(%error, "could not report idle");
            Standing::Receiving
        }
    }
}

/// One round of not receiving: waits for running tasks or a poll's time, then reports.
pub async fn hold(
    context: &Context,
    duty: &mut Duty,
    running: &mut JoinSet<Standing>,
    drain: &Drain,
) {
    if !running.is_empty() {
        tokio::select! {
            Some(ended) = running.join_next() => duty.hear(ended.unwrap_or(Standing::Receiving)),
            () = drain.changed_from(drain.takes_nothing()) => {}
            () = drain.asked() => {}
        }
        return;
    }
    let idle_for = duty.idle_for();
    // A machine that only stands aside says nothing about how much work there is.
    let reported = match duty.receives() {
        true => report_to_redis(context).await,
        false => report(context).await,
    };
    duty.hear(reported);
    let after = context.config.reprieve_after;
    if asks_again(duty.standing, idle_for, after) && may_stay(context).await {
        match context
            .fleet
            .reprieve(&context.config.instance, after)
            .await
        {
            Ok(Reprieve::Idle | Reprieve::NotCondemned) => {
                tracing::info!("spared: taking tasks again");
                *duty = Duty::new();
                return;
            }
            Ok(Reprieve::Condemned { .. }) => {}
            Err(error) => tracing::warn!(%error, "could not ask for a reprieve"),
        }
    }
    tokio::select! {
        () = tokio::time::sleep(context.config.poll) => {}
        () = drain.changed_from(drain.takes_nothing()) => {}
        () = drain.asked() => {}
    }
}

/// Auto Scaling may have decided long ago, and be waiting in its hook. Where metadata does not
/// answer, nobody knows, and the machine goes on waiting.
async fn may_stay(context: &Context) -> bool {
    let Some(machine) = &context.machine else {
        return true;
    };
    match machine.target().await {
        Ok(target) => !target.is_some_and(|target| is_terminated(&target)),
        Err(error) => {
            tracing::warn!(%error, "could not learn what Auto Scaling wants of this machine");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_ends_receiving_and_the_graver_one_stays() {
        let mut duty = Duty::new();
        duty.hear(Standing::after(Begun::Granted { attempt: 1 }));
        assert!(duty.receives());
        for (begun, standing) in [
            (Begun::Retiring, Standing::Retiring),
            (Begun::Condemned, Standing::Condemned),
            (Begun::Retiring, Standing::Condemned),
            (Begun::Granted { attempt: 2 }, Standing::Condemned),
        ] {
            duty.hear(Standing::after(begun));
            assert_eq!(duty.standing, standing);
            assert!(!duty.receives());
        }
    }

    #[test]
    fn the_condemned_ask_redis_and_the_retiring_wait_their_time() {
        let after = Duration::from_secs(300);
        for (standing, idle_for, asks) in [
            (Standing::Receiving, 9000, false),
            (Standing::Retiring, 0, false),
            (Standing::Retiring, 299, false),
            (Standing::Retiring, 300, true),
            (Standing::Condemned, 0, true),
        ] {
            let idle_for = Duration::from_secs(idle_for);
            let answer = asks_again(standing, idle_for, after);
            assert_eq!(answer, asks, "{standing:?} {idle_for:?}");
        }
    }
}
