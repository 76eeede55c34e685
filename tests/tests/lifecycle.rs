//! How machines come to their end, and how some are spared: Spot notices, terminations through the
//! lifecycle hook, condemned and retiring agents, and messages that kill.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use fleet_core::InstanceId;
use fleet_tests::caller::PATIENCE;
use fleet_tests::fleet;
use fleet_tests::journey::{finished, footage, quiet, spec, with_proxy};
use fleet_tests::proxy::{Fault, Seen};
use local_cloud::{Agent, Cloud, HookEnd, Market, Options};
use redis_scripts::{Connection, Fleet};

/// Longer than any journey here: who does not hand a message back keeps it.
const LEASE: u64 = 100;

/// Instance metadata is looked at every second.
fn options(agents: usize) -> Options {
    fleet::options(agents)
        .agent_env("FRAMEFLEET_METADATA_POLL_SECONDS", 1)
        .agent_env("FRAMEFLEET_INTERRUPTION_MARGIN_SECONDS", 8)
        .agent_env("FRAMEFLEET_HOOK_HEARTBEAT_SECONDS", 1)
}

fn is_fragment(seen: &Seen) -> bool {
    seen.method == "PUT" && seen.target.contains("/work/") && seen.target.contains(".zip")
}

/// Does something with the first fragment that is uploaded; all others go as they are.
fn first_fragment(fault: Fault) -> impl Fn(&Seen) -> Fault + Send + Sync + 'static {
    let fragments = AtomicUsize::new(0);
    move |seen| match is_fragment(seen) && fragments.fetch_add(1, Ordering::SeqCst) == 0 {
        true => fault,
        false => Fault::None,
    }
}

fn log(agent: &Agent) -> String {
    std::fs::read_to_string(agent.log()).unwrap_or_default()
}

/// Waits until this agent has logged `words`.
async fn says(agent: &Agent, words: &str) -> Result<()> {
    until(&format!("it has logged {words:?}"), async || {
        Ok(log(agent).contains(words))
    })
    .await
    .with_context(|| log(agent))
}

