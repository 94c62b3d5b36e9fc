//! Tables over the topics of the tests, and reading them.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sloth_types::clock::Mono;
use sloth_types::source::OpenSplit;
use sloth_types::table::MetadataColumn;
use sloth_types::{
    BadRecord, Clock, Error, Offset, Options, ReadLimit, ReadOutcome, Readiness, Rows, Sink, Source, SplitId,
    SplitReader, TableSpec, Waker,
};

use crate::broker::{PATIENCE, Topic};

/// A table `t (n BIGINT)` in JSON over the topic, with more options.
pub(crate) fn numbers(topic: &Topic, options: &[(&str, &str)]) -> TableSpec {
    table(topic, vec![Field::new("n", DataType::Int64, true)], options)
}

/// A table over the topic; the format is JSON unless an option says otherwise.
pub(crate) fn table(topic: &Topic, fields: Vec<Field>, options: &[(&str, &str)]) -> TableSpec {
    let mut all = Options::default();
    all.set("connector", "kafka");
    all.set("topic", topic.name.as_str());
    all.set("properties.bootstrap.servers", topic.servers.as_str());
    if !options.iter().any(|(key, _)| *key == "value.format" || *key == "format") {
        all.set("format", "json");
    }
    for (key, value) in options {
        all.set(*key, *value);
    }
    TableSpec {
        name: "t".into(),
        schema: Arc::new(Schema::new(fields)),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        options: all,
        time_zone: "Asia/Shanghai".into(),
        partition_by: vec![],
    }
}

/// Declares a metadata column.
pub(crate) fn metadata(table: &mut TableSpec, column: &str, key: &str, read_only: bool) {
    table.metadata.push(MetadataColumn { column: column.into(), key: key.into(), read_only });
}

pub(crate) fn source(table: &TableSpec) -> Result<Arc<dyn Source>, Error> {
    sloth_connectors::registry().of(table).unwrap().source(table)
}

pub(crate) fn sink(table: &TableSpec) -> Result<Arc<dyn Sink>, Error> {
    sloth_connectors::registry().of(table).unwrap().sink(table)
}

/// A reader and the bell that its waker rings.
pub(crate) struct Tap {
    pub(crate) reader: Box<dyn SplitReader>,
    pub(crate) bell: Receiver<()>,
}

/// What was read.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) batches: Vec<RecordBatch>,
    /// The weight of every row.
    pub(crate) diffs: Vec<i64>,
    pub(crate) bad: Vec<BadRecord>,
}

impl Read {
    /// The rows of the first column, a BIGINT.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        self.batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
    }

    fn take(&mut self, rows: Rows) {
        match rows.diffs {
            Some(diffs) => self.diffs.extend(diffs.values()),
            None => self.diffs.extend(std::iter::repeat_n(1, rows.batch.num_rows())),
        }
        self.batches.push(rows.batch);
        self.bad.extend(rows.bad);
    }

    /// Rows as text, each behind its sign.
    pub(crate) fn changes(&self) -> Vec<String> {
        let sign = |diff: &i64| if *diff > 0 { "+" } else { "-" };
        self.diffs.iter().map(sign).zip(self.texts()).map(|(sign, row)| format!("{sign}{row}")).collect()
    }

    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Rows as text, columns divided by bars.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.batches.iter().flat_map(row_texts).collect()
    }
}

fn row_texts(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"))
        .collect()
}

impl Tap {
    pub(crate) fn open(
        source: &dyn Source,
        table: &TableSpec,
        split: &SplitId,
        from: Option<u64>,
    ) -> Result<Self, Error> {
        Tap::open_as(source, table, split, from, false)
    }

    /// Opens a split that was not there when the job began.
    pub(crate) fn open_appeared(source: &dyn Source, table: &TableSpec, split: &SplitId) -> Result<Self, Error> {
        Tap::open_as(source, table, split, None, true)
    }

    fn open_as(
        source: &dyn Source,
        table: &TableSpec,
        split: &SplitId,
        from: Option<u64>,
        appeared: bool,
    ) -> Result<Self, Error> {
        let (ring, bell) = channel();
        let ring = Mutex::new(ring);
        let split = OpenSplit {
            split: split.clone(),
            from: from.map(Offset),
            appeared,
            schema: table.schema.clone(),
            waker: Waker::new(move || ring.lock().unwrap().send(()).unwrap_or_default()),
            clock: Clock::System,
        };
        Ok(Tap { reader: source.open(split)?, bell })
    }

    /// Opens the only split of a source.
    pub(crate) fn only(source: &dyn Source, table: &TableSpec) -> Self {
        let splits = source.splits().unwrap();
        assert_eq!(splits.len(), 1);
        Tap::open(source, table, &splits[0], None).unwrap()
    }

    /// Reads, waiting for the bell between, until `enough` or the split's end; true when it ended.
    pub(crate) fn read_until(&mut self, limit: ReadLimit, mut enough: impl FnMut(&Read) -> bool) -> (Read, bool) {
        let started = Mono::now();
        let mut read = Read::default();
        while !enough(&read) {
            assert!(started.elapsed() < PATIENCE, "read only {} rows", read.rows());
            match self.reader.read(limit).unwrap() {
                ReadOutcome::Rows(rows) => read.take(rows),
                ReadOutcome::Pending(Readiness::OnWake { .. }) => drop(self.bell.recv_timeout(PATIENCE)),
                ReadOutcome::Pending(wait) => panic!("{wait:?}"),
                ReadOutcome::End => return (read, true),
            }
        }
        (read, false)
    }

    /// Reads so many rows.
    pub(crate) fn rows(&mut self, count: usize) -> Read {
        let (read, ended) = self.read_until(LIMIT, |read| read.rows() >= count);
        assert!(!ended && read.rows() == count, "{} rows instead of {count}, ended: {ended}", read.rows());
        read
    }

    /// Reads until the split ends.
    pub(crate) fn read_to_end(&mut self) -> Read {
        self.read_until(LIMIT, |_| false).0
    }

    /// Reads until the reader says that everything has been read.
    pub(crate) fn read_to_idle(&mut self) -> Read {
        let mut read = Read::default();
        loop {
            match self.reader.read(LIMIT).unwrap() {
                ReadOutcome::Rows(rows) => read.take(rows),
                ReadOutcome::Pending(Readiness::OnWake { caught_up: true }) => return read,
                ReadOutcome::Pending(_) => {
                    self.bell.recv_timeout(PATIENCE).expect("the end of the partition rings, too")
                }
                ReadOutcome::End => panic!("the split ended"),
            }
        }
    }
}

pub(crate) const LIMIT: ReadLimit = ReadLimit { rows: 8192, until: None };

/// Reads a bounded table of one partition to its end.
pub(crate) fn read_all(table: &TableSpec) -> Read {
    let source = source(table).unwrap();
    assert!(source.bounded());
    Tap::only(&*source, table).read_to_end()
}
