//! How a decoder process shuts itself in, before it has seen a byte that somebody else wrote.
//!
//! Three layers, each enough for most of it: resource limits, Landlock, a seccomp filter. Where the
//! kernel lacks one, the others hold, and what is in force is told to the agent.

use std::fmt;
use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetStatus, Scope,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::syscalls;

#[derive(Debug, Error)]
pub enum ConfineError {
    #[error("the environment is not empty")]
    Environment,
    #[error("the agent is gone")]
    Orphan,
    #[error("{call}")]
    System {
        call: &'static str,
        #[source]
        source: io::Error,
    },
}

/// What holds a decoder process, as it found out itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    pub memory_bytes: u64,
    pub cpu_seconds: u64,
    pub landlock: String,
    pub seccomp: String,
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes of memory, {} s of processor time, landlock {}, seccomp {}",
            self.memory_bytes, self.cpu_seconds, self.landlock, self.seccomp
        )
    }
}

impl InForce {
    /// Whether the file system and the network are shut off.
    pub fn is_closed(&self) -> bool {
        self.seccomp == ON
    }
}

const ON: &str = "on";

/// Nothing may have been started before: all of it holds for the calling thread alone.
pub fn confine(memory_bytes: u64, cpu_seconds: u64) -> Result<InForce, ConfineError> {
    if std::env::vars_os().next().is_some() {
        return Err(ConfineError::Environment);
    }
    // The decoder must not outlive the agent, whose death it could not see while it computes.
    let parent = rustix::process::getppid();
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| failed("ask for a signal at the agent's death", e))?;
    if rustix::process::getppid() != parent {
        return Err(ConfineError::Orphan);
    }
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| failed("forbid tracing and core dumps", e))?;
    // When the machine runs out of memory, a decoder goes before the agent. Best effort.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let program = syscalls::program(std::process::id());
    let landlock = landlock();
    limit(memory_bytes, cpu_seconds)?;
    let seccomp = match program.map(|program| seccompiler::apply_filter(&program)) {
        Ok(Ok(())) => ON.to_owned(),
        Ok(Err(error)) => format!("off: {error}"),
        Err(error) => format!("off: {error}"),
    };
    Ok(InForce {
        memory_bytes,
        cpu_seconds,
        landlock,
        seccomp,
    })
}

/// No file, no connection, no signal or socket to other processes, as far as the kernel knows how.
fn landlock() -> String {
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI::V6)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .and_then(|created| created.restrict_self());
    match restricted {
        Ok(status) => {
            let abi = match status.landlock {
                LandlockStatus::Available { effective_abi, .. } => {
                    format!(" (ABI {effective_abi})")
                }
                _ => String::new(),
            };
            match status.ruleset {
                RulesetStatus::FullyEnforced => format!("{ON}{abi}"),
                RulesetStatus::PartiallyEnforced => format!("partly on{abi}"),
                RulesetStatus::NotEnforced => "off: the kernel does not have it".to_owned(),
            }
        }
        Err(error) => format!("off: {error}"),
    }
}

fn limit(memory_bytes: u64, cpu_seconds: u64) -> Result<(), ConfineError> {
    let limits = [
        ("limit private memory", Resource::Data, memory_bytes),
        (
            "limit memory",
            Resource::As,
            mapped().saturating_add(memory_bytes),
        ),
        ("limit processor time", Resource::Cpu, cpu_seconds),
        ("forbid writing files", Resource::Fsize, 0),
        ("forbid core dumps", Resource::Core, 0),
        ("forbid processes", Resource::Nproc, 0),
        // 0, 1 and 2 are open; there will be no other.
        ("forbid descriptors", Resource::Nofile, 3),
    ];
    for (call, resource, most) in limits {
        // SIGXCPU comes at the soft limit; who ignores it is killed a second later.
        let hard = match resource {
            Resource::Cpu => most.saturating_add(1),
            _ => most,
        };
        // Whoever started the agent may have set a tighter limit, which cannot be widened.
        let bound = rustix::process::getrlimit(resource)
            .maximum
            .unwrap_or(u64::MAX);
        let limit = Rlimit {
            current: Some(most.min(bound)),
            maximum: Some(hard.min(bound)),
        };
        rustix::process::setrlimit(resource, limit).map_err(|e| failed(call, e))?;
    }
    Ok(())
}

/// Address space that the program and its libraries take already.
fn mapped() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split(' ').next()?.parse::<u64>().ok());
    // Where /proc is hidden: more than FFmpeg's libraries have ever taken.
    pages.map_or(1 << 30, |pages| {
        pages.saturating_mul(rustix::param::page_size() as u64)
    })
}

fn failed(call: &'static str, error: rustix::io::Errno) -> ConfineError {
    ConfineError::System {
        call,
        source: error.into(),
    }
}
