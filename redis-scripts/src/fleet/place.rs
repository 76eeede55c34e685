//! Auto Scaling asks for capacity by zone and market, so a machine is known by both.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How an instance is paid for, in the words of Auto Scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Market {
    OnDemand,
    Spot,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Availability Zone, such as `us-east-1b`.
    pub zone: String,
    pub market: Market,
}

/// `us-east-1b/spot`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let market = match self.market {
            Market::OnDemand => "on-demand",
            Market::Spot => "spot",
        };
        write!(f, "{}/{market}", self.zone)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let market = match text.split_once('/') {
            Some((zone, "on-demand")) if !zone.is_empty() => (zone, Market::OnDemand),
            Some((zone, "spot")) if !zone.is_empty() => (zone, Market::Spot),
            _ => {
                return Err(format!(
                    "expected ZONE/on-demand or ZONE/spot, got {text:?}"
                ));
            }
        };
        Ok(Self {
            zone: market.0.to_owned(),
            market: market.1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_it_is_written() {
        for text in ["us-east-1b/spot", "eu-west-3a/on-demand"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for bad in ["", "us-east-1b", "/spot", "us-east-1b/reserved"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_value(Market::OnDemand).unwrap(), "on-demand");
    }
}
