//! The job scripts on a Redis that forgot some or all of what it was told.

mod common;

use common::work::{complete, finalize, held};
use common::{LEASE, Rig, call, job};
use redis_scripts::{Commit, Completion, Lease, Restoration};

#[tokio::test]
async fn after_flushall_a_job_is_restored_and_tokens_keep_growing() {
    let (rig, job) = (Rig::start().await, job());
    call!(rig, rig.jobs.open_job(&job, 3));
    for segment in 0..2 {
        complete(&rig, &job, segment, LEASE).await;
    }
    let before = finalize(&rig, &job, 2, LEASE).await;
    rig.raw::<String>(&["FLUSHALL"]).await;

    assert_eq!(call!(rig, rig.jobs.job_progress(&job.video)), None);
    assert_eq!(call!(rig, rig.jobs.job_results(&job)), None);
    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&job, before, LEASE)),
        Lease::Lost
    );
    assert_eq!(call!(rig, rig.jobs.commit_job(&job, before)), Commit::Lost);
    assert_eq!(complete(&rig, &job, 1, LEASE).await, Completion::Unknown);
    assert_eq!(
        call!(rig, rig.jobs.restore_job(&job, 3, &held([0, 2]))),
        Restoration::Restored { left: 1 }
    );
    assert_eq!(
        call!(rig, rig.jobs.restore_job(&job, 3, &held(0..3))),
        Restoration::Exists
    );
    match complete(&rig, &job, 1, LEASE).await {
        Completion::Finalize {
            token,
            frames: 30,
            bytes: 300,
        } => assert!(token > before),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tokens_grow_even_when_the_clock_does_not() {
    let (rig, job) = (Rig::start().await, job());
    call!(rig, rig.jobs.open_job(&job, 1));
    let far = 4_000_000_000_000_000_u64;
    let key = format!("framefleet:{{{}}}:job", job.video);
    rig.raw::<i64>(&["HSET", &key, "token", &far.to_string()])
        .await;
    assert_eq!(finalize(&rig, &job, 0, LEASE).await.get(), far + 1);
}

/// A primary that took over may have lost a completion whose message is deleted already.
#[tokio::test]
async fn after_a_failover_the_count_is_checked_against_s3() {
    let (rig, job) = (Rig::start().await, job());
    call!(rig, rig.jobs.open_job(&job, 3));
    complete(&rig, &job, 0, LEASE).await;
    rig.change_history().await;
    assert_eq!(complete(&rig, &job, 2, LEASE).await, Completion::Unknown);
    // Segment 1 was completed and forgotten. S3 names another winner for 0: the known one stays.
    let mut list = held(0..3);
    list[0].result = "b0".into();
    assert_eq!(
        call!(rig, rig.jobs.restore_job(&job, 3, &list)),
        Restoration::Restored { left: 0 }
    );
    let results = call!(rig, rig.jobs.job_results(&job)).unwrap();
    assert_eq!(results.complete().unwrap()[0], "a0");
    match complete(&rig, &job, 2, LEASE).await {
        Completion::Finalize {
            frames: 30,
            bytes: 300,
            ..
        } => {}
        other => panic!("{other:?}"),
    }
}

/// Here the primary that took over has forgotten that a newer finalizer was elected.
#[tokio::test]
async fn after_a_failover_no_token_of_before_commits() {
    let (rig, job) = (Rig::start().await, job());
    call!(rig, rig.jobs.open_job(&job, 1));
    let before = finalize(&rig, &job, 0, LEASE).await;
    rig.change_history().await;
    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&job, before, LEASE)),
        Lease::Lost
    );
    assert_eq!(call!(rig, rig.jobs.commit_job(&job, before)), Commit::Lost);
    assert_eq!(
        call!(rig, rig.jobs.restore_job(&job, 1, &held([0]))),
        Restoration::Restored { left: 0 }
    );
    assert_eq!(
        call!(rig, rig.jobs.renew_finalizer(&job, before, LEASE)),
        Lease::Lost
    );
    assert_eq!(call!(rig, rig.jobs.commit_job(&job, before)), Commit::Lost);
    let after = finalize(&rig, &job, 0, LEASE).await;
    assert!(after > before);
    assert_eq!(
        call!(rig, rig.jobs.commit_job(&job, after)),
        Commit::Committed
    );
}

/// Under memory pressure Redis may evict any key that has a TTL, and all of ours have.
#[tokio::test]
async fn evicted_results_are_noticed_and_restored() {
    let (rig, job) = (Rig::start().await, job());
    call!(rig, rig.jobs.open_job(&job, 2));
    complete(&rig, &job, 0, LEASE).await;
    let results = format!("framefleet:{{{}}}:results:0", job.video);
    assert_eq!(rig.raw::<i64>(&["DEL", &results]).await, 1);
    assert_eq!(complete(&rig, &job, 1, LEASE).await, Completion::Unknown);
    assert_eq!(
        call!(rig, rig.jobs.restore_job(&job, 2, &held([0]))),
        Restoration::Restored { left: 1 }
    );
    match complete(&rig, &job, 1, LEASE).await {
        Completion::Finalize {
            frames: 20,
            bytes: 200,
            ..
        } => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_job_of_ten_thousand_segments_is_restored_in_one_call() {
    let (rig, job) = (Rig::start().await, job());
    let list = held((0..10_000).filter(|s| s % 10 != 9));
    assert_eq!(
        call!(rig, rig.jobs.restore_job(&job, 10_000, &list)),
        Restoration::Restored { left: 1_000 }
    );
    let progress = call!(rig, rig.jobs.job_progress(&job.video)).unwrap();
    assert_eq!(
        (progress.done, progress.frames, progress.bytes),
        (9_000, 90_000, 900_000)
    );
}
