//! What the fleet looks like and what has happened to it, for people, tests and `framefleet status`.

use std::fmt;

use fleet_core::scaling::AlarmState;
use serde::{Deserialize, Serialize};

use super::policy_call::Cause;
use super::roster::Stage;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FleetStatus {
    /// None for a fleet of a fixed size.
    pub bounds: Option<Bounds>,
    /// Without those that are gone.
    pub instances: Vec<InstanceStatus>,
    pub tasks: Waiting,
    pub alarms: Vec<AlarmStatus>,
    /// Oldest first.
    pub happenings: Vec<Happening>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    pub min: u32,
    pub max: u32,
    pub desired: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStatus {
    pub id: String,
    pub zone: String,
    pub market: String,
    pub doing: Doing,
    pub pid: Option<u32>,
}

/// The queue of tasks, as SQS counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub waiting: u64,
    pub in_work: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmStatus {
    pub name: String,
    pub state: AlarmState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    Launching,
    /// Takes tasks, and has not been without one for a whole poll.
    Working,
    Idle,
    /// Named by the guard.
    Condemned,
    /// On its way out: terminating, or under a Spot interruption's notice.
    Draining,
    Terminated,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Happening {
    pub number: u64,
    /// Unix time.
    pub at_ms: u64,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    Alarm {
        name: String,
        state: AlarmState,
        /// The newest datapoint.
        value: Option<f64>,
    },
    Desired {
        from: u32,
        to: u32,
        why: String,
    },
    Launched {
        id: String,
        zone: String,
        market: String,
    },
    Became {
        id: String,
        doing: Doing,
    },
    /// The guard was called, and answered.
    Asked {
        cause: Cause,
        wanted: u32,
        began_ms: u64,
        taken: Vec<String>,
        /// Named, but gone already.
        gone: Vec<String>,
        /// Named, though it should not have been.
        refused: Vec<String>,
    },
    GuardFailed {
        error: String,
    },
    Spared {
        id: String,
    },
    Interrupted {
        id: String,
        notice_seconds: u64,
    },
    Terminated {
        id: String,
        how: End,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The agent completed the lifecycle hook, or had ended by then.
    Drained,
    /// The hook ran out.
    HookTimedOut,
    Interrupted,
    /// The machine went by itself, or was killed.
    Lost,
}

/// What a machine is doing, by Auto Scaling's stage and by what Redis says of it.
pub fn doing(stage: Stage, noticed: bool, idle: bool, condemned: bool) -> Doing {
    match stage {
        Stage::Pending => Doing::Launching,
        Stage::Terminating => Doing::Draining,
        Stage::Terminated => Doing::Terminated,
        Stage::InService if noticed => Doing::Draining,
        Stage::InService if condemned => Doing::Condemned,
        Stage::InService if idle => Doing::Idle,
        Stage::InService => Doing::Working,
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Doing::Launching => "launching",
            Doing::Working => "working",
            Doing::Idle => "idle",
            Doing::Condemned => "condemned",
            Doing::Draining => "draining",
            Doing::Terminated => "terminated",
        })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Alarm { name, state, value } => {
                let state = match state {
                    AlarmState::Ok => "OK",
                    AlarmState::Alarm => "ALARM",
                    AlarmState::InsufficientData => "INSUFFICIENT_DATA",
                };
                write!(f, "alarm      {name} is {state}")?;
                match value {
                    Some(value) => write!(f, " (metric {value:.1})"),
                    None => Ok(()),
                }
            }
            What::Desired { from, to, why } => write!(f, "desired    {from} -> {to} ({why})"),
            What::Launched { id, zone, market } => write!(f, "launched   {id} ({zone}, {market})"),
            What::Became { id, doing } => write!(f, "{doing:<10} {id}"),
            What::Asked {
                wanted,
                taken,
                cause,
                ..
            } => {
                let cause = match cause {
                    Cause::ScaleIn => "fewer",
                    Cause::Rebalance => "rebalanced",
                };
                match taken.len() {
                    0 => write!(f, "guard      asked for {wanted} {cause}: none is idle"),
                    n => write!(f, "guard      asked for {wanted} {cause}: names {n}"),
                }
            }
            What::GuardFailed { error } => write!(f, "guard      failed: {error}"),
            What::Spared { id } => write!(f, "spared     {id}"),
            What::Interrupted { id, notice_seconds } => {
                write!(f, "spot       {id} ends in {notice_seconds} s")
            }
            What::Terminated { id, how } => {
                let how = match how {
                    End::Drained => "drained",
                    End::HookTimedOut => "the lifecycle hook ran out",
                    End::Interrupted => "interrupted",
                    End::Lost => "lost",
                };
                write!(f, "terminated {id} ({how})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_does_is_auto_scalings_word_first_and_then_redis() {
        for (stage, noticed, idle, condemned, expected) in [
            (Stage::Pending, false, false, false, Doing::Launching),
            (Stage::InService, false, false, false, Doing::Working),
            (Stage::InService, false, true, false, Doing::Idle),
            (Stage::InService, false, false, true, Doing::Condemned),
            (Stage::InService, true, true, false, Doing::Draining),
            (Stage::Terminating, false, false, true, Doing::Draining),
            (Stage::Terminated, true, true, true, Doing::Terminated),
        ] {
            assert_eq!(doing(stage, noticed, idle, condemned), expected);
        }
    }

    #[test]
    fn a_happening_survives_its_json() {
        let happening = Happening {
            number: 3,
            at_ms: 5,
            what: What::Asked {
                cause: Cause::ScaleIn,
                wanted: 2,
                began_ms: 4,
                taken: vec!["i-1".into()],
                gone: Vec::new(),
                refused: Vec::new(),
            },
        };
        let json = serde_json::to_string(&happening).unwrap();
        assert_eq!(serde_json::from_str::<Happening>(&json).unwrap(), happening);
        assert_eq!(
            happening.what.to_string(),
            "guard      asked for 2 fewer: names 1"
        );
    }
}
