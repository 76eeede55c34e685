//! What a caller may choose about a local cloud.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::group::Scaling;

/// The programs of ours that run in a local cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Component {
    UploadHandler,
    Ingest,
    Agent,
    Guard,
}

/// Given a component and a server's address, the address to give that component instead: a fault
/// proxy in front of the server, say. Asked once for each start of a component.
pub type Route = Arc<dyn Fn(Component, SocketAddr) -> SocketAddr + Send + Sync>;

/// Environment variables that are added to, or replace, what a component gets.
pub type Env = Vec<(String, String)>;

#[derive(Clone)]
pub struct Options {
    /// A fleet of a fixed size, where `scaling` is None.
    pub agents: usize,
    /// A fleet that grows and shrinks.
    pub scaling: Option<Scaling>,
    pub agent_env: Env,
    pub handler_env: Env,
    pub ingest_env: Env,
    /// 0 takes any free port.
    pub api_port: u16,
    /// Where logs go. None: a temporary directory, removed at the end.
    pub run_dir: Option<PathBuf>,
    /// Where our programs are. None: beside the running program.
    pub bin_dir: Option<PathBuf>,
    /// Made-up instance ids follow from it.
    pub seed: u64,
    pub aws_route: Option<Route>,
    pub redis_route: Option<Route>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            agents: 2,
            scaling: None,
            agent_env: Env::new(),
            handler_env: Env::new(),
            ingest_env: Env::new(),
            api_port: 0,
            run_dir: None,
            bin_dir: None,
            seed: 1,
            aws_route: None,
            redis_route: None,
        }
    }
}

impl Options {
    pub fn agents(mut self, agents: usize) -> Self {
        self.agents = agents;
        self
    }

    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = Some(scaling);
        self
    }

    pub fn agent_env(mut self, name: &str, value: impl ToString) -> Self {
        self.agent_env.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn handler_env(mut self, name: &str, value: impl ToString) -> Self {
        self.handler_env.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn ingest_env(mut self, name: &str, value: impl ToString) -> Self {
        self.ingest_env.push((name.to_owned(), value.to_string()));
        self
    }
}
