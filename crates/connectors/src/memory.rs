//! The `memory` connector: tables that live in the process, for tests, benchmarks and embedding.
//!
//! `'connector' = 'memory', 'name' = 'x'` reads what [`publish`] has put under `x` (a split for each list of batches, the
//! batches as they are: no copy), or writes what [`collected`] gives back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow::datatypes::{DataType, Field, SchemaRef};
use sloth_types::source::OpenSplit;
use sloth_types::{
    ChangeBatch, ChangelogMode, Connector, Epoch, Error, Guarantee, Offset, OpenSink, ReadLimit, ReadOutcome,
    Readiness, Result, Rows, Sink, SinkWriter, Source, SplitId, SplitReader, TableSpec,
};

/// What one sink has collected, in the order of writing.
pub type Collected = Vec<(Epoch, ChangeBatch)>;

/// The splits of a table: a list of batches each.
type Splits = Arc<Vec<Vec<RecordBatch>>>;

static PUBLISHED: Mutex<BTreeMap<String, Splits>> = Mutex::new(BTreeMap::new());
static COLLECTED: Mutex<BTreeMap<String, Collected>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    // A panic elsewhere leaves the maps whole: they are changed by single calls.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a table under `name`: a split for each list of batches. A table of that name is replaced.
pub fn publish(name: &str, splits: Vec<Vec<RecordBatch>>) {
    lock(&PUBLISHED).insert(name.to_owned(), Arc::new(splits));
}

/// Takes the table under `name` away, and what was collected under it.
pub fn forget(name: &str) {
    lock(&PUBLISHED).remove(name);
    lock(&COLLECTED).remove(name);
}

/// What sinks have written under `name` so far.
pub fn collected(name: &str) -> Collected {
    lock(&COLLECTED).get(name).cloned().unwrap_or_default()
}

/// The connector.
#[derive(Debug)]
pub struct Memory;

impl Connector for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(MemoryTable::new(table)?))
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(MemoryTable::new(table)?))
    }
}

#[derive(Debug)]
struct MemoryTable {
    name: String,
    /// A PRIMARY KEY is declared.
    keyed: bool,
}

impl MemoryTable {
    fn new(table: &TableSpec) -> Result<Self> {
        table.options.check_known("memory", &["connector", "name"], &[])?;
        Ok(MemoryTable { name: table.options.require("name")?.to_owned(), keyed: !table.primary_key.is_empty() })
    }

    fn splits(&self) -> Result<Splits> {
        lock(&PUBLISHED).get(&self.name).cloned().ok_or_else(|| {
            Error::invalid(format!("there is no table '{}' in memory", self.name))
                .hint("Publish it before the query starts.")
        })
    }
}

impl Source for MemoryTable {
    fn splits(&self) -> Result<Vec<SplitId>> {
        let count = MemoryTable::splits(self)?.len();
        Ok((0..count).map(|index| SplitId::new(format!("memory-{index}"))).collect())
    }

    fn bounded(&self) -> bool {
        true
    }

    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let splits = MemoryTable::splits(self)?;
        let number = split.split.0.strip_prefix("memory-").and_then(|n| n.parse::<usize>().ok());
        let index = number
            .filter(|index| *index < splits.len())
            .ok_or_else(|| Error::internal(format!("there is no split '{}'", split.split)))?;
        let mut reader = MemoryReader { splits, index, schema: split.schema, batch: 0, row: 0, offset: 0 };
        reader.seek(split.from.unwrap_or_default());
        Ok(Box::new(reader))
    }
}

/// Reads the batches of a split; the offset counts rows.
struct MemoryReader {
    splits: Splits,
    index: usize,
    schema: SchemaRef,
    batch: usize,
    /// Row in the batch.
    row: usize,
    offset: u64,
}

impl MemoryReader {
    fn batches(&self) -> &[RecordBatch] {
        self.splits.get(self.index).map_or(&[], Vec::as_slice)
    }

