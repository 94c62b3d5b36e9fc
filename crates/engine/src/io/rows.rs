//! `VALUES` as a source: one split, some rows, then the end.

use std::sync::Arc;

use arrow::array::RecordBatch;
use sloth_types::source::OpenSplit;
use sloth_types::{Offset, ReadLimit, ReadOutcome, Result, Rows, Source, SplitId, SplitReader};

/// Rows that stand in the plan.
pub(crate) struct RowsSource(pub(crate) RecordBatch);

struct RowsReader {
    rows: RecordBatch,
    at: usize,
}

impl Source for RowsSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        Ok(vec![SplitId::new("values")])
    }
    fn bounded(&self) -> bool {
        true
    }
    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let at = split.from.map_or(0, |o| o.0 as usize).min(self.0.num_rows());
        Ok(Box::new(RowsReader { rows: self.0.clone(), at }))
    }
}

impl SplitReader for RowsReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        let end = limit.until.map_or(usize::MAX, |o| o.0 as usize).min(self.rows.num_rows());
        let take = limit.rows.min(end.saturating_sub(self.at));
        if take == 0 {
            return Ok(ReadOutcome::End);
        }
        let batch = self.rows.slice(self.at, take);
        self.at += take;
        Ok(ReadOutcome::Rows(Rows { batch, diffs: None, bad: vec![], bytes: 0 }))
    }
    fn offset(&self) -> Offset {
        Offset(self.at as u64)
    }
}

impl RowsSource {
    pub(crate) fn shared(rows: RecordBatch) -> Arc<dyn Source> {
        Arc::new(RowsSource(rows))
    }
}
