//! Towards the desired capacity: launches, and terminations that the guard agrees to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet_core::scaling::launch_bucket;
use rand::RngExt;

use super::policy_call::{self, Cause, Named};
use super::roster::{Member, Need, Stage};
use super::settings::Scaling;
use super::status::{Doing, End, What};
use super::{Group, identity, now};
use crate::agent::Agent;
use crate::place::ZONES;

/// One call of the guard.
struct Question {
    event: String,
    quotas: Vec<u32>,
    cause: Cause,
}

impl Group {
    /// Held within the group's bounds.
    pub fn change_desired(&self, to: u32, why: &str) {
        let Some(scaling) = &self.scaling else {
            return;
        };
        let to = to.clamp(scaling.min, scaling.max);
        let mut state = self.state();
        let from = std::mem::replace(&mut state.desired, to);
        if to < from {
            // Auto Scaling acts on a change at once.
            state.asked = None;
        }
        if to != from {
            let why = why.to_owned();
            self.log.add(What::Desired { from, to, why });
        }
    }

    /// Zone rebalancing of one machine: another is launched first, and then the guard is asked for
    /// one of the fullest zone. False where there is nothing to move.
    pub fn rebalance(self: &Arc<Self>) -> bool {
        let Some(scaling) = &self.scaling else {
            return false;
        };
        let Some((quotas, zone)) = self.state().roster.to_rebalance() else {
            return false;
        };
        let spot = quotas.iter().skip(1).step_by(2).sum::<u32>() > 0;
        self.launch(scaling, Some((zone, spot)));
        let mut state = self.state();
        state.rebalancing.push_back(quotas);
        state.asked = None;
        true
    }

    pub(super) async fn resize(self: &Arc<Self>) {
        let Some(scaling) = &self.scaling else {
            return;
        };
        let need = {
            let mut state = self.state();
            if state.roster.kept() <= state.desired {
                state.rebalancing.clear();
            }
            state.roster.need(state.desired, scaling.spot_share)
        };
        match need {
            Need::Nothing => {}
            Need::Launch(count) => (0..count).for_each(|_| self.launch(scaling, None)),
            Need::Terminate(quotas) => {
                if let Some(question) = self.question(scaling, quotas) {
                    self.ask(scaling, question).await;
                }
            }
        }
    }

    /// None while it is too early to ask again, or while a rebalancing's new machine boots.
    fn question(&self, scaling: &Scaling, quotas: Vec<u32>) -> Option<Question> {
        let mut state = self.state();
        if state
            .asked
            .is_some_and(|at| at.elapsed() < scaling.ask_again)
        {
            return None;
        }
        let (quotas, cause) = match state.rebalancing.front() {
            Some(moved) => {
                let pending = |m: &Member| m.stage == Stage::Pending;
                if state.roster.members().iter().any(pending) {
                    return None;
                }
                (moved.clone(), Cause::Rebalance)
            }
            None => (quotas, Cause::ScaleIn),
        };
        state.asked = Some(Instant::now());
        let event = policy_call::event(crate::GROUP, &ZONES, &state.roster, &quotas, cause);
        let event = serde_json::to_string(&event).expect("an event has only string keys");
        Some(Question {
            event,
            quotas,
            cause,
        })
    }

