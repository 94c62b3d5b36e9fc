//! `sloth-bench`: the measured sides that live in Rust. `benches/compare.py` starts them and prints the tables.
//!
//! ```text
//!   sloth-bench generate ROWS FILE.parquet             orders, deterministic
//!   sloth-bench sloth [FILE.parquet]                   serves requests: SQL scripts on Sloth
//!   sloth-bench datafusion [FILE.parquet]              serves requests: SQL on DataFusion, batch
//!   sloth-bench decode FILE.jsonl                      JSON: our decoder and a bare arrow-json, same bytes
//!   sloth-bench tpch SCALE FOLDER                      TPC-H's tables as Parquet files
//!   sloth-bench curve [QUERY…] ROWS…                   what a change costs at these sizes of state
//! ```
//!
//! With a file, its rows are held in memory as table `orders`. A serving side reads a request (JSON) a line from stdin and
//! answers each with a line of figures, so that several sides can take turns on the same machine.

mod batch;
mod curve;
mod decode;
mod meter;
mod orders;
mod serve;
mod streaming;
mod tally;
mod tpch;

use std::process::ExitCode;

/// What the `sloth` binary uses; DataFusion gets it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What every side may fail with.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["generate", rows, path] => rows.parse().map_err(Into::into).and_then(|rows| orders::write(rows, path)),
        ["sloth", memory @ ..] => streaming::serve(memory.first().copied()),
        ["datafusion", memory @ ..] => batch::serve(memory.first().copied()),
        ["decode", path] => decode::compare(path),
        ["tpch", scale, folder] => scale.parse().map_err(Into::into).and_then(|scale| tpch::write(scale, folder)),
        ["curve", sizes @ ..] => curve::measure(sizes),
        _ => {
            Err("usage: sloth-bench generate | sloth | datafusion | decode | tpch | curve (see benches/src/main.rs)"
                .into())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sloth-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
