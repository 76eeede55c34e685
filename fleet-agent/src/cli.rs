//! The agent's command line. Without a subcommand it is the agent.

use clap::{Parser, Subcommand};

use crate::sandbox::misdeed::Misdeed;

#[derive(Debug, Parser)]
#[command(name = "fleet-agent", version, about = "Turns videos into frames")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says what holds the decoder on this machine, and what the agent can reach
    Doctor,
    /// The decoder process itself; the agent starts it
    #[command(hide = true)]
    Decode { memory_bytes: u64, cpu_seconds: u64 },
    /// Lets a decoder try what it must not be able to do
    #[command(hide = true)]
    Misbehave {
        misdeed: Misdeed,
        /// In this process, which is not shut in: to know that the attempt is a real one
        #[arg(long)]
        unconfined: bool,
    },
    /// Takes a local file through the decoder, and prints what came of it
    #[command(hide = true)]
    Try {
        file: std::path::PathBuf,
        /// One image a second, into this folder
        #[arg(long)]
        images: Option<std::path::PathBuf>,
        /// In the agent's own process instead, for comparison
        #[arg(long)]
        unconfined: bool,
    },
}
