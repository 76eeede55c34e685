//! What a fleet must survive, each really done: killed agents, a Redis that forgets, messages that
//! come twice, services that fail or are slow, and files that are no videos.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use fleet_core::task::Reads;
use fleet_tests::caller::PATIENCE;
use fleet_tests::journey::{finished, footage, quiet, spec, with_proxy};
use fleet_tests::proxy::{Fault, Seen};
use fleet_tests::{archive, fleet};
use local_cloud::{RESULTS_BUCKET, UPLOADS_BUCKET};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_within_a_segment_costs_time_and_nothing_else() -> Result<()> {
    let quiet = quiet().await?;
    // Uploads of fragments take a second, so that the kill falls within a segment.
    let (cloud, caller, _proxies) = with_proxy(fleet::options(2), |seen| match seen {
        s if s.method == "PUT" && s.target.contains("/work/") && s.target.contains(".zip") => {
            Fault::Delay(Duration::from_secs(1))
        }
        _ => Fault::None,
    })
    .await?;
    let id = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    let victim = fleet::logged(&cloud, "#0.1").await?;
    victim.kill()?;
    ensure!(
        victim.wait(Duration::from_secs(10)).await.is_some(),
        "the agent lives"
    );
    let bytes = finished(&cloud, &caller, &id).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    cloud.shutdown().await;
    Ok(())
}

