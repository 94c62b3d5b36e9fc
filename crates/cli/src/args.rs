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
    /// Look after the checkpoints in a state directory.
    #[command(subcommand)]
    Checkpoint(Checkpoint),
    /// Keep named states of a job, to go back to or to begin from.
    #[command(subcommand)]
    Savepoint(Savepoint),
    /// Stop a running job at a checkpoint, so that the same `sloth run` goes on from there.
    Stop(Stop),
    /// Make logged epochs of a job again and print what its tables were given.
    Replay(Replay),
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
    /// Keep the job's epoch log and checkpoints in this directory (or s3://bucket/prefix), and go on from what is there:
    /// after a crash, a kill or a stop, the same command resumes the job where it was. SET 'state.checkpoints.dir' in the
    /// script does the same.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Stand by while another process runs the job on this state directory: follow its log with warm state, write nothing,
    /// and take over when it is gone. The first process to come runs the job. One that has lost the job stands by again.
    #[arg(long)]
    pub(crate) standby: bool,
    /// Serve the big screen, /metrics and /healthz here. Without it they are served on 127.0.0.1:8080 (or the next free
    /// port) when the script writes to a table WITH ('connector' = 'screen').
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Description of the big screen (YAML or JSON); without it every screen table is shown as a list.
    #[arg(long, value_name = "FILE")]
    pub(crate) screen: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// What to do when the job in the state directory has another script, or shall stand elsewhere.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Changing a job")]
pub(crate) struct Change {
    /// The script has changed: keep the statements that are the same, with their state and their place in the sources; begin
    /// new and changed ones at the beginning of their sources; drop the others. What happens to each is printed first.
    /// Without this option a changed script is asked about on a terminal, and refused elsewhere. The state before is kept
    /// as a savepoint.
    #[arg(long, conflicts_with = "rollback")]
    pub(crate) upgrade: bool,
    /// When the script changes: the statement that writes this table begins anew if it has changed, even where a part of it
    /// could go on. May be given several times.
    #[arg(long, value_name = "TABLE")]
    pub(crate) rebuild: Vec<String>,
    /// Undo the last change: give the script from before it. Statements that both scripts have go on where they are, those
    /// that the change has dropped go on where they were dropped.
    #[arg(long, conflicts_with = "from_savepoint")]
    pub(crate) rollback: bool,
    /// Go back to a savepoint, or begin a job in a new directory with one: the name of a savepoint of the state directory, or
    /// the file DIR/savepoints/NAME.json of another. What was written outside since then is written again. The same command
    /// does so once; given again, it resumes the job.
    #[arg(long, value_name = "SAVEPOINT")]
    pub(crate) from_savepoint: Option<String>,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) script: Script,
}

/// What to do with checkpoints. The job may be running meanwhile.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Checkpoint {
    /// List the checkpoints: when each was made, by which run, its state in rows and bytes.
    Ls(StateDir),
    /// Show one checkpoint: where the sources stood, the watermarks, and the state of every operator and worker.
    ///
    /// State is read to tell its tables apart; damaged files are named.
    Inspect(CheckpointOf),
    /// Read every byte of the checkpoints and of the epoch log after them, and check it. Exit code 1 when anything is
    /// damaged or missing.
    Verify(CheckpointOf),
    /// Remove a checkpoint, and the state files that no other checkpoint names (its own, or left by a crash).
    ///
    /// The last checkpoint that is whole is kept unless --force is given: without it the job must be made again from the
    /// beginning of its log, which is gone once a later checkpoint stood. So is the newest, whose files a running job
    /// continues: force it only while no job runs on the directory.
    Rm(Remove),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct StateDir {
    /// The directory that is given to `sloth run --state`.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct CheckpointOf {
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// The checkpoint, by the epoch that `ls` shows (inspect: the newest; verify: all).
    #[arg(value_name = "EPOCH")]
    pub(crate) epoch: Option<u64>,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// The checkpoint, by the epoch that `ls` shows.
    #[arg(value_name = "EPOCH")]
    pub(crate) epoch: u64,
    /// Remove it even when it is the last one that is whole, or the newest.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What to do with savepoints.
///
/// A savepoint is a checkpoint with a name. Checkpoints come and go; a savepoint stays until you remove it, with all the
/// state that it names.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Savepoint {
    /// Take a savepoint: of the running job as it is now, or of the newest checkpoint when no job runs.
    ///
    /// The job goes on meanwhile. It contains all that had been read when the job heard of the wish (within a quarter of
    /// a second).
    #[command(after_help = "Example:\n  sloth savepoint take state/ before-sale")]
    Take(Take),
    /// List the savepoints: when each was made and why, its epoch, its state in rows and bytes.
    Ls(StateDir),
    /// Show one savepoint: where the sources stood, the watermarks, and the state of every operator and worker.
    Inspect(SavepointOf),
    /// Remove a savepoint, and the state files that nothing else names.
    Rm(SavepointOf),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Take {
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// Its name: letters, digits, '-', '_', '.' (default: savepoint-1, savepoint-2, …).
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct SavepointOf {
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// The savepoint's name, as `ls` shows it.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Asks the job that runs on the directory to stop behind what it is reading, writes a last checkpoint, and waits until it
/// stands. What the sinks have is complete and committed then. Windows that are open stay open: the same `sloth run` goes
/// on as if nothing had happened.
#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "Examples:\n  sloth stop state/                          stop; `sloth run` goes on later\n  \
    sloth stop state/ --savepoint v1           and keep this state under a name\n  \
    sloth stop state/ --drain                  end the job for good, with all its results")]
pub(crate) struct Stop {
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// End the job for good: as if the input ended here, all windows fire and everything that waits comes out. The job
    /// does not go on after it.
    #[arg(long)]
    pub(crate) drain: bool,
    /// Keep the last checkpoint as a savepoint of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) savepoint: Option<String>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Patience {
    /// Give up after so many seconds; the job may do it all the same, later.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) timeout: u64,
}

/// Reads the sources again from the newest checkpoint at or before --from, cut into the same epochs as then, and prints
/// the changes that each table was given, the same at every run. Nothing is written outside, and a job that runs on the
/// directory is not disturbed.
///
/// Give the script that the epochs were made with: also one that the job had before its script was changed, as long as
/// checkpoints from then are kept. A stretch must not lie across a change of the script.
#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "Example:\n  sloth checkpoint ls state/\n  sloth replay state/ job.sql --from 1200 --to 1250")]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) state: StateDir,
    #[command(flatten)]
    pub(crate) script: Script,
    /// The first epoch to print (default: the first one that the script has made and that is kept).
    #[arg(long, value_name = "EPOCH")]
    pub(crate) from: Option<u64>,
    /// The last epoch to print (default: the last one that the script has made).
    #[arg(long, value_name = "EPOCH")]
    pub(crate) to: Option<u64>,
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
