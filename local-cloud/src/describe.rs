//! What a running local cloud says of itself, for people and for the `framefleet` command.

use serde::{Deserialize, Serialize};

use crate::cloud::Cloud;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    pub api: String,
    pub api_key: String,
    pub cdn: String,
    /// The emulator: S3, SQS, DynamoDB, CloudWatch, Secrets Manager.
    pub aws: String,
    pub redis: String,
    pub region: String,
    pub run_dir: String,
    /// Where the fleet's status is, as JSON.
    pub status: String,
    pub agents: Vec<AgentDescription>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentDescription {
    pub instance_id: String,
    pub pid: u32,
}

impl From<&Cloud> for Description {
    fn from(cloud: &Cloud) -> Self {
        Self {
            api: cloud.api_url(),
            api_key: cloud.api_key().to_owned(),
            cdn: cloud.cdn_url(),
            aws: cloud.aws_url(),
            redis: cloud.redis_url(),
            region: crate::REGION.to_owned(),
            run_dir: cloud.run_dir().display().to_string(),
            status: cloud.status_url(),
            agents: cloud
                .agents()
                .iter()
                .map(|agent| AgentDescription {
                    instance_id: agent.instance_id().to_owned(),
                    pid: agent.pid(),
                })
                .collect(),
        }
    }
}
