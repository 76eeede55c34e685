//! What Auto Scaling sends and takes. Fields that it may add are ignored; a cause or market that we
//! do not know is an error, because its rules are not ours to guess.

use std::borrow::Cow;

use fleet_core::InstanceId;
use redis_scripts::Market;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event<'a> {
    #[serde(borrow, default)]
    pub auto_scaling_group_name: Cow<'a, str>,
    #[serde(borrow)]
    pub capacity_to_terminate: Vec<Capacity<'a>>,
    /// Suggestions; at most 30,000.
    #[serde(borrow)]
    pub instances: Vec<Instance<'a>>,
    pub cause: Cause,
    /// The group has more eligible instances than fit into the list.
    #[serde(default)]
    pub has_more_instances: bool,
}

/// How many instances should go from one Availability Zone and market.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Capacity<'a> {
    #[serde(borrow)]
    pub availability_zone: Cow<'a, str>,
    pub capacity: u64,
    pub instance_market_option: Market,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instance<'a> {
    #[serde(borrow)]
    pub availability_zone: Cow<'a, str>,
    #[serde(borrow)]
    pub instance_id: Cow<'a, str>,
    pub instance_market_option: Market,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Cause {
    ScaleIn,
    /// Zones are out of balance.
    Rebalance,
    /// The listed instances run an old template.
    InstanceRefresh,
    /// The listed instances are too old.
    MaxInstanceLifetime,
}

impl Cause {
    /// It means the listed instances; others would not serve its purpose.
    pub fn only_listed(self) -> bool {
        matches!(self, Cause::InstanceRefresh | Cause::MaxInstanceLifetime)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(rename = "InstanceIDs")]
    pub instance_ids: Vec<InstanceId>,
}
