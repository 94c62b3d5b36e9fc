//! Inner joins of several changing inputs by one key.
//!
//! With changes dA, dB, dC of an epoch the change of the result is dA ⋈ B ⋈ C + A' ⋈ dB ⋈ C + A' ⋈ B' ⋈ dC, where A' is A
//! with its changes: each input's changes meet what the inputs before it have come to and what those behind it were. All
//! inputs have one key, so a change meets the product of the rows that the others have for its key, which are found by
//! looking the key up: nothing is kept but the inputs.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use sloth_plan::MultiJoin;
use sloth_types::Result;

use super::Operator;
use super::delta::Consolidator;
use super::join::residual::Residual;
use super::join::{gathered_delta, null_keys, pick};
use super::window::fit_rows;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::arrangement::{Arrangement, Written};
use crate::state::keys::ABSENT;
use crate::state::snapshot::{Owner, Section, batches_of, numbers, split};

/// Rows of the output that are made at once, at most and at least.
const ROWS_MAX: usize = 16 * 1024;
const ROWS_MIN: usize = 1024;
/// About so many bytes of them.
const BYTES_MAX: usize = 4 << 20;

/// Joins the rows whose keys this worker owns.
pub(crate) struct MultiJoinOperator {
    join: MultiJoin,
    inputs: Vec<Input>,
    residual: Option<Residual>,
    schema: SchemaRef,
    /// No row of the output is ever taken back.
    appends: bool,
    /// Nets what several inputs of an epoch have made of the same row.
    netted: Consolidator,
    gauge: StateGauge,
}

struct Input {
    waiting: Vec<Batch>,
    consolidator: Consolidator,
    rows: Arrangement,
    schema: SchemaRef,
}

/// Rows of the output, as what they are made of.
#[derive(Default)]
struct Product {
    /// For each input its rows: those of the changes by their number, those of the others by their slot.
    picks: Vec<Vec<u32>>,
    /// Absent when all rows are inserts.
    weights: Option<Vec<i64>>,
}

/// The sections of an input: its rows, and what has changed in them.
pub(crate) fn sections(input: usize) -> [String; 2] {
    [format!("input {input}"), format!("input {input} changes")]
}

impl MultiJoinOperator {
    /// No rows yet. For each input its schema, and whether its rows may be taken back.
    pub(crate) fn new(
        join: &MultiJoin,
        inputs: &[(SchemaRef, bool)],
        schema: SchemaRef,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let residual = join.residual.as_ref().map(|expr| Residual::new(expr, &schema)).transpose()?;
        let appends = inputs.iter().all(|(_, retracts)| !retracts);
        let input = |((schema, retracts), keys): (&(SchemaRef, bool), &Vec<usize>)| -> Result<Input> {
            Ok(Input {
                waiting: vec![],
                consolidator: Consolidator::new(schema)?,
                rows: Arrangement::new(schema, keys, *retracts)?,
                schema: Arc::clone(schema),
            })
        };
        let inputs = inputs.iter().zip(&join.keys).map(input).collect::<Result<_>>()?;
        let netted = Consolidator::new(&schema)?;
        Ok(MultiJoinOperator {
            join: join.clone(),
            inputs,
            residual,
            schema,
            appends,
            netted,
            gauge: StateGauge::new(context),
        })
    }

    /// Takes in changes of one input, against the others as they are.
    fn take_in(&mut self, which: usize, delta: &Batch, out: &mut Vec<Batch>) -> Result<()> {
        let delta = match null_keys(&delta.rows, &self.join.keys[which]).filter(|_| !self.join.null_equal) {
            // Rows with a NULL key have no partner, ever, and need not be kept.
            Some(nulls) => &pick(delta, &BooleanArray::new(nulls.inner().clone(), None))?,
            None => delta,
        };
        let rows = delta.rows.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let keys = self.inputs[which].rows.encode(&delta.rows)?;
        let others = (0..self.inputs.len()).filter(|other| *other != which);
        let found: Vec<(usize, Vec<u32>)> =
            others.map(|other| (other, self.inputs[other].rows.find(&keys, rows))).collect();
        self.multiply(which, delta, &found, out)?;
        self.inputs[which].rows.apply(&delta.rows, delta.diffs.as_ref(), &keys, &mut vec![])
    }

    /// Rows of the output that are worth making at once.
    fn rows_at_once(&self) -> usize {
        let width = |input: &Input| input.rows.bytes() / input.rows.len().max(1);
        let width: usize = self.inputs.iter().map(width).sum();
        (BYTES_MAX / width.max(1)).clamp(ROWS_MIN, ROWS_MAX)
    }

