//! A CloudWatch metric alarm and its state. Pure: datapoints in, state out.
//!
//! Semantics from the Amazon CloudWatch User Guide, pages "Alarm evaluation" and "Configuring how
//! CloudWatch alarms treat missing data"; their tables are the tests below. Absent: metric math,
//! percentiles, anomaly bands, composite alarms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::metric::{Datapoint, Millis, Statistic};

/// CloudWatch looks at more periods than it evaluates, so that late samples count. How many more is
/// not published; the guide's examples retrieve 5 for 3.
const EXTRA_PERIODS: u64 = 2;

/// Field names are those of Terraform's `aws_cloudwatch_metric_alarm`, so that it can copy them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    pub description: String,
    pub namespace: String,
    pub metric_name: String,
    /// The dimension's name, and which of the deployment's names is its value.
    pub dimensions: BTreeMap<String, DimensionName>,
    pub statistic: Statistic,
    /// Seconds.
    pub period: u64,
    pub evaluation_periods: u64,
    pub datapoints_to_alarm: u64,
    pub comparison_operator: Comparison,
    pub threshold: f64,
    pub treat_missing_data: MissingData,
    /// The policy that the alarm's action runs; a key of the file's `policies`.
    pub policy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DimensionName {
    Fleet,
    TaskQueue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    GreaterThanOrEqualToThreshold,
    GreaterThanThreshold,
    LessThanThreshold,
    LessThanOrEqualToThreshold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MissingData {
    Missing,
    NotBreaching,
    Breaching,
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

impl Alarm {
    pub fn period_millis(&self) -> Millis {
        self.period * 1_000
    }

    /// How many periods a `MetricWindow` must keep for `evaluate`: those looked at, and the
    /// unfinished one.
    pub fn window(&self) -> usize {
        (self.evaluation_periods + EXTRA_PERIODS + 1) as usize
    }

    pub fn breaches(&self, value: f64) -> bool {
        match self.comparison_operator {
            Comparison::GreaterThanOrEqualToThreshold => value >= self.threshold,
            Comparison::GreaterThanThreshold => value > self.threshold,
            Comparison::LessThanThreshold => value < self.threshold,
            Comparison::LessThanOrEqualToThreshold => value <= self.threshold,
        }
    }

    /// The finished datapoints that an evaluation at `now` looks at, oldest first.
    pub fn in_range<'a>(&self, datapoints: &'a [Datapoint], now: Millis) -> &'a [Datapoint] {
        let period = self.period_millis();
        let end = now - now % period;
        let begin = end.saturating_sub(period * (self.evaluation_periods + EXTRA_PERIODS));
        let from = datapoints.partition_point(|p| p.start < begin);
        let to = datapoints.partition_point(|p| p.start < end);
        &datapoints[from..to.max(from)]
    }
}

/// The state at `now`, given datapoints of the alarm's statistic and period, oldest first. A period
/// that is not over yet is not looked at.
pub fn evaluate(
    alarm: &Alarm,
    datapoints: &[Datapoint],
    now: Millis,
    previous: AlarmState,
) -> AlarmState {
    let wanted = alarm.evaluation_periods as usize;
    let needed = alarm.datapoints_to_alarm as usize;
    let seen = alarm.in_range(datapoints, now);
    let latest = &seen[seen.len().saturating_sub(wanted)..];
    let breaching = latest.iter().filter(|p| alarm.breaches(p.value)).count();
    let verdict = |breaching: usize| match breaching >= needed {
        true => AlarmState::Alarm,
        false => AlarmState::Ok,
    };
    let missing = wanted - latest.len();
    if missing == 0 || breaching >= needed {
        return verdict(breaching);
    }
    // Something is missing: fill in only as much as lacks.
    let all_breach = breaching == latest.len();
    match alarm.treat_missing_data {
        MissingData::Breaching => verdict(breaching + missing),
        MissingData::NotBreaching => verdict(breaching),
        _ if !all_breach => AlarmState::Ok,
        MissingData::Ignore => previous,
        MissingData::Missing => match latest.first() {
            // Old enough that the periods after it would have spoken against it.
            Some(oldest) if age(alarm, oldest, now) >= alarm.datapoints_to_alarm => {
                AlarmState::Alarm
            }
            _ => AlarmState::InsufficientData,
        },
    }
}

