//! One agent process, with a made-up instance id, and what a machine can suffer.

use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;

use crate::child::Child;
use crate::metadata::Metadata;

#[derive(Debug)]
pub struct Agent {
    instance_id: String,
    child: Child,
    metadata: Metadata,
}

impl Agent {
    pub(crate) fn new(instance_id: String, child: Child, metadata: Metadata) -> Self {
        Self {
            instance_id,
            child,
            metadata,
        }
    }

    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }

    /// Its zone and market, and what EC2 and Auto Scaling let it know.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    pub fn log(&self) -> &Path {
        self.child.log()
    }

    /// SIGKILL: the machine is gone.
    pub fn kill(&self) -> io::Result<()> {
        self.child.signal(Signal::KILL)
    }

    /// SIGTERM: it drains, and ends.
    pub fn terminate(&self) -> io::Result<()> {
        self.child.signal(Signal::TERM)
    }

    /// SIGSTOP: a machine that hangs while its leases run out.
    pub fn pause(&self) -> io::Result<()> {
        self.child.signal(Signal::STOP)
    }

    pub fn resume(&self) -> io::Result<()> {
        self.child.signal(Signal::CONT)
    }

    pub fn is_running(&self) -> bool {
        self.child.ended().is_none()
    }

    /// How it ended; None when it still runs after `patience`.
    pub async fn wait(&self, patience: Duration) -> Option<ExitStatus> {
        self.child.wait(patience).await
    }

    pub(crate) fn child(&self) -> &Child {
        &self.child
    }
}

/// Ids of EC2's shape, the same ones for the same seed.
#[derive(Debug)]
pub(crate) struct InstanceIds(StdRng);

impl InstanceIds {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub fn next(&mut self) -> String {
        let bits = self.0.random::<u128>() >> (128 - 4 * 17);
        format!("i-{bits:017x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_ids_look_like_ec2s_and_follow_from_the_seed() {
        let mut first = InstanceIds::new(7);
        let mut again = InstanceIds::new(7);
        let ids: Vec<String> = (0..100).map(|_| first.next()).collect();
        for id in &ids {
            assert_eq!(id.len(), 19, "{id}");
            assert!(id.parse::<fleet_core::InstanceId>().is_ok());
            assert_eq!(again.next(), *id);
        }
        let unique: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
    }
}
