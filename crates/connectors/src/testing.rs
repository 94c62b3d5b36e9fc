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
    let opening =
        OpenSplit { split: split.clone(), from, schema: schema.clone(), waker: Waker::noop(), clock: Clock::manual(0) };
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
