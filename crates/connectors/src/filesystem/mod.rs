//! The `filesystem` connector: files, directories and globs as tables; rolling files as sinks.
//!
//! Reading does not depend on the number of workers. The files, sorted by path, are cut into blocks, and block `i` belongs
//! to lane `i mod L`; a lane is a split:
//!
//! ```text
//!   a.csv (10 MiB)                b.csv.gz    c.csv
//!   | block 0 | block 1 | block 2 | block 3 | block 4 |
//!     lane-0    lane-1    lane-0    lane-1    lane-0        (L = 2)
//! ```
//!
//! So all lanes advance side by side through the input and time stays roughly in order. An offset is
//! `block << 40 | position`, the position counting bytes (text) or rows (Parquet) from the block's start.
//!
//! Which file has which blocks is noted with the job's log and checkpoints, so that it stays so after a restart, whatever has
//! happened to the directory. A file that a watched directory is given later has the next numbers.

mod blocks;
mod columns;
mod input;
mod listing;
mod notes;
mod parquet_block;
mod sink;
mod source;
mod text_block;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sloth_types::{Connector, Error, Result, Sink, Source, TableSpec};

/// The connector.
#[derive(Debug)]
pub struct Filesystem;

const KNOWN: [&str; 15] = [
    "connector",
    "path",
    "format",
    "source.monitor-interval",
    "scan.parallelism",
    "scan.block-size",
    "record.max-bytes",
    "sink.rolling-policy.file-size",
    "sink.rolling-policy.rollover-interval",
    "sink.rolling-policy.check-interval",
    "sink.rolling-policy.inactivity-interval",
    "sink.parallelism",
    "sink.parquet.compression",
    "auto-compaction",
    "partition.default-name",
];
/// Options of the formats, and Flink's for committing partitions (which only the success file has a meaning for here).
const FORMAT_PREFIXES: [&str; 9] = [
    "json.",
    "csv.",
    "raw.",
    "debezium-json.",
    "canal-json.",
    "maxwell-json.",
    "parquet.",
    "sink.partition-commit.",
    "partition.time-extractor.",
];

impl Connector for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(source::FileSource::new(table)?))
    }

    fn gives_dictionaries(&self, table: &TableSpec) -> bool {
        table.options.get("format") == Some("parquet")
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(sink::FileSink::new(table)?))
    }
}

/// Options for reading.
#[derive(Clone, Debug)]
struct ReadOptions {
    path: String,
    format: String,
    /// Look for new files so often; `None` when the source is bounded.
    watch: Option<Duration>,
    lanes: Option<usize>,
    block_bytes: u64,
    record_bytes_max: usize,
    /// Records may span lines: a file is one block.
    multiline: bool,
}

impl ReadOptions {
    /// Plain text is cut at multiples of it.
    fn step(&self) -> u64 {
        if self.multiline { u64::MAX } else { self.block_bytes }
    }

    fn new(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        options.check_known("filesystem", &KNOWN, &FORMAT_PREFIXES)?;
        let whole = "a whole number above 0";
        let lanes = options.parse("scan.parallelism", whole)?;
        let block_bytes = options.bytes("scan.block-size")?.unwrap_or(4 << 20);
        let record_bytes_max = options.bytes("record.max-bytes")?.unwrap_or(16 << 20);
        if lanes == Some(0) || block_bytes == 0 {
            return Err(Error::invalid(format!("options 'scan.parallelism' and 'scan.block-size': expected {whole}")));
        }
        if record_bytes_max == 0 || record_bytes_max >= 256 << 20 {
            return Err(Error::invalid("option 'record.max-bytes': expected a size above 0 and below 256 mb"));
        }
        Ok(ReadOptions {
            path: local_path(options.require("path")?)?,
            format: options.require("format")?.to_owned(),
            watch: options.duration("source.monitor-interval")?.filter(|d| !d.is_zero()),
            lanes,
            block_bytes,
            record_bytes_max: record_bytes_max as usize,
            multiline: options.parse_or("csv.multiline", "true or false", false)?,
        })
    }
}

/// The error for a file or directory that cannot be `what`: read, say.
fn cannot(what: &'static str, path: &Path) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |error| Error::of_file(format_args!("'{}' cannot be {what}", path.display()), &error)
}

/// A path on this machine; `file:` URLs are taken apart.
fn local_path(path: &str) -> Result<String> {
    let rest = path.strip_prefix("file://").or_else(|| path.strip_prefix("file:")).unwrap_or(path);
    if let Some((scheme, _)) = rest.split_once("://") {
        return Err(Error::unsupported(format!("option 'path' = '{path}': the scheme '{scheme}' is not offered"))
            .hint("Give a path on this machine."));
    }
    Ok(rest.to_owned())
}
