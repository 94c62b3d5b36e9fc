//! Columns of the file and columns about the file put together.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMillisecondArray};
use arrow::compute::cast;
use arrow::datatypes::{Schema, SchemaRef};
use sloth_types::{Error, Result, TableSpec};

use super::listing::FileFound;
use crate::format;

/// What a metadata column tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Path,
    Name,
    Size,
    Modified,
}

/// How the columns asked for are made of the columns of the file.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// The columns asked for.
    pub(super) asked: SchemaRef,
    /// Those that stand in the file.
    pub(super) physical: SchemaRef,
    /// For each column asked for: a fact, or the next physical column.
    facts: Vec<Option<Fact>>,
}

impl Columns {
    /// Sorts the columns asked for.
    ///
    /// # Errors
    /// When a metadata key is not known.
    pub(super) fn new(table: &TableSpec, asked: SchemaRef) -> Result<Columns> {
        let mut facts = Vec::new();
        let mut physical = Vec::new();
        for field in asked.fields() {
            let format = table.options.get("format").unwrap_or_default();
            let metadata = table.metadata.iter().find(|m| m.column == *field.name());
            let of_file = metadata.filter(|m| !format::has_metadata(format, &m.key));
            facts.push(of_file.map(|m| fact(&m.key)).transpose()?);
            if of_file.is_none() {
                physical.push(field.clone());
            }
        }
        Ok(Columns { asked, physical: Arc::new(Schema::new(physical)), facts })
    }

    /// The batch asked for, from the file's columns.
    pub(super) fn assemble(&self, batch: RecordBatch, file: &FileFound) -> Result<RecordBatch> {
        if self.facts.iter().all(Option::is_none) {
            return Ok(batch);
        }
        let rows = batch.num_rows();
        let mut physical = batch.columns().iter().cloned();
        let mut columns = Vec::with_capacity(self.facts.len());
        for (fact, field) in self.facts.iter().zip(self.asked.fields()) {
            columns.push(match fact {
                Some(fact) => cast(&fact.repeat(file, rows), field.data_type())?,
                None => physical.next().ok_or_else(|| Error::internal("a physical column is missing"))?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(self.asked.clone(), columns, &options)?)
    }
}

fn fact(key: &str) -> Result<Fact> {
    match key {
        "file.path" => Ok(Fact::Path),
        "file.name" => Ok(Fact::Name),
        "file.size" => Ok(Fact::Size),
        "file.modification-time" => Ok(Fact::Modified),
        other => Err(Error::invalid(format!("connector 'filesystem' has no metadata '{other}'"))
            .hint("It has file.path, file.name, file.size and file.modification-time.")),
    }
}

impl Fact {
    fn repeat(self, file: &FileFound, rows: usize) -> ArrayRef {
        let text =
            |text: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows))) };
        match self {
            Fact::Path => text(&file.path.to_string_lossy()),
            Fact::Name => text(&file.path.file_name().unwrap_or_default().to_string_lossy()),
            Fact::Size => Arc::new(Int64Array::from_value(file.bytes as i64, rows)),
            Fact::Modified => {
                Arc::new(TimestampMillisecondArray::from_value(file.modified_ms, rows).with_timezone("UTC"))
            }
        }
    }
}