    async fn ask(self: &Arc<Self>, scaling: &Scaling, question: Question) {
        let Question {
            event,
            quotas,
            cause,
        } = question;
        let began_ms = now();
        let answered = self.edges.guard.invoke(event).await;
        let failed = |error: String| self.log.add(What::GuardFailed { error });
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) => return failed(error.to_string()),
        };
        let named = policy_call::read(&answer, &self.state().roster, &quotas);
        let Named {
            taken,
            gone,
            refused,
        } = match named {
            Ok(named) => named,
            Err(error) => return failed(format!("read the guard's answer: {error}")),
        };
        self.log.add(What::Asked {
            cause,
            wanted: quotas.iter().sum(),
            began_ms,
            taken: taken.clone(),
            gone,
            refused,
        });
        if cause == Cause::Rebalance && !taken.is_empty() {
            self.state().rebalancing.pop_front();
        }
        for id in &taken {
            let (id, doing) = (id.clone(), Doing::Condemned);
            self.state().doing.insert(id.clone(), doing);
            self.log.add(What::Became { id, doing });
        }
        for id in taken {
            let spare = self.state().rng.random_bool(scaling.spare.clamp(0.0, 1.0));
            match spare {
                true => self.log.add(What::Spared { id }),
                false => self.terminate(scaling, id),
            }
        }
    }

    fn launch(self: &Arc<Self>, scaling: &Scaling, place: Option<(u32, bool)>) {
        let (id, zone, spot) = {
            let mut state = self.state();
            let buckets = state.roster.buckets();
            let (zone, spot) = place.unwrap_or_else(|| launch_bucket(&buckets, scaling.spot_share));
            let id = state.ids.next();
            state.roster.add(Member {
                id: id.clone(),
                zone,
                spot,
                stage: Stage::Pending,
                warm: 0,
            });
            (id, zone, spot)
        };
        let identity = identity(&id, zone, spot);
        self.log.add(What::Launched {
            id: id.clone(),
            zone: identity.zone.clone(),
            market: identity.market.as_str().to_owned(),
        });
        let (group, boot) = (self.clone(), scaling.boot);
        let warmup = scaling.file.group.default_instance_warmup * 1_000;
        self.edges.runtime.spawn(async move {
            tokio::time::sleep(boot).await;
            if group.state().stopping {
                return;
            }
            match group.edges.machines.start(identity, &[]) {
                Ok(agent) => {
                    let mut state = group.state();
                    state.agents.push(agent);
                    state.roster.in_service(&id, now() + warmup);
                }
                Err(error) => {
                    tracing::error!(%error, id, "a machine does not start");
                    group.gone(&id, End::Lost);
                }
            }
        });
    }

    /// The terminating lifecycle hook, and then the end.
    fn terminate(self: &Arc<Self>, scaling: &Scaling, id: String) {
        let agent = {
            let mut state = self.state();
            if !state.roster.advance(&id, Stage::Terminating) {
                return;
            }
            state.agent(&id)
        };
        let Some(agent) = agent else {
            return self.gone(&id, End::Lost);
        };
        let token = uuid::Uuid::new_v4().to_string();
        let lifecycle = self.edges.lifecycle.clone();
        lifecycle.begin(&id, &token, scaling.hook_timeout);
        agent.metadata().set_target_state("Terminated");
        let group = self.clone();
        self.edges.runtime.spawn(async move {
            let how = tokio::select! {
                end = lifecycle.wait(&id) => match end {
                    crate::HookEnd::Completed => End::Drained,
                    crate::HookEnd::TimedOut => End::HookTimedOut,
                },
                () = ended(&agent) => End::Lost,
            };
            let _ = agent.kill();
            ended(&agent).await;
            group.gone(&id, how);
        });
    }

    /// A Spot interruption's notice, and, when it is over, the end. False for a machine that does
    /// not run.
    pub fn interrupt(self: &Arc<Self>, id: &str, notice: Duration) -> bool {
        let agent = {
            let mut state = self.state();
            let runs = state.agent(id).filter(|agent| agent.is_running());
            if runs.is_some() {
                state.noticed.insert(id.to_owned());
            }
            runs
        };
        let Some(agent) = agent else {
            return false;
        };
        agent
            .metadata()
            .interrupt_at(std::time::SystemTime::now() + notice);
        self.log.add(What::Interrupted {
            id: id.to_owned(),
            notice_seconds: notice.as_secs(),
        });
        let (group, id) = (self.clone(), id.to_owned());
        self.edges.runtime.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(notice) => {}
                () = ended(&agent) => {}
            }
            let _ = agent.kill();
            ended(&agent).await;
            group.gone(&id, End::Interrupted);
        });
        true
    }

    /// Machines whose process has ended are gone, as after a failed health check.
    pub(super) fn reap(&self) {
        let lost: Vec<(String, End)> = {
            let state = self.state();
            let in_service = state
                .roster
                .members()
                .iter()
                .filter(|m| m.stage == Stage::InService);
            in_service
                .filter(|m| state.agent(&m.id).is_some_and(|agent| !agent.is_running()))
                .map(|m| match state.noticed.contains(&m.id) {
                    true => (m.id.clone(), End::Interrupted),
                    false => (m.id.clone(), End::Lost),
                })
                .collect()
        };
        for (id, how) in lost {
            self.gone(&id, how);
        }
    }

    /// Once: whoever comes later has nothing to say.
    fn gone(&self, id: &str, how: End) {
        let mut state = self.state();
        if state.roster.advance(id, Stage::Terminated) {
            state.doing.remove(id);
            drop(state);
            let id = id.to_owned();
            self.log.add(What::Terminated { id, how });
        }
    }
}

async fn ended(agent: &Agent) {
    while agent.wait(Duration::from_secs(60)).await.is_none() {}
}
