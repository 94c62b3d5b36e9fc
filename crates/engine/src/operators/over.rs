//! OVER, kept up to date: partitions stand in order with their results; what a change reaches is computed anew, and the
//! results that differ are corrected.

mod frames;
mod running;
pub(crate) mod timed;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{SortOptions, concat, take};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use hashbrown::{HashMap, HashSet};
use sloth_plan::{OrderColumn, Over, Reach};
use sloth_types::Result;

use super::Operator;
use super::delta::{Consolidator, changed};
use super::window::fit;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::ordered::{OrderedRows, Stamp, weight_at};
use crate::state::rows::Rows;
use crate::state::snapshot::{Owner, Section, batches_of};

/// Results that change with their partitions.
pub(crate) struct OverOperator {
    over: Over,
    rows: OrderedRows,
    /// Results by slot of the row.
    results: Rows,
    types: Vec<DataType>,
    input: SchemaRef,
    schema: SchemaRef,
    /// How many rows around a change are touched; `None` when the whole partition is.
    reach: Option<(usize, usize)>,
    consolidator: Consolidator,
    net: Consolidator,
    waiting: Vec<Batch>,
    gauge: StateGauge,
}

/// What an epoch does to the rows.
#[derive(Default)]
struct Moved {
    /// First and last changed row of each partition, by their bytes.
    partitions: HashMap<u32, (Vec<u8>, Vec<u8>)>,
    came: HashSet<u32>,
    gone: Vec<u32>,
    gone_of: Vec<u32>,
}

/// Rows with old results that go, and with new results that come.
#[derive(Default)]
struct Corrections {
    minus: Vec<u32>,
    minus_of: Vec<u32>,
    plus: Vec<u32>,
    plus_of: Vec<u32>,
    /// New results, call by call, in pieces that follow `plus`.
    results: Vec<Vec<ArrayRef>>,
}

/// The order as the state takes it.
fn sort_options(order: &[OrderColumn]) -> Vec<(usize, SortOptions)> {
    let options = |o: &OrderColumn| SortOptions { descending: o.descending, nulls_first: o.nulls_first };
    order.iter().map(|o| (o.column, options(o))).collect()
}

fn result_types(input: &Schema, schema: &Schema) -> Vec<DataType> {
    schema.fields().iter().skip(input.fields().len()).map(|f| f.data_type().clone()).collect()
}

impl OverOperator {
    /// No rows yet.
    pub(crate) fn new(over: &Over, input: SchemaRef, schema: SchemaRef, context: Arc<JobContext>) -> Result<Self> {
        let width = input.fields().len();
        let fields: Vec<_> = schema.fields().iter().skip(width).cloned().collect();
        let reach = over.calls.iter().try_fold((0, 0), |(b, a): (usize, usize), call| match call.reach {
            Reach::Rows { before, after } => Some((b.max(before as usize), a.max(after as usize))),
            _ => None,
        });
        Ok(OverOperator {
            rows: OrderedRows::new(&input, &over.partition, &sort_options(&over.order), Stamp::Copy)?,
            results: Rows::new(&Schema::new(fields))?,
            types: result_types(&input, &schema),
            over: over.clone(),
            reach,
            consolidator: Consolidator::new(&input)?,
            net: Consolidator::new(&schema)?,
            input,
            schema,
            waiting: vec![],
            gauge: StateGauge::new(context),
        })
    }

    fn take_in(&mut self, delta: &Batch) -> Result<Moved> {
        let mut moved = Moved::default();
        let located = self.rows.locate(&delta.rows)?;
        let spelled = self.rows.spell(&delta.rows, None)?;
        let mut buffer = vec![];
        for (row, partition) in located.partitions.iter().enumerate() {
            let diff = weight_at(delta.diffs.as_ref(), row);
            for _ in 0..diff.unsigned_abs() {
                let Some(slot) = self.rows.change_copy((&located, row), (&spelled, row), diff > 0, &mut buffer) else {
                    break;
                };
                match diff > 0 {
                    true => drop(moved.came.insert(slot)),
                    false => {
                        moved.gone.push(slot);
                        moved.gone_of.push(*partition);
                    }
                }
                let bytes = self.rows.row(slot);
                let (low, high) =
                    moved.partitions.entry(*partition).or_insert_with(|| (bytes.to_vec(), bytes.to_vec()));
                if bytes < low.as_slice() {
                    *low = bytes.to_vec();
                } else if bytes > high.as_slice() {
                    *high = bytes.to_vec();
                }
            }
        }
        Ok(moved)
    }

