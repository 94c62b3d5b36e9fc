//! What the tests of this crate share: tables, and reading a split to its end.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sloth_types::source::OpenSplit;
use sloth_types::{
    BadRecord, Clock, Offset, Options, ReadLimit, ReadOutcome, Source, SplitId, SplitReader, TableSpec, Waker,
};

/// A table with these columns and options.
pub(crate) fn table(name: &str, fields: Vec<Field>, options: &[(&str, &str)]) -> TableSpec {
    TableSpec {
        name: name.into(),
        schema: Arc::new(Schema::new(fields)),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        options: Options::new(options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))),
        time_zone: "UTC".into(),
        partition_by: vec![],
    }
}

/// A nullable column.
pub(crate) fn nullable(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// Opens a split.
pub(crate) fn open(
    source: &dyn Source,
    split: &SplitId,
    schema: &SchemaRef,
    from: Option<Offset>,
) -> Box<dyn SplitReader> {
    let opening = OpenSplit {
        split: split.clone(),
        from,
        appeared: false,
        schema: schema.clone(),
        waker: Waker::noop(),
        clock: Clock::manual(0),
    };
    source.open(opening).unwrap()
}

/// At most `rows` records.
pub(crate) fn rows(rows: usize) -> ReadLimit {
    ReadLimit { rows, until: None }
}

/// Everything that a reader still gives, and the offset after each read.
pub(crate) fn drain(reader: &mut dyn SplitReader, limit: ReadLimit) -> (Vec<RecordBatch>, Vec<BadRecord>, Vec<Offset>) {
    let (mut batches, mut bad, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match reader.read(limit).unwrap() {
            ReadOutcome::Rows(rows) => {
                assert!(rows.batch.num_rows() + rows.bad.len() <= limit.rows);
                batches.push(rows.batch);
                bad.extend(rows.bad);
                offsets.push(reader.offset());
            }
            ReadOutcome::End => return (batches, bad, offsets),
            ReadOutcome::Pending(_) if limit.until == Some(reader.offset()) => return (batches, bad, offsets),
            ReadOutcome::Pending(wait) => panic!("a bounded source waits: {wait:?}"),
        }
    }
}

/// A directory that goes away with the value.
pub(crate) struct TempDir(pub(crate) std::path::PathBuf);

impl TempDir {
    /// A new, empty directory; `name` must be unique among the tests.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sloth-test-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        self.path(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
