//! What must hold after the chaos, found from outside.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use local_cloud::{Happening, RESULTS_BUCKET, UPLOADS_BUCKET, What};

use super::Counts;
use super::fleet::Harmed;
use crate::agent_log::{self, Hold};

/// For the last messages and clean-ups; a copy of a task may come a while after its video's end.
const CLEAN_WITHIN: Duration = Duration::from_secs(180);

/// Queues empty, nothing dead, nothing in S3 but three results a video.
pub async fn leftovers(harmed: &Harmed, videos: usize, counts: &mut Counts) -> Result<()> {
    let limit = Instant::now() + CLEAN_WITHIN;
    loop {
        let mut left = Vec::new();
        let depths = harmed.cloud.queue_depths().await?;
        if depths.tasks + depths.tasks_dead + depths.events + depths.events_dead > 0 {
            left.push(format!("the queues are not empty: {depths:?}"));
        }
        let uploads = keys(harmed, UPLOADS_BUCKET).await?;
        if !uploads.is_empty() {
            left.push(format!("uploads are left: {uploads:?}"));
        }
        let (results, others): (Vec<_>, Vec<_>) = keys(harmed, RESULTS_BUCKET)
            .await?
            .into_iter()
            .partition(|key| key.starts_with("results/"));
        if !others.is_empty() {
            left.push(format!("more than results is left: {others:?}"));
        }
        if results.len() != videos * 3 {
            let count = results.len();
            left.push(format!("{count} results of {videos} videos"));
        }
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > limit {
            counts.violations.extend(left);
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// S3 took exactly one archive a video.
pub fn commits(harmed: &Harmed, videos: &[(String, usize)], counts: &mut Counts) {
    let commits = harmed
        .commits
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    for (id, _) in videos {
        match commits.get(id).copied().unwrap_or(0) {
            1 => counts.commits += 1,
            n => counts
                .violations
                .push(format!("{id} was committed {n} times")),
        }
    }
}

/// Nobody was named while it held a task, nobody that was taken began another, and nobody was named
/// who should not have been.
pub fn guard(harmed: &Harmed, counts: &mut Counts) -> Result<()> {
    let mut holds: BTreeMap<String, Vec<Hold>> = BTreeMap::new();
    for agent in harmed.cloud.agents() {
        let of = agent_log::holds(agent.log())?;
        counts.tasks_begun += of.len();
        holds.insert(agent.instance_id().to_owned(), of);
    }
    counts.agents_started = holds.len();
    ensure!(counts.tasks_begun > 0, "no agent's log has a task in it");
    let happenings = harmed.cloud.happenings();
    for happening in &happenings {
        match &happening.what {
            What::Spared { .. } => counts.spared += 1,
            What::GuardFailed { .. } => counts.guard_faults += 1,
            What::Asked { taken, .. } => {
                counts.guard_calls += 1;
                counts.empty_answers += usize::from(taken.is_empty());
                counts.named += taken.len();
            }
            _ => {}
        }
    }
    counts.violations.extend(wrongly_named(&happenings, &holds));
    Ok(())
}

fn wrongly_named(happenings: &[Happening], holds: &BTreeMap<String, Vec<Hold>>) -> Vec<String> {
    let mut violations = Vec::new();
    for happening in happenings {
        let What::Asked { taken, refused, .. } = &happening.what else {
            continue;
        };
        let (call, at) = (happening.number, happening.at_ms);
        for id in refused {
            violations.push(format!("call {call}: {id} was named out of bounds"));
        }
        for id in taken {
            let spared = was_spared(happenings, call, id);
            for hold in holds.get(id).into_iter().flatten() {
                let task = &hold.task;
                if hold.covers(at) {
                    violations.push(format!("call {call}: {id} was named at work on {task}"));
                } else if hold.begun > at && !spared {
                    violations.push(format!("call {call}: {id} was taken, then began {task}"));
                }
            }
        }
    }
    violations
}

/// What became of an instance that a call named is said before it is named again.
fn was_spared(happenings: &[Happening], call: u64, id: &String) -> bool {
    let later = happenings.iter().filter(|h| h.number > call);
    let mut fate = later.filter_map(|h| match &h.what {
        What::Spared { id: of } if of == id => Some(true),
        What::Terminated { id: of, .. } if of == id => Some(false),
        What::Asked { taken, .. } if taken.contains(id) => Some(false),
        _ => None,
    });
    fate.next().unwrap_or(false)
}

async fn keys(harmed: &Harmed, bucket: &str) -> Result<Vec<String>> {
    let s3 = aws_sdk_s3::Client::new(&harmed.cloud.sdk_config().await);
    let mut pages = s3.list_objects_v2().bucket(bucket).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        keys.extend(
            page.contents()
                .iter()
                .filter_map(|o| o.key().map(str::to_owned)),
        );
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use local_cloud::{Cause, End};

    use super::*;

    fn asked(taken: &[&str], refused: &[&str]) -> What {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        What::Asked {
            cause: Cause::ScaleIn,
            wanted: 1,
            began_ms: 0,
            taken: owned(taken),
            gone: Vec::new(),
            refused: owned(refused),
        }
    }

    fn at(at_ms: u64, number: u64, what: What) -> Happening {
        Happening {
            number,
            at_ms,
            what,
        }
    }

    #[test]
    fn a_machine_named_at_work_or_working_after_it_was_taken_is_a_violation() {
        let hold = |begun, ended| Hold {
            task: "v#0.1".into(),
            begun,
            ended,
        };
        let spared = || at(101, 1, What::Spared { id: "i-1".into() });
        let named = || at(100, 0, asked(&["i-1"], &[]));
        let refused = || at(100, 0, asked(&[], &["i-1"]));
        for (happenings, hold, expected) in [
            (vec![named()], hold(10, Some(100)), None),
            (vec![named()], hold(10, Some(101)), Some("named at work")),
            (vec![named()], hold(100, None), Some("named at work")),
            (vec![named()], hold(101, Some(102)), Some("then began")),
            (vec![named(), spared()], hold(200, Some(300)), None),
            (
                vec![named(), spared()],
                hold(10, None),
                Some("named at work"),
            ),
            (vec![refused()], hold(10, None), Some("out of bounds")),
        ] {
            let holds = BTreeMap::from([("i-1".to_owned(), vec![hold.clone()])]);
            let violations = wrongly_named(&happenings, &holds);
            assert_eq!(
                violations.len(),
                usize::from(expected.is_some()),
                "{hold:?}"
            );
            assert!(
                violations
                    .iter()
                    .all(|v| v.contains(expected.unwrap_or_default()))
            );
        }
    }

    #[test]
    fn the_first_word_after_a_call_says_what_became_of_the_named() {
        let id = "i-1".to_owned();
        let terminated = What::Terminated {
            id: id.clone(),
            how: End::Drained,
        };
        let spared = What::Spared { id: id.clone() };
        let happenings: Vec<Happening> = (0..)
            .zip([
                asked(&["i-1"], &[]),
                spared,
                asked(&["i-2"], &[]),
                asked(&["i-1"], &[]),
                terminated,
            ])
            .map(|(number, what)| at(0, number, what))
            .collect();
        assert!(was_spared(&happenings, 0, &id));
        assert!(!was_spared(&happenings, 3, &id));
        assert!(!was_spared(&happenings[..4], 3, &id));
    }
}
