//! Starting agents: a process, and the instance metadata that it finds itself by.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::agent::Agent;
use crate::child::Child;
use crate::error::StartError;
use crate::metadata::{Identity, Metadata};
use crate::programs::{Addresses, Programs};

pub struct Machines {
    pub programs: Programs,
    pub addresses: Addresses,
    /// Where metadata is served, whoever calls.
    pub runtime: Handle,
}

impl Machines {
    /// `env` is added to what all agents get.
    pub fn start(
        &self,
        identity: Identity,
        env: &[(&str, &str)],
    ) -> Result<Arc<Agent>, StartError> {
        let id = identity.instance_id.clone();
        let metadata = Metadata::start_on(&self.runtime, identity)
            .map_err(|e| StartError::setup("serve an agent's instance metadata", e))?;
        let mut program = self.programs.agent(&self.addresses, &metadata);
        let added = env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        program.env.extend(added);
        let child = Child::start(&program).map_err(|source| StartError::Spawn {
            name: program.name.clone(),
            source,
        })?;
        Ok(Arc::new(Agent::new(id, child, metadata)))
    }
}
