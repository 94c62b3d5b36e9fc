//! The `inline` connector: a file system table whose files stand in the DDL, so that a test shows its data.
//!
//! `'connector' = 'inline', 'format' = 'csv', 'data' = '1,a'` reads one split; `'data.2'`, `'data.3'`, … are more splits.
//! All other options are those of `filesystem`.
//!
//! With `'scan.changelog' = 'retract'` in the DDL each line begins with `+` (insert) or `-` (take back an equal row).
//!
//! A line `@ 10 s` lets processing time pass: the lines below it are read when the clock of the run stands 10 seconds behind
//! its beginning. It is moved when all splits of all tables have come to such a line or to their end, so each row comes at
//! its own time, however the input is cut into epochs.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sloth_connectors::filesystem::Filesystem;
use sloth_types::source::OpenSplit;
use sloth_types::{
    Clock, Connector, Offset, Options, ReadLimit, ReadOutcome, Result, Rows, Source, SplitId, SplitReader, TableSpec,
};

mod passing;

use passing::{Mark, Passing, Timed, take_marks};

/// The connector. Its files live as long as it does.
#[derive(Debug)]
pub struct Inline {
    directory: PathBuf,
    tables: AtomicU64,
    passing: Arc<Passing>,
}

static DIRECTORIES: AtomicU64 = AtomicU64::new(0);

/// A printed line or message without the place of the files, which is another in every run.
pub fn without_place(line: &str) -> String {
    let place = std::env::temp_dir().join("sloth-inline-").display().to_string();
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(&place) {
        out.push_str(before);
        rest = after.split_once("/part").map_or(after, |(_, file)| file);
        out.push_str("data");
    }
    out + rest
}

impl Default for Inline {
    fn default() -> Self {
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("sloth-inline-{}-{number}", std::process::id()));
        Inline { directory, tables: AtomicU64::new(0), passing: Arc::default() }
    }
}

impl Inline {
    /// With the clock that lines such as `@ 10 s` move.
    pub fn with_clock(clock: Clock) -> Self {
        let start = clock.now_ms();
        let mut inline = Inline::default();
        inline.passing = Arc::new(Passing { clock, start, waits: Mutex::default() });
        inline
    }
}

impl Drop for Inline {
    fn drop(&mut self) {
        // It does not exist when no table was read.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Connector for Inline {
    fn name(&self) -> &'static str {
        "inline"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        let number = self.tables.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(number.to_string());
        std::fs::create_dir_all(&directory)?;
        let mut options = Options::default();
        let mut files = 0;
        let mut diffs: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        let mut marks: BTreeMap<String, VecDeque<Mark>> = BTreeMap::new();
        for (key, value) in table.options.iter() {
            match key.strip_prefix("data") {
                Some(rest) if rest.is_empty() || rest.starts_with('.') => {
                    files += 1;
                    let mut text = value.trim_start_matches('\n').to_owned();
                    if !text.ends_with('\n') {
                        text.push('\n');
                    }
                    marks.insert(format!("part{rest}"), take_marks(&mut text)?);
                    if text.starts_with(['+', '-']) {
                        let name = format!("part{rest}");
                        diffs.insert(name, text.lines().map(|l| if l.starts_with('-') { -1 } else { 1 }).collect());
                        text = text.lines().map(|l| l[1..].to_owned() + "\n").collect();
                    }
                    std::fs::write(directory.join(format!("part{rest}")), text)?;
                }
                _ => options.set(key, value),
            }
        }
        options.set("connector", "filesystem");
        options.set("path", directory.display().to_string());
        options.set("scan.parallelism", files.to_string());
        let source = Filesystem.source(&TableSpec { options, ..table.clone() })?;
        let source: Arc<dyn Source> = match diffs.is_empty() {
            true => source,
            false => Arc::new(Changes { source, diffs: diffs.into_values().collect() }),
        };
        // All splits are waited for: in a script without such lines nothing waits.
        Ok(Arc::new(Timed { source, marks: marks.into_values().collect(), passing: Arc::clone(&self.passing) }))
    }
}

/// A source whose rows have the signs of the lines they were written on.
struct Changes {
    source: Arc<dyn Source>,
    /// By split, in the order of the files' names.
    diffs: Vec<Vec<i64>>,
}

impl Source for Changes {
    fn splits(&self) -> Result<Vec<SplitId>> {
        self.source.splits()
    }

    fn bounded(&self) -> bool {
        self.source.bounded()
    }

    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let splits = self.source.splits()?;
        let index = splits.iter().position(|s| *s == split.split).unwrap_or(0);
        let mut diffs: VecDeque<i64> = self.diffs.get(index).cloned().unwrap_or_default().into();
        if let Some(from) = split.from {
            // The signs of the lines before: as many as a reader from the beginning finds rows.
            let mut before = self.source.open(OpenSplit { from: None, ..split.clone() })?;
            let limit = ReadLimit { rows: usize::MAX, until: Some(from) };
            while before.offset() < from
                && let ReadOutcome::Rows(rows) = before.read(limit)?
            {
                diffs.drain(..rows.batch.num_rows());
            }
        }
        Ok(Box::new(ChangesReader { reader: self.source.open(split)?, diffs }))
    }
}

struct ChangesReader {
    reader: Box<dyn SplitReader>,
    diffs: VecDeque<i64>,
}

impl SplitReader for ChangesReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        Ok(match self.reader.read(limit)? {
            ReadOutcome::Rows(rows) => {
                let diffs = Some(self.diffs.drain(..rows.batch.num_rows()).collect());
                ReadOutcome::Rows(Rows { diffs, ..rows })
            }
            other => other,
        })
    }

    fn offset(&self) -> Offset {
        self.reader.offset()
    }
}
