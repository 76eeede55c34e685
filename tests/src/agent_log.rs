//! What an agent did, by its own log.

use std::path::Path;

use anyhow::{Context, Result};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;

/// From the moment that Redis granted a task to the moment that the agent was through with it; in
/// Unix milliseconds. An agent that was killed has not ended its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub task: String,
    pub begun: u64,
    pub ended: Option<u64>,
}

impl Hold {
    pub fn covers(&self, at: u64) -> bool {
        self.begun <= at && self.ended.is_none_or(|ended| ended > at)
    }
}

pub fn holds(log: &Path) -> Result<Vec<Hold>> {
    let text = std::fs::read_to_string(log).with_context(|| format!("read {log:?}"))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Hold>> {
    let mut holds: Vec<Hold> = Vec::new();
    for line in text.lines() {
        // A killed agent may leave half a line; other programs' words are none of ours.
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let (Some(message), Some(task)) = (line["message"].as_str(), line["task"].as_str()) else {
            continue;
        };
        let at = || -> Result<u64> {
            let text = line["timestamp"].as_str().context("find a timestamp")?;
            let at = DateTime::from_str(text, Format::DateTime).context("read a timestamp")?;
            Ok(u64::try_from(at.to_millis()?)?)
        };
        match message {
            "begun" => holds.push(Hold {
                task: task.to_owned(),
                begun: at()?,
                ended: None,
            }),
            "ended" => {
                let open = |hold: &&mut Hold| hold.ended.is_none() && hold.task == task;
                let hold = holds.iter_mut().find(open);
                hold.context("an end without a beginning")?.ended = Some(at()?);
            }
            _ => {}
        }
    }
    Ok(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_go_from_begun_to_ended() {
        let log = r#"
{"timestamp":"2026-11-21T11:00:00.000500Z","level":"INFO","message":"begun","task":"v#0.1","attempt":1}
{"timestamp":"2026-11-21T11:00:00.100000Z","level":"INFO","message":"extracted","segment":1}
{"timestamp":"2026-11-21T11:00:01.500000Z","level":"INFO","message":"ended","task":"v#0.1"}
{"timestamp":"2026-11-21T11:00:02.000000Z","level":"INFO","message":"begun","task":"v#0.1","attempt":2}
{"timestamp":"2026-11-21T11:0"#;
        let holds = parse(log).unwrap();
        assert_eq!(holds.len(), 2);
        let (first, second) = (&holds[0], &holds[1]);
        assert_eq!(first.ended, Some(first.begun + 1_500));
        assert!(first.covers(first.begun) && first.covers(first.begun + 1_499));
        assert!(!first.covers(first.begun + 1_500) && !first.covers(first.begun - 1));
        assert!(second.ended.is_none() && second.covers(second.begun + 999_999));
    }

    #[test]
    fn an_end_of_nothing_is_an_error() {
        let log = r#"{"timestamp":"2026-11-21T11:00:00Z","message":"ended","task":"v#0.1"}"#;
        assert!(parse(log).is_err());
    }
}
