//! A job that Redis has lost, rebuilt from the fragments that S3 holds.
//!
//! One list is not enough. Between the list and the call another agent may record a fragment that
//! the list has not seen, and Redis may then be lost once more: that agent has its answer, its
//! message is gone, and nobody else would ever speak of the fragment again. So after `restored`
//! follows another list, until Redis says that it had lost nothing since the last call: that list
//! was begun after the loss, and has everything that was recorded before it.

use redis_scripts::{Restoration, SegmentResult};

use crate::outcome::Ended;

/// Each round stands for a loss of its own. Past so many the message comes back, and begins again.
const ROUNDS: usize = 5;

pub async fn until_settled<L, R>(
    mut list: impl FnMut() -> L,
    mut restore: impl FnMut(Vec<SegmentResult>) -> R,
) -> Result<(), Ended>
where
    L: Future<Output = Result<Vec<SegmentResult>, Ended>>,
    R: Future<Output = Result<Restoration, Ended>>,
{
    for round in 1..=ROUNDS {
        match restore(list().await?).await? {
            Restoration::Restored { left } => {
                tracing::warn!(round, left, "Redis had lost the job; restored from S3");
            }
            Restoration::Exists | Restoration::Superseded(_) | Restoration::Ended(_) => {
                return Ok(());
            }
        }
    }
    Err(Ended::Trouble("Redis keeps losing the job".into()))
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::time::Duration;

    use fleet_core::VideoId;
    use redis_scripts::testing::Server;
    use redis_scripts::{Completion, Connection, JobId, Jobs, Options};

    use super::*;

    const SEGMENTS: u32 = 4;
    const LEASE: Duration = Duration::from_secs(30);

    fn fragment(segment: u32) -> SegmentResult {
        SegmentResult {
            segment,
            result: format!("attempt-{segment}"),
            frames: 10,
            bytes: 1000,
        }
    }

    async fn complete(jobs: &Jobs, job: &JobId, segment: u32) -> Completion {
        let made = fragment(segment);
        jobs.complete_segment(job, segment, &made.result, made.frames, made.bytes, LEASE)
            .await
            .unwrap()
    }

    fn left(completion: Completion) -> u32 {
        match completion {
            Completion::Waiting { left, .. } => left,
            other => panic!("{other:?}"),
        }
    }

    /// S3 is a list that grows; Redis is real, and is emptied again between the first list and the
    /// call it is for, just after another agent has had segment 1 recorded.
    #[tokio::test]
    async fn a_fragment_recorded_between_two_losses_is_not_forgotten() {
        let server = Server::start();
        let connection = Connection::open(&Options::new(server.url())).await.unwrap();
        let jobs = Jobs::new(&connection);
        let client = redis::Client::open(server.url()).unwrap();
        let raw = client.get_multiplexed_async_connection().await.unwrap();
        let job = JobId::new(VideoId::new(), 0);
        let s3 = RefCell::new(vec![fragment(0)]);
        let lists = Cell::new(0);
        assert_eq!(complete(&jobs, &job, 0).await, Completion::Unknown);

        let list = || async {
            lists.set(lists.get() + 1);
            let seen = s3.borrow().clone();
            if lists.get() == 1 {
                // The other agent finds the job whole, and is done with its message.
                s3.borrow_mut().push(fragment(1));
                jobs.restore_job(&job, SEGMENTS, &seen).await?;
                assert_eq!(left(complete(&jobs, &job, 1).await), 2);
                redis::cmd("FLUSHALL")
                    .exec_async(&mut raw.clone())
                    .await
                    .unwrap();
            }
            Ok(seen)
        };
        let restore = |results: Vec<SegmentResult>| {
            let (jobs, job) = (jobs.clone(), job.clone());
            async move { Ok(jobs.restore_job(&job, SEGMENTS, &results).await?) }
        };
        until_settled(list, restore).await.unwrap();
        assert_eq!(lists.get(), 2);
        // Segments 0 and 1 are known, 2 is recorded now, 3 is left.
        assert_eq!(left(complete(&jobs, &job, 2).await), 1);
    }

    #[tokio::test]
    async fn a_redis_that_loses_everything_each_time_is_not_asked_for_ever() {
        let rounds = Cell::new(0);
        let restore = |_| {
            rounds.set(rounds.get() + 1);
            async { Ok(Restoration::Restored { left: 1 }) }
        };
        let ended = until_settled(|| async { Ok(vec![fragment(0)]) }, restore).await;
        assert!(matches!(ended, Err(Ended::Trouble(_))));
        assert_eq!(rounds.get(), ROUNDS);
    }
}