    /// Computes what a partition's changes reach.
    fn renew(&self, partition: u32, moved: &Moved, ends: &(Vec<u8>, Vec<u8>), out: &mut Corrections) -> Result<()> {
        let len = self.rows.len_of(partition);
        let (stretch, wanted) = match self.reach {
            None => (0..len, 0..len),
            Some((before, after)) => {
                let low = self.rows.place_of(partition, &ends.0).saturating_sub(after);
                let high = (self.rows.place_of(partition, &ends.1) + 1 + before).min(len);
                let start = low.saturating_sub(before);
                (start..(high + after).min(len), low - start..high.max(low) - start)
            }
        };
        let slots: Vec<u32> = self.rows.rows_of(partition).skip(stretch.start).take(stretch.len()).collect();
        if slots.is_empty() || wanted.is_empty() {
            return Ok(());
        }
        let columns = self.rows.decode(&slots, &vec![partition; slots.len()])?;
        let rows = fit(&self.input, columns)?;
        let calls = self.over.calls.iter().zip(&self.types);
        let results: Vec<ArrayRef> =
            calls.map(|(call, data_type)| frames::evaluate(call, &rows, data_type)).collect::<Result<_>>()?;
        let (new, old): (Vec<u32>, Vec<u32>) =
            (wanted.start as u32..wanted.end as u32).partition(|at| moved.came.contains(&slots[*at as usize]));
        let old_slots: Vec<u32> = old.iter().map(|at| slots[*at as usize]).collect();
        let at = UInt32Array::from(old.clone());
        let now: Vec<ArrayRef> = results.iter().map(|c| take(c, &at, None)).collect::<std::result::Result<_, _>>()?;
        let was: Vec<ArrayRef> =
            (0..self.types.len()).map(|c| self.results.gather(c, &old_slots)).collect::<Result<_>>()?;
        let differs = changed(&was, &now, old.len())?;
        let mut renewed = new;
        for ((at, slot), _) in old.iter().zip(&old_slots).zip(differs).filter(|(_, differs)| *differs) {
            out.minus.push(*slot);
            out.minus_of.push(partition);
            renewed.push(*at);
        }
        out.plus.extend(renewed.iter().map(|at| slots[*at as usize]));
        out.plus_of.resize(out.plus.len(), partition);
        let renewed = UInt32Array::from(renewed);
        out.results.resize(self.types.len(), vec![]);
        for (pieces, column) in out.results.iter_mut().zip(&results) {
            pieces.push(take(column, &renewed, None)?);
        }
        Ok(())
    }

    /// Stores the new results and gives the corrections out.
    fn correct(&mut self, corrections: Corrections, out: &mut Vec<Batch>) -> Result<()> {
        let Corrections { minus, minus_of, plus, plus_of, results } = corrections;
        let mut changes = vec![];
        let mut add = |rows: &OrderedRows, slots: &[u32], of: &[u32], results: Vec<ArrayRef>, sign| -> Result<()> {
            if slots.is_empty() {
                return Ok(());
            }
            let mut columns = rows.decode(slots, of)?;
            columns.extend(results);
            let rows: RecordBatch = fit(&self.schema, columns)?;
            changes.push(Batch::changes(rows, Some(Int64Array::from(vec![sign; slots.len()]))));
            Ok(())
        };
        let old = (0..self.types.len()).map(|c| self.results.gather(c, &minus)).collect::<Result<Vec<_>>>()?;
        add(&self.rows, &minus, &minus_of, old, -1)?;
        if !plus.is_empty() {
            let joined = |pieces: &Vec<ArrayRef>| {
                let pieces: Vec<&dyn Array> = pieces.iter().map(|p| p.as_ref()).collect();
                concat(&pieces)
            };
            let new = results.iter().map(joined).collect::<std::result::Result<Vec<_>, _>>()?;
            let places: Vec<u32> = (0..plus.len() as u32).collect();
            plus.iter().for_each(|slot| self.results.clear(*slot));
            self.results.store(&new, &places, &plus)?;
            add(&self.rows, &plus, &plus_of, new, 1)?;
        }
        // Equal rows may have handed their results on to each other.
        out.extend(self.net.run(&changes)?);
        Ok(())
    }
}

impl Operator for OverOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.waiting.push(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(delta) = self.consolidator.run(&waiting)? else { return Ok(()) };
        let mut moved = self.take_in(&delta)?;
        let mut corrections = Corrections::default();
        corrections.minus.extend(&moved.gone);
        corrections.minus_of.extend(&moved.gone_of);
        for (partition, ends) in &moved.partitions {
            self.renew(*partition, &moved, ends, &mut corrections)?;
        }
        self.correct(corrections, out)?;
        moved.gone.iter().for_each(|slot| self.results.clear(*slot));
        self.rows.free(&mut moved.gone);
        moved.partitions.keys().for_each(|partition| self.rows.forget(*partition));
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.results.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let rows = self.rows.save(|slots, _| self.results.gather_all(slots))?;
        Ok(vec![Section::new("rows", Owner::Key(self.over.partition.clone()), rows)])
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in batches_of(&mut state, "rows") {
            let restored = self.rows.restore(&rows)?;
            let all: Vec<u32> = (0..rows.num_rows() as u32).collect();
            self.results.store(restored.beside, &all, &restored.slots)?;
        }
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.results.bytes());
        Ok(())
    }
}
