//! What Auto Scaling sends to a custom termination policy, and what it makes of the answer. Pure.
//!
//! Names and shapes are those of the example in the Amazon EC2 Auto Scaling User Guide, page "Create
//! a custom termination policy with Lambda".

use serde::{Deserialize, Serialize};

use super::roster::{Roster, Stage};
use crate::metadata::Market;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Cause {
    ScaleIn,
    Rebalance,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event<'a> {
    #[serde(rename = "AutoScalingGroupARN")]
    pub auto_scaling_group_arn: String,
    pub auto_scaling_group_name: &'a str,
    pub capacity_to_terminate: Vec<Capacity<'a>>,
    pub instances: Vec<Instance<'a>>,
    pub cause: Cause,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Capacity<'a> {
    pub availability_zone: &'a str,
    pub capacity: u32,
    pub instance_market_option: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instance<'a> {
    pub availability_zone: &'a str,
    pub instance_id: &'a str,
    pub instance_type: &'static str,
    pub instance_market_option: &'static str,
}

/// What the guard said, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// To be terminated.
    pub taken: Vec<String>,
    /// Gone since they were last seen idle: nothing to terminate.
    pub gone: Vec<String>,
    /// Not of the group, named twice, or more than a zone and market should lose. Auto Scaling
    /// leaves them; a guard that names such a one is wrong.
    pub refused: Vec<String>,
}

const INSTANCE_TYPE: &str = "m7g.large";

pub fn market(spot: bool) -> Market {
    match spot {
        true => Market::Spot,
        false => Market::OnDemand,
    }
}

/// The instances are those in service where something should go.
pub fn event<'a>(
    group: &'a str,
    zones: &'a [&'a str],
    roster: &'a Roster,
    quotas: &[u32],
    cause: Cause,
) -> Event<'a> {
    let region = crate::REGION;
    let arn = format!(
        "arn:aws:autoscaling:{region}:000000000000:autoScalingGroup:\
         d4738357-2d40-4038-ae7e-b00ae0227003:autoScalingGroupName/{group}"
    );
    let zone = |index: usize| zones.get(index).copied().unwrap_or_default();
    Event {
        auto_scaling_group_arn: arn,
        auto_scaling_group_name: group,
        capacity_to_terminate: quotas
            .iter()
            .enumerate()
            .filter(|(_, quota)| **quota > 0)
            .map(|(index, &capacity)| Capacity {
                availability_zone: zone(index / 2),
                capacity,
                instance_market_option: market(index % 2 == 1).as_str(),
            })
            .collect(),
        instances: roster
            .members()
            .iter()
            .filter(|m| m.stage == Stage::InService && quotas[m.bucket()] > 0)
            .map(|m| Instance {
                availability_zone: zone(m.zone as usize),
                instance_id: &m.id,
                instance_type: INSTANCE_TYPE,
                instance_market_option: market(m.spot).as_str(),
            })
            .collect(),
        cause,
    }
}

/// Err where the answer cannot be read; Auto Scaling then asks again, as after an empty one.
pub fn read(answer: &[u8], roster: &Roster, quotas: &[u32]) -> Result<Named, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "InstanceIDs")]
        instance_ids: Vec<String>,
    }
    let answer: Answer = serde_json::from_slice(answer)?;
    let mut left = quotas.to_vec();
    let mut named = Named::default();
    for id in answer.instance_ids {
        let member = roster.get(&id).filter(|_| !named.taken.contains(&id));
        let quota = member.map(|m| (m.stage, &mut left[m.bucket()]));
        match quota {
            Some((Stage::Terminating | Stage::Terminated, _)) => named.gone.push(id),
            Some((Stage::InService, quota)) if *quota > 0 => {
                *quota -= 1;
                named.taken.push(id);
            }
            _ => named.refused.push(id),
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::group::roster::Member;

    fn roster() -> Roster {
        let mut roster = Roster::new(2);
        for (id, zone, spot, stage) in [
            ("i-1", 0, true, Stage::InService),
            ("i-2", 0, true, Stage::InService),
            ("i-3", 1, false, Stage::InService),
            ("i-4", 0, true, Stage::Pending),
            ("i-5", 1, true, Stage::InService),
            ("i-6", 0, true, Stage::Terminated),
            ("i-7", 0, true, Stage::Terminating),
        ] {
            let (id, warm) = (id.to_owned(), 0);
            roster.add(Member {
                id,
                zone,
                spot,
                stage,
                warm,
            });
        }
        roster
    }

    #[test]
    fn the_event_has_the_names_of_the_documentation() {
        let zones = ["us-east-1a", "us-east-1b"];
        let roster = roster();
        let event = event("my-asg", &zones, &roster, &[0, 1, 1, 0], Cause::ScaleIn);
        let event = serde_json::to_value(event).unwrap();
        assert_eq!(event["AutoScalingGroupName"], "my-asg");
        assert_eq!(event["Cause"], "SCALE_IN");
        assert_eq!(
            event["CapacityToTerminate"],
            json!([
                {"AvailabilityZone": "us-east-1a", "Capacity": 1, "InstanceMarketOption": "spot"},
                {"AvailabilityZone": "us-east-1b", "Capacity": 1, "InstanceMarketOption": "on-demand"},
            ])
        );
        let listed: Vec<&str> = event["Instances"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|i| i["InstanceId"].as_str())
            .collect();
        assert_eq!(listed, ["i-1", "i-2", "i-3"]);
        let arn = event["AutoScalingGroupARN"].as_str().unwrap();
        assert!(arn.ends_with(":autoScalingGroupName/my-asg"), "{arn}");
    }

    #[test]
    fn only_as_many_go_as_each_zone_and_market_should_lose() {
        let quotas = [0, 1, 1, 0];
        for (answer, taken, refused) in [
            (json!({"InstanceIDs": []}), &[][..], &[][..]),
            (json!({"InstanceIDs": ["i-2", "i-1"]}), &["i-2"], &["i-1"]),
            (json!({"InstanceIDs": ["i-3", "i-3"]}), &["i-3"], &["i-3"]),
            (
                json!({"InstanceIDs": ["i-4", "i-5", "i-9"]}),
                &[],
                &["i-4", "i-5", "i-9"],
            ),
        ] {
            let named = read(answer.to_string().as_bytes(), &roster(), &quotas).unwrap();
            assert_eq!(named.taken, taken, "{answer}");
            assert_eq!(named.refused, refused, "{answer}");
        }
        let dead = json!({"InstanceIDs": ["i-6", "i-1", "i-7"]}).to_string();
        let named = read(dead.as_bytes(), &roster(), &quotas).unwrap();
        assert_eq!(named.taken, ["i-1"]);
        assert_eq!(named.gone, ["i-6", "i-7"]);
        assert_eq!(named.refused, [""; 0]);
        for broken in ["", "null", "{}", r#"{"InstanceIDs":"i-1"}"#] {
            assert!(
                read(broken.as_bytes(), &roster(), &quotas).is_err(),
                "{broken}"
            );
        }
    }
}
