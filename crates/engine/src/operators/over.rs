//! OVER, kept up to date: partitions stand in order with their results; what a change reaches is computed anew, and the
//! results that differ are corrected. `stretches.rs` finds what it reaches, `blocks.rs` what follows from all rows before,
//! `early.rs` what may be forgotten in the order of event time.

mod blocks;
mod early;
mod frames;
mod running;
mod snapshot;
mod stretches;
pub(crate) mod timed;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{SortOptions, concat, take};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use hashbrown::{HashMap, HashSet};
use sloth_plan::{OrderColumn, Over, OverCall, OverEmission, Scope};
use sloth_types::Result;

use early::Early;

use super::Operator;
use super::delta::{Consolidator, changed};
use super::window::fit;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::change_log::ChangeLog;
use crate::state::changed::Changed;
use crate::state::marks::Marks;
use crate::state::ordered::{OrderedRows, Stamp, weight_at};
use crate::state::rows::Rows;
use crate::state::snapshot::Section;

/// Results that change with their partitions.
pub(crate) struct OverOperator {
    over: Over,
    rows: OrderedRows,
    /// Results by slot of the row.
    results: Rows,
    types: Vec<DataType>,
    input: SchemaRef,
    schema: SchemaRef,
    /// Which rows a change touches, call by call; `None` when for one of them it is the whole partition.
    scopes: Option<Vec<Scope>>,
    /// What rows have come to, for calls that go on from there.
    marks: Marks,
    /// What the watermark has passed, where it settles rows.
    early: Option<Box<Early>>,
    consolidator: Consolidator,
    net: Consolidator,
    waiting: Vec<Batch>,
    /// Rows that have come and gone with their results since the last checkpoint: what has been told.
    told: ChangeLog,
    /// Partitions of which something was forgotten since then.
    changed: Changed,
    gauge: StateGauge,
}

/// What an epoch does to the rows.
#[derive(Default)]
struct Moved {
    /// The changed rows of each partition: what went is readable until the epoch's end.
    partitions: HashMap<u32, Vec<u32>>,
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
    pub(crate) fn new(
        over: &Over,
        input: SchemaRef,
        schema: SchemaRef,
        time: TimeDomain,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let width = input.fields().len();
        let fields: Vec<_> = schema.fields().iter().skip(width).cloned().collect();
        let scopes = over.calls.iter().map(OverCall::scope);
        let scopes: Vec<Scope> = scopes.map(|scope| stretches::ordered(scope, over, &input)).collect();
        let scopes = (!scopes.contains(&Scope::Partition)).then_some(scopes);
        let early = match over.emission {
            OverEmission::Early { time: column, .. } => {
                let early = Early::new(column, time, Arc::clone(&context));
                Some(Box::new(early.freeing(over, scopes.as_ref())))
            }
            _ => None,
        };
        Ok(OverOperator {
            rows: OrderedRows::new(&input, &over.partition, &sort_options(&over.order), Stamp::Copy)?,
            results: Rows::new(&Schema::new(fields))?,
            types: result_types(&input, &schema),
            over: over.clone(),
            scopes,
            early,
            marks: Marks::default(),
            consolidator: Consolidator::new(&input)?,
            net: Consolidator::new(&schema)?,
            input,
            schema,
            waiting: vec![],
            told: ChangeLog::default(),
            changed: Changed::default(),
            gauge: StateGauge::new(context),
        })
    }

    /// For tests: whole partitions are computed anew.
    #[cfg(test)]
    pub(crate) fn without_scopes(self) -> Self {
        let early = self.early.map(|early| Box::new(early.freeing(&self.over, None)));
        OverOperator { scopes: None, early, ..self }
    }

