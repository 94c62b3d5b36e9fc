//! Upserts made exact: what a row replaces is taken back, and an update that changes nothing says nothing.
//!
//! A source that sends only new rows and keys of deleted ones (a compacted topic, change events without a before-image)
//! says what a table is, not how it changed. This operator keeps the table and gives the changes. What is sent twice, by a
//! producer that tries again, changes nothing the second time.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, interleave_record_batch, take, take_record_batch};
use arrow::datatypes::SchemaRef;
use hashbrown::HashMap;
use sloth_types::Result;

use super::Operator;
use super::delta::{changed, gathered};
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::changed::standing;
use crate::state::keys::EncodedKeys;
use crate::state::latest::Latest;
use crate::state::snapshot::{Owner, Section};

/// The part of a table whose keys this worker owns.
pub(crate) struct NormalizeOperator {
    schema: SchemaRef,
    table: Latest,
    key: Vec<usize>,
    waiting: Vec<Batch>,
    /// Every change is given, in order, whatever the epoch comes to.
    versions: bool,
    gauge: StateGauge,
}

impl NormalizeOperator {
    /// An empty table of rows of `schema`.
    pub(crate) fn new(schema: SchemaRef, key: &[usize], context: Arc<JobContext>) -> Result<Self> {
        let table = Latest::new(&schema, key)?;
        let gauge = StateGauge::new(context);
        Ok(NormalizeOperator { schema, table, key: key.to_vec(), waiting: vec![], versions: false, gauge })
    }

    /// Every change is given, in order: rows that do not last come and go.
    pub(crate) fn with_versions(self) -> Self {
        NormalizeOperator { versions: true, ..self }
    }

    /// Every change in the order of the rows that make it, those that the epoch undoes, too.
    fn passing(&self, all: &Batch, keys: &EncodedKeys) -> Result<Option<Batch>> {
        let count = all.rows.num_rows();
        let (before, old) = self.table.get(keys, count)?;
        let stored = with_schema(&all.rows.schema(), before)?;
        // Where the row stands that a key has now: among the stored ones or those that came.
        let mut now: HashMap<u32, Option<(usize, usize)>> = HashMap::new();
        let (mut picked, mut diffs) = (vec![], vec![]);
        for (row, (key, old)) in self.table.numbers(keys, count).into_iter().zip(old).enumerate() {
            let place = now.entry(key).or_insert_with(|| old.map(|old| (0, old as usize)));
            if let Some(was) = *place {
                picked.push(was);
                diffs.push(-1);
            }
            *place = all.diffs.as_ref().is_none_or(|d| d.value(row) > 0).then_some((1, row));
            if let Some(is) = *place {
                picked.push(is);
                diffs.push(1);
            }
        }
        if picked.is_empty() {
            return Ok(None);
        }
        let rows = with_schema(&self.schema, interleave_record_batch(&[&stored, &all.rows], &picked)?)?;
        Ok(Some(Batch::changes(rows, Some(Int64Array::from(diffs)))))
    }
}

impl Operator for NormalizeOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.waiting.push(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        // Rows come straight from the sources: their places are their order.
        waiting.sort_by_key(|b| b.place);
        let first = waiting.first().map(|b| b.rows.schema());
        let Some(all) = first.map(|schema| gathered(&schema, &waiting)).transpose()?.flatten() else { return Ok(()) };
        let keys = self.table.encode(&all.rows)?;
        let last = UInt32Array::from(self.table.last_of_each(&keys, all.rows.num_rows()));
        if self.versions {
            out.extend(self.passing(&all, &keys)?);
        }
        let rows = take_record_batch(&all.rows, &last)?;
        let stay: Vec<bool> =
            last.values().iter().map(|r| all.diffs.as_ref().is_none_or(|d| d.value(*r as usize) > 0)).collect();
        let keys = self.table.encode(&rows)?;
        if !self.versions {
            let (before, old) = self.table.get(&keys, rows.num_rows())?;
            let new: Vec<Option<u32>> = (0u32..).zip(&stay).map(|(row, stay)| stay.then_some(row)).collect();
            out.extend(replaced(&self.schema, (&before, &old), (&rows, &new))?);
        }
        self.table.set(&rows, &keys, &stay)?;
        self.gauge.set(self.table.len(), self.table.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        Ok(vec![Section::new("rows", Owner::Key(self.key.clone()), self.table.save()?)])
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.table.save_changes("rows")
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        self.table.go_on(newest);
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in standing(&mut state, "rows", &self.key)? {
            self.table.restore(&rows)?;
        }
        self.gauge.set(self.table.len(), self.table.bytes());
        Ok(())
    }

    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        let rows = |rows: RecordBatch| Ok(Batch::changes(with_schema(&self.schema, rows)?, None));
        self.table.all()?.into_iter().map(rows).collect::<Result<_>>().map(Some)
    }
}

/// The exact change from one state of some keys to another: for each key the row that stood for it and the row that
/// stands for it now, as places in a batch.
pub(crate) fn replaced(
    schema: &SchemaRef,
    (before, old): (&RecordBatch, &[Option<u32>]),
    (after, new): (&RecordBatch, &[Option<u32>]),
) -> Result<Option<Batch>> {
    let both: Vec<(u32, u32)> = old.iter().zip(new).filter_map(|(old, new)| Some(((*old)?, (*new)?))).collect();
    let (olds, news): (Vec<u32>, Vec<u32>) = both.iter().copied().unzip();
    let (olds, news) = (UInt32Array::from(olds), UInt32Array::from(news));
    let of = |rows: &RecordBatch, places: &UInt32Array| {
        rows.columns().iter().map(|c| take(c, places, None)).collect::<Result<Vec<_>, _>>()
    };
    let mut differs = changed(&of(before, &olds)?, &of(after, &news)?, both.len())?.into_iter();
    let (mut minus, mut plus) = (vec![], vec![]);
    for pair in old.iter().zip(new) {
        match pair {
            (Some(old), Some(new)) => {
                if differs.next().unwrap_or(true) {
                    minus.push(*old);
                    plus.push(*new);
                }
            }
            (old, new) => {
                minus.extend(old);
                plus.extend(new);
            }
        }
    }
    if minus.is_empty() && plus.is_empty() {
        return Ok(None);
    }
    let diffs: Int64Array =
        std::iter::repeat_n(-1, minus.len()).chain(std::iter::repeat_n(1, plus.len())).map(Some).collect();
    let parts = [
        with_schema(schema, take_record_batch(before, &UInt32Array::from(minus))?)?,
        with_schema(schema, take_record_batch(after, &UInt32Array::from(plus))?)?,
    ];
    Ok(Some(Batch::changes(concat_batches(schema, &parts)?, Some(diffs))))
}

/// The same columns under a schema that may say less or more about NULL.
fn with_schema(schema: &SchemaRef, rows: RecordBatch) -> Result<RecordBatch> {
    Ok(RecordBatch::try_new(Arc::clone(schema), rows.columns().to_vec())?)
}

#[cfg(test)]
#[path = "normalize/tests.rs"]
mod tests;
