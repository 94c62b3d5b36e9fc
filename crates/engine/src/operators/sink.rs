//! The end of a pipeline: brings an epoch's rows into the canonical order and hands them to the writer.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use sloth_types::{ChangeBatch, ChangelogMode, Epoch, Result};

pub(crate) use self::held::Held;
pub(crate) use self::pending::Pending;
use super::Operator;
use super::delta::{Consolidator, gathered};
use super::stages::weights;
use crate::context::JobContext;
use crate::epoch::EpochInfo;
use crate::io::writer::Writer;
use crate::message::Batch;
use crate::state::keys::{KeyEncoder, KeyTable, RowSet};
use crate::state::snapshot::Section;

mod held;
mod pending;

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
    /// What the sink shows, where a resumed job shows it again.
    pub(crate) held: Option<Held>,
    /// Rows wait for the checkpoint that has them, where they would not be made again the same.
    pub(crate) pending: Option<Pending>,
    pub(crate) context: Arc<JobContext>,
}

/// From changes to what the writer takes: one net change a row, or one change a key; deletes before inserts.
pub(crate) struct Exact {
    consolidator: Consolidator,
    schema: SchemaRef,
    /// Columns that tell rows apart, when some are known.
    key: Option<(Vec<usize>, KeyEncoder)>,
    /// A row that comes replaces the one with its key, which need not be told.
    upsert: bool,
}

impl Exact {
    /// For rows of `schema`, given out in `mode`. `key` tells rows apart, when one is known.
    pub(crate) fn new(schema: &SchemaRef, mode: &ChangelogMode, key: Option<&[usize]>) -> Result<Self> {
        let (key, upsert) = match mode {
            ChangelogMode::Upsert { key } => (Some(key.as_slice()), true),
            _ => (key, false),
        };
        let key = match key {
            Some(key) => {
                let types = key.iter().map(|k| schema.field(*k).data_type().clone()).collect();
                Some((key.to_vec(), KeyEncoder::new(types)?))
            }
            None => None,
        };
        Ok(Exact { consolidator: Consolidator::new(schema)?, schema: Arc::clone(schema), key, upsert })
    }

    /// All changes of an epoch, a net change a row.
    fn net(&mut self, batches: &[Batch]) -> Result<Option<Batch>> {
        self.consolidator.run(batches)
    }

    /// Such changes in the canonical order: by key, deletes before inserts, then by content.
    fn arranged(&mut self, delta: Batch) -> Result<ChangeBatch> {
        let diffs = delta.diffs.clone().unwrap_or_else(|| Int64Array::from(vec![1; delta.rows.num_rows()]));
        let (rows, diffs, slots) = match &mut self.key {
            Some((columns, encoder)) => {
                let slots = slots_of(&delta.rows, columns, encoder)?;
                if self.upsert { without_replaced(&delta.rows, &diffs, slots)? } else { (delta.rows, diffs, slots) }
            }
            None => {
                let (rows, diffs) = one_by_one(delta.rows, diffs)?;
                (rows, diffs, vec![])
            }
        };
        let key = self.key.as_ref().map_or(&[][..], |(columns, _)| columns);
        let rest: Vec<usize> = (0..self.schema.fields().len()).filter(|c| !key.contains(c)).collect();
        let column = |c: &usize| ArrayRef::clone(rows.column(*c));
        let signs: ArrayRef = Arc::new(diffs.clone());
        // Without a key the sign is the last to tell rows apart: a row and its retraction do not meet in an epoch.
        let columns: Vec<ArrayRef> = key.iter().map(column).chain([signs]).chain(rest.iter().map(column)).collect();
        let order = order_of(&columns, rows.num_rows())?;
        let updates = (!self.upsert && self.key.is_some()).then(|| pairs(&order, &slots, &diffs));
        let rows = take_record_batch(&rows, &order)?;
        let diffs = weights(&take(&diffs, &order, None)?);
        Ok(ChangeBatch { rows, diffs: delta.diffs.map(|_| diffs), updates })
    }
}

fn slots_of(rows: &RecordBatch, columns: &[usize], encoder: &mut KeyEncoder) -> Result<Vec<u32>> {
    let columns: Vec<ArrayRef> = columns.iter().map(|k| ArrayRef::clone(rows.column(*k))).collect();
    let keys = encoder.encode(&columns)?;
    let mut slots = vec![];
    KeyTable::new(encoder).intern(&keys, &RowSet::Range(0..rows.num_rows()), &mut slots);
    Ok(slots)
}

/// Leaves out the retractions of rows in whose place another comes.
fn without_replaced(
    rows: &RecordBatch,
    diffs: &Int64Array,
    slots: Vec<u32>,
) -> Result<(RecordBatch, Int64Array, Vec<u32>)> {
    let mut comes = vec![false; slots.iter().max().map_or(0, |s| *s as usize + 1)];
    for (row, slot) in slots.iter().enumerate() {
        comes[*slot as usize] |= diffs.value(row) > 0;
    }
    let kept: UInt32Array = (0..rows.num_rows() as u32)
        .filter(|row| diffs.value(*row as usize) > 0 || !comes[slots[*row as usize] as usize])
        .collect();
    let slots = kept.values().iter().map(|row| slots[*row as usize]).collect();
    Ok((take_record_batch(rows, &kept)?, weights(&take(diffs, &kept, None)?), slots))
}

