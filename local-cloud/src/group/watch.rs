//! Looking at the fleet from outside: what each machine does, and how long the queue is.

use std::collections::BTreeSet;

use super::roster::Stage;
use super::status::{AlarmStatus, Bounds, Doing, FleetStatus, InstanceStatus, What, doing};
use super::{Group, identity};

impl Group {
    pub fn status(&self) -> FleetStatus {
        let state = self.state();
        let here = |m: &&super::roster::Member| m.stage != Stage::Terminated;
        let instances = state.roster.members().iter().filter(here).map(|m| {
            let identity = identity(&m.id, m.zone, m.spot);
            InstanceStatus {
                id: m.id.clone(),
                zone: identity.zone,
                market: identity.market.as_str().to_owned(),
                doing: state.doing.get(&m.id).copied().unwrap_or(Doing::Launching),
                pid: state.agent(&m.id).map(|agent| agent.pid()),
            }
        });
        FleetStatus {
            bounds: self.scaling.as_ref().map(|s| Bounds {
                min: s.min,
                max: s.max,
                desired: state.desired,
            }),
            instances: instances.collect(),
            tasks: state.tasks,
            alarms: state
                .watches
                .iter()
                .map(|(name, watched)| AlarmStatus {
                    name: name.clone(),
                    state: watched.watch.state,
                })
                .collect(),
            happenings: self.log.all(),
        }
    }

    /// Notes what has changed since the last look. Redis may be away: then nothing is known anew.
    pub(super) async fn observe(&self) {
        let (status, tasks) = tokio::join!(
            self.edges.redis.fleet_status(),
            self.edges.metrics.count_tasks()
        );
        let mut state = self.state();
        if let Ok(tasks) = tasks {
            state.tasks = tasks;
        }
        let Ok(status) = status else {
            return;
        };
        let idle: BTreeSet<String> = status.idle.iter().map(|i| i.id.to_string()).collect();
        let condemned: BTreeSet<String> =
            status.condemned.iter().map(|c| c.id.to_string()).collect();
        let mut changes = Vec::new();
        for member in state.roster.members() {
            let id = &member.id;
            let noticed = state.noticed.contains(id);
            let now = doing(
                member.stage,
                noticed,
                idle.contains(id),
                condemned.contains(id),
            );
            let before = state.doing.get(id).copied();
            // Launches and ends have lines of their own.
            if now != Doing::Terminated && before.unwrap_or(Doing::Launching) != now {
                changes.push((id.clone(), now));
            }
        }
        for (id, doing) in changes {
            state.doing.insert(id.clone(), doing);
            self.log.add(What::Became { id, doing });
        }
    }
}
