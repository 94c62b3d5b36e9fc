//! The end of a pipeline: brings an epoch's rows into the canonical order and hands them to the writer.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use sloth_types::{ChangeBatch, ChangelogMode, Result};

use super::Operator;
use super::delta::Consolidator;
use super::stages::weights;
use crate::context::JobContext;
use crate::epoch::EpochInfo;
use crate::io::writer::Writer;
use crate::message::Batch;
use crate::state::keys::{KeyEncoder, KeyTable, RowSet};

/// Writes one table.
pub(crate) struct SinkOperator {
    /// `None` on workers that do not write (an ordered sink has one writer).
    pub(crate) writer: Option<Writer>,
    /// Index among the job's sinks, for the figures.
    pub(crate) sink: usize,
    /// Rows wait for the epoch's end and are put in order.
    pub(crate) ordered: bool,
    /// The order: by content, or by place in the sources.
    pub(crate) by_content: bool,
    /// Makes an epoch's changes exact, where rows may be taken back.
    pub(crate) exact: Option<Exact>,
    pub(crate) waiting: Vec<Batch>,
    pub(crate) context: Arc<JobContext>,
}

/// From changes to what the writer takes: one net change a row, or one change a key.
pub(crate) struct Exact {
    consolidator: Consolidator,
    /// Upserts by these columns.
    key: Option<(Vec<usize>, KeyEncoder)>,
}

impl Exact {
    /// For rows of `schema`, given out in `mode`.
    pub(crate) fn new(schema: &SchemaRef, mode: &ChangelogMode) -> Result<Self> {
        let key = match mode {
            ChangelogMode::Upsert { key } => {
                let types = key.iter().map(|k| schema.field(*k).data_type().clone()).collect();
                Some((key.clone(), KeyEncoder::new(types)?))
            }
            _ => None,
        };
        Ok(Exact { consolidator: Consolidator::new(schema)?, key })
    }

    fn run(&mut self, batches: &[Batch]) -> Result<Option<Batch>> {
        let Some(delta) = self.consolidator.run(batches)? else { return Ok(None) };
        let (Some((columns, encoder)), Some(diffs)) = (&mut self.key, &delta.diffs) else { return Ok(Some(delta)) };
        let rows = delta.rows.num_rows();
        let columns: Vec<ArrayRef> = columns.iter().map(|k| ArrayRef::clone(delta.rows.column(*k))).collect();
        let keys = encoder.encode(&columns)?;
        let mut slots = vec![];
        let mut table = KeyTable::new(encoder);
        table.intern(&keys, &RowSet::Range(0..rows), &mut slots);
        // A row that comes replaces the one that goes.
        let mut comes = vec![false; table.slots()];
        for (row, slot) in slots.iter().enumerate() {
            comes[*slot as usize] |= diffs.value(row) > 0;
        }
        let kept: UInt32Array = (0..rows as u32)
            .filter(|row| diffs.value(*row as usize) > 0 || !comes[slots[*row as usize] as usize])
            .collect();
        let rows = take_record_batch(&delta.rows, &kept)?;
        let diffs = weights(&take(diffs, &kept, None)?);
        Ok(Some(Batch { rows, diffs: Some(diffs), ..delta }))
    }
}

impl SinkOperator {
    fn write(&mut self, epoch: &EpochInfo, batch: Batch) -> Result<()> {
        if let Some(figures) = self.context.figures.sinks.get(self.sink) {
            figures.rows.add(batch.rows.num_rows() as u64);
        }
        match &mut self.writer {
            Some(writer) => writer.write(epoch.epoch, ChangeBatch { rows: batch.rows, diffs: batch.diffs }),
            None => Ok(()),
        }
    }
}

/// One batch with the rows of all, ordered by their content; equal rows are interchangeable.
pub(super) fn by_content(batches: &[Batch]) -> Result<Option<Batch>> {
    let Some(first) = batches.first() else { return Ok(None) };
    let schema = first.rows.schema();
    let rows = concat_batches(&schema, batches.iter().map(|b| &b.rows))?;
    let diffs = match batches.iter().map(|b| b.diffs.as_ref().map(|d| d as &dyn Array)).collect::<Option<Vec<_>>>() {
        Some(parts) => Some(weights(&arrow::compute::concat(&parts)?)),
        None => None,
    };
    let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
    columns.extend(diffs.iter().map(|d| Arc::new(d.clone()) as ArrayRef));
    if columns.is_empty() || rows.num_rows() < 2 {
        return Ok(Some(Batch { rows, diffs, ..first.clone() }));
    }
    let converter = RowConverter::new(columns.iter().map(|c| SortField::new(c.data_type().clone())).collect())?;
    let keys = converter.convert_columns(&columns)?;
    let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
    order.sort_unstable_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
    let order = UInt32Array::from(order);
    let sorted: RecordBatch = take_record_batch(&rows, &order)?;
    let diffs = match diffs {
        Some(diffs) => Some(weights(&take(&diffs, &order, None)?)),
        None => None,
    };
    Ok(Some(Batch { rows: sorted, diffs, ..first.clone() }))
}

impl Operator for SinkOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        if self.ordered {
            self.waiting.push(batch);
            return Ok(());
        }
        self.write(epoch, batch)
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, _: &mut Vec<Batch>) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        if let Some(exact) = &mut self.exact {
            waiting = exact.run(&waiting)?.into_iter().collect();
        }
        if self.by_content || self.exact.is_some() {
            if let Some(batch) = by_content(&waiting)? {
                self.write(epoch, batch)?;
            }
        } else {
            waiting.sort_by_key(|b| b.place);
            for batch in waiting {
                self.write(epoch, batch)?;
            }
        }
        match &mut self.writer {
            Some(writer) => writer.end_epoch(epoch.epoch),
            None => Ok(()),
        }
    }

    fn on_end(&mut self) -> Result<()> {
        match self.writer.take() {
            Some(mut writer) => writer.close(),
            None => Ok(()),
        }
    }
}
