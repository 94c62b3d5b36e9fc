//! Changes of rows since the last checkpoint, as they were applied: kept by pointer, so that noting them costs nothing a row.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use sloth_types::Result;

use super::snapshot::{CHANGES_MIN, table};

/// The changes of a state of rows. Notes nothing before the first checkpoint.
#[derive(Default)]
pub(crate) struct ChangeLog(Option<Noted>);

#[derive(Default)]
struct Noted {
    /// Rows, and a number of each: its weight, where nothing else is said; 1 when there are none.
    batches: Vec<(RecordBatch, Option<Int64Array>)>,
    /// Rows since the last checkpoint, those that were given ahead among them.
    rows: usize,
    /// Rows in all that has been given since the changes began, those that were there then among them.
    given: usize,
    /// Weights of rows that come, as many as any batch has had.
    ones: Option<Int64Array>,
}

impl ChangeLog {
    /// Notes changes of a state that has so many rows. When they are more than these, they are forgotten: writing everything
    /// costs no more then, and memory is bounded.
    pub(crate) fn note(&mut self, rows: &RecordBatch, numbers: Option<&Int64Array>, len: usize) {
        let Some(noted) = &mut self.0 else { return };
        noted.rows += rows.num_rows();
        noted.batches.push((rows.clone(), numbers.cloned()));
        if noted.rows > CHANGES_MIN.max(len) {
            self.0 = None;
        }
    }

    /// From now on changes are noted; there are so many rows.
    pub(crate) fn begin(&mut self, len: usize) {
        self.0 = Some(Noted { given: len, ..Noted::default() });
    }

    /// True when all changes since [`ChangeLog::begin`] are noted.
    pub(crate) fn known(&self) -> bool {
        self.0.is_some()
    }

    /// Rows in all that a checkpoint keeps when it is given the changes, too.
    pub(crate) fn kept_rows(&self) -> usize {
        self.0.as_ref().map_or(0, |noted| noted.given + noted.rows)
    }

    /// The changes noted since the last call, to be applied one after the other: rows, and behind them their numbers.
    pub(crate) fn take(&mut self) -> Result<Vec<RecordBatch>> {
        if let Some(noted) = &mut self.0 {
            noted.given += std::mem::take(&mut noted.rows);
        }
        self.take_ahead()
    }

    /// A first part of what [`ChangeLog::take`] would give: that gives the rest then. Their memory is free as soon as they are
    /// written.
    pub(crate) fn take_ahead(&mut self) -> Result<Vec<RecordBatch>> {
        self.0.as_mut().map_or(Ok(vec![]), Noted::take)
    }
}

impl Noted {
    fn take(&mut self) -> Result<Vec<RecordBatch>> {
        let mut taken = Vec::with_capacity(self.batches.len());
        for (rows, numbers) in std::mem::take(&mut self.batches) {
            let numbers = numbers.unwrap_or_else(|| self.ones(rows.num_rows()));
            let mut columns = rows.columns().to_vec();
            columns.push(Arc::new(numbers));
            taken.push(table(columns)?);
        }
        Ok(taken)
    }

    fn ones(&mut self, count: usize) -> Int64Array {
        let ones = self.ones.take().filter(|ones| ones.len() >= count);
        self.ones.insert(ones.unwrap_or_else(|| Int64Array::from(vec![1; count]))).slice(0, count)
    }
}
