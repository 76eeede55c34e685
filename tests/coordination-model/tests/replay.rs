//! Random traces of operations, on the model's Redis and on a real redis-server at once: the same
//! replies, and the same state, after every step.

use std::collections::HashMap;
use std::time::Duration;

use coordination_model::redis::{
    Begun, Bits, Commit, Completion, End, Redis, Reprieve, Restoration, bit, has,
};
use fleet_core::{Failure, InstanceId, Reason, VideoId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redis_scripts::testing::Server;
use redis_scripts::{
    Connection, Fleet, JobId, Jobs, Lease, Options, SegmentResult, Terminal, Token,
};

const AGENTS: u8 = 3;
const JOBS: usize = 2;
const SEGMENTS: u8 = 3;
const LONG: Duration = Duration::from_secs(3600);
const TRACES: u64 = 40;
const STEPS: usize = 150;

/// Every key with its value, as Redis writes it down.
type Dump = Vec<(String, Vec<u8>)>;

struct Both {
    model: Redis,
    replica: Option<(Redis, Dump)>,
    clock: [u8; JOBS],
    reported: Bits,
    old: Bits,
    fleet: Fleet,
    jobs: Jobs,
    raw: redis::aio::MultiplexedConnection,
    ids: Vec<InstanceId>,
    videos: Vec<JobId>,
    /// The real token of each the model gave.
    tokens: HashMap<(usize, u8), Token>,
    launched: u32,
    receipts: u32,
}

impl Both {
    async fn start(server: &Server) -> Self {
        let connection = Connection::open(&Options::new(server.url())).await.unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        let mut raw = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("FLUSHALL").exec_async(&mut raw).await.unwrap();
        let jobs = Jobs::new(&connection);
        let videos: Vec<_> = (0..JOBS).map(|_| JobId::new(VideoId::new(), 0)).collect();
        for video in &videos {
            jobs.open_job(video, SEGMENTS.into()).await.unwrap();
        }
        Self {
            model: Redis::new(JOBS),
            replica: None,
            clock: [0; JOBS],
            reported: 0,
            old: 0,
            fleet: Fleet::new(&connection, "f").unwrap(),
            jobs,
            raw,
            ids: (0..AGENTS)
                .map(|a| format!("i-{a}").parse().unwrap())
                .collect(),
            videos,
            tokens: HashMap::new(),
            launched: 0,
            receipts: 0,
        }
    }

    async fn step(&mut self, rng: &mut StdRng) -> String {
        let a = rng.random_range(0..AGENTS);
        let (j, s) = (rng.random_range(0..JOBS), rng.random_range(0..SEGMENTS));
        match rng.random_range(0..100) {
            0..12 => self.report_idle(a).await,
            12..24 => self.begin_task(a).await,
            24..32 => self.condemn(a).await,
            32..35 => self.retire(a).await,
            35..42 => self.reprieve(a, rng.random()).await,
            42..44 => self.relaunch(a).await,
            44..64 => self.complete(j, s).await,
            64..70 => self.renew(j, rng.random_range(0..=self.clock[j])).await,
            70..76 => self.commit(j, rng.random_range(0..=self.clock[j])).await,
            76..80 => self.lease_ends(j).await,
            80..81 => self.end(j, rng.random()).await,
            81..89 => self.restore(j, rng.random_range(0..bit(SEGMENTS))).await,
            89..91 => self.wipe().await,
            91..94 => self.replica_stops().await,
            94..97 => self.fail_over().await,
            _ => {
                self.model.unsettled = false;
                "settle".into()
            }
        }
    }

    async fn report_idle(&mut self, a: u8) -> String {
        self.reported |= bit(a);
        let real = self
            .fleet
            .report_idle(&self.ids[usize::from(a)])
            .await
            .unwrap();
        let model = self.model.report_idle(a);
        assert_eq!(real == redis_scripts::Reported::Idle, model);
        format!("report_idle {a}: {real:?}")
    }

    async fn begin_task(&mut self, a: u8) -> String {
        let settle = if self.model.unsettled {
            LONG
        } else {
            Duration::ZERO
        };
        let fleet = self.fleet.clone().with_settle(settle);
        self.receipts += 1;
        let task = format!("t{}", self.receipts);
        let real = fleet
            .begin_task(&self.ids[usize::from(a)], &task, "r")
            .await
            .unwrap();
        let model = self.model.begin_task(a, has(self.old, a), None);
        let real = match real {
            redis_scripts::Begun::Granted { attempt } => {
                assert_eq!(attempt, 1);
                Begun::Granted
            }
            redis_scripts::Begun::Condemned => Begun::Condemned,
            redis_scripts::Begun::Retiring => Begun::Retiring,
            redis_scripts::Begun::Unsettled { .. } => Begun::Unsettled,
        };
        assert_eq!(real, model);
        format!("begin_task {a}: {real:?}")
    }

    async fn condemn(&mut self, a: u8) -> String {
        let ids = std::slice::from_ref(&self.ids[usize::from(a)]);
        let real = self.fleet.condemn(ids, LONG).await.unwrap();
        let model = self.model.condemn(a, None);
        assert_eq!(!real.is_empty(), model);
        format!("condemn {a}: {model}")
    }

    async fn retire(&mut self, a: u8) -> String {
        let ids = std::slice::from_ref(&self.ids[usize::from(a)]);
        let real = self.fleet.retire(ids).await.unwrap();
        assert_eq!(real == 1, self.model.retire(a));
        format!("retire {a}: {real}")
    }

    async fn reprieve(&mut self, a: u8, due: bool) -> String {
        let least = if due { Duration::ZERO } else { LONG };
        let real = self
            .fleet
            .reprieve(&self.ids[usize::from(a)], least)
            .await
            .unwrap();
        let real = match real {
            redis_scripts::Reprieve::Idle => Reprieve::Idle,
            redis_scripts::Reprieve::NotCondemned => Reprieve::NotCondemned,
            redis_scripts::Reprieve::Condemned { .. } => Reprieve::TooEarly,
        };
        assert_eq!(real, self.model.reprieve(a, due));
        format!("reprieve {a} due {due}: {real:?}")
    }

    /// The instance exits cleanly, and another one takes its place.
    async fn relaunch(&mut self, a: u8) -> String {
        self.fleet.forget(&self.ids[usize::from(a)]).await.unwrap();
        self.model.forget(a);
        if let Some((replica, _)) = &mut self.replica {
            replica.forget(a);
        }
        self.reported &= !bit(a);
        self.old &= !bit(a);
        self.launched += 1;
        self.ids[usize::from(a)] = format!("i-{a}-{}", self.launched).parse().unwrap();
        format!("relaunch {a}")
    }

    async fn complete(&mut self, j: usize, s: u8) -> String {
        let job = &self.videos[j];
        let call = self.jobs.complete_segment(job, s.into(), "r", 1, 1, LONG);
        let real = call.await.unwrap();
        let clock = &mut self.clock[j];
        let model = self.model.complete_segment(j, s, SEGMENTS, clock, None);
        let end = |end| Completion::Ended(end);
        let seen = match real {
            redis_scripts::Completion::Waiting { left, .. } => Completion::Waiting(left as u8),
            redis_scripts::Completion::Finalizing { .. } => Completion::Finalizing,
            redis_scripts::Completion::Finalize { token, .. } => {
                let newest = self.tokens.iter().filter(|((of, _), _)| *of == j);
                assert!(newest.map(|(_, t)| t).all(|t| *t < token), "tokens grow");
                self.tokens.insert((j, self.clock[j]), token);
                Completion::Finalize(self.clock[j])
            }
            redis_scripts::Completion::Committed => end(End::Committed),
            redis_scripts::Completion::Failed(_) => end(End::Failed),
            redis_scripts::Completion::Cancelled => end(End::Cancelled),
            redis_scripts::Completion::Unknown => Completion::Unknown,
            redis_scripts::Completion::Superseded(by) => panic!("superseded by {by}"),
        };
        assert_eq!(seen, model);
        format!("complete {j}.{s}: {model:?}")
    }

    async fn renew(&mut self, j: usize, token: u8) -> String {
        let Some(real) = self.tokens.get(&(j, token)) else {
            return "no token yet".into();
        };
        let real = self
            .jobs
            .renew_finalizer(&self.videos[j], *real, LONG)
            .await
            .unwrap();
        assert_eq!(
            real == Lease::Held,
            self.model.renew_finalizer(j, token, None)
        );
        format!("renew {j} token {token}: {real:?}")
    }

    async fn commit(&mut self, j: usize, token: u8) -> String {
        let Some(real) = self.tokens.get(&(j, token)) else {
            return "no token yet".into();
        };
        let real = match self.jobs.commit_job(&self.videos[j], *real).await.unwrap() {
            redis_scripts::Commit::Committed => Commit::Committed,
            redis_scripts::Commit::Lost => Commit::Lost,
            redis_scripts::Commit::Already => Commit::Already,
        };
        assert_eq!(real, self.model.commit_job(j, token, None));
        format!("commit {j} token {token}: {real:?}")
    }

    async fn lease_ends(&mut self, j: usize) -> String {
        let key = format!("framefleet:{{{}}}:job", self.videos[j].video);
        let mut call = redis::cmd("HDEL");
        call.arg(key).arg("lease_until");
        call.exec_async(&mut self.raw).await.unwrap();
        self.model.jobs[j].lease = false;
        format!("lease of {j} ends")
    }

    async fn end(&mut self, j: usize, failed: bool) -> String {
        let video = &self.videos[j].video;
        let (real, end) = match failed {
            true => {
                let failure = Failure::plain(Reason::Internal);
                (
                    self.jobs.fail_job(video, &failure).await.unwrap(),
                    End::Failed,
                )
            }
            false => (self.jobs.cancel_job(video).await.unwrap(), End::Cancelled),
        };
        assert_eq!(ended(&real), self.model.end_job(j, end));
        format!("end {j} by {end:?}: {real:?}")
    }

    async fn restore(&mut self, j: usize, listed: Bits) -> String {
        let list: Vec<SegmentResult> = (0..SEGMENTS)
            .filter(|s| has(listed, *s))
            .map(|s| SegmentResult {
                segment: s.into(),
                result: "r".into(),
                frames: 1,
                bytes: 1,
            })
            .collect();
        let call = self
            .jobs
            .restore_job(&self.videos[j], SEGMENTS.into(), &list);
        let real = match call.await.unwrap() {
            redis_scripts::Restoration::Restored { left } => Restoration::Restored(left as u8),
            redis_scripts::Restoration::Exists => Restoration::Exists,
            redis_scripts::Restoration::Ended(end) => Restoration::Ended(ended(&end)),
            redis_scripts::Restoration::Superseded(by) => panic!("superseded by {by}"),
        };
        assert_eq!(real, self.model.restore_job(j, listed, SEGMENTS));
        format!("restore {j} from {listed:03b}: {real:?}")
    }

    async fn wipe(&mut self) -> String {
        pass_a_few_milliseconds().await;
        redis::cmd("FLUSHALL")
            .exec_async(&mut self.raw)
            .await
            .unwrap();
        self.model.lose_everything();
        self.old = self.reported;
        pass_a_few_milliseconds().await;
        "wipe".into()
    }

    async fn replica_stops(&mut self) -> String {
        let keys: Vec<String> = self.ask(&["KEYS", "*"]).await;
        let mut dump = Vec::new();
        for key in keys {
            let bytes: Vec<u8> = self.ask(&["DUMP", &key]).await;
            dump.push((key, bytes));
        }
        self.replica = Some((self.model.clone(), dump));
        "replica stops".into()
    }

    async fn fail_over(&mut self) -> String {
        let Some((model, dump)) = self.replica.take() else {
            return "no replica".into();
        };
        pass_a_few_milliseconds().await;
        redis::cmd("FLUSHALL")
            .exec_async(&mut self.raw)
            .await
            .unwrap();
        for (key, bytes) in dump {
            let mut call = redis::cmd("RESTORE");
            call.arg(key).arg(LONG.as_millis() as u64).arg(bytes);
            call.exec_async(&mut self.raw).await.unwrap();
        }
        // A new replication history, as after every failover.
        self.ask::<String>(&["REPLICAOF", "127.0.0.1", "1"]).await;
        self.ask::<String>(&["REPLICAOF", "NO", "ONE"]).await;
        // Instances that came since are not in what the replica had; those forgotten since are.
        self.model = model.taken_over();
        self.old = self.reported;
        for id in self.gone_since().await {
            self.fleet.forget(&id).await.unwrap();
        }
        pass_a_few_milliseconds().await;
        "fail over".into()
    }

    /// Instances that Redis knows and that no longer exist: the model has a new one in their place.
    async fn gone_since(&mut self) -> Vec<InstanceId> {
        let seen: Vec<String> = self
            .ask(&["ZRANGE", "framefleet:{f}:seen", "0", "-1"])
            .await;
        let status = self.fleet.fleet_status().await.unwrap();
        let named = seen
            .into_iter()
            .map(|id| id.parse().unwrap())
            .chain(status.retiring);
        named.filter(|id| !self.ids.contains(id)).collect()
    }

    async fn ask<T: redis::FromRedisValue>(&mut self, words: &[&str]) -> T {
        let mut call = redis::cmd(words[0]);
        call.arg(&words[1..]);
        call.query_async(&mut self.raw).await.unwrap()
    }

    async fn compare(&self) {
        let status = self.fleet.fleet_status().await.unwrap();
        let bits = |ids: Vec<&InstanceId>| {
            ids.into_iter().fold(0, |bits, id| {
                bits | bit(self.ids.iter().position(|i| i == id).expect("a living one") as u8)
            })
        };
        assert_eq!(
            bits(status.idle.iter().map(|i| &i.id).collect()),
            self.model.idle
        );
        assert_eq!(
            bits(status.condemned.iter().map(|c| &c.id).collect()),
            self.model.condemned
        );
        assert_eq!(bits(status.retiring.iter().collect()), self.model.retiring);
        for (j, job) in self.model.jobs.iter().enumerate() {
            let real = self.jobs.job_progress(&self.videos[j].video).await.unwrap();
            let Some(real) = real else {
                assert!(!job.exists && job.ended.is_none(), "{job:?}");
                continue;
            };
            assert_eq!(real.done, job.done.count_ones());
            assert_eq!(real.finalizing, job.lease);
            assert_eq!(real.ended.as_ref().map(ended), job.ended);
        }
    }
}

fn ended(end: &Terminal) -> End {
    match end {
        Terminal::Committed => End::Committed,
        Terminal::Failed(_) => End::Failed,
        Terminal::Cancelled => End::Cancelled,
    }
}

/// The scripts' clock has milliseconds; before and after a loss must not fall into the same one.
async fn pass_a_few_milliseconds() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

#[tokio::test]
async fn random_traces_get_the_same_replies_from_the_model_and_from_redis() {
    let server = Server::start();
    // Another set of traces: FRAMEFLEET_REPLAY_SEED=7 cargo test -p coordination-model
    let first = std::env::var("FRAMEFLEET_REPLAY_SEED").map_or(0, |s| s.parse().unwrap());
    let mut kinds: HashMap<String, u32> = HashMap::new();
    for seed in first..first + TRACES {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut both = Both::start(&server).await;
        for step in 0..STEPS {
            // A failing assertion names the trace.
            println!("seed {seed} step {step}");
            let said = both.step(&mut rng).await;
            println!("  {said}");
            both.compare().await;
            let words = said.split(|c: char| c.is_ascii_digit()).map(str::trim);
            *kinds.entry(words.collect()).or_default() += 1;
        }
    }
    // The traces came by every kind of reply.
    for word in [
        "Granted",
        "Condemned",
        "Retiring",
        "Unsettled",
        "TooEarly",
        "NotCondemned",
        "Waiting",
        "Finalizing",
        "Finalize(",
        "Unknown",
        "Held",
        "Lost",
        "Already",
        "Committed",
        "Restored",
        "Exists",
        "fail over",
        "wipe",
    ] {
        assert!(kinds.keys().any(|k| k.contains(word)), "never saw {word}");
    }
}
