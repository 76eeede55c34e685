//! A real redis-server and both faces on it. `call!` asserts after every call that no key is
//! without a TTL.
#![allow(dead_code)] // each test file uses its own part of this

pub mod work;

use std::time::Duration;

use redis_scripts::testing::Server;
use redis_scripts::{Connection, Fleet, JobId, Jobs, Options};

pub const LEASE: Duration = Duration::from_secs(30);
pub const SHORT: Duration = Duration::from_millis(60);

pub struct Rig {
    pub server: Server,
    pub connection: Connection,
    pub jobs: Jobs,
    pub fleet: Fleet,
    pub raw: redis::aio::MultiplexedConnection,
}

impl Rig {
    pub async fn start() -> Self {
        let server = Server::start();
        let connection = Connection::open(&Options::new(server.url())).await.unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        Self {
            jobs: Jobs::new(&connection),
            fleet: Fleet::new(&connection, "test-fleet").unwrap(),
            raw: client.get_multiplexed_async_connection().await.unwrap(),
            connection,
            server,
        }
    }

    /// A raw command on a connection of its own.
    pub async fn raw<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query_async(&mut self.raw.clone()).await.unwrap()
    }

    pub async fn assert_ttls(&self) {
        let keys: Vec<String> = self.raw(&["KEYS", "*"]).await;
        for key in keys {
            let left: i64 = self.raw(&["PTTL", &key]).await;
            assert!(left > 0, "{key} has PTTL {left}");
        }
    }

    /// As a failed-over primary: same data, another replication history.
    pub async fn change_history(&self) {
        let _: String = self.raw(&["REPLICAOF", "127.0.0.1", "1"]).await;
        let _: String = self.raw(&["REPLICAOF", "NO", "ONE"]).await;
    }
}

pub fn job() -> JobId {
    JobId::new(fleet_core::VideoId::new(), 0)
}

macro_rules! call {
    ($rig:expr, $call:expr) => {{
        let reply = $call.await.unwrap();
        $rig.assert_ttls().await;
        reply
    }};
}
pub(crate) use call;