    fn seek(&mut self, offset: Offset) {
        let mut left = offset.0;
        let mut batch = 0;
        while let Some(rows) = self.batches().get(batch).map(|b| b.num_rows() as u64).filter(|rows| *rows <= left) {
            left -= rows;
            batch += 1;
        }
        (self.batch, self.row, self.offset) = (batch, left as usize, offset.0);
    }
}

impl SplitReader for MemoryReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        let allowed = match limit.until {
            Some(until) => (until.0.saturating_sub(self.offset)).min(limit.rows as u64) as usize,
            None => limit.rows,
        };
        while self.batches().get(self.batch).is_some_and(|b| b.num_rows() == self.row) {
            (self.batch, self.row) = (self.batch + 1, 0);
        }
        let Some(batch) = self.batches().get(self.batch) else { return Ok(ReadOutcome::End) };
        if allowed == 0 {
            return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
        }
        let rows = (batch.num_rows() - self.row).min(allowed);
        let whole = rows == batch.num_rows();
        let projected = project(batch, &self.schema)?;
        let batch = if whole { projected } else { projected.slice(self.row, rows) };
        self.row += rows;
        self.offset += rows as u64;
        Ok(ReadOutcome::Rows(Rows { batch, diffs: None, bad: Vec::new(), bytes: 0 }))
    }

    fn offset(&self) -> Offset {
        Offset(self.offset)
    }
}

/// The columns of `schema` by name, structs with the children asked for. Nothing is copied.
///
/// # Errors
/// When a column is missing or of another type.
pub(crate) fn project(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let column = |field: &Arc<Field>| {
        let array = batch
            .column_by_name(field.name())
            .ok_or_else(|| Error::invalid(format!("the data has no column '{}'", field.name())))?;
        prune(array, field.data_type()).map_err(|e| e.context(format_args!("column '{}'", field.name())))
    };
    let columns: Result<Vec<ArrayRef>> = schema.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns?, &options)
        .map_err(|e| Error::invalid(format!("the data does not fit the table: {e}")))
}

/// The array in a type that may have fewer struct children.
fn prune(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(array.clone());
    }
    let (DataType::Struct(have), DataType::Struct(fields)) = (array.data_type(), wanted) else {
        return Err(Error::invalid(format!("the data has the type {}, not {wanted}", array.data_type())));
    };
    let parent = array.as_struct();
    let child = |field: &Arc<Field>| {
        let index = have
            .find(field.name())
            .map(|(index, _)| index)
            .ok_or_else(|| Error::invalid(format!("the data has no field '{}'", field.name())))?;
        prune(parent.column(index), field.data_type())
    };
    let children: Result<Vec<ArrayRef>> = fields.iter().map(child).collect();
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), children?, parent.nulls().cloned(), parent.len())?))
}

impl Sink for MemoryTable {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        // Whoever reads what was collected must know how: by the declared key if there is one.
        match mode {
            ChangelogMode::Append => true,
            ChangelogMode::Upsert { .. } => self.keyed,
            ChangelogMode::Retract => !self.keyed,
        }
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::WithTheJob
    }

    fn open(&self, _: OpenSink) -> Result<Box<dyn SinkWriter>> {
        lock(&COLLECTED).entry(self.name.clone()).or_default();
        Ok(Box::new(MemoryWriter { name: self.name.clone() }))
    }
}

struct MemoryWriter {
    name: String,
}

