//! Who in the fleet is idle, condemned or retiring, and how often each task was tried.
//!
//! An instance is never in [`Fleet::condemn`]'s answer while it holds a task, because
//! [`Fleet::begin_task`] and `condemn` are both atomic and each refuses what the other did. That
//! holds only if the instance itself does not call `report_idle` while one of its tasks runs.

mod place;
mod types;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fleet_core::InstanceId;

use crate::connection::Connection;
use crate::error::Error;
use crate::script::lua;
pub use place::{Market, Place};
pub use types::{
    Begun, Candidate, Candidates, CondemnedInstance, FleetStatus, IdleInstance, Reported, Reprieve,
};
use types::{RawCandidates, RawStatus, candidates, status};

/// An instance that says nothing for this long is forgotten with everything about it.
const FLEET_TTL: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// Longer than any message can live in SQS, so that no redelivery outlives its count.
const ATTEMPTS_TTL: Duration = Duration::from_secs(15 * 24 * 60 * 60);

/// More than Auto Scaling takes to act on the guard's answer, or to throw it away.
const SETTLE: Duration = Duration::from_secs(10);

/// Cheap to clone.
#[derive(Clone)]
pub struct Fleet {
    connection: Connection,
    name: Arc<str>,
    settle: Duration,
    place: Option<Place>,
    /// When each instance that reports through this handle or its clones first did so.
    first_idle: Arc<Mutex<HashMap<InstanceId, Instant>>>,
}

