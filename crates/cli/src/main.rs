//! The `sloth` binary: runs SQL scripts and the demos. Thin: everything it does is a call into the crates below.

mod args;
mod change;
mod charge;
mod checkpoint;
mod demo;
mod replay;
mod run;
mod savepoint;
mod signal;
mod status;
mod supervise;

use std::process::ExitCode;

use clap::Parser;

/// Column buffers are large and short-lived: mimalloc keeps them from the system's page table.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    start_log(args.verbose);
    quiet_panics();
    let result = match args.command {
        args::Command::Run(run) => run::run(&run),
        args::Command::Explain(explain) => run::explain(&explain),
        args::Command::Checkpoint(checkpoint) => checkpoint::checkpoint(&checkpoint),
        args::Command::Savepoint(savepoint) => savepoint::savepoint(&savepoint),
        args::Command::Stop(stop) => savepoint::stop(&stop),
        args::Command::Replay(replay) => replay::replay(&replay),
        args::Command::Demo(demo) => demo::demo(&demo),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// `RUST_LOG` decides if set; else warnings, and with -v more.
fn start_log(verbose: u8) {
    use std::io::IsTerminal;
    let level = match verbose {
        0 => "warn,sloth=info",
        1 => "info",
        _ => "debug,datafusion=info,librdkafka=info",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// A panic on an engine thread is reported as the job's error; its trace only shows with RUST_LOG=debug.
fn quiet_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() == Some("main") || tracing::enabled!(tracing::Level::DEBUG) {
            default(info);
        }
    }));
}
