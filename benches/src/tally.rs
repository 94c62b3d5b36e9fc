//! What becomes of results: rows are counted and the last column is added up, nothing is kept. Every side does this, so
//! none pays for more, and the totals show that all have computed the same.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use sloth_types::{ChangeBatch, ChangelogMode, Connector, Epoch, OpenSink, Result, Sink, SinkWriter, TableSpec};

/// Rows and the sum of the last column.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) sum: f64,
}

impl Tally {
    /// Adds changes: rows that are taken back count against it.
    fn add_changes(&mut self, batch: &ChangeBatch) {
        let Some(diffs) = &batch.diffs else { return self.add(&batch.rows) };
        for (row, diff) in diffs.values().iter().enumerate() {
            let mut one = Tally::default();
            one.add(&batch.rows.slice(row, 1));
            self.rows = self.rows.wrapping_add_signed(*diff);
            self.sum += one.sum * *diff as f64;
        }
    }

    /// Adds a batch.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        let Some(column) = batch.columns().last() else { return };
        self.sum += match column.data_type() {
            DataType::Int64 => arrow::compute::sum(column.as_primitive::<Int64Type>()).unwrap_or(0) as f64,
            DataType::Float64 => arrow::compute::sum(column.as_primitive::<Float64Type>()).unwrap_or(0.0),
            DataType::Decimal128(_, scale) => {
                let sum = arrow::compute::sum(column.as_primitive::<Decimal128Type>()).unwrap_or(0);
                sum as f64 / 10f64.powi(i32::from(*scale))
            }
            _ => column.len() as f64,
        };
    }
}

/// The connector `tally`.
#[derive(Clone, Debug, Default)]
pub(crate) struct TallyTable(Arc<Mutex<Tally>>);

impl TallyTable {
    /// The tally so far, set back to zero.
    pub(crate) fn take(&self) -> Tally {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connector for TallyTable {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn sink(&self, _: &TableSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Sink for TallyTable {
    /// A row that replaces another must say what it replaces, so that the totals are right.
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        !matches!(mode, ChangelogMode::Upsert { .. })
    }

    fn ordered(&self) -> bool {
        false
    }

    fn open(&self, _: OpenSink) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Writer { tally: Tally::default(), table: self.clone() }))
    }
}

struct Writer {
    tally: Tally,
    table: TallyTable,
}

impl SinkWriter for Writer {
    fn write(&mut self, _: Epoch, batch: &ChangeBatch) -> Result<()> {
        self.tally.add_changes(batch);
        Ok(())
    }

    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let tally = std::mem::take(&mut self.tally);
        let mut total = self.table.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One writer may take back what another has written.
        total.rows = total.rows.wrapping_add(tally.rows);
        total.sum += tally.sum;
        Ok(())
    }
}
