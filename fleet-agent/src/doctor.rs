//! `fleet-agent doctor`: what holds the decoder on this machine, and what the agent can reach.
//!
//! Absent: the queue. Looking at it by receiving would take a message from an agent.

use std::process::ExitCode;
use std::time::Duration;

use fleet_core::config::{Lookup, from_env};
use fleet_core::{DecoderLimits, TenantId, VideoId};

use crate::config::Config;
use crate::context::Context;
use crate::sandbox::{Sandbox, misdeed::Misdeed};

/// For each service that is asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Exit status 1 where something is wrong.
#[tokio::main]
pub async fn run() -> anyhow::Result<ExitCode> {
    let lookup = Lookup::new(&from_env);
    let mut report = Report::default();
    report.tell("fleet-agent", Ok(env!("CARGO_PKG_VERSION").into()));
    report.tell("ffmpeg", Ok(media::ffmpeg_version()));
    let missing = media::missing_decoders();
    report.tell(
        "decoders",
        match missing.is_empty() {
            true => Ok("all that are accepted".into()),
            false => Ok(format!("not in this FFmpeg: {}", missing.join(", "))),
        },
    );
    match DecoderLimits::from_lookup(&lookup) {
        Ok(limits) => {
            let sandbox = Sandbox::new(limits);
            report = tokio::task::spawn_blocking(move || {
                confinement(&sandbox, &mut report);
                report
            })
            .await?;
        }
        Err(error) => report.tell("sandbox", Err(error.to_string())),
    }
    match Config::from_lookup(&lookup) {
        Ok(config) => {
            report.tell("configuration", Ok(format!("{}", config.instance)));
            services(config, &mut report).await;
        }
        Err(error) => report.tell("configuration", Err(error.to_string())),
    }
    Ok(match report.wrong {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn confinement(sandbox: &Sandbox, report: &mut Report) {
    let described = sandbox.describe();
    report.tell(
        "sandbox",
        match described {
            Ok(in_force) if in_force.is_closed() => Ok(in_force.to_string()),
            Ok(in_force) => Err(in_force.to_string()),
            Err(error) => Err(chain(&error)),
        },
    );
    for misdeed in Misdeed::QUICK {
        let name = format!("  {}", misdeed.name());
        report.tell(
            &name,
            match sandbox.misbehave(misdeed) {
                Ok(Err(how)) => Ok(format!("refused: {how}")),
                Ok(Ok(())) => Err("the decoder was let".into()),
                Err(error) => Ok(format!("ended: {error}")),
            },
        );
    }
}

async fn services(config: Config, report: &mut Report) {
    let context = match Context::connect(config).await {
        Ok(context) => context,
        Err(error) => return report.tell("services", Err(format!("{error:#}"))),
    };
    // A row and a folder that nobody has: that they are not there is the answer.
    let tenant: TenantId = "doctor".parse().expect("a plain word");
    let video = VideoId::new();
    let row = context.videos.get(&tenant, &video);
    report.tell("table", reached(row).await);
    let list = context.store.list("work/doctor/");
    report.tell("results bucket", reached(list).await);
    // Takes an attempt back that there never was.
    let call = context.fleet.hand_back("doctor", "doctor");
    report.tell("redis", reached(call).await);
}

async fn reached<T, E: std::error::Error>(
    call: impl Future<Output = Result<T, E>>,
) -> Result<String, String> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(_)) => Ok("answers".into()),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[derive(Default)]
struct Report {
    wrong: u32,
}

impl Report {
    fn tell(&mut self, what: &str, found: Result<String, String>) {
        let (mark, words) = match &found {
            Ok(words) => ("ok   ", words),
            Err(words) => ("WRONG", words),
        };
        self.wrong += u32::from(found.is_err());
        println!("{mark}  {what:<16} {words}");
    }
}
