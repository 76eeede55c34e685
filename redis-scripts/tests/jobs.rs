//! Every reply of the job scripts, from a real redis-server that loses nothing.

mod common;

use std::collections::HashSet;

use common::work::{complete, finalize, held};
use common::{LEASE, Rig, SHORT, call, job};
use fleet_core::{Failure, Reason};
use redis_scripts::{Advice, Commit, Completion, JobId, Lease, Opening, Restoration, Terminal};

#[tokio::test]
async fn a_job_walks_from_open_to_committed() {
    let (rig, job) = (Rig::start().await, job());
    assert_eq!(call!(rig, rig.jobs.open_job(&job, 3)), Opening::Opened);
    assert_eq!(call!(rig, rig.jobs.open_job(&job, 3)), Opening::Exists);
    assert_eq!(
        complete(&rig, &job, 2, LEASE).await,
        Completion::Waiting {
            left: 2,
            frames: 10,
            bytes: 100
        }
    );
    assert_eq!(
        complete(&rig, &job, 0, LEASE).await,
        Completion::Waiting {
            left: 1,
            frames: 20,
            bytes: 200
        }
    );
    let Completion::Finalize {
        token,
        frames: 30,
        bytes: 300,
    } = complete(&rig, &job, 1, LEASE).await
    else {
        panic!("the last segment makes its caller finalizer");
    };
    let progress = call!(rig, rig.jobs.job_progress(&job.video)).unwrap();
    assert_eq!((progress.segments, progress.done), (3, 3));
    assert!(progress.finalizing && progress.ended.is_none());
    let results = call!(rig, rig.jobs.job_results(&job)).unwrap();
    assert_eq!(
        results.complete(),
        Some(vec!["a0".into(), "a1".into(), "a2".into()])
    );

    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&job, token, LEASE)),
        Lease::Held
    );
    assert_eq!(
        call!(rig, rig.jobs.commit_job(&job, token)),
        Commit::Committed
    );
    assert_eq!(
        call!(rig, rig.jobs.commit_job(&job, token)),
        Commit::Already
    );
    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&job, token, LEASE)),
        Lease::Lost
    );
    assert_eq!(complete(&rig, &job, 1, LEASE).await, Completion::Committed);
    assert_eq!(
        call!(rig, rig.jobs.open_job(&job, 3)),
        Opening::Ended(Terminal::Committed)
    );
    assert_eq!(
        call!(rig, rig.jobs.restore_job(&job, 3, &held(0..3))),
        Restoration::Ended(Terminal::Committed)
    );
    assert_eq!(
        call!(rig, rig.jobs.cancel_job(&job.video)),
        Terminal::Committed
    );
    let progress = call!(rig, rig.jobs.job_progress(&job.video)).unwrap();
    assert_eq!(progress.ended, Some(Terminal::Committed));
    assert!(!progress.finalizing);
}

#[tokio::test]
async fn the_first_result_of_a_segment_wins_and_counts_once() {
    let (rig, job) = (Rig::start().await, job());
    call!(rig, rig.jobs.open_job(&job, 2));
    for result in ["first", "second", "first"] {
        let call = rig.jobs.complete_segment(&job, 0, result, 7, 70, LEASE);
        let expected = Completion::Waiting {
            left: 1,
            frames: 7,
            bytes: 70,
        };
        assert_eq!(call!(rig, call), expected);
    }
    let results = call!(rig, rig.jobs.job_results(&job)).unwrap();
    assert_eq!(results.results.get(&0).map(String::as_str), Some("first"));
    assert_eq!(results.complete(), None);
}

#[tokio::test]
async fn two_hundred_concurrent_completions_elect_exactly_one_finalizer() {
    let rig = Rig::start().await;
    for round in 0..5 {
        let job = job();
        call!(rig, rig.jobs.open_job(&job, 50));
        // Each segment four times at once, as duplicated messages would.
        let calls = (0..200_u32).map(|i| {
            let (jobs, job) = (rig.jobs.clone(), job.clone());
            tokio::spawn(async move {
                let result = format!("attempt-{i}");
                jobs.complete_segment(&job, i % 50, &result, 1, 1, LEASE)
                    .await
            })
        });
        let mut tokens = HashSet::new();
        for reply in futures::future::join_all(calls).await {
            match reply.unwrap().unwrap() {
                Completion::Finalize {
                    token,
                    frames,
                    bytes,
                } => {
                    assert!(tokens.insert(token));
                    assert_eq!((frames, bytes), (50, 50));
                }
                Completion::Waiting { left, .. } => assert!((1..50).contains(&left)),
                Completion::Finalizing { lease_left, .. } => assert!(lease_left <= LEASE),
                other => panic!("round {round}: {other:?}"),
            }
        }
        assert_eq!(tokens.len(), 1, "round {round}");
        rig.assert_ttls().await;
    }
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_and_the_old_token_is_stale() {
    let (rig, job) = (Rig::start().await, job());
    call!(rig, rig.jobs.open_job(&job, 1));
    let old = finalize(&rig, &job, 0, SHORT).await;
    match complete(&rig, &job, 0, SHORT).await {
        Completion::Finalizing {
            lease_left,
            frames: 10,
            bytes: 100,
        } => {
            assert!(lease_left <= SHORT && !lease_left.is_zero());
        }
        other => panic!("the lease is live: {other:?}"),
    }
    tokio::time::sleep(SHORT * 2).await;
    let new = finalize(&rig, &job, 0, LEASE).await;
    assert!(new > old);
    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&job, old, LEASE)),
        Lease::Lost
    );
    assert_eq!(call!(rig, rig.jobs.commit_job(&job, old)), Commit::Lost);
    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&job, new, LEASE)),
        Lease::Held
    );
    assert_eq!(
        call!(rig, rig.jobs.commit_job(&job, new)),
        Commit::Committed
    );
    assert_eq!(call!(rig, rig.jobs.commit_job(&job, old)), Commit::Already);
}