/// Found by a chaos run of ten minutes, as fragments that nobody removed.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_wakes_after_the_end_leaves_nothing_behind() -> Result<()> {
    let quiet = quiet().await?;
    let puts = Arc::new(AtomicUsize::new(0));
    let count = puts.clone();
    // The first fragment of segment 1 is on its way for a second: everything is read by then, so
    // that a missing source cannot stop the sleeper later.
    let (cloud, caller, _proxies) = with_proxy(fleet::options(2), move |seen| {
        let fragment = seen.target.contains("/00001/") && seen.target.contains(".zip");
        if seen.method == "PUT" && fragment && count.fetch_add(1, Ordering::SeqCst) == 0 {
            return Fault::Delay(Duration::from_secs(1));
        }
        Fault::None
    })
    .await?;
    let id = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    let sleeper = fleet::logged(&cloud, "#0.1").await?;
    while puts.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sleeper.pause()?;
    let bytes = finished(&cloud, &caller, &id).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    // A Redis that remembers would tell the sleeper that all is over.
    cloud.flush_redis().await?;
    let before = std::fs::metadata(sleeper.log())?.len();
    sleeper.resume()?;
    let started = Instant::now();
    while !std::fs::read_to_string(sleeper.log())?[before as usize..].contains("ended task=") {
        ensure!(
            started.elapsed() < PATIENCE,
            "the sleeper does not end its task"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let left = fleet::keys(&cloud, RESULTS_BUCKET).await?;
    ensure!(left.len() == 3, "more than results: {left:?}");
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_killed_while_splicing_is_replaced() -> Result<()> {
    let quiet = quiet().await?;
    let puts = Arc::new(AtomicUsize::new(0));
    let count = puts.clone();
    // The first archive takes a long time to write; its finalizer is killed meanwhile.
    let (cloud, caller, _proxies) = with_proxy(fleet::options(2), move |seen| {
        let archive = seen.target.contains("frames.zip") && matches!(seen.method, "PUT" | "POST");
        if archive && count.fetch_add(1, Ordering::SeqCst) == 0 {
            return Fault::Hang(Duration::from_secs(8));
        }
        Fault::None
    })
    .await?;
    let id = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    let finalizer = fleet::logged(&cloud, "finalizing").await?;
    while puts.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    finalizer.kill()?;
    let bytes = finished(&cloud, &caller, &id).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    ensure!(
        puts.load(Ordering::SeqCst) >= 2,
        "nobody wrote the archive again"
    );
    cloud.shutdown().await;
    Ok(())
}

/// An entry point that does not hold has the video planned again; who does so dies before the new
/// plan's segment is queued.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_between_planning_again_and_queueing_loses_nothing() -> Result<()> {
    let quiet = quiet().await?;
    let [spoiled, replanned, held]: [Arc<AtomicBool>; 3] = Default::default();
    let (is_spoiled, is_replanned, is_held) = (spoiled.clone(), replanned.clone(), held.clone());
    let (cloud, caller, _proxies) = with_proxy(fleet::options(1), move |seen| {
        if seen.method == "PUT" && seen.target.contains("plan-1.json") {
            is_replanned.store(true, Ordering::SeqCst);
        }
        if !seen.action.ends_with("SendMessageBatch") {
            return Fault::None;
        }
        if is_replanned.load(Ordering::SeqCst) {
            is_held.store(true, Ordering::SeqCst);
            return Fault::Hang(Duration::from_secs(20));
        }
        match is_spoiled.load(Ordering::SeqCst) {
            true => Fault::None,
            false => Fault::Hang(Duration::from_secs(1)),
        }
    })
    .await?;
    let id = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    spoil_the_plan(&cloud).await?;
    spoiled.store(true, Ordering::SeqCst);
    let victim = cloud.agents().pop().context("an agent")?;
    while !held.load(Ordering::SeqCst) {
        ensure!(victim.is_running(), "the agent ended by itself");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    victim.kill()?;
    // What the victim began is let through from now on.
    replanned.store(false, Ordering::SeqCst);
    cloud.start_agent(&[])?;
    let bytes = finished(&cloud, &caller, &id).await?;
    let (images, wanted) = (archive::read(&bytes)?.images, archive::read(&quiet)?.images);
    ensure!(images == wanted, "the images differ from the quiet run's");
    cloud.shutdown().await;
    Ok(())
}

/// Moves the second segment's entry point by a byte, as soon as there is a plan.
async fn spoil_the_plan(cloud: &local_cloud::Cloud) -> Result<()> {
    let started = Instant::now();
    let key = loop {
        let keys = fleet::keys(cloud, RESULTS_BUCKET).await?;
        if let Some(key) = keys.into_iter().find(|k| k.ends_with("/plan-0.json")) {
            break key;
        }
        ensure!(started.elapsed() < PATIENCE, "nobody writes a plan");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let s3 = aws_sdk_s3::Client::new(&cloud.sdk_config().await);
    let get = s3.get_object().bucket(RESULTS_BUCKET).key(&key);
    let got = get.send().await?;
    let mut plan: Value = serde_json::from_slice(&got.body.collect().await?.into_bytes())?;
    let position = &mut plan["plan"]["segments"][1]["entry"]["position"];
    *position = (position.as_u64().context("a second segment")? + 1).into();
    let body = serde_json::to_vec(&plan)?.into();
    let put = s3.put_object().bucket(RESULTS_BUCKET).key(&key);
    put.body(body).send().await?;
    Ok(())
}

/// S3 answers late here, so that reads one after the other begin far apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_planner_fetches_keyframes_side_by_side() -> Result<()> {
    const LATE: Duration = Duration::from_millis(400);
    let begun: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = begun.clone();
    let rule = move |request: &Seen| match (request.method, request.action) {
        ("GET", "") => {
            seen.lock().expect("no poisoned lock").push(Instant::now());
            Fault::Delay(LATE)
        }
        _ => Fault::None,
    };
    // One segment, which is read one run ahead: whatever is wider is the planner's.
    let options = fleet::options(1).agent_env("FRAMEFLEET_MAX_SEGMENTS", 1);
    let (cloud, caller, _proxies) = with_proxy(options, rule).await?;
    let id = caller.submit("late.mp4", footage()?, &spec()).await?;
    let ended = caller.ended(&id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    cloud.shutdown().await;
    let begun = begun.lock().expect("no poisoned lock");
    let together = |first: &Instant| {
        let near = begun
            .iter()
            .filter(|at| **at >= *first && **at - *first < LATE);
        near.count()
    };
    let most = begun.iter().map(together).max().unwrap_or(0);
    ensure!(
        most >= 6,
        "at most {most} of {} reads began together",
        begun.len()
    );
    Ok(())
}

/// One task at a time, so while a plan is on its way only what its message announces can be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_segments_first_bytes_come_while_its_plan_does() -> Result<()> {
    const LATE: Duration = Duration::from_secs(1);
    const ORDER: Duration = Duration::from_millis(250);
    let [plans, reads]: [Arc<Mutex<Vec<Instant>>>; 2] = Default::default();
    let (plans_asked, reads_asked) = (plans.clone(), reads.clone());
    let note = |seen: &Mutex<Vec<Instant>>| {
        seen.lock().expect("no poisoned lock").push(Instant::now());
    };
    let rule = move |request: &Seen| {
        let target = &request.target;
        // Nothing ends at once, so that what comes before a plan is not what comes after the last.
        if request.method == "PUT" {
            return Fault::Delay(2 * ORDER);
        }
        if (request.method, request.action) != ("GET", "") {
            return Fault::None;
        }
        if target.contains("plan-0.json") {
            note(&plans_asked);
            return Fault::Delay(LATE);
        }
        if target.contains(UPLOADS_BUCKET) {
            note(&reads_asked);
        }
        Fault::None
    };
    let options = fleet::options(1).agent_env("FRAMEFLEET_CONCURRENCY", 1);
    let (cloud, caller, _proxies) = with_proxy(options, rule).await?;
    let id = caller.submit("late.mp4", footage()?, &spec()).await?;
    // Who planned the video has read much of it; its successor has nothing.
    fleet::logged(&cloud, "planned").await?.kill()?;
    let killed = Instant::now();
    cloud.start_agent(&[])?;
    let ended = caller.ended(&id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    cloud.shutdown().await;
    let since = |seen: &Mutex<Vec<Instant>>| -> Vec<Instant> {
        let seen = seen.lock().expect("no poisoned lock");
        seen.iter().copied().filter(|at| *at > killed).collect()
    };
    let (plans, reads) = (since(&plans), since(&reads));
    // Both are asked for at once, in either order.
    let ahead = |read: &Instant| {
        let with = |plan: &Instant| *read + ORDER > *plan && *read < *plan + LATE;
        plans.iter().any(with)
    };
    ensure!(
        reads.iter().any(ahead),
        "none of {} reads came with one of {} plans",
        reads.len(),
        plans.len()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_everything_in_the_middle_costs_time_and_nothing_else() -> Result<()> {
    let quiet = quiet().await?;
    let (cloud, caller) = fleet::start(fleet::options(2)).await?;
    let id = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    fleet::logged(&cloud, "extracted").await?;
    cloud.flush_redis().await?;
    let bytes = finished(&cloud, &caller, &id).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_delivered_twice_at_once_give_one_result() -> Result<()> {
    let quiet = quiet().await?;
    let (cloud, caller) = fleet::start(fleet::options(3)).await?;
    let id = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    // Copies of segment tasks, under other group and deduplication ids, so that SQS hands each out
    // while the first is still in work.
    fleet::logged(&cloud, "planned").await?;
    let sqs = aws_sdk_sqs::Client::new(&cloud.sdk_config().await);
    for copy in 0..2 {
        for segment in 0..3 {
            let tenant = local_cloud::TENANT.parse()?;
            let task = fleet_core::Task::segment(tenant, id.parse()?, 0, segment);
            // Where the video is read is the plan's to say, whatever a message announces.
            let wrong = Reads {
                from: 1 << 40,
                to: 1,
            };
            let task = if copy == 0 { task } else { task.reading(wrong) };
            let name = format!("copy-{copy}-{segment}");
            sqs.send_message()
                .queue_url(&cloud.queues().tasks)
                .message_body(task.to_body())
                .message_group_id(&name)
                .message_deduplication_id(&name)
                .send()
                .await?;
        }
    }
    let ended = caller.ended(&id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    // The copies are settled too, and leave nothing behind.
    fleet::queues_are_clean(&cloud).await?;
    let bytes = finished(&cloud, &caller, &id).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_fail_or_hang_for_a_while_are_tried_again() -> Result<()> {
    let quiet = quiet().await?;
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    let faults = Arc::new(AtomicUsize::new(0));
    let made = faults.clone();
    // Every seventh request is refused, every nineteenth hangs for two seconds.
    let (cloud, caller, _proxies) = with_proxy(fleet::options(2), move |_| {
        let n = count.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = match n {
            n if n % 19 == 0 => Fault::Hang(Duration::from_secs(2)),
            n if n % 7 == 0 => Fault::Error,
            _ => return Fault::None,
        };
        made.fetch_add(1, Ordering::SeqCst);
        fault
    })
    .await?;
    let id = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    let bytes = finished(&cloud, &caller, &id).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    ensure!(
        faults.load(Ordering::SeqCst) >= 5,
        "too few faults to mean anything"
    );
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_told_to_stop_finishes_or_hands_back_and_exits_cleanly() -> Result<()> {
    let quiet = quiet().await?;
    let (cloud, caller) = fleet::start(fleet::options(2)).await?;
    let id = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    let leaving = fleet::logged(&cloud, "#0.").await?;
    leaving.terminate()?;
    let status = leaving
        .wait(Duration::from_secs(60))
        .await
        .context("the agent does not stop")?;
    ensure!(status.success(), "it ended with {status}");
    let bytes = finished(&cloud, &caller, &id).await?;
    ensure!(bytes == quiet, "the archive differs from the quiet run's");
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_video_fails_with_a_reason_that_a_person_understands() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let audio = folder.path().join("audio.mp4");
    ffmpeg(
        &["-f", "lavfi", "-i", "sine=440:d=2", "-c:a", "aac"],
        &audio,
    )?;
    let whole = footage()?;
    let text = Bytes::from_static(b"Dear fleet, this is not a video. Yours, a text file.\n");
    let (cloud, caller) = fleet::start(fleet::options(1)).await?;
    for (name, bytes, reasons) in [
        ("letter.mp4", text, &["not_media"][..]),
        (
            "audio.mp4",
            Bytes::from(std::fs::read(&audio)?),
            &["no_video_stream"],
        ),
        // The index of this footage is at its end, or else what is there is delivered.
        (
            "cut.mp4",
            whole.slice(..whole.len() / 3),
            &["no_index", "done"],
        ),
    ] {
        let id = caller.submit(name, bytes, &spec()).await?;
        let ended = caller.ended(&id).await?;
        let (state, reason) = (&ended["state"], ended["failure"]["reason"].as_str());
        let answer = if state == "failed" {
            reason.unwrap_or("none")
        } else {
            "done"
        };
        ensure!(reasons.contains(&answer), "{name}: {ended}");
        if answer == "done" {
            let warnings = ended["warnings"].as_array().map_or(0, Vec::len);
            ensure!(warnings > 0, "{name} was cut, and nobody says so: {ended}");
            continue;
        }
        let detail = ended["failure"]["detail"].as_str().unwrap_or_default();
        ensure!(
            detail.len() > 20 && detail.ends_with('.'),
            "{name}: {detail:?}"
        );
    }
    // An empty file is refused before it is uploaded.
    let refused = caller.register("empty.mp4", 0, &spec()).await;
    let refusal = format!("{:#}", refused.err().context("an empty file was accepted")?);
    ensure!(
        refusal.contains("422") && refusal.contains("empty"),
        "{refusal}"
    );
    fleet::queues_are_clean(&cloud).await?;
    cloud.shutdown().await;
    Ok(())
}

fn ffmpeg(args: &[&str], out: &std::path::Path) -> Result<()> {
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(args)
        .arg(out)
        .status()
        .context("start ffmpeg")?;
    ensure!(status.success(), "ffmpeg {args:?}: {status}");
    Ok(())
}