    /// The product of each changed row with the rows of its key of all others; `found` says where these begin.
    fn multiply(&self, which: usize, delta: &Batch, found: &[(usize, Vec<u32>)], out: &mut Vec<Batch>) -> Result<()> {
        let at_once = self.rows_at_once();
        let inserts_only = delta.diffs.is_none() && found.iter().all(|(o, _)| !self.inputs[*o].rows.retracts());
        let empty = || Product { picks: vec![vec![]; self.inputs.len()], weights: (!inserts_only).then(Vec::new) };
        let mut product = empty();
        let mut heads = vec![ABSENT; found.len()];
        let mut at = vec![ABSENT; found.len()];
        for row in 0..delta.rows.num_rows() {
            found.iter().for_each(|(other, keys)| self.inputs[*other].rows.touch_next(keys, row));
            let first = |(other, keys): &(usize, Vec<u32>)| match keys.get(row) {
                Some(key) if *key != ABSENT => self.inputs[*other].rows.first_of(*key),
                _ => ABSENT,
            };
            // Where one of them has nothing, there is nothing.
            if !found.iter().zip(&mut heads).all(|(one, head)| {
                *head = first(one);
                *head != ABSENT
            }) {
                continue;
            }
            let diff = delta.diffs.as_ref().map_or(1, |d| d.value(row));
            at.copy_from_slice(&heads);
            loop {
                product.picks[which].push(row as u32);
                for ((other, _), slot) in found.iter().zip(&at) {
                    product.picks[*other].push(*slot);
                }
                if let Some(weights) = &mut product.weights {
                    let each = found.iter().zip(&at).map(|((other, _), slot)| self.inputs[*other].rows.weight(*slot));
                    weights.push(each.fold(diff, |all, weight| all * weight));
                }
                if product.picks[which].len() >= at_once {
                    self.emit(which, delta, std::mem::replace(&mut product, empty()), out)?;
                }
                if !self.advance(found, &heads, &mut at) {
                    break;
                }
            }
        }
        self.emit(which, delta, product, out)
    }

    /// The next combination of rows, the last input's first; false behind the last one.
    #[inline]
    fn advance(&self, found: &[(usize, Vec<u32>)], heads: &[u32], at: &mut [u32]) -> bool {
        for (((other, _), head), slot) in found.iter().zip(heads).zip(at).rev() {
            *slot = self.inputs[*other].rows.next_of(*slot);
            if *slot != ABSENT {
                return true;
            }
            *slot = *head;
        }
        false
    }

    fn emit(&self, which: usize, delta: &Batch, product: Product, out: &mut Vec<Batch>) -> Result<()> {
        let Product { mut picks, mut weights } = product;
        if picks[which].is_empty() {
            return Ok(());
        }
        let mut mine = UInt32Array::from(std::mem::take(&mut picks[which]));
        let column = |at: usize, mine: &UInt32Array, picks: &[Vec<u32>]| -> Result<ArrayRef> {
            let (input, column) = self.join.columns[at];
            if input == which {
                Ok(take(delta.rows.column(column), mine, None)?)
            } else {
                self.inputs[input].rows.gather(column, &picks[input])
            }
        };
        if let Some(residual) = &self.residual {
            let mask = residual.mask(mine.len(), |at| column(at, &mine, &picks))?;
            if mask.true_count() < mine.len() {
                let kept =
                    |list: &[u32]| mask.values().set_indices().filter_map(|row| list.get(row)).copied().collect();
                picks = picks.iter().map(|list| kept(list)).collect();
                weights = weights.map(|w| mask.values().set_indices().filter_map(|row| w.get(row)).copied().collect());
                mine = UInt32Array::from(kept(mine.values()));
            }
        }
        if mine.is_empty() {
            return Ok(());
        }
        let columns = (0..self.join.columns.len()).map(|at| column(at, &mine, &picks)).collect::<Result<_>>()?;
        let rows = fit_rows(&self.schema, columns, mine.len())?;
        out.push(Batch::changes(rows, weights.map(Int64Array::from)));
        Ok(())
    }

    fn measure(&mut self) {
        let rows = self.inputs.iter().map(|input| input.rows.len()).sum();
        let bytes = self.inputs.iter().map(|input| input.rows.bytes()).sum();
        self.gauge.set(rows, bytes);
    }

