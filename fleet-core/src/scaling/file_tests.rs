use serde_json::{Value, json};

use super::*;
use crate::scaling::{AlarmState, MetricWindow, Statistic, evaluate};

fn changed(pointer: &str, value: Value) -> Result<ScalingFile, ScalingError> {
    let mut file: Value = serde_json::from_str(DEFAULT_SCALING).unwrap();
    *file.pointer_mut(pointer).expect(pointer) = value;
    ScalingFile::parse(&file.to_string())
}

#[test]
fn the_shipped_file_is_sound_and_scales_both_ways() {
    let file = ScalingFile::parse(DEFAULT_SCALING).unwrap();
    assert_eq!(file.group.min_size, 0, "the fleet shrinks to nothing");
    let signs = |metric: &str| -> Vec<i64> {
        file.alarms
            .values()
            .filter(|alarm| alarm.metric_name == metric)
            .flat_map(|alarm| &file.policy_of(alarm).step_adjustments)
            .map(|step| step.scaling_adjustment.signum())
            .collect()
    };
    for metric in ["WorkQueuedSeconds", "ApproximateNumberOfMessagesVisible"] {
        assert!(!signs(metric).is_empty(), "{metric}");
        assert!(signs(metric).iter().all(|sign| *sign >= 0), "{metric}");
    }
    let shrink = signs("IdlePolls");
    assert!(!shrink.is_empty());
    assert!(shrink.iter().all(|sign| *sign <= 0));
}

/// CloudWatch evaluates a high-resolution alarm every 10 s; when within the 10 s is not known, so
/// every phase is tried, with a metric that takes 2 s to arrive.
#[test]
fn from_upload_to_alarm_is_20_s_at_most() {
    let file = ScalingFile::parse(DEFAULT_SCALING).unwrap();
    let alarm = &file.alarms["work-queued"];
    assert_eq!((alarm.statistic, alarm.period), (Statistic::Sum, 10));
    let mut worst = 0;
    for phase in (0..10_000).step_by(250) {
        for upload in (600_000..610_000).step_by(250) {
            let arrives = upload + 2_000;
            let mut window = MetricWindow::new(alarm.period_millis(), alarm.window());
            let fired = (0..)
                .map(|tick| 590_000 + tick * 10_000 + phase)
                .find(|&now| {
                    if now >= arrives {
                        window = MetricWindow::new(alarm.period_millis(), alarm.window());
                        window.record(upload, 5.0);
                    }
                    let points = window.datapoints(alarm.statistic);
                    evaluate(alarm, &points, now, AlarmState::Ok) == AlarmState::Alarm
                })
                .unwrap();
            worst = worst.max(fired - upload);
        }
    }
    assert!(worst <= 20_000, "{worst} ms");
    assert!(worst > 10_000, "{worst} ms: the test sees nothing");
}

#[test]
fn a_wrong_file_says_what_is_wrong() {
    let alarm = "/alarms/work-queued";
    let steps = "/policies/grow-with-work/step_adjustments";
    let step = |low: Value, high: Value| {
        json!({ "metric_interval_lower_bound": low, "metric_interval_upper_bound": high,
                "scaling_adjustment": 1 })
    };
    let null = Value::Null;
    for (pointer, value, words) in [
        ("/version".into(), json!(2), "version 2"),
        ("/group/min_size".into(), json!(5000), "min_size is 5000"),
        (format!("{alarm}/period"), json!(15), "period is 15"),
        (format!("{alarm}/period"), json!(0), "period is 0"),
        ("/alarms/backlog/period".into(), json!(10), "once a minute"),
        (format!("{alarm}/evaluation_periods"), json!(0), "1 of 0"),
        (format!("{alarm}/datapoints_to_alarm"), json!(0), "0 of"),
        (
            format!("{alarm}/evaluation_periods"),
            json!(10_000),
            "more than a day",
        ),
        (format!("{alarm}/policy"), json!("gone"), "no policy gone"),
        (
            format!("{alarm}/statistic"),
            json!("Median"),
            "unknown variant",
        ),
        (steps.into(), json!([]), "no step_adjustments"),
        (
            steps.into(),
            json!([step(null.clone(), null.clone())]),
            "at least one bound",
        ),
        (
            steps.into(),
            json!([step(json!(5), json!(5))]),
            "below its upper",
        ),
        (
            steps.into(),
            json!([step(json!(0), json!(9))]),
            "no upper bound",
        ),
        (
            steps.into(),
            json!([step(json!(-3), null.clone())]),
            "no lower bound",
        ),
        (
            steps.into(),
            json!([step(json!(0), json!(9)), step(json!(10), null.clone())]),
            "must join",
        ),
        (
            steps.into(),
            json!([step(json!(0), json!(9)), step(json!(8), null)]),
            "must join",
        ),
        (
            "/policies/grow-with-work/min_adjustment_magnitude".into(),
            json!(2),
            "needs PercentChangeInCapacity",
        ),
        (
            "/policies/shrink-when-idle/adjustment_type".into(),
            json!("ExactCapacity"),
            "cannot be negative",
        ),
    ] {
        let error = changed(&pointer, value).unwrap_err().to_string();
        assert!(error.contains(words), "{pointer}: {error}");
    }
}

#[test]
fn an_unknown_field_is_refused() {
    let mut file: Value = serde_json::from_str(DEFAULT_SCALING).unwrap();
    file["cooldown"] = json!(1);
    let error = ScalingFile::parse(&file.to_string()).unwrap_err();
    assert!(error.to_string().contains("cooldown"), "{error}");
}