#[tokio::test]
async fn a_renewed_lease_outlives_its_first_term_also_when_it_had_run_out() {
    let (rig, job) = (Rig::start().await, job());
    call!(rig, rig.jobs.open_job(&job, 1));
    let token = finalize(&rig, &job, 0, SHORT).await;
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&job, token, LEASE)),
        Lease::Held
    );
    let reply = complete(&rig, &job, 0, LEASE).await;
    assert!(matches!(reply, Completion::Finalizing { .. }), "{reply:?}");
}

#[tokio::test]
async fn the_first_end_stays() {
    let rig = Rig::start().await;
    let failure = Failure::new(Reason::Poison, "it \"stopped\" its machine, 3 times");
    let failed = Terminal::Failed(failure.clone());

    // Ended before it was planned.
    let early = job();
    assert_eq!(
        call!(rig, rig.jobs.cancel_job(&early.video)),
        Terminal::Cancelled
    );
    assert_eq!(
        call!(rig, rig.jobs.fail_job(&early.video, &failure)),
        Terminal::Cancelled
    );
    assert_eq!(
        call!(rig, rig.jobs.open_job(&early, 2)),
        Opening::Ended(Terminal::Cancelled)
    );
    assert_eq!(
        complete(&rig, &early, 0, LEASE).await,
        Completion::Cancelled
    );
    let progress = call!(rig, rig.jobs.job_progress(&early.video)).unwrap();
    assert_eq!(
        (progress.segments, progress.ended),
        (0, Some(Terminal::Cancelled))
    );

    // Ended under a finalizer's hands.
    let late = job();
    call!(rig, rig.jobs.open_job(&late, 1));
    let token = finalize(&rig, &late, 0, LEASE).await;
    assert_eq!(call!(rig, rig.jobs.fail_job(&late.video, &failure)), failed);
    assert_eq!(call!(rig, rig.jobs.cancel_job(&late.video)), failed);
    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&late, token, LEASE)),
        Lease::Lost
    );
    assert_eq!(call!(rig, rig.jobs.commit_job(&late, token)), Commit::Lost);
    assert_eq!(
        complete(&rig, &late, 0, LEASE).await,
        Completion::Failed(failure)
    );
    assert_eq!(
        call!(rig, rig.jobs.open_job(&late, 1)),
        Opening::Ended(failed.clone())
    );
    assert_eq!(
        call!(rig, rig.jobs.restore_job(&late, 1, &[])),
        Restoration::Ended(failed.clone())
    );
    let progress = call!(rig, rig.jobs.job_progress(&late.video)).unwrap();
    assert_eq!(progress.ended, Some(failed));
}

#[tokio::test]
async fn a_new_plan_voids_the_old_one_and_its_finalizer() {
    let (rig, old) = (Rig::start().await, job());
    let new = JobId::new(old.video.clone(), 1);
    call!(rig, rig.jobs.open_job(&old, 2));
    complete(&rig, &old, 0, LEASE).await;
    let stale = finalize(&rig, &old, 1, LEASE).await;
    assert_eq!(complete(&rig, &new, 0, LEASE).await, Completion::Unknown);
    assert_eq!(call!(rig, rig.jobs.open_job(&new, 1)), Opening::Opened);
    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&old, stale, LEASE)),
        Lease::Lost
    );
    assert_eq!(call!(rig, rig.jobs.commit_job(&old, stale)), Commit::Lost);
    // Not even a token of the old plan that claims the new one.
    assert_eq!(
        complete(&rig, &old, 0, LEASE).await,
        Completion::Superseded(1)
    );
    assert_eq!(
        call!(rig, rig.jobs.open_job(&old, 2)),
        Opening::Superseded(1)
    );
    assert_eq!(
        call!(rig, rig.jobs.restore_job(&old, 2, &held(0..2))),
        Restoration::Superseded(1)
    );
    assert_eq!(call!(rig, rig.jobs.job_results(&old)), None);
    // The old finalizer's lease does not hold the new plan up.
    let token = finalize(&rig, &new, 0, LEASE).await;
    assert!(token > stale);
    assert_eq!(
        call!(rig, rig.jobs.commit_job(&new, token)),
        Commit::Committed
    );
}

#[tokio::test]
async fn arguments_out_of_range_are_rejected_and_change_nothing() {
    let (rig, job) = (Rig::start().await, job());
    call!(rig, rig.jobs.open_job(&job, 2));
    let errors = [
        rig.jobs.open_job(&job, 0).await.unwrap_err(),
        rig.jobs.open_job(&job, 100_001).await.unwrap_err(),
        rig.jobs
            .complete_segment(&job, 2, "a", 1, 1, LEASE)
            .await
            .unwrap_err(),
        rig.jobs
            .complete_segment(&job, 0, &"a".repeat(1025), 1, 1, LEASE)
            .await
            .unwrap_err(),
        rig.jobs
            .restore_job(&JobId::new(job.video.clone(), 1), 2, &held([0, 2]))
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.advice(), Advice::Reject, "{error}");
    }
    let progress = call!(rig, rig.jobs.job_progress(&job.video)).unwrap();
    assert_eq!(
        (progress.generation, progress.segments, progress.done),
        (0, 2, 0)
    );
}