    /// For tests: how many rows are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.rows.len()
    }

    fn take_in(&mut self, delta: &Batch) -> Result<Moved> {
        let mut moved = Moved::default();
        let located = self.rows.locate(&delta.rows)?;
        let spelled = self.rows.spell(&delta.rows, None)?;
        let times = self.early.as_ref().map(|early| early.times_of(&delta.rows)).transpose()?;
        let mut buffer = vec![];
        for (row, partition) in located.partitions.iter().enumerate() {
            let diff = weight_at(delta.diffs.as_ref(), row);
            for _ in 0..diff.unsigned_abs() {
                let Some(slot) = self.rows.change_copy((&located, row), (&spelled, row), diff > 0, &mut buffer) else {
                    break;
                };
                match diff > 0 {
                    true => {
                        moved.came.insert(slot);
                        let time = times.as_ref().and_then(|times| times.get(row));
                        if let (Some(early), Some(time)) = (&mut self.early, time) {
                            early.came(*partition, slot, *time);
                        }
                    }
                    false => {
                        moved.gone.push(slot);
                        moved.gone_of.push(*partition);
                    }
                }
                moved.partitions.entry(*partition).or_default().push(slot);
            }
        }
        Ok(moved)
    }

    /// Computes what a partition's changes reach.
    fn renew(&mut self, partition: u32, moved: &Moved, changes: &[u32], out: &mut Corrections) -> Result<()> {
        for piece in self.reached(partition, changes)?.into_iter().filter(|piece| !piece.rows.is_empty()) {
            let slots: Vec<u32> = self.rows.rows_of(partition).skip(piece.rows.start).take(piece.rows.len()).collect();
            // What stands for good is not told again; what it looked at may be gone.
            let settled = self.early.as_ref().map_or(0, |early| early.settled(partition));
            let standing = settled.saturating_sub(piece.rows.start).min(slots.len());
            let results = self.results_of(partition, piece, &slots)?;
            let results: Vec<ArrayRef> = results.iter().map(|c| c.slice(standing, slots.len() - standing)).collect();
            self.compare(partition, moved, slots.get(standing..).unwrap_or_default(), &results, out)?;
        }
        Ok(())
    }

    /// Which of some rows have new results.
    fn compare(
        &self,
        partition: u32,
        moved: &Moved,
        slots: &[u32],
        results: &[ArrayRef],
        out: &mut Corrections,
    ) -> Result<()> {
        let (new, old): (Vec<u32>, Vec<u32>) =
            (0..slots.len() as u32).partition(|at| moved.came.contains(&slots[*at as usize]));
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
        for (pieces, column) in out.results.iter_mut().zip(results) {
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
        for change in &changes {
            self.told.note(&change.rows, change.diffs.as_ref(), self.rows.len());
        }
        // Equal rows may have handed their results on to each other.
        out.extend(self.net.run(&changes)?);
        Ok(())
    }
}

impl Operator for OverOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.waiting.push(match &self.early {
            Some(early) => early.in_time(epoch, batch)?,
            None => batch,
        });
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        self.follow(out)?;
        self.forget_passed(epoch)?;
        let early = self.early.as_ref().map_or(0, |early| early.bytes());
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.results.bytes() + self.marks.bytes() + early);
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.resume_changes(0);
        self.save_whole()
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save_told()
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        self.told.begin(self.rows.len());
        self.changed.go_on(newest);
        true
    }

    fn restore(&mut self, state: Vec<Section>) -> Result<()> {
        self.restore_all(state)
    }
}

impl OverOperator {
    /// Takes an epoch's changes in and gives what differs.
    fn follow(&mut self, out: &mut Vec<Batch>) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(delta) = self.consolidator.run(&waiting)? else { return Ok(()) };
        let mut moved = self.take_in(&delta)?;
        let mut corrections = Corrections::default();
        corrections.minus.extend(&moved.gone);
        corrections.minus_of.extend(&moved.gone_of);
        for (partition, changes) in &moved.partitions {
            self.renew(*partition, &moved, changes, &mut corrections)?;
        }
        self.correct(corrections, out)?;
        moved.gone.iter().for_each(|slot| self.results.clear(*slot));
        self.rows.free(&mut moved.gone);
        moved.partitions.keys().for_each(|partition| self.rows.forget(*partition));
        Ok(())
    }
}