/// In whole periods, 1 for the one just finished.
fn age(alarm: &Alarm, point: &Datapoint, now: Millis) -> u64 {
    (now - point.start) / alarm.period_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(needed: u64, wanted: u64, treat_missing_data: MissingData) -> Alarm {
        Alarm {
            description: String::new(),
            namespace: "Test".into(),
            metric_name: "Metric".into(),
            dimensions: BTreeMap::new(),
            statistic: Statistic::Sum,
            period: 10,
            evaluation_periods: wanted,
            datapoints_to_alarm: needed,
            comparison_operator: Comparison::GreaterThanThreshold,
            threshold: 0.5,
            treat_missing_data,
            policy: "p".into(),
        }
    }

    /// `0 - X` as the guide writes it: within, missing, breaching; the last one just finished.
    fn points(picture: &str) -> Vec<Datapoint> {
        picture
            .split_whitespace()
            .enumerate()
            .filter(|(_, mark)| *mark != "-")
            .map(|(index, mark)| Datapoint {
                start: 1_000_000 + index as u64 * 10_000,
                value: if mark == "X" { 1.0 } else { 0.0 },
            })
            .collect()
    }

    /// One row a case: missing, ignore, breaching, notBreaching. `R` keeps the state it had.
    fn check(needed: u64, wanted: u64, picture: &str, expected: &str) {
        let now = 1_000_000 + picture.split_whitespace().count() as u64 * 10_000 + 3_000;
        let modes = [
            MissingData::Missing,
            MissingData::Ignore,
            MissingData::Breaching,
            MissingData::NotBreaching,
        ];
        for (mode, expected) in modes.into_iter().zip(expected.split_whitespace()) {
            for previous in [AlarmState::Ok, AlarmState::Alarm] {
                let got = evaluate(
                    &alarm(needed, wanted, mode),
                    &points(picture),
                    now,
                    previous,
                );
                let expected = match expected {
                    "OK" => AlarmState::Ok,
                    "ALARM" => AlarmState::Alarm,
                    "INSUFFICIENT" => AlarmState::InsufficientData,
                    "R" => previous,
                    other => panic!("no such state: {other}"),
                };
                assert_eq!(got, expected, "{needed} of {wanted}: {picture} {mode:?}");
            }
        }
    }

    #[test]
    fn three_of_three_is_the_first_table_of_the_guide() {
        check(3, 3, "0 - X - X", "OK OK OK OK");
        check(3, 3, "0 - - - -", "OK OK OK OK");
        check(3, 3, "- - - - -", "INSUFFICIENT R ALARM OK");
        check(3, 3, "0 X X - X", "ALARM ALARM ALARM ALARM");
        check(3, 3, "- - - - X", "INSUFFICIENT R ALARM OK");
        check(3, 3, "X - - - -", "ALARM R ALARM OK");
    }

    #[test]
    fn two_of_three_is_the_second_table_of_the_guide() {
        check(2, 3, "0 - X - X", "ALARM ALARM ALARM ALARM");
        check(2, 3, "0 0 X 0 X", "ALARM ALARM ALARM ALARM");
        check(2, 3, "0 - X - -", "OK OK ALARM OK");
        check(2, 3, "- - - - 0", "OK OK ALARM OK");
        check(2, 3, "- - - - X", "INSUFFICIENT R ALARM OK");
    }

    #[test]
    fn one_of_one_alarms_at_once_and_lets_go_when_the_range_is_empty() {
        check(1, 1, "0 0 X", "ALARM ALARM ALARM ALARM");
        check(1, 1, "X - -", "ALARM ALARM ALARM ALARM");
        check(1, 1, "X - - -", "INSUFFICIENT R ALARM OK");
        check(1, 1, "X 0 -", "OK OK OK OK");
    }

    #[test]
    fn an_unfinished_period_is_not_looked_at() {
        let alarm = alarm(1, 1, MissingData::NotBreaching);
        let point = [Datapoint {
            start: 50_000,
            value: 1.0,
        }];
        for (now, expected) in [
            (50_000, AlarmState::Ok),
            (59_999, AlarmState::Ok),
            (60_000, AlarmState::Alarm),
            (89_999, AlarmState::Alarm),
            (90_000, AlarmState::Ok),
        ] {
            assert_eq!(
                evaluate(&alarm, &point, now, AlarmState::Ok),
                expected,
                "{now}"
            );
        }
    }

    #[test]
    fn each_comparison_breaches_where_its_name_says() {
        use Comparison::*;
        for (comparison, below, at, above) in [
            (GreaterThanOrEqualToThreshold, false, true, true),
            (GreaterThanThreshold, false, false, true),
            (LessThanThreshold, true, false, false),
            (LessThanOrEqualToThreshold, true, true, false),
        ] {
            let mut alarm = alarm(1, 1, MissingData::Missing);
            alarm.comparison_operator = comparison;
            let got = [0.4, 0.5, 0.6].map(|value| alarm.breaches(value));
            assert_eq!(got, [below, at, above], "{comparison:?}");
        }
    }
}