impl SinkWriter for MemoryWriter {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        if !batch.is_empty() {
            lock(&COLLECTED).entry(self.name.clone()).or_default().push((epoch, batch.clone()));
        }
        Ok(())
    }

    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::compute::concat_batches;
    use arrow::datatypes::{Fields, Int64Type, Schema};

    use super::*;
    use crate::testing::{drain, nullable, open, rows, table};

    fn sample(first: i64, count: i64) -> RecordBatch {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + count));
        let fields = Fields::from(vec![nullable("x", DataType::Int64), nullable("y", DataType::Int64)]);
        let row = StructArray::new(fields.clone(), vec![ids.clone(), ids.clone()], None);
        let schema = Schema::new(vec![nullable("id", DataType::Int64), nullable("r", DataType::Struct(fields))]);
        RecordBatch::try_new(Arc::new(schema), vec![ids, Arc::new(row)]).unwrap()
    }

    fn source(name: &str) -> (Arc<dyn Source>, SchemaRef) {
        publish(name, vec![vec![sample(0, 5), sample(5, 0), sample(5, 4)], vec![sample(100, 1)]]);
        let spec = table("t", Vec::new(), &[("connector", "memory"), ("name", name)]);
        (Memory.source(&spec).unwrap(), sample(0, 1).schema())
    }

    #[test]
    fn batches_are_given_as_they_are() {
        let (source, schema) = source("memory-whole");
        let splits = source.splits().unwrap();
        assert_eq!(splits.len(), 2);
        let (batches, _, offsets) = drain(open(&*source, &splits[0], &schema, None).as_mut(), rows(1000));
        assert_eq!(offsets, [Offset(5), Offset(9)]);
        let stored = lock(&PUBLISHED).get("memory-whole").cloned().unwrap();
        let data = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().as_ptr();
        assert_eq!(data(&batches[0]), data(&stored[0][0]));
    }

    #[test]
    fn every_offset_can_be_sought_and_until_is_a_limit() {
        let (source, schema) = source("memory-seek");
        let split = source.splits().unwrap().remove(0);
        let all = concat_batches(&schema, &drain(open(&*source, &split, &schema, None).as_mut(), rows(100)).0).unwrap();
        for from in 0..=9 {
            let (batches, _, offsets) = drain(open(&*source, &split, &schema, Some(Offset(from))).as_mut(), rows(1));
            assert_eq!(offsets, (from + 1..=9).map(Offset).collect::<Vec<_>>());
            assert_eq!(concat_batches(&schema, &batches).unwrap(), all.slice(from as usize, 9 - from as usize));
            let mut reader = open(&*source, &split, &schema, None);
            let (batches, _, _) = drain(reader.as_mut(), ReadLimit { rows: 3, until: Some(Offset(from)) });
            assert_eq!(concat_batches(&schema, &batches).unwrap(), all.slice(0, from as usize));
        }
    }

    #[test]
    fn columns_and_struct_children_are_pruned() {
        let (source, _) = source("memory-prune");
        let split = source.splits().unwrap().remove(0);
        let row = DataType::Struct(Fields::from(vec![nullable("y", DataType::Int64)]));
        let schema = Arc::new(Schema::new(vec![nullable("r", row)]));
        let (batches, ..) = drain(open(&*source, &split, &schema, None).as_mut(), rows(3));
        assert_eq!(batches[0].schema(), schema);
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 9);
        let (batches, ..) = drain(open(&*source, &split, &Arc::new(Schema::empty()), None).as_mut(), rows(3));
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 9);
    }

    #[test]
    fn a_sink_keeps_epochs() {
        let spec = table("t", Vec::new(), &[("connector", "memory"), ("name", "memory-sink")]);
        let sink = Memory.sink(&spec).unwrap();
        let mut writer = sink.open(OpenSink::plain(sample(0, 1).schema(), ChangelogMode::Append)).unwrap();
        writer.write(Epoch(3), &ChangeBatch::append(sample(0, 2))).unwrap();
        writer.end_epoch(Epoch(3)).unwrap();
        writer.write(Epoch(4), &ChangeBatch::append(sample(2, 1))).unwrap();
        let epochs: Vec<_> = collected("memory-sink").iter().map(|(e, b)| (*e, b.len())).collect();
        assert_eq!(epochs, [(Epoch(3), 2), (Epoch(4), 1)]);
        forget("memory-sink");
        assert!(collected("memory-sink").is_empty());
    }
}
