//! The command line, and how it becomes an extraction spec. Bad input is found here, before
//! anything is started or sent.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use fleet_core::spec::{ExtractSpec, Select};
use fleet_core::{Limits, Rational};
use fleet_sim::cli::SimulateArgs;

use crate::outcome::Ended;

#[derive(Parser)]
#[command(version, about = "Frames out of videos, by a fleet")]
#[command(
    after_help = "Exit status: 0 done, 1 the video failed, 2 bad usage or input, 3 the \
service could not be reached or broke."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Extract frames from a video; without --api, on this machine
    Extract(ExtractArgs),
    /// Show one video, the newest ones, or the machines of a local fleet
    Status(StatusArgs),
    /// Run the whole fleet on this machine until Ctrl-C
    Up(UpArgs),
    /// Run the whole fleet on this machine for one video, and show who did what
    Demo(DemoArgs),
    /// Simulate a fleet of any size: time to result, cost, waste, busy kills
    Simulate(Box<SimulateArgs>),
}

#[derive(Args)]
pub struct ExtractArgs {
    pub video: PathBuf,
    #[command(flatten)]
    pub selection: Selection,
    /// Where the archive and its manifest go
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// Replace results that are already there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub service: Service,
    /// Agents to start when the fleet runs on this machine
    #[arg(long, default_value_t = 2)]
    pub agents: usize,
}

#[derive(Args, Default)]
pub struct Selection {
    /// Images a second, such as 1, 0.5 or 30000/1001 [default: 1]
    #[arg(long, value_name = "RATE", group = "which")]
    pub fps: Option<Rational>,
    /// One image every so many seconds
    #[arg(long, value_name = "SECONDS", group = "which")]
    pub every_seconds: Option<Rational>,
    /// Any selection of the API, as JSON: '{"timestamps":[0,1.5]}'
    #[arg(long, value_name = "JSON", group = "which")]
    pub select: Option<String>,
    /// The API's whole extraction spec, as JSON
    #[arg(long, value_name = "JSON", group = "which")]
    pub extract: Option<String>,
    /// JPEG quality, 1 to 100 [default: 90]
    #[arg(long, value_name = "N")]
    pub quality: Option<u8>,
}

#[derive(Args)]
pub struct Service {
    /// The REST API; without it the fleet runs on this machine
    #[arg(long, value_name = "URL", env = "FRAMEFLEET_API")]
    pub api: Option<url::Url>,
    /// API key
    #[arg(long, env = "FRAMEFLEET_KEY", hide_env_values = true)]
    pub key: Option<String>,
}

#[derive(Args)]
pub struct StatusArgs {
    /// A video's id
    pub id: Option<fleet_core::VideoId>,
    /// Show instances, queue and alarms of the fleet whose status is at this URL, as printed by
    /// `framefleet up`
    #[arg(long, value_name = "URL", conflicts_with = "id")]
    pub fleet: Option<url::Url>,
    /// Go on until Ctrl-C
    #[arg(long, requires = "fleet")]
    pub watch: bool,
    #[command(flatten)]
    pub service: Service,
}

#[derive(Args)]
pub struct UpArgs {
    #[command(flatten)]
    pub size: FleetSize,
    /// Port of the REST API; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub api_port: u16,
    /// Keep logs in this directory
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
}

#[derive(Args)]
pub struct DemoArgs {
    pub video: PathBuf,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub size: FleetSize,
    #[arg(short, long, value_name = "DIR", default_value = "out")]
    pub out: PathBuf,
}

/// How many agents a fleet on this machine has.
#[derive(Args, Clone, Copy)]
pub struct FleetSize {
    /// So many, all the time, instead of a fleet that grows and shrinks
    #[arg(long, value_name = "N")]
    pub agents: Option<usize>,
    /// A fleet that grows from none to at most so many, and shrinks to none [default: 4]
    #[arg(long, value_name = "N", conflicts_with = "agents", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_agents: Option<u32>,
}

/// Without either option.
const MAX_AGENTS: u32 = 4;

impl FleetSize {
    pub fn is_fixed(self) -> bool {
        self.agents.is_some()
    }

    /// For the `local-cloud` program.
    pub fn to_args(self) -> [String; 2] {
        match self.agents {
            Some(agents) => ["--agents".into(), agents.to_string()],
            None => {
                let max = self.max_agents.unwrap_or(MAX_AGENTS);
                ["--max-agents".into(), max.to_string()]
            }
        }
    }
}