impl Fleet {
    /// `name` is 1 to 64 of A-Z a-z 0-9 _ -; fleets with other names share nothing.
    pub fn new(connection: &Connection, name: &str) -> Result<Self, Error> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(word) {
            return Err(Error::Config(format!(
                "a fleet name must be 1 to 64 of A-Z a-z 0-9 _ -, got {name:?}"
            )));
        }
        Ok(Self {
            connection: connection.clone(),
            name: name.into(),
            settle: SETTLE,
            place: None,
            first_idle: Arc::default(),
        })
    }

    /// Where the instances that report through this handle are. The guard needs it for an idle
    /// instance that Auto Scaling's own list leaves out.
    pub fn with_place(self, place: Place) -> Self {
        let place = Some(place);
        Self { place, ..self }
    }

    /// How long instances that were idle before take no task after Redis lost data.
    pub fn with_settle(self, settle: Duration) -> Self {
        Self { settle, ..self }
    }

    /// After every poll that brought nothing. Never while a task of this instance runs.
    pub async fn report_idle(&self, instance: &InstanceId) -> Result<Reported, Error> {
        let lua = lua!(report_idle);
        let mut call = lua.invoke();
        call.key(self.key("idle")).key(self.key("seen"));
        call.key(self.key("condemned")).key(self.key("history"));
        call.key(self.key("places"));
        call.arg(instance.as_str()).arg(ms(FLEET_TTL));
        call.arg(
            self.place
                .as_ref()
                .map_or_else(String::new, Place::to_string),
        );
        let reply: String = lua.run(&self.connection, &call).await?;
        let mut first_idle = self
            .first_idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first_idle
            .entry(instance.clone())
            .or_insert_with(Instant::now);
        drop(first_idle);
        match reply.as_str() {
            "idle" => Ok(Reported::Idle),
            "condemned" => Ok(Reported::Condemned),
            _ => Err(lua.unexpected(&reply)),
        }
    }

    /// After a message was received and before any work. `receipt` names this receive of it, so
    /// that a repeated call counts once.
    pub async fn begin_task(
        &self,
        instance: &InstanceId,
        task: &str,
        receipt: &str,
    ) -> Result<Begun, Error> {
        let lua = lua!(begin_task);
        let mut call = lua.invoke();
        call.key(self.key("idle")).key(self.key("condemned"));
        call.key(self.key("retiring"));
        call.key(self.key("history")).key(self.attempts_key(task));
        call.arg(instance.as_str()).arg(receipt);
        call.arg(self.first_idle_ms(instance)).arg(ms(self.settle));
        call.arg(ms(FLEET_TTL)).arg(ms(ATTEMPTS_TTL));
        let reply: String = lua.run(&self.connection, &call).await?;
        match reply.split_once(' ') {
            Some(("granted", attempt)) => match attempt.parse() {
                Ok(attempt) => Ok(Begun::Granted { attempt }),
                Err(_) => Err(lua.unexpected(&reply)),
            },
            Some(("unsettled", wait)) => match wait.parse() {
                Ok(wait) => Ok(Begun::Unsettled {
                    wait: Duration::from_millis(wait),
                }),
                Err(_) => Err(lua.unexpected(&reply)),
            },
            None if reply == "condemned" => Ok(Begun::Condemned),
            None if reply == "retiring" => Ok(Begun::Retiring),
            _ => Err(lua.unexpected(&reply)),
        }
    }

    /// Takes the attempt of `receipt` back: the task was given back unharmed, and was not at fault.
    pub async fn hand_back(&self, task: &str, receipt: &str) -> Result<(), Error> {
        let lua = lua!(hand_back);
        let mut call = lua.invoke();
        call.key(self.attempts_key(task));
        call.arg(receipt).arg(ms(ATTEMPTS_TTL));
        lua.run::<u32>(&self.connection, &call).await.map(drop)
    }

    /// Condemns those of `ids` that are still idle and were seen within `seen_within`, and confirms
    /// those that are condemned already. Only the ids in the answer may be named to Auto Scaling.
    pub async fn condemn(
        &self,
        ids: &[InstanceId],
        seen_within: Duration,
    ) -> Result<Vec<InstanceId>, Error> {
        let lua = lua!(condemn);
        let mut call = lua.invoke();
        call.key(self.key("idle")).key(self.key("seen"));
        call.key(self.key("condemned")).key(self.key("retiring"));
        call.key(self.key("history")).key(self.key("places"));
        call.arg(ms(seen_within)).arg(ms(FLEET_TTL));
        for id in ids {
            call.arg(id.as_str());
        }
        let reply: Vec<String> = lua.run(&self.connection, &call).await?;
        let parse = |id: String| id.parse().map_err(|_| lua.unexpected(&id));
        reply.into_iter().map(parse).collect()
    }

    /// Marks those of `ids` that are not condemned: they refuse their next task. The answer is how
    /// many of them are marked now.
    pub async fn retire(&self, ids: &[InstanceId]) -> Result<u32, Error> {
        let lua = lua!(retire);
        let mut call = lua.invoke();
        call.key(self.key("condemned")).key(self.key("retiring"));
        call.arg(ms(FLEET_TTL));
        for id in ids {
            call.arg(id.as_str());
        }
        lua.run(&self.connection, &call).await
    }

    /// Back from condemned to idle, for an instance that Auto Scaling has spared: it was last
    /// offered `condemned_for` ago or earlier. A retiring mark is lifted too.
    pub async fn reprieve(
        &self,
        instance: &InstanceId,
        condemned_for: Duration,
    ) -> Result<Reprieve, Error> {
        let lua = lua!(reprieve);
        let mut call = lua.invoke();
        call.key(self.key("idle")).key(self.key("seen"));
        call.key(self.key("condemned")).key(self.key("retiring"));
        call.key(self.key("history")).arg(instance.as_str());
        call.arg(ms(condemned_for)).arg(ms(FLEET_TTL));
        let reply: String = lua.run(&self.connection, &call).await?;
        match reply.split_once(' ') {
            None if reply == "idle" => Ok(Reprieve::Idle),
            None if reply == "not_condemned" => Ok(Reprieve::NotCondemned),
            Some(("condemned", left)) => match left.parse() {
                Ok(left) => Ok(Reprieve::Condemned {
                    left: Duration::from_millis(left),
                }),
                Err(_) => Err(lua.unexpected(&reply)),
            },
            _ => Err(lua.unexpected(&reply)),
        }
    }

    /// On a clean exit.
    pub async fn forget(&self, instance: &InstanceId) -> Result<(), Error> {
        let lua = lua!(forget);
        let mut call = lua.invoke();
        call.key(self.key("idle")).key(self.key("seen"));
        call.key(self.key("condemned")).key(self.key("retiring"));
        call.key(self.key("places")).arg(instance.as_str());
        lua.run::<u32>(&self.connection, &call).await.map(drop)
    }

    /// What the guard decides on. The decision is only a wish until `condemn` has confirmed it.
    pub async fn candidates(&self, seen_within: Duration) -> Result<Candidates, Error> {
        let lua = lua!(candidates);
        let mut call = lua.invoke();
        call.key(self.key("idle")).key(self.key("seen"));
        call.key(self.key("condemned")).key(self.key("retiring"));
        call.key(self.key("places")).arg(ms(seen_within));
        let raw: RawCandidates = lua.run(&self.connection, &call).await?;
        candidates(raw).map_err(|line| lua.unexpected(&line))
    }

    /// Who is idle, condemned and retiring, and since when: for people and tests.
    pub async fn fleet_status(&self) -> Result<FleetStatus, Error> {
        let lua = lua!(fleet_status);
        let mut call = lua.invoke();
        call.key(self.key("idle")).key(self.key("seen"));
        call.key(self.key("condemned")).key(self.key("retiring"));
        call.key(self.key("places"));
        let raw: RawStatus = lua.run(&self.connection, &call).await?;
        status(raw).map_err(|id| lua.unexpected(&id))
    }

    /// -1 for an instance that never reported idle.
    fn first_idle_ms(&self, instance: &InstanceId) -> i64 {
        let first_idle = self
            .first_idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first_idle.get(instance).map_or(-1, |at| {
            i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX)
        })
    }

    fn key(&self, what: &str) -> String {
        format!("framefleet:{{{}}}:{what}", self.name)
    }

    fn attempts_key(&self, task: &str) -> String {
        format!("framefleet:{{{}}}:attempts:{task}", self.name)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
