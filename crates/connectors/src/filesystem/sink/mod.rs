//! The sink: rolling files that appear whole.
//!
//! Rows go to a file with a hidden name (`.part-…`), which gets its visible name when it is full, old enough, or the job
//! ends. So a reader of the directory never sees half a file, and a crash leaves hidden files only.

mod commits;
mod leftovers;
mod part;
mod partitions;

#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use sloth_types::clock::Mono;
use sloth_types::sink::DurableSink;
use sloth_types::{
    ChangeBatch, ChangelogMode, Clock, Epoch, Error, Guarantee, OpenSink, Result, Sink, SinkWriter, TableSpec,
};

use self::commits::{Committing, Finished, Gathers};
use self::part::{Part, PartFormat};
use self::partitions::PartitionedWriter;
use super::{FORMAT_PREFIXES, KNOWN, cannot, local_path};

/// A directory that files are written to.
#[derive(Debug)]
pub(super) struct FileSink {
    table: TableSpec,
    directory: PathBuf,
    rolling: Rolling,
}

/// When a file is finished and the next begun.
#[derive(Clone, Copy, Debug)]
struct Rolling {
    bytes_max: u64,
    age_max: Duration,
    /// So long after the last row.
    idle_max: Duration,
    /// Age is looked at so often.
    check_every: Duration,
}

impl FileSink {
    /// Checks the options; writes nothing yet.
    pub(super) fn new(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        options.check_known("filesystem", &KNOWN, &FORMAT_PREFIXES)?;
        let directory = PathBuf::from(local_path(options.require("path")?)?);
        if directory.is_file() {
            return Err(Error::invalid(format!("option 'path' = '{}' is a file", directory.display()))
                .hint("A sink writes several files: give a directory."));
        }
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let rolling = Rolling {
            bytes_max: options.bytes("sink.rolling-policy.file-size")?.unwrap_or(128 << 20).max(1),
            age_max: options.duration("sink.rolling-policy.rollover-interval")?.unwrap_or(minutes(30)),
            idle_max: options.duration("sink.rolling-policy.inactivity-interval")?.unwrap_or(minutes(30)),
            check_every: options.duration("sink.rolling-policy.check-interval")?.unwrap_or(minutes(1)),
        };
        if options.parse_or("auto-compaction", "true or false", false)? {
            return Err(Error::unsupported("option 'auto-compaction' = 'true': files are not compacted")
                .hint("Raise 'sink.rolling-policy.file-size' to get fewer files."));
        }
        PartFormat::new(table, &table.schema)?;
        partitions::columns(table, &table.schema)?;
        Ok(FileSink { table: table.clone(), directory, rolling })
    }
}

impl Sink for FileSink {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        match mode {
            ChangelogMode::Append => true,
            ChangelogMode::Retract => self.table.options.get("format").is_some_and(crate::format::writes_changes),
            ChangelogMode::Upsert { .. } => false,
        }
    }

    fn blocking(&self) -> bool {
        true
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>> {
        let OpenSink { schema, writer, durable, .. } = open;
        let whose = Whose::of(writer, durable.as_ref());
        let partitioned = || PartitionedWriter::new(self, &schema, whose.clone());
        let plain = || self.writer(self.directory.clone(), &schema, &whose);
        let depth = self.table.partition_by.len();
        Ok(match (durable, self.table.partition_by.is_empty()) {
            (None, true) => Box::new(plain()?),
            (None, false) => Box::new(partitioned()?),
            (Some(durable), true) => Box::new(Committing::open(&self.directory, depth, &durable, plain)?),
            (Some(durable), false) => Box::new(Committing::open(&self.directory, depth, &durable, partitioned)?),
        })
    }
}

impl FileSink {
    /// A writer of rolling files in a directory.
    fn writer(&self, directory: PathBuf, schema: &SchemaRef, whose: &Whose) -> Result<FileWriter> {
        fs::create_dir_all(&directory).map_err(cannot("created", &directory))?;
        let format = PartFormat::new(&self.table, schema)?;
        let files = Files { directory, start_ms: Clock::System.now_ms(), writer: whose.name.clone(), next: 0 };
        Ok(FileWriter { files, rolling: self.rolling, format, open: None, finished: whose.gathers.then(Vec::new) })
    }
}

/// Who writes files.
#[derive(Clone, Debug)]
struct Whose {
    /// A part of their names.
    name: String,
    /// They get their names by commits.
    gathers: bool,
}

