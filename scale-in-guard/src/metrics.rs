//! CloudWatch's embedded metric format: a line of JSON on stdout becomes metrics, with no call to
//! make and nothing to wait for.

use serde_json::{Map, Value, json};

/// The namespace that the alarms look in.
pub const NAMESPACE: &str = "Framefleet";
pub const ERRORS: &str = "GuardErrors";
pub const OFFERED: &str = "GuardOffered";
pub const WANTED: &str = "GuardWanted";
pub const MILLIS: &str = "GuardMilliseconds";

/// `facts` are searchable in the log and are no metrics.
pub fn line(
    unix_ms: u128,
    fleet: &str,
    metrics: &[(&str, u64)],
    facts: &[(&str, String)],
) -> String {
    let declared: Vec<Value> = metrics
        .iter()
        .map(|(name, _)| match *name {
            MILLIS => json!({ "Name": name, "Unit": "Milliseconds" }),
            _ => json!({ "Name": name, "Unit": "Count" }),
        })
        .collect();
    let mut root = Map::new();
    root.insert(
        "_aws".into(),
        json!({
            "Timestamp": unix_ms as u64,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Fleet"]],
                "Metrics": declared,
            }],
        }),
    );
    root.insert("Fleet".into(), fleet.into());
    for (name, value) in metrics {
        root.insert((*name).into(), (*value).into());
    }
    for (name, value) in facts {
        root.insert((*name).into(), value.clone().into());
    }
    Value::Object(root).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_metric_and_dimension_has_a_value() {
        let facts = [("fault", "Redis is away".to_owned())];
        let line = line(5, "f", &[(ERRORS, 1), (MILLIS, 7)], &facts);
        assert!(!line.contains('\n'));
        let json: Value = serde_json::from_str(&line).unwrap();
        let declared = &json["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(json["_aws"]["Timestamp"], 5);
        assert_eq!(declared["Namespace"], "Framefleet");
        for metric in declared["Metrics"].as_array().unwrap() {
            assert!(json[metric["Name"].as_str().unwrap()].is_u64());
        }
        for dimension in declared["Dimensions"][0].as_array().unwrap() {
            assert!(json[dimension.as_str().unwrap()].is_string());
        }
        assert_eq!(json["fault"], "Redis is away");
    }
}
