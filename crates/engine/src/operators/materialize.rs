//! Rows made unique by a key that the query does not prove: all rows of a key are kept, the last that came is given.
//!
//! A table with a declared key has one row a key, whatever is written to it. When the row that stands for a key is taken
//! back, the one that came before it stands again.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use super::Operator;
use super::delta::gathered;
use super::normalize::replaced;
use super::sink::by_content;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::arrangement::{Arrangement, Written};
use crate::state::changed::{Changed, standing};
use crate::state::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};
use crate::state::snapshot::{Owner, ROWS_MAX, Section};

/// The keys that this worker owns, with all their rows, the newest first.
pub(crate) struct MaterializeOperator {
    schema: SchemaRef,
    rows: Arrangement,
    /// Of whole rows.
    whole: KeyEncoder,
    /// Of the key's columns.
    encoder: KeyEncoder,
    by_content: bool,
    key: Vec<usize>,
    waiting: Vec<Batch>,
    /// Keys since the last checkpoint.
    changed: Changed,
    gauge: StateGauge,
}

/// What an epoch says of a row.
#[derive(Clone, Copy)]
struct Net {
    sum: i64,
    /// Where it came last, or went if it never came.
    last: u32,
    came: bool,
}

impl MaterializeOperator {
    /// No rows yet. `by_content`: the rows of an epoch come in the order of their content, not of their places.
    pub(crate) fn new(schema: SchemaRef, key: &[usize], by_content: bool, context: Arc<JobContext>) -> Result<Self> {
        let types =
            |columns: &mut dyn Iterator<Item = usize>| columns.map(|c| schema.field(c).data_type().clone()).collect();
        Ok(MaterializeOperator {
            rows: Arrangement::new(&schema, key, true)?,
            whole: KeyEncoder::new(types(&mut (0..schema.fields().len())))?,
            encoder: KeyEncoder::new(types(&mut key.iter().copied()))?,
            schema,
            by_content,
            key: key.to_vec(),
            waiting: vec![],
            changed: Changed::default(),
            gauge: StateGauge::new(context),
        })
    }

    /// Notes which of an epoch's keys a checkpoint must tell anew, and which of them are gone; `before` are their slots
    /// before the epoch, `rows` one row of each.
    fn note(&mut self, delta: &RecordBatch, keys: &EncodedKeys, before: &[u32], rows: &[u32]) -> Result<()> {
        if !self.changed.begun() {
            return Ok(());
        }
        let after = self.rows.find(keys, delta.num_rows());
        let slot = |slots: &[u32], row: u32| slots.get(row as usize).copied().unwrap_or(ABSENT);
        let (there, missing): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| slot(&after, **row) != ABSENT);
        let gone: Vec<u32> = missing.into_iter().filter(|row| slot(before, *row) != ABSENT).collect();
        let slots: Vec<u32> = gone.iter().map(|row| slot(before, *row)).collect();
        self.changed.note_gone(&slots, || {
            let gone = UInt32Array::from(gone);
            self.key.iter().map(|column| Ok(take(delta.column(*column), &gone, None)?)).collect()
        })?;
        self.changed.note(&there.iter().map(|row| slot(&after, *row)).collect::<Vec<_>>());
        Ok(())
    }

    /// The net changes of an epoch, each row once, in the order in which rows came for the last time; and which came.
    fn arrivals(&mut self) -> Result<Option<(Batch, Vec<bool>)>> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|b| b.place);
        let Some(all) = gathered(&self.schema, &waiting)? else { return Ok(None) };
        let keys = self.whole.encode(all.rows.columns())?;
        let mut table = KeyTable::new(&self.whole);
        let mut slots = vec![];
        table.intern(&keys, &RowSet::Range(0..all.rows.num_rows()), &mut slots);
        let mut net = vec![Net { sum: 0, last: 0, came: false }; table.slots()];
        for (row, slot) in slots.iter().enumerate() {
            let diff = all.diffs.as_ref().map_or(1, |d| d.value(row));
            let net = &mut net[*slot as usize];
            net.sum += diff;
            if diff > 0 || !net.came {
                net.last = row as u32;
            }
            net.came |= diff > 0;
        }
        // A row that came once more and went once has come later than it had before; in an order by content it has not.
        net.retain(|net| net.sum != 0 || (net.came && !self.by_content));
        net.sort_unstable_by_key(|net| net.last);
        if net.is_empty() {
            return Ok(None);
        }
        let rows = take_record_batch(&all.rows, &net.iter().map(|net| Some(net.last)).collect::<UInt32Array>())?;
        let diffs = net.iter().map(|net| Some(net.sum)).collect();
        let batch = Batch { rows, diffs: Some(diffs), ..all };
        if !self.by_content {
            return Ok(Some((batch, net.iter().map(|net| net.came).collect())));
        }
        let came = |batch: &Batch| batch.diffs.iter().flat_map(|d| d.values().iter().map(|d| *d > 0)).collect();
        Ok(by_content(&[batch])?.map(|batch| {
            let came = came(&batch);
            (batch, came)
        }))
    }

    /// For each key the row that stands for it, as a place in the batch given back.
    fn standing(&self, keys: &EncodedKeys, firsts: &[u32], rows: usize) -> Result<(RecordBatch, Vec<Option<u32>>)> {
        let found = self.rows.find(keys, rows);
        let mut slots = vec![];
        let places = firsts
            .iter()
            .map(|row| {
                let key = found.get(*row as usize).copied().filter(|key| *key != ABSENT)?;
                slots.push(self.rows.rows_of(key).find(|slot| self.rows.weight(*slot) > 0)?);
                Some(slots.len() as u32 - 1)
            })
            .collect();
        let columns: Vec<ArrayRef> =
            (0..self.schema.fields().len()).map(|c| self.rows.gather(c, &slots)).collect::<Result<_>>()?;
        Ok((RecordBatch::try_new(Arc::clone(&self.schema), columns)?, places))
    }
}