/// A row of weight n as n rows: writers know +1 and -1 only.
fn one_by_one(rows: RecordBatch, diffs: Int64Array) -> Result<(RecordBatch, Int64Array)> {
    if diffs.values().iter().all(|d| d.abs() == 1) {
        return Ok((rows, diffs));
    }
    let times = |(row, diff): (usize, &i64)| std::iter::repeat_n(row as u32, diff.unsigned_abs() as usize);
    let repeated: UInt32Array = diffs.values().iter().enumerate().flat_map(times).map(Some).collect();
    let signs = repeated.values().iter().map(|row| Some(diffs.value(*row as usize).signum())).collect();
    Ok((take_record_batch(&rows, &repeated)?, signs))
}

/// Which rows, in this order, are the old and the new image of the same key's row.
fn pairs(order: &UInt32Array, slots: &[u32], diffs: &Int64Array) -> BooleanBuffer {
    let order = order.values();
    let of = |at: usize| order.get(at).map(|row| (slots[*row as usize], diffs.value(*row as usize)));
    let begins = |at: usize| match (of(at), of(at + 1)) {
        (Some((slot, old)), Some((next, new))) => slot == next && old < 0 && new > 0,
        _ => false,
    };
    BooleanBuffer::collect_bool(order.len(), |at| begins(at) || (at > 0 && begins(at - 1)))
}

fn order_of(columns: &[ArrayRef], rows: usize) -> Result<UInt32Array> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    if rows > 1 && !columns.is_empty() {
        let converter = RowConverter::new(columns.iter().map(|c| SortField::new(c.data_type().clone())).collect())?;
        let keys = converter.convert_columns(columns)?;
        order.sort_unstable_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
    }
    Ok(UInt32Array::from(order))
}

impl SinkOperator {
    fn write(&mut self, epoch: &EpochInfo, batch: ChangeBatch) -> Result<()> {
        if let Some(figures) = self.context.figures.sinks.get(self.sink) {
            figures.rows.add(batch.rows.num_rows() as u64);
        }
        match (&mut self.pending, &mut self.writer) {
            (Some(pending), Some(_)) => pending.add(batch),
            (None, Some(writer)) => writer.write(epoch.epoch, batch)?,
            (_, None) => {}
        }
        Ok(())
    }

    /// Hands rows over that a checkpoint has, as those of its last epoch.
    fn release(&mut self, epoch: Epoch, rows: Vec<ChangeBatch>) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        rows.into_iter().try_for_each(|batch| writer.write(epoch, batch))?;
        writer.end_epoch(epoch, true)
    }

    fn release_restored(&mut self) -> Result<()> {
        match self.pending.as_mut().and_then(Pending::take_restored) {
            Some((epoch, rows)) => self.release(epoch, rows),
            None => Ok(()),
        }
    }
}

/// One batch with the rows of all, ordered by their content; equal rows are interchangeable.
pub(crate) fn by_content(batches: &[Batch]) -> Result<Option<Batch>> {
    let Some(first) = batches.first() else { return Ok(None) };
    let Some(all) = gathered(&first.rows.schema(), batches)? else { return Ok(None) };
    let mut columns: Vec<ArrayRef> = all.rows.columns().to_vec();
    columns.extend(all.diffs.iter().map(|d| Arc::new(d.clone()) as ArrayRef));
    let order = order_of(&columns, all.rows.num_rows())?;
    let rows = take_record_batch(&all.rows, &order)?;
    let diffs = match &all.diffs {
        Some(diffs) => Some(weights(&take(diffs, &order, None)?)),
        None => None,
    };
    Ok(Some(Batch { rows, diffs, ..all }))
}

impl Operator for SinkOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        if self.ordered {
            self.waiting.push(batch);
            return Ok(());
        }
        self.write(epoch, ChangeBatch::changes(batch.rows, batch.diffs))
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, _: &mut Vec<Batch>) -> Result<()> {
        self.release_restored()?;
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut shown = self.held.as_mut().map(Held::take_restored).unwrap_or_default();
        if let Some(exact) = &mut self.exact {
            waiting.append(&mut shown);
            if let Some(delta) = exact.net(&waiting)? {
                self.held.iter_mut().try_for_each(|held| held.add(&delta))?;
                let batch = exact.arranged(delta)?;
                self.write(epoch, batch)?;
            }
            waiting.clear();
        }
        if self.by_content {
            waiting = by_content(&waiting)?.into_iter().collect();
        } else {
            waiting.sort_by_key(|b| b.place);
        }
        for batch in shown.into_iter().chain(waiting) {
            self.held.iter_mut().try_for_each(|held| held.add(&batch))?;
            self.write(epoch, ChangeBatch::changes(batch.rows, batch.diffs))?;
        }
        if let Some(pending) = self.pending.as_mut().filter(|_| epoch.checkpoint) {
            let rows = pending.close(epoch.epoch);
            return self.release(epoch.epoch, rows);
        }
        match &mut self.writer {
            Some(writer) => writer.end_epoch(epoch.epoch, epoch.checkpoint),
            None => Ok(()),
        }
    }

    /// Between epochs nothing else waits here; what the writer has is its own.
    fn save(&mut self) -> Result<Vec<Section>> {
        if let Some(pending) = &mut self.pending {
            return pending.save();
        }
        self.held.as_mut().map_or(Ok(vec![]), Held::save)
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.held.as_mut().map_or(Ok(None), Held::save_changes)
    }

    fn restore(&mut self, state: Vec<Section>) -> Result<()> {
        if let Some(pending) = &mut self.pending {
            return pending.restore(state);
        }
        self.held.as_mut().map_or(Ok(()), |held| held.restore(state))
    }

    fn on_end(&mut self) -> Result<()> {
        self.release_restored()?;
        match self.writer.take() {
            Some(mut writer) => writer.close(),
            None => Ok(()),
        }
    }
}
