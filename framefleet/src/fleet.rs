//! The machines of a local fleet: a table of them, and a line for each change.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use fleet_core::scaling::AlarmState;
use local_cloud::{FleetStatus, What};
use reqwest::Client;
use tokio::task::JoinHandle;
use url::Url;

use crate::outcome::Ended;

const EVERY: Duration = Duration::from_millis(500);
/// Far longer than a fleet of a laptop takes to shrink: past it something is wrong.
const SHRINK_WITHIN: Duration = Duration::from_secs(600);
/// Clears the terminal, and puts the cursor at its top.
const CLEAR: &str = "\x1b[2J\x1b[H";

#[derive(Debug, Clone)]
pub struct Fleet {
    status: Url,
    client: Client,
}

impl Fleet {
    pub fn at(status: &str) -> Result<Self, Ended> {
        let url: Url = status
            .parse()
            .map_err(|e| Ended::usage(format!("read {status}: {e}")))?;
        Ok(Self {
            status: url,
            client: Client::new(),
        })
    }

    async fn status(&self) -> Result<FleetStatus, Ended> {
        let failed = |e: reqwest::Error| Ended::service(format!("ask the fleet: {e}"));
        let answer = self
            .client
            .get(self.status.clone())
            .timeout(Duration::from_secs(10))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(failed)?;
        answer.json().await.map_err(failed)
    }
}

/// Once, or until Ctrl-C. At a terminal the table stays in its place.
pub async fn show(url: &Url, watch: bool) -> Result<(), Ended> {
    let fleet = Fleet::at(url.as_str())?;
    let clear = match std::io::stdout().is_terminal() {
        true => CLEAR,
        false => "",
    };
    let mut last = String::new();
    loop {
        let text = table(&fleet.status().await?);
        if !watch {
            println!("{text}");
            return Ok(());
        }
        if text != last {
            println!("{clear}{text}\n");
            last = text;
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn table(status: &FleetStatus) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["instance", "state", "zone", "market", "process"]);
    for i in &status.instances {
        let pid = i.pid.map(|pid| pid.to_string()).unwrap_or_default();
        table.add_row([&i.id, &i.doing.to_string(), &i.zone, &i.market, &pid]);
    }
    let mut text = format!("{}\n", table.trim_fmt());
    if status.instances.is_empty() {
        text.push_str(" (none)\n");
    }
    if let Some(b) = status.bounds {
        let (desired, min, max) = (b.desired, b.min, b.max);
        text.push_str(&format!("\n desired  {desired} of {min} to {max}"));
    }
    let (waiting, in_work) = (status.tasks.waiting, status.tasks.in_work);
    text.push_str(&format!("\n queue    {waiting} waiting, {in_work} in work"));
    for alarm in &status.alarms {
        let state = match alarm.state {
            AlarmState::Ok => "ok",
            AlarmState::Alarm => "ALARM",
            AlarmState::InsufficientData => "no data",
        };
        text.push_str(&format!("\n alarm    {:<14} {state}", alarm.name));
    }
    text
}

/// Prints what happens to a fleet, a line each, until dropped.
pub struct Telling(JoinHandle<()>);

impl Telling {
    pub fn start(fleet: Fleet) -> Self {
        Self(tokio::spawn(async move {
            let started = Instant::now();
            let mut told = 0;
            loop {
                // One that fails is followed by another, which then tells more.
                if let Ok(status) = fleet.status().await {
                    for happening in status.happenings.iter().skip(told) {
                        let at = started.elapsed().as_secs_f64();
                        println!("{at:>7.1} s  {}", happening.what);
                    }
                    told = status.happenings.len();
                }
                tokio::time::sleep(EVERY).await;
            }
        }))
    }

    /// How many machines worked or waited at once, at the most.
    pub async fn until_nobody_is_left(&self, fleet: &Fleet) -> Result<usize, Ended> {
        let until = Instant::now() + SHRINK_WITHIN;
        loop {
            let status = fleet.status().await?;
            if status.instances.is_empty() {
                // Let the last lines be told.
                tokio::time::sleep(EVERY * 2).await;
                return Ok(most(&status));
            }
            if Instant::now() > until {
                let minutes = SHRINK_WITHIN.as_secs() / 60;
                let why = format!("the fleet has not shrunk within {minutes} minutes");
                return Err(Ended::service(why));
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn most(status: &FleetStatus) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for happening in &status.happenings {
        match &happening.what {
            What::Launched { .. } => now += 1,
            What::Terminated { .. } => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

#[cfg(test)]
mod tests {
    use local_cloud::{AlarmStatus, Bounds, Doing, End, Happening, InstanceStatus, Waiting};

    use super::*;

    fn status() -> FleetStatus {
        FleetStatus {
            bounds: Some(Bounds {
                min: 0,
                max: 4,
                desired: 1,
            }),
            instances: vec![InstanceStatus {
                id: "i-1".into(),
                zone: "us-east-1a".into(),
                market: "spot".into(),
                doing: Doing::Condemned,
                pid: Some(7),
            }],
            tasks: Waiting {
                waiting: 3,
                in_work: 2,
            },
            alarms: vec![AlarmStatus {
                name: "idle".into(),
                state: AlarmState::Alarm,
            }],
            happenings: Vec::new(),
        }
    }

    #[test]
    fn the_table_says_what_the_fleet_does() {
        let text = table(&status());
        for words in [
            "i-1",
            "condemned",
            "us-east-1a",
            "spot",
            "desired  1 of 0 to 4",
            "3 waiting, 2 in work",
            "idle           ALARM",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let mut none = status();
        none.instances.clear();
        none.bounds = None;
        let text = table(&none);
        assert!(
            text.contains("(none)") && !text.contains("desired"),
            "{text}"
        );
    }

    #[test]
    fn the_most_machines_at_once_are_counted() {
        let launched = |id: &str| What::Launched {
            id: id.into(),
            zone: String::new(),
            market: String::new(),
        };
        let terminated = |id: &str| What::Terminated {
            id: id.into(),
            how: End::Drained,
        };
        let happenings = [
            launched("a"),
            launched("b"),
            terminated("a"),
            launched("c"),
            terminated("b"),
            terminated("c"),
        ];
        let mut status = status();
        status.happenings = (0..)
            .zip(happenings)
            .map(|(number, what)| Happening {
                number,
                at_ms: 0,
                what,
            })
            .collect();
        assert_eq!(most(&status), 2);
    }
}
