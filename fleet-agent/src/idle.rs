//! Being idle, and being about to be taken: the agent's side of the KillMe protocol.

use std::time::Duration;

use aws_sdk_cloudwatch::types::StandardUnit;
use fleet_aws::metrics::IDLE_POLLS;
use redis_scripts::{Begun, Reported, Reprieve};
use tokio::task::JoinSet;

use crate::context::Context;
use crate::drain::Drain;

/// Auto Scaling may spare an instance that it was offered; after this long it asks to work again.
const CONDEMNED_FOR: Duration = Duration::from_secs(5 * 60);

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
    pub fn worst(self, other: Self) -> Self {
        self.max(other)
    }

    pub fn after(begun: Begun) -> Self {
        match begun {
            Begun::Granted { .. } | Begun::Unsettled { .. } => Standing::Receiving,
            Begun::Retiring => Standing::Retiring,
            Begun::Condemned => Standing::Condemned,
        }
    }
}

/// After a poll that brought nothing, while no task runs.
pub async fn report(context: &Context) -> Standing {
    context
        .metrics
        .publish(IDLE_POLLS, 1.0, StandardUnit::Count)
        .await;
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
    standing: Standing,
    running: &mut JoinSet<Standing>,
    drain: &mut Drain,
) -> Standing {
    if !running.is_empty() {
        tokio::select! {
            _ = running.join_next() => {}
            () = drain.asked() => {}
        }
        return standing;
    }
    let reported = standing.worst(report(context).await);
    if reported == Standing::Condemned {
        match context
            .fleet
            .reprieve(&context.config.instance, CONDEMNED_FOR)
            .await
        {
            Ok(Reprieve::Idle | Reprieve::NotCondemned) => {
                tracing::info!("spared: taking tasks again");
                return Standing::Receiving;
            }
            Ok(Reprieve::Condemned { .. }) => {}
            Err(error) => tracing::warn!(%error, "could not ask for a reprieve"),
        }
    }
    tokio::select! {
        () = tokio::time::sleep(context.config.poll) => {}
        () = drain.asked() => {}
    }
    reported
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_ends_receiving_and_the_graver_one_stays() {
        assert_eq!(
            Standing::after(Begun::Granted { attempt: 1 }),
            Standing::Receiving
        );
        assert_eq!(Standing::after(Begun::Retiring), Standing::Retiring);
        assert_eq!(Standing::after(Begun::Condemned), Standing::Condemned);
        assert_eq!(
            Standing::Retiring.worst(Standing::Condemned),
            Standing::Condemned
        );
        assert_eq!(
            Standing::Condemned.worst(Standing::Receiving),
            Standing::Condemned
        );
    }
}
