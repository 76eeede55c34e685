use std::collections::HashMap;
use std::time::Duration;

use fleet_core::InstanceId;

use super::place::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    Idle,
    /// Stop receiving, drain, and wait for the end or a reprieve.
    Condemned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The instance holds the task; this is the task's `attempt`th try, from 1.
    Granted { attempt: u32 },
    /// Give the message back at once, stop receiving, drain.
    Condemned,
    /// The same; the instance goes idle, and the guard condemns it then.
    Retiring,
    /// Redis has just lost data, and the guard may have named this instance before. Give the
    /// message back at once, and receive again after `wait`.
    Unsettled { wait: Duration },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reprieve {
    /// Spared: idle again, and free to take tasks.
    Idle,
    /// It was not condemned; free to take tasks.
    NotCondemned,
    /// Offered too recently: Auto Scaling may still act on it. Ask again after `left`.
    Condemned { left: Duration },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdleInstance {
    pub id: InstanceId,
    pub idle_for: Duration,
    /// Since its last report.
    pub unseen_for: Duration,
    /// None where it never said.
    pub place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CondemnedInstance {
    pub id: InstanceId,
    /// Since it was last offered to Auto Scaling.
    pub condemned_for: Duration,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetStatus {
    /// Longest idle first.
    pub idle: Vec<IdleInstance>,
    /// Longest condemned first.
    pub condemned: Vec<CondemnedInstance>,
    pub retiring: Vec<InstanceId>,
}

/// An idle instance, as far as the guard needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub id: InstanceId,
    /// It reported lately. One that did not may be gone or stuck.
    pub seen: bool,
    /// None where it never said.
    pub place: Option<Place>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Longest idle first.
    pub idle: Vec<Candidate>,
    /// Longest condemned first.
    pub condemned: Vec<InstanceId>,
    pub retiring: Vec<InstanceId>,
}

/// A line for each of the idle; condemned; retiring.
pub(super) type RawCandidates = (String, Vec<String>, Vec<String>);

/// Err is the line or id that is none.
pub(super) fn candidates((idle, condemned, retiring): RawCandidates) -> Result<Candidates, String> {
    let line = |line: &str| {
        let (id, rest) = line.split_once(' ')?;
        let (seen, place) = rest.split_once(' ')?;
        Some(Candidate {
            id: id.parse().ok()?,
            seen: seen == "1",
            place: place.parse().ok(),
        })
    };
    let idle = idle.lines().map(|l| line(l).ok_or_else(|| l.to_owned()));
    let ids = |ids: Vec<String>| {
        let ids = ids.into_iter().map(|id| id.parse().map_err(|_| id));
        ids.collect::<Result<_, String>>()
    };
    Ok(Candidates {
        idle: idle.collect::<Result<_, String>>()?,
        condemned: ids(condemned)?,
        retiring: ids(retiring)?,
    })
}

/// Now; idle, seen and condemned as member, milliseconds, member, milliseconds …; retiring;
/// a place for each of the idle.
pub(super) type RawStatus = (u64, Scores, Scores, Scores, Vec<String>, Vec<String>);
type Scores = Vec<(String, u64)>;

/// Err is the id that is none.
pub(super) fn status(raw: RawStatus) -> Result<FleetStatus, String> {
    let (now, idle, seen, condemned, retiring, places) = raw;
    let age = |at: u64| Duration::from_millis(now.saturating_sub(at));
    let parse = |id: String| id.parse::<InstanceId>().map_err(|_| id);
    let seen: HashMap<String, u64> = seen.into_iter().collect();
    let idle = idle.into_iter().zip(places).map(|((id, since), place)| {
        Ok(IdleInstance {
            unseen_for: age(seen.get(&id).copied().unwrap_or(0)),
            idle_for: age(since),
            place: place.parse().ok(),
            id: parse(id)?,
        })
    });
    let condemned = condemned.into_iter().map(|(id, at)| {
        Ok(CondemnedInstance {
            id: parse(id)?,
            condemned_for: age(at),
        })
    });
    Ok(FleetStatus {
        idle: idle.collect::<Result<_, String>>()?,
        condemned: condemned.collect::<Result<_, String>>()?,
        retiring: retiring
            .into_iter()
            .map(parse)
            .collect::<Result<_, String>>()?,
    })
}
