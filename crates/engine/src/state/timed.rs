//! Rows that wait for a time: the state of operators that speak when the watermark comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use super::rows::Rows;
use super::snapshot::{ROWS_MAX, column_of, numbers, table};

/// Rows by the time (in milliseconds) that they wait for.
pub(crate) struct TimedRows {
    schema: SchemaRef,
    rows: Rows,
    waiting: BTreeMap<i64, Vec<u32>>,
}

impl TimedRows {
    /// No rows of `schema` yet.
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self> {
        Ok(TimedRows { schema: Arc::clone(schema), rows: Rows::new(schema)?, waiting: BTreeMap::new() })
    }

    /// Stores the rows `which` of a batch; `times` says for each of them what it waits for.
    pub(crate) fn add(&mut self, batch: &RecordBatch, which: &[u32], times: &[i64]) -> Result<()> {
        let slots: Vec<u32> = which.iter().map(|_| self.rows.allot()).collect();
        self.rows.store(batch.columns(), which, &slots)?;
        // Rows of one time mostly come one after the other.
        let mut start = 0;
        while let Some(time) = times.get(start) {
            let end = start + times[start..].iter().take_while(|t| *t == time).count();
            self.waiting.entry(*time).or_default().extend_from_slice(&slots[start..end]);
            start = end;
        }
        Ok(())
    }

    /// Takes out the rows that wait for times up to `upto`, by rising time, for one time in the order in which they came.
    pub(crate) fn take(&mut self, upto: i64) -> Result<Option<RecordBatch>> {
        let mut slots: Vec<u32> = vec![];
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > upto {
                break;
            }
            slots.append(&mut entry.remove());
        }
        if slots.is_empty() {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> =
            (0..self.schema.fields().len()).map(|c| self.rows.gather(c, &slots)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        for slot in slots {
            self.rows.remove(slot);
        }
        Ok(Some(batch))
    }

    /// All rows, each with the time that it waits for, for a checkpoint.
    pub(crate) fn save(&self) -> Result<Vec<RecordBatch>> {
        let all = self.waiting.iter().flat_map(|(time, slots)| slots.iter().map(move |slot| (*slot, *time)));
        let (slots, times): (Vec<u32>, Vec<i64>) = all.unzip();
        let batch = |(slots, times): (&[u32], &[i64])| {
            let mut columns = self.rows.gather_all(slots)?;
            columns.push(column_of(times.iter().copied()));
            table(columns)
        };
        slots.chunks(ROWS_MAX).zip(times.chunks(ROWS_MAX)).map(batch).collect()
    }

    /// Takes up rows that [`TimedRows::save`] gave.
    pub(crate) fn restore(&mut self, rows: &RecordBatch) -> Result<()> {
        let times = numbers(rows, self.rows.width())?;
        let all: Vec<u32> = (0..rows.num_rows() as u32).collect();
        self.add(rows, &all, times.values())
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes() + self.rows.len() * 4
    }
}