impl Whose {
    /// In a job that can be resumed the name tells the run, so that a later one knows what this one has left.
    fn of(writer: usize, durable: Option<&DurableSink>) -> Whose {
        let name = durable.map_or_else(|| writer.to_string(), leftovers::name_of);
        Whose { name, gathers: durable.is_some() }
    }
}

/// The names of a writer's files: `part-<start of the job>-<writer>-<number>.<format>`.
struct Files {
    directory: PathBuf,
    start_ms: i64,
    writer: String,
    next: u64,
}

/// A file just created, with its hidden and its visible name.
struct NextFile {
    file: fs::File,
    hidden: PathBuf,
    visible: PathBuf,
}

impl Files {
    /// Creates the next file. A name that exists is not taken again: two statements may write the same directory.
    fn next(&mut self, extension: &str) -> Result<NextFile> {
        loop {
            let name = format!("part-{}-{}-{}.{extension}", self.start_ms, self.writer, self.next);
            self.next += 1;
            let (hidden, visible) = (self.directory.join(format!(".{name}.inprogress")), self.directory.join(&name));
            match fs::File::create_new(&hidden) {
                // Looked at only now: whoever made it visible had the hidden name before.
                Ok(_) if visible.exists() => fs::remove_file(&hidden).map_err(cannot("removed", &hidden))?,
                Ok(file) => return Ok(NextFile { file, hidden, visible }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(cannot("created", &hidden)(error)),
            }
        }
    }
}

/// Writes rows into one file after another.
struct FileWriter {
    files: Files,
    rolling: Rolling,
    format: PartFormat,
    open: Option<OpenFile>,
    /// In a durable job, files that wait for a commit to get their names.
    finished: Option<Vec<Finished>>,
}

struct OpenFile {
    part: Part,
    hidden: PathBuf,
    visible: PathBuf,
    since: Mono,
    written: Mono,
    checked: Mono,
}

impl FileWriter {
    fn finish(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let path = open.visible.clone();
        let failed = |e: Error| e.context(format_args!("file '{}'", path.display()));
        open.part.finish().map_err(failed)?;
        if let Some(finished) = &mut self.finished {
            finished.push((open.hidden, open.visible));
            return Ok(());
        }
        fs::rename(&open.hidden, &open.visible).map_err(|e| failed(Error::of_file("cannot be given its name", &e)))?;
        sync_directory(&self.files.directory);
        Ok(())
    }

    fn roll_when_due(&mut self) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut due = open.part.bytes() >= self.rolling.bytes_max;
        if !due && open.checked.elapsed() >= self.rolling.check_every {
            open.checked = Mono::now();
            due = open.since.elapsed() >= self.rolling.age_max || open.written.elapsed() >= self.rolling.idle_max;
        }
        if due { self.finish() } else { Ok(()) }
    }
}

/// Makes the new name durable. Where directories cannot be synced the rename is still atomic.
fn sync_directory(directory: &Path) {
    if let Ok(handle) = fs::File::open(directory) {
        let _ = handle.sync_all();
    }
}

impl Gathers for FileWriter {
    fn gather(&mut self) -> Result<Vec<Finished>> {
        self.finish()?;
        Ok(self.finished.as_mut().map(std::mem::take).unwrap_or_default())
    }
}

impl SinkWriter for FileWriter {
    fn write(&mut self, _: Epoch, batch: &ChangeBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if self.open.is_none() {
            let NextFile { file, hidden, visible } = self.files.next(self.format.extension())?;
            let part = self.format.begin(file).map_err(|e| e.context(format_args!("file '{}'", hidden.display())))?;
            let now = Mono::now();
            self.open = Some(OpenFile { part, hidden, visible, since: now, written: now, checked: now });
        }
        if let Some(open) = &mut self.open {
            open.written = Mono::now();
            let path = &open.hidden;
            open.part
                .write(&mut self.format, batch)
                .map_err(|e| e.context(format_args!("file '{}'", path.display())))?;
        }
        self.roll_when_due()
    }

    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        if let Some(open) = &mut self.open {
            let path = &open.hidden;
            open.part.flush().map_err(|e| e.context(format_args!("file '{}'", path.display())))?;
        }
        self.roll_when_due()
    }

    fn close(&mut self) -> Result<()> {
        self.finish()
    }
}
