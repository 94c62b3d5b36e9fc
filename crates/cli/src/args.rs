//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// Streaming SQL for the rush hour.
///
/// Sloth reads changing data (Kafka, files, generators), keeps the answers of SQL queries up to date, and writes them to
/// Kafka, files, the terminal or a live big screen. Scripts are in Flink's SQL dialect.
#[derive(Debug, Parser)]
#[command(
    name = "sloth",
    version,
    after_help = "Try it:\n  sloth demo double11\n  sloth run examples/quickstart/tumbling-sum.sql"
)]
pub(crate) struct Args {
    /// More log lines; twice for even more. RUST_LOG overrides.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a SQL script until its sources end or Ctrl-C.
    Run(Run),
    /// Show the streaming plans of a script's queries without running them.
    Explain(Explain),
    /// Run a demo.
    #[command(subcommand)]
    Demo(Demo),
}

/// What a script is made of.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Script {
    /// SQL files; several are run as one script, in order.
    #[arg(required = true, value_name = "FILE.sql")]
    pub(crate) files: Vec<PathBuf>,
    /// Replaces ${NAME} in the script.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(crate) vars: Vec<String>,
    /// Worker threads (default: all cores; SET 'parallelism.default' in the script goes first).
    #[arg(short, long, value_name = "N")]
    pub(crate) parallelism: Option<usize>,
    /// A setting as in SET 'key' = 'value'; the script's own SET goes first.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) script: Script,
    /// Keep the job's epoch log and checkpoints in this directory, and go on from what is there: after a crash, a kill or
    /// a stop, the same command resumes the job where it was. SET 'state.checkpoints.dir' in the script does the same.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Serve the big screen, /metrics and /healthz here. Without it they are served on 127.0.0.1:8080 (or the next free
    /// port) when the script writes to a table WITH ('connector' = 'screen').
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Description of the big screen (YAML or JSON); without it every screen table is shown as a list.
    #[arg(long, value_name = "FILE")]
    pub(crate) screen: Option<PathBuf>,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) script: Script,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Demo {
    /// Double 11: a live sales screen over generated orders.
    Double11(Double11),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Double11 {
    /// Send the orders through this Kafka (bootstrap address) instead of the embedded generator.
    #[arg(long, value_name = "ADDR")]
    pub(crate) kafka: Option<String>,
    /// Events per second after the midnight surge (which starts at three times the rate).
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub(crate) rate: u64,
    /// Where the screen is served; the next free port when taken.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) http: SocketAddr,
    /// Stop by itself after this many events.
    #[arg(long, value_name = "N")]
    pub(crate) events: Option<u64>,
    /// Worker threads (default: all cores).
    #[arg(short, long, value_name = "N")]
    pub(crate) parallelism: Option<usize>,
}