async fn until(what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !holds().await? {
        ensure!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The attempts, in order, under which an agent has begun a task.
fn begun(agent: &Agent, task: &str) -> Vec<u32> {
    let log = log(agent);
    let lines = log.lines().filter(|line| line.contains("begun"));
    let of_it = lines.filter(|line| line.contains(&format!("task={task} ")));
    let attempts = of_it.filter_map(|line| line.split("attempt=").nth(1));
    let number = |text: &str| text.trim().parse().expect("an attempt is a number");
    attempts.map(number).collect()
}

/// The fleet's state as the guard sees and changes it.
async fn guard(cloud: &Cloud) -> Result<Fleet> {
    let options = redis_scripts::Options::new(cloud.redis_url());
    let connection = Connection::open(&options).await?;
    Ok(Fleet::new(&connection, local_cloud::FLEET)?)
}

fn id(agent: &Agent) -> Result<InstanceId> {
    agent.instance_id().parse().context("read an instance id")
}

/// Waits until the agent is idle, and condemns it.
async fn condemn(guard: &Fleet, agent: &Agent) -> Result<()> {
    let ids = [id(agent)?];
    until("the agent is condemned", async || {
        let condemned = guard.condemn(&ids, Duration::from_secs(45)).await?;
        Ok(condemned == ids)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_notice_that_leaves_time_lets_the_task_be_finished_and_no_other_begun() -> Result<()>
{
    let quiet = quiet().await?;
    let slow = first_fragment(Fault::Delay(Duration::from_secs(8)));
    let (cloud, caller, _proxies) = with_proxy(options(1), slow).await?;
    let leaving = cloud.agents().remove(0);
    let video = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    says(&leaving, "#0.0 attempt=").await?;
    let metadata = leaving.metadata();
    ensure!(metadata.identity().market == Market::Spot);
    metadata.interrupt_at(SystemTime::now() + Duration::from_secs(120));
    says(&leaving, "drained").await?;
    let said = log(&leaving);
    ensure!(!said.contains("handed back"), "it had time enough: {said}");
    ensure!(
        begun(&leaving, &format!("{video}#0.1")).is_empty(),
        "{said}"
    );
    // It waits for its end, takes nothing, and is listed nowhere.
    let other = cloud.start_agent(&[])?;
    let bytes = finished(&cloud, &caller, &video).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    ensure!(begun(&other, &format!("{video}#0.0")).is_empty());
    ensure!(leaving.is_running());
    let status = guard(&cloud).await?.fleet_status().await?;
    let listed = status
        .idle
        .iter()
        .any(|idle| idle.id.as_str() == leaving.instance_id());
    ensure!(!listed, "{status:?}");
    leaving.terminate()?;
    let status = leaving.wait(Duration::from_secs(30)).await;
    ensure!(status.is_some_and(|s| s.success()), "{status:?}");
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_notice_that_leaves_no_time_hands_the_task_back_at_once_and_uncounted() -> Result<()>
{
    let quiet = quiet().await?;
    let options = options(1).agent_env("FRAMEFLEET_LEASE_SECONDS", LEASE);
    let never = first_fragment(Fault::Hang(2 * PATIENCE));
    let (cloud, caller, _proxies) = with_proxy(options, never).await?;
    let leaving = cloud.agents().remove(0);
    let video = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    says(&leaving, "#0.0 attempt=").await?;
    let noticed = Instant::now();
    let end = Duration::from_secs(15);
    leaving.metadata().interrupt_at(SystemTime::now() + end);
    let other = cloud.start_agent(&[])?;
    says(&leaving, "handed back").await?;
    ensure!(log(&leaving).contains("Interruption"), "{}", log(&leaving));
    tokio::time::sleep(end.saturating_sub(noticed.elapsed())).await;
    leaving.kill()?;
    let bytes = finished(&cloud, &caller, &video).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    let took = noticed.elapsed();
    ensure!(
        took < Duration::from_secs(LEASE),
        "not handed back at once: {took:?}"
    );
    // What was handed back is begun once more, and as a first attempt.
    let task = format!("{video}#0.0");
    ensure!(begun(&leaving, &task) == [1], "{}", log(&leaving));
    ensure!(begun(&other, &task) == [1], "{}", log(&other));
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_waits_for_the_work_through_its_hook() -> Result<()> {
    let quiet = quiet().await?;
    let slow = first_fragment(Fault::Delay(Duration::from_secs(12)));
    let (cloud, caller, _proxies) = with_proxy(options(1), slow).await?;
    let leaving = cloud.agents().remove(0);
    let video = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    says(&leaving, "#0.0 attempt=").await?;
    // Less than the work takes, so without heartbeats it would time out.
    let hooks = cloud.lifecycle();
    hooks.begin(leaving.instance_id(), "token", Duration::from_secs(6));
    leaving.metadata().set_target_state("Terminated");
    let end = hooks.wait(leaving.instance_id()).await;
    let said = log(&leaving);
    ensure!(end == HookEnd::Completed, "{end:?}: {said}");
    ensure!(hooks.heartbeats(leaving.instance_id()) > 0, "{said}");
    ensure!(
        said.contains("drained") && !said.contains("handed back"),
        "{said}"
    );
    ensure!(
        begun(&leaving, &format!("{video}#0.1")).is_empty(),
        "{said}"
    );
    leaving.kill()?;
    cloud.start_agent(&[])?;
    let bytes = finished(&cloud, &caller, &video).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_agent_completes_its_hook_even_when_metadata_is_ahead_of_it() -> Result<()> {
    let (cloud, _) = fleet::start(options(1)).await?;
    let leaving = cloud.agents().remove(0);
    says(&leaving, "ready for tasks").await?;
    leaving.metadata().set_target_state("Terminated");
    says(&leaving, "completing the terminating hook; trying again").await?;
    ensure!(
        log(&leaving).contains("No active Lifecycle Action found"),
        "{}",
        log(&leaving)
    );
    let hooks = cloud.lifecycle();
    hooks.begin(leaving.instance_id(), "token", PATIENCE);
    ensure!(hooks.wait(leaving.instance_id()).await == HookEnd::Completed);
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retiring_agent_refuses_hands_back_uncounted_and_works_again_in_time() -> Result<()> {
    let quiet = quiet().await?;
    let options = options(1)
        .agent_env("FRAMEFLEET_LEASE_SECONDS", LEASE)
        .agent_env("FRAMEFLEET_REPRIEVE_SECONDS", 3);
    let (cloud, caller, _proxies) = with_proxy(options, |seen| match is_fragment(seen) {
        true => Fault::Delay(Duration::from_secs(1)),
        false => Fault::None,
    })
    .await?;
    let agent = cloud.agents().remove(0);
    let guard = guard(&cloud).await?;
    let video = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    let started = Instant::now();
    says(&agent, "#0.0 attempt=").await?;
    // An instance refresh names it, and is then called off.
    ensure!(guard.retire(&[id(&agent)?]).await? == 1);
    let bytes = finished(&cloud, &caller, &video).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    let took = started.elapsed();
    ensure!(
        took < Duration::from_secs(LEASE),
        "not handed back at once: {took:?}"
    );
    let said = log(&agent);
    let refused = said.find("refused=Retiring").context("find the refusal")?;
    let spared = said.find("spared").context("find the reprieve")?;
    ensure!(refused < spared, "{said}");
    ensure!(!said.contains("attempt=2"), "a refusal was counted: {said}");
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condemned_agent_refuses_its_next_task_and_works_again_when_it_is_spared() -> Result<()> {
    let quiet = quiet().await?;
    // The poll is long, so that the task comes before the agent learns by itself.
    let options = options(1)
        .agent_env("FRAMEFLEET_POLL_SECONDS", 20)
        .agent_env("FRAMEFLEET_LEASE_SECONDS", LEASE)
        .agent_env("FRAMEFLEET_REPRIEVE_SECONDS", 5);
    let (cloud, caller) = fleet::start(options).await?;
    let agent = cloud.agents().remove(0);
    let guard = guard(&cloud).await?;
    condemn(&guard, &agent).await?;
    let started = Instant::now();
    let video = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    says(&agent, "refused=Condemned").await?;
    let other = cloud.start_agent(&[])?;
    let bytes = finished(&cloud, &caller, &video).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    let took = started.elapsed();
    ensure!(
        took < Duration::from_secs(LEASE),
        "not handed back at once: {took:?}"
    );
    ensure!(!log(&other).contains("attempt=2"), "{}", log(&other));
    other.kill()?;
    says(&agent, "spared").await?;
    let video = caller.submit("again.mp4", footage()?, &spec()).await?;
    let bytes = finished(&cloud, &caller, &video).await?;
    ensure!(
        begun(&agent, &format!("{video}#0.0")) == [1],
        "{}",
        log(&agent)
    );
    ensure!(!bytes.is_empty());
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condemned_agent_asks_for_no_reprieve_once_it_is_to_be_terminated() -> Result<()> {
    // The agent looks at metadata by itself once, at its start; what counts is the look before it
    // asks.
    let options = options(1)
        .agent_env("FRAMEFLEET_METADATA_POLL_SECONDS", 3600)
        .agent_env("FRAMEFLEET_REPRIEVE_SECONDS", 2);
    let (cloud, _) = fleet::start(options).await?;
    let agent = cloud.agents().remove(0);
    says(&agent, "ready for tasks").await?;
    agent.metadata().set_target_state("Terminated");
    let guard = guard(&cloud).await?;
    condemn(&guard, &agent).await?;
    until("it could have been spared several times over", async || {
        let status = guard.fleet_status().await?;
        let condemned = status
            .condemned
            .first()
            .context("it is condemned no more")?;
        Ok(condemned.condemned_for > Duration::from_secs(8))
    })
    .await?;
    ensure!(!log(&agent).contains("spared"), "{}", log(&agent));
    agent.metadata().set_target_state("InService");
    says(&agent, "spared").await?;
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_recommendation_keeps_new_work_away_for_a_while_only() -> Result<()> {
    let quiet = quiet().await?;
    let options = options(1).agent_env("FRAMEFLEET_REPRIEVE_SECONDS", 6);
    let (cloud, caller) = fleet::start(options).await?;
    let agent = cloud.agents().remove(0);
    agent.metadata().rebalance_at(SystemTime::now());
    says(&agent, "course=Aside(Rebalance)").await?;
    let video = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    let bytes = finished(&cloud, &caller, &video).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    let said = log(&agent);
    let works = said.find("course=Work").context("it works again")?;
    let began = said.find("begun").context("it begins")?;
    ensure!(works < began, "it began while standing aside: {said}");
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_metadata_says_so_and_works_on() -> Result<()> {
    let quiet = quiet().await?;
    // Nobody listens on port 9.
    let nowhere = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")];
    let disabled = [("AWS_EC2_METADATA_DISABLED", "true")];
    for (env, words) in [
        (nowhere, "no instance metadata: working on"),
        (disabled, "instance metadata is disabled"),
    ] {
        let (cloud, caller) = fleet::start(options(0)).await?;
        let agent = cloud.start_agent(&env)?;
        let video = caller.submit("quiet.mp4", footage()?, &spec()).await?;
        let bytes = finished(&cloud, &caller, &video).await?;
        ensure!(bytes == quiet, "the archive differs from the quiet run's");
        ensure!(log(&agent).matches(words).count() == 1, "{}", log(&agent));
        cloud.shutdown().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_its_agents_fails_its_own_video_and_touches_no_other() -> Result<()> {
    let quiet = quiet().await?;
    // Whoever takes segment 1 of the first video never gets it done.
    let segment = Arc::new(OnceLock::<String>::new());
    let hangs = segment.clone();
    let (cloud, caller, _proxies) = with_proxy(options(0), move |seen| {
        match is_fragment(seen)
            && hangs
                .get()
                .is_some_and(|s| seen.target.contains(s.as_str()))
        {
            true => Fault::Hang(2 * PATIENCE),
            false => Fault::None,
        }
    })
    .await?;
    let poison = caller.submit("poison.mp4", footage()?, &spec()).await?;
    let _ = segment.set(format!("/{poison}/0/00001/"));
    let good = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    let task = format!("{poison}#0.1");
    let mut attempts = Vec::new();
    for _ in 0..3 {
        let victim = cloud.start_agent(&[])?;
        until("the message is taken", async || {
            Ok(!begun(&victim, &task).is_empty())
        })
        .await?;
        attempts.extend(begun(&victim, &task));
        victim.kill()?;
        ensure!(victim.wait(Duration::from_secs(10)).await.is_some());
    }
    ensure!(attempts == [1, 2, 3], "{attempts:?}");
    cloud.start_agent(&[])?;
    let ended = caller.ended(&poison).await?;
    ensure!(ended["state"] == "failed", "{ended}");
    ensure!(ended["failure"]["reason"] == "poison", "{ended}");
    let detail = ended["failure"]["detail"].as_str().unwrap_or_default();
    ensure!(detail.contains("3 times"), "{ended}");
    let bytes = finished(&cloud, &caller, &good).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    cloud.shutdown().await;
    Ok(())
}
