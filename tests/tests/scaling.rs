//! A fleet that breathes: from no machine to some and back, by alarms, step policies, the real
//! scale-in guard and the terminating lifecycle hook.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use fleet_core::scaling::AlarmState;
use fleet_tests::caller::{Caller, PATIENCE};
use fleet_tests::{agent_log, archive, corpus, fleet};
use local_cloud::{Cause, Cloud, Doing, End, Options, Scaling, What};
use serde_json::json;

fn footage() -> Result<Bytes> {
    let videos = corpus::good()?;
    let wanted = ["h264-world-30s-audio.mp4", "journey-30s.mp4"];
    let video = videos.iter().find(|v| wanted.contains(&v.name().as_str()));
    video
        .with_context(|| format!("find one of {wanted:?}"))?
        .bytes()
}

/// Nothing happens by alarms; the test says how large the fleet is.
fn by_hand(desired: u32) -> Scaling {
    Scaling {
        alarms: false,
        desired,
        max: 6,
        boot: Duration::from_millis(200),
        ask_again: Duration::from_secs(2),
        hook_timeout: Duration::from_secs(60),
        ..Scaling::default()
    }
}

fn options(scaling: Scaling) -> Options {
    fleet::options(0)
        .scaling(scaling)
        .agent_env("FRAMEFLEET_LOG_FORMAT", "json")
        .agent_env("FRAMEFLEET_REPRIEVE_SECONDS", 6)
        .agent_env("FRAMEFLEET_METADATA_POLL_SECONDS", 1)
        .agent_env("FRAMEFLEET_INTERRUPTION_MARGIN_SECONDS", 1)
}