    /// All that a join makes which is given the rows of all inputs at once.
    fn joined_anew(&self) -> Result<Vec<Batch>> {
        let inputs: Vec<(SchemaRef, bool)> =
            self.inputs.iter().map(|input| (Arc::clone(&input.schema), input.rows.retracts())).collect();
        let mut anew = MultiJoinOperator::new(&self.join, &inputs, Arc::clone(&self.schema), self.gauge.context())?;
        let mut out = vec![];
        for (which, input) in self.inputs.iter().enumerate() {
            for rows in input.rows.save(Written::Anyhow, |_| Ok(vec![]))? {
                let (columns, _) = split(&rows, input.schema.fields().len())?;
                let weights = numbers(&rows, columns.len())?;
                let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
                let batch = RecordBatch::try_new_with_options(Arc::clone(&input.schema), columns.to_vec(), &options)?;
                let diffs = input.rows.retracts().then(|| weights.clone());
                anew.take_in(which, &Batch::changes(batch, diffs), &mut out)?;
            }
        }
        if self.appends {
            out.iter_mut().for_each(|batch| batch.diffs = None);
            return Ok(out);
        }
        Ok(anew.netted.run(&out)?.into_iter().collect())
    }

    fn owner(&self, input: usize) -> Owner {
        Owner::Key(self.join.keys.get(input).cloned().unwrap_or_default())
    }

    fn saved_changes(&mut self, take: impl Fn(&mut Arrangement) -> Result<Vec<RecordBatch>>) -> Result<Vec<Section>> {
        let mut saved = vec![];
        for input in 0..self.inputs.len() {
            let [_, name] = sections(input);
            saved.push(Section::new(&name, self.owner(input), take(&mut self.inputs[input].rows)?));
        }
        Ok(saved)
    }

    fn restore_changes(&mut self, input: usize, rows: &RecordBatch) -> Result<()> {
        let input = &mut self.inputs[input];
        let width = input.schema.fields().len();
        let (columns, _) = split(rows, width)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&input.schema), columns.to_vec(), &options)?;
        let keys = input.rows.encode(&batch)?;
        input.rows.apply(&batch, Some(numbers(rows, width)?), &keys, &mut vec![])
    }
}

impl Operator for MultiJoinOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        if let Some(input) = self.inputs.get_mut(usize::from(batch.port)) {
            input.waiting.push(batch);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let mut changed = 0;
        for which in 0..self.inputs.len() {
            let input = &mut self.inputs[which];
            let deltas = gathered_delta(std::mem::take(&mut input.waiting), &mut input.consolidator)?;
            changed += usize::from(!deltas.is_empty());
            for delta in &deltas {
                self.take_in(which, delta, out)?;
            }
        }
        if changed > 0 {
            self.measure();
        }
        if self.appends {
            for batch in out {
                batch.diffs = None;
            }
        } else if changed > 1 {
            // What one input's change has made another one's may have taken back.
            *out = self.netted.run(&std::mem::take(out))?.into_iter().collect();
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let mut saved = vec![];
        for input in 0..self.inputs.len() {
            let owner = self.owner(input);
            let rows = &mut self.inputs[input].rows;
            rows.begin_changes();
            let [name, _] = sections(input);
            saved.push(Section::new(&name, owner, rows.save(Written::Anyhow, |_| Ok(vec![]))?));
        }
        Ok(saved)
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        if self.inputs.iter().any(|input| !input.rows.knows_changes()) {
            return Ok(None);
        }
        self.saved_changes(Arrangement::take_changes).map(Some)
    }

    fn begin_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save().map(Some)
    }

    fn save_ahead(&mut self) -> Result<Vec<Section>> {
        self.saved_changes(Arrangement::take_changes_ahead)
    }

    fn kept_rows(&self) -> Option<(usize, usize)> {
        let kept = self.inputs.iter().map(|input| input.rows.kept_rows()).sum();
        Some((kept, self.inputs.iter().map(|input| input.rows.len()).sum()))
    }

    fn resume_changes(&mut self, _: i64) -> bool {
        self.inputs.iter_mut().for_each(|input| input.rows.begin_changes());
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for input in 0..self.inputs.len() {
            let [name, changes] = sections(input);
            for rows in batches_of(&mut state, &name) {
                self.inputs[input].rows.restore(&rows)?;
            }
            for rows in batches_of(&mut state, &changes) {
                self.restore_changes(input, &rows)?;
            }
        }
        self.measure();
        Ok(())
    }

    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        self.joined_anew().map(Some)
    }
}

#[cfg(test)]
#[path = "multi_join/tests.rs"]
mod tests;