impl Operator for MaterializeOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.waiting.push(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let Some((delta, came)) = self.arrivals()? else { return Ok(()) };
        let count = delta.rows.num_rows();
        let keys = self.rows.encode(&delta.rows)?;
        let firsts = first_of_each(&self.encoder, &keys, count);
        let (before, old) = self.standing(&keys, &firsts, count)?;
        let found = if self.changed.begun() { self.rows.find(&keys, count) } else { vec![] };
        let mut slots = vec![];
        self.rows.apply(&delta.rows, delta.diffs.as_ref(), &keys, &mut slots)?;
        for (slot, came) in slots.iter().zip(came) {
            if came && self.rows.weight(*slot) != 0 {
                self.rows.renew(*slot);
            }
        }
        let (after, new) = self.standing(&keys, &firsts, count)?;
        self.note(&delta.rows, &keys, &found, &firsts)?;
        out.extend(replaced(&self.schema, (&before, &old), (&after, &new))?);
        self.gauge.set(self.rows.len(), self.rows.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.changed.begin();
        // The rows of a key are on one worker: their age is told by their order, whoever else has written.
        let rows = self.rows.save(Written::OldestFirst, |_| Ok(vec![]))?;
        Ok(vec![Section::new("rows", Owner::Key(self.key.clone()), rows)])
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        let Some(keys) = self.changed.take(self.rows.len() / 2) else { return Ok(None) };
        let mut slots: Vec<u32> = keys.iter().flat_map(|key| self.rows.rows_of(*key)).collect();
        slots.reverse();
        let rows = self.rows.save_some(&slots, |_| Ok(vec![]))?;
        self.changed.sections("rows", &self.key, rows).map(Some)
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        self.changed.go_on(newest);
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in standing(&mut state, "rows", &self.key)? {
            self.rows.restore(&rows)?;
        }
        self.gauge.set(self.rows.len(), self.rows.bytes());
        Ok(())
    }

    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        let stands = |key: u32| self.rows.rows_of(key).find(|slot| self.rows.weight(*slot) > 0);
        let slots: Vec<u32> = self.rows.keys().filter_map(stands).collect();
        let rows = |slots: &[u32]| {
            let rows = RecordBatch::try_new(Arc::clone(&self.schema), self.rows.gather_all(slots)?)?;
            Ok(Batch::changes(rows, None))
        };
        slots.chunks(ROWS_MAX).map(rows).collect::<Result<_>>().map(Some)
    }
}

/// A row for each distinct key.
fn first_of_each(encoder: &KeyEncoder, keys: &EncodedKeys, rows: usize) -> Vec<u32> {
    let mut slots = vec![];
    KeyTable::new(encoder).intern(keys, &RowSet::Range(0..rows), &mut slots);
    let mut firsts: Vec<u32> = vec![];
    for (row, slot) in (0u32..).zip(&slots) {
        // Slots of a fresh table are handed out in order.
        if *slot as usize == firsts.len() {
            firsts.push(row);
        }
    }
    firsts
}

#[cfg(test)]
#[path = "materialize/tests.rs"]
mod tests;