async fn until(cloud: &Cloud, what: &str, yes: impl Fn(&Cloud) -> bool) -> Result<()> {
    let started = Instant::now();
    while !yes(cloud) {
        let told = || {
            cloud
                .happenings()
                .iter()
                .map(|h| h.what.to_string())
                .collect::<Vec<_>>()
        };
        ensure!(
            started.elapsed() < PATIENCE,
            "waited in vain until {what}; {:?}; {:#?}",
            cloud.status().instances,
            told()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn count(cloud: &Cloud, doing: Doing) -> usize {
    let instances = cloud.status().instances;
    instances.iter().filter(|i| i.doing == doing).count()
}

fn happened(cloud: &Cloud, yes: impl Fn(&What) -> bool) -> bool {
    cloud.happenings().iter().any(|h| yes(&h.what))
}

/// Whom the guard named, call by call; and that none of them held a task at that time.
fn named(cloud: &Cloud) -> Result<Vec<(Cause, Vec<String>)>> {
    let mut calls = Vec::new();
    for happening in cloud.happenings() {
        let What::Asked {
            cause,
            taken,
            refused,
            ..
        } = happening.what
        else {
            continue;
        };
        ensure!(refused.is_empty(), "named out of bounds: {refused:?}");
        for agent in cloud.agents() {
            if taken.iter().any(|id| id == agent.instance_id()) {
                let at_work = agent_log::holds(agent.log())?;
                let held = at_work.iter().find(|hold| hold.covers(happening.at_ms));
                ensure!(held.is_none(), "{} held {held:?}", agent.instance_id());
            }
        }
        calls.push((cause, taken));
    }
    Ok(calls)
}

async fn done(caller: &Caller, id: &str) -> Result<Bytes> {
    let ended = caller.ended(id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    let bytes = caller.download(id, "archive").await?;
    archive::check_manifest(&archive::read(&bytes)?)?;
    Ok(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_grows_from_nothing_works_and_shrinks_to_nothing() -> Result<()> {
    let options = options(Scaling {
        boot: Duration::from_millis(500),
        ..Scaling::hurried(3)
    });
    let (cloud, caller) = fleet::start(options).await?;
    ensure!(cloud.agents().is_empty(), "it does not start from nothing");
    let uploaded = Instant::now();
    let id = caller
        .submit("v.mp4", footage()?, &json!({ "select": { "fps": 2 } }))
        .await?;
    until(&cloud, "the work is seen", |cloud| {
        happened(cloud, |what| {
            matches!(what, What::Alarm { name, state: AlarmState::Alarm, .. } if name == "work-queued")
        })
    })
    .await?;
    // The promise is 20 s from upload to ALARM; the rest is for a machine that is busy.
    ensure!(
        uploaded.elapsed() < Duration::from_secs(60),
        "{:?}",
        uploaded.elapsed()
    );
    done(&caller, &id).await?;
    let started = cloud.agents().len();
    ensure!((1..=3).contains(&started), "{started} agents");
    until(&cloud, "nobody is left", |cloud| {
        cloud.status().instances.is_empty()
    })
    .await?;
    let calls = named(&cloud)?;
    let gone: BTreeSet<&String> = calls.iter().flat_map(|(_, taken)| taken).collect();
    ensure!(
        gone.len() == cloud.agents().len(),
        "not all were named: {calls:?}"
    );
    ensure!(
        happened(
            &cloud,
            |what| matches!(what, What::Alarm { name, state: AlarmState::Alarm, .. } if name.starts_with("idle"))
        ),
        "no idle alarm"
    );
    ensure!(
        cloud.agents().iter().all(|agent| !agent.is_running()),
        "a process is left"
    );
    fleet::queues_are_clean(&cloud).await?;
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_machines_are_never_named_and_an_empty_answer_is_asked_again() -> Result<()> {
    let (cloud, caller) = fleet::start(options(by_hand(3))).await?;
    until(&cloud, "three run", |cloud| cloud.agents().len() == 3).await?;
    let mut ids = Vec::new();
    for n in 0..4 {
        let spec = json!({ "select": { "fps": 4 } });
        ids.push(
            caller
                .submit(&format!("{n}.mp4"), footage()?, &spec)
                .await?,
        );
    }
    fleet::logged(&cloud, "begun").await?;
    // All are wanted gone, while all are at work.
    cloud.set_desired(0);
    let empty = |what: &What| matches!(what, What::Asked { taken, .. } if taken.is_empty());
    for id in &ids {
        done(&caller, id).await?;
    }
    until(&cloud, "nobody is left", |cloud| {
        cloud.status().instances.is_empty()
    })
    .await?;
    let calls = named(&cloud)?;
    ensure!(happened(&cloud, empty), "nobody was busy: {calls:?}");
    ensure!(calls.len() >= 2, "it was not asked again: {calls:?}");
    let hooks = cloud.happenings();
    let drained = hooks.iter().filter(|h| {
        matches!(
            &h.what,
            What::Terminated {
                how: End::Drained,
                ..
            }
        )
    });
    ensure!(
        drained.count() == 3,
        "not all completed their hook: {hooks:?}"
    );
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_spared_works_again() -> Result<()> {
    let scaling = Scaling {
        spare: 1.0,
        // Once: each offer would start the reprieve's time anew.
        ask_again: Duration::from_secs(3_600),
        ..by_hand(2)
    };
    let (cloud, caller) = fleet::start(options(scaling)).await?;
    until(&cloud, "two are idle", |cloud| {
        count(cloud, Doing::Idle) == 2
    })
    .await?;
    cloud.set_desired(0);
    until(&cloud, "two are condemned", |cloud| {
        count(cloud, Doing::Condemned) == 2
    })
    .await?;
    cloud.set_desired(2);
    // Nobody takes it while all are condemned, and then somebody does.
    let id = caller
        .submit("v.mp4", footage()?, &json!({ "select": { "fps": 1 } }))
        .await?;
    done(&caller, &id).await?;
    ensure!(cloud.agents().len() == 2, "others were started");
    let spared = cloud
        .happenings()
        .iter()
        .filter(|h| matches!(h.what, What::Spared { .. }))
        .count();
    ensure!(spared == 2, "{spared} were spared");
    for agent in cloud.agents() {
        ensure!(agent.is_running(), "a spared machine is gone");
    }
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_interruption_costs_a_machine_and_no_work() -> Result<()> {
    let (cloud, caller) = fleet::start(options(by_hand(2))).await?;
    until(&cloud, "two run", |cloud| cloud.agents().len() == 2).await?;
    let id = caller
        .submit("v.mp4", footage()?, &json!({ "select": { "fps": 2 } }))
        .await?;
    let victim = fleet::logged(&cloud, "#0.").await?;
    ensure!(
        cloud.interrupt(victim.instance_id(), Duration::from_secs(5)),
        "it does not run"
    );
    done(&caller, &id).await?;
    until(&cloud, "it is replaced", |cloud| cloud.agents().len() == 3).await?;
    ensure!(
        victim.wait(Duration::from_secs(30)).await.is_some(),
        "it outlives the notice"
    );
    let gone = |what: &What| matches!(what, What::Terminated { id, how: End::Interrupted } if id == victim.instance_id());
    until(&cloud, "it is gone", |cloud| happened(cloud, gone)).await?;
    fleet::queues_are_clean(&cloud).await?;
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_are_rebalanced_by_a_new_machine_first_and_an_idle_one_after() -> Result<()> {
    let (cloud, _caller) = fleet::start(options(by_hand(2))).await?;
    until(&cloud, "two are idle", |cloud| {
        count(cloud, Doing::Idle) == 2
    })
    .await?;
    ensure!(cloud.rebalance(), "there is nothing to move");
    until(&cloud, "one has moved", |cloud| {
        happened(cloud, |what| matches!(what, What::Terminated { .. }))
    })
    .await?;
    let calls = named(&cloud)?;
    let (cause, taken) = calls
        .iter()
        .find(|(_, taken)| !taken.is_empty())
        .context("nobody was named")?;
    ensure!(*cause == Cause::Rebalance && taken.len() == 1, "{calls:?}");
    until(&cloud, "two are left", |cloud| {
        cloud.status().instances.len() == 2
    })
    .await?;
    ensure!(
        cloud.agents().len() == 3,
        "{} were started",
        cloud.agents().len()
    );
    cloud.shutdown().await;
    Ok(())
}