impl Service {
    /// None without --api.
    pub fn remote(&self) -> Result<Option<(url::Url, String)>, Ended> {
        match (&self.api, &self.key) {
            (Some(api), Some(key)) => Ok(Some((api.clone(), key.clone()))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Ended::usage("--api needs --key (or FRAMEFLEET_KEY)")),
            (None, Some(_)) => Err(Ended::usage("--key needs --api (or FRAMEFLEET_API)")),
        }
    }
}

impl Selection {
    pub fn spec(&self) -> Result<ExtractSpec, Ended> {
        let mut spec = match &self.extract {
            Some(json) => serde_json::from_str(json)
                .map_err(|e| Ended::usage(format!("read --extract: {e}")))?,
            None => ExtractSpec::default(),
        };
        if let Some(select) = self.chosen()? {
            spec.select = select;
        }
        if let Some(quality) = self.quality {
            spec.image.quality = quality;
        }
        // The service checks again, with its own limits.
        Limits::default()
            .check_spec(&spec)
            .map_err(|refused| Ended::usage(format!("{}: {refused}", refused.field)))?;
        Ok(spec)
    }

    fn chosen(&self) -> Result<Option<Select>, Ended> {
        Ok(match (&self.fps, &self.every_seconds, &self.select) {
            (Some(fps), ..) => Some(Select::Fps(*fps)),
            (_, Some(seconds), _) => Some(Select::EverySeconds(*seconds)),
            (.., Some(json)) => Some(
                serde_json::from_str(json)
                    .map_err(|e| Ended::usage(format!("read --select: {e}")))?,
            ),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(args: &[&str]) -> Result<String, String> {
        let args = ["framefleet", "extract", "v.mp4"].iter().chain(args);
        let cli = Cli::try_parse_from(args).map_err(|e| e.to_string())?;
        let Command::Extract(args) = cli.command else {
            return Err("not extract".into());
        };
        let spec = args.selection.spec().map_err(|e| e.to_string())?;
        Ok(format!(
            "{} q{}",
            serde_json::to_string(&spec.select).unwrap(),
            spec.image.quality
        ))
    }

    #[test]
    fn options_become_a_spec() {
        for (args, expected) in [
            (&[][..], r#"{"fps":1} q90"#),
            (&["--fps", "30000/1001"], r#"{"fps":"30000/1001"} q90"#),
            (&["--every-seconds", "2"], r#"{"every_seconds":2} q90"#),
            (&["--select", r#"{"count":3}"#], r#"{"count":3} q90"#),
            (
                &["--extract", r#"{"select":{"fps":2}}"#, "--quality", "75"],
                r#"{"fps":2} q75"#,
            ),
        ] {
            assert_eq!(spec(args).unwrap(), expected, "{args:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_words() {
        for (args, words) in [
            (&["--fps", "0"][..], "fps must be greater than 0"),
            (&["--fps", "fast"], "fast"),
            (
                &["--fps", "1", "--every-seconds", "1"],
                "cannot be used with",
            ),
            (&["--select", "{"], "read --select"),
            (&["--select", r#"{"fbs":1}"#], "fbs"),
            (&["--quality", "101"], "quality must be from 1 to 100"),
        ] {
            let error = spec(args).unwrap_err();
            assert!(error.contains(words), "{args:?}: {error}");
        }
    }

    #[test]
    fn a_fleet_is_of_a_fixed_size_only_where_that_is_said() {
        let size = |args: &[&str]| {
            let args = ["framefleet", "demo", "v.mp4"].iter().chain(args);
            match Cli::try_parse_from(args).map_err(|e| e.kind())?.command {
                Command::Demo(demo) => Ok(demo.size.to_args().join(" ")),
                _ => Err(clap::error::ErrorKind::InvalidSubcommand),
            }
        };
        use clap::error::ErrorKind;
        for (args, expected) in [
            (&[][..], Ok("--max-agents 4")),
            (&["--max-agents", "2"], Ok("--max-agents 2")),
            (&["--agents", "4"], Ok("--agents 4")),
            (&["--max-agents", "0"], Err(ErrorKind::ValueValidation)),
            (
                &["--agents", "1", "--max-agents", "2"],
                Err(ErrorKind::ArgumentConflict),
            ),
        ] {
            assert_eq!(size(args), expected.map(str::to_owned), "{args:?}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
