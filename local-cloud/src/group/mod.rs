//! EC2 Auto Scaling, as far as the fleet can see it: a group that follows its alarms, launches agent
//! processes, asks the real scale-in guard who may go, runs the terminating lifecycle hook, and only
//! then kills. Spot interruptions and zone rebalancing come on demand.
//!
//! What to do is decided by pure code (`fleet_core::scaling`, `roster`, `policy_call`); the rest
//! carries it out. Absent: health checks other than that the process runs, warm pools, instance
//! refreshes, launch failures, and every other way to size a group.

mod alarms;
mod log;
mod metrics;
mod policy_call;
mod resize;
mod roster;
mod settings;
mod status;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fleet_core::scaling::Millis;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::runtime::Handle;

use crate::agent::{Agent, InstanceIds};
use crate::error::StartError;
use crate::lambda::Function;
use crate::lifecycle::Lifecycle;
use crate::machines::Machines;
use crate::metadata::Identity;
use crate::place;
use log::Log;
pub use metrics::Metrics;
pub use policy_call::Cause;
use policy_call::market;
use roster::{Member, Roster, Stage};
pub use settings::{HURRIED_POLL, Scaling};
pub use status::{
    AlarmStatus, Bounds, Doing, End, FleetStatus, Happening, InstanceStatus, Waiting, What,
};

const TICK: Duration = Duration::from_millis(200);

/// Everything that a group acts through.
pub struct Edges {
    pub machines: Machines,
    pub guard: Arc<Function>,
    pub metrics: Metrics,
    pub redis: redis_scripts::Fleet,
    pub lifecycle: Arc<Lifecycle>,
    /// Where our tasks live, whoever calls.
    pub runtime: Handle,
}

pub struct Group {
    scaling: Option<Scaling>,
    edges: Edges,
    log: Log,
    state: Mutex<State>,
}

struct State {
    roster: Roster,
    agents: Vec<Arc<Agent>>,
    ids: InstanceIds,
    rng: StdRng,
    desired: u32,
    watches: BTreeMap<String, alarms::Watched>,
    /// As it was last seen.
    doing: BTreeMap<String, Doing>,
    tasks: Waiting,
    /// Under a Spot interruption's notice.
    noticed: BTreeSet<String>,
    /// Bucket quotas of zone rebalancings that are not done yet.
    rebalancing: VecDeque<Vec<u32>>,
    asked: Option<Instant>,
    stopping: bool,
}

impl Group {
    pub fn new(scaling: Option<Scaling>, seed: u64, edges: Edges) -> Self {
        let desired = scaling
            .as_ref()
            .map_or(0, |s| s.desired.clamp(s.min, s.max));
        let watches = scaling.as_ref().map_or_else(BTreeMap::new, alarms::watched);
        Self {
            scaling,
            edges,
            log: Log::default(),
            state: Mutex::new(State {
                roster: Roster::new(place::ZONES.len()),
                agents: Vec::new(),
                ids: InstanceIds::new(seed),
                rng: StdRng::seed_from_u64(seed),
                desired,
                watches,
                doing: BTreeMap::new(),
                tasks: Waiting::default(),
                noticed: BTreeSet::new(),
                rebalancing: VecDeque::new(),
                asked: None,
                stopping: false,
            }),
        }
    }

    /// Never returns; the caller aborts it.
    pub async fn run(self: Arc<Self>) {
        let feeding = self.clone();
        let feed = async move { feeding.feed_the_queues_metric().await };
        let deciding = self.clone();
        let decide = async move {
            loop {
                deciding.reap();
                deciding.look_at_alarms().await;
                deciding.resize().await;
                tokio::time::sleep(TICK).await;
            }
        };
        let observe = async move {
            loop {
                self.observe().await;
                tokio::time::sleep(TICK).await;
            }
        };
        tokio::join!(feed, decide, observe);
    }

    /// One more agent at once, for a fleet of a fixed size. Zone and market follow from how many were
    /// started before, unless they are given.
    pub fn start_agent(
        &self,
        place: Option<(u32, bool)>,
        env: &[(&str, &str)],
    ) -> Result<Arc<Agent>, StartError> {
        let (id, nth) = {
            let mut state = self.state();
            (state.ids.next(), state.agents.len())
        };
        let (zone, spot) = place.unwrap_or_else(|| place::nth(nth));
        // The agent first: what does not start is no member.
        let agent = self.edges.machines.start(identity(&id, zone, spot), env)?;
        let mut state = self.state();
        state.roster.add(Member {
            id,
            zone,
            spot,
            stage: Stage::InService,
            warm: 0,
        });
        state.agents.push(agent.clone());
        Ok(agent)
    }

    /// Every agent that was started, ended ones too, in that order.
    pub fn agents(&self) -> Vec<Arc<Agent>> {
        self.state().agents.clone()
    }

    /// No machine starts from here on; those that run are the caller's.
    pub fn stop(&self) -> Vec<Arc<Agent>> {
        let mut state = self.state();
        state.stopping = true;
        std::mem::take(&mut state.agents)
    }

    pub fn happenings(&self) -> Vec<Happening> {
        self.log.all()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn agent(&self, id: &str) -> Option<Arc<Agent>> {
        let agent = self.agents.iter().find(|agent| agent.instance_id() == id);
        agent.cloned()
    }
}

fn identity(id: &str, zone: u32, spot: bool) -> Identity {
    Identity {
        instance_id: id.to_owned(),
        zone: place::ZONES[zone as usize % place::ZONES.len()].to_owned(),
        market: market(spot),
        region: crate::REGION.to_owned(),
        group: crate::GROUP.to_owned(),
    }
}

/// Unix time.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
