//! Recursions in which each row comes from one row of the round before: changes are followed, and nothing else is looked at.
//!
//! Tables are kept by the columns on which the recursion meets them, and the rows that have come to meet them, too. With
//! the tables' changes dT, a round's rows R and their changes dR, the next round changes by R ⋈ dT + dR ⋈ (T + dT), for each
//! join in turn.
//!
//! `UNION ALL`: rows carry the number of their round. The changes of round 0 are those of the first term; when the changes
//! of a round are known those of the next one follow, until there are none: by induction each round is what it would be if
//! it were computed anew, in a cycle, too.
//!
//! `UNION`: a row carries the number of the round, of all rounds ever, in which it came. A way to it is *firm* when it
//! begins at a row with a smaller number, or at the first term. A row that has lost its last firm way is taken out, with all
//! ways that begin at it, until every row has a firm way: what is left then stands on the first term, as numbers fall along
//! firm ways. Then rows are put in, with new numbers, to which ways lead, round after round: so the least fixpoint comes
//! out. (Delete and rederive, see Gupta, Mumick and Subrahmanian, "Maintaining Views Incrementally", 1993; but what has
//! another firm way is not touched.) Rows that stay never get another number, so that what only comes meets only what is new.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sloth_plan::recursive::Linear;
use sloth_types::{Error, Result};

use super::Operator;
use super::delta::Consolidator;
use super::stages::weights;
use super::window::fit_rows;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::derived::Derived;
use crate::state::snapshot::{Owner, ROWS_MAX, Section, batches_of, column_of};

mod ways;

use ways::{Ways, weigh};

/// The whole recursion, on one worker.
pub(crate) struct LinearRecursion {
    name: String,
    linear: Arc<Linear>,
    ways: Ways,
    /// Changes of the first term.
    first: Vec<Batch>,
    /// The rows of the result, where each is there once.
    derived: Option<Derived>,
    schema: SchemaRef,
    numbered: SchemaRef,
    consolidator: Consolidator,
    gauge: StateGauge,
}

impl LinearRecursion {
    /// No rows. `inputs` are the schemas of the first term and of the tables.
    pub(crate) fn new(
        (name, linear): (String, Linear),
        inputs: &[SchemaRef],
        schema: SchemaRef,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let linear = Arc::new(linear);
        let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
        fields.push(Field::new("$round", DataType::Int64, true));
        let derived = if linear.distinct { Some(Derived::new(&schema)?) } else { None };
        Ok(LinearRecursion {
            name,
            ways: Ways::new(Arc::clone(&linear), inputs.get(1..).unwrap_or_default())?,
            linear,
            first: vec![],
            derived,
            consolidator: Consolidator::new(&schema)?,
            schema,
            numbered: Arc::new(Schema::new(fields)),
            gauge: StateGauge::new(context),
        })
    }

    /// Rows with numbers behind them.
    fn number(&self, mut columns: Vec<ArrayRef>, numbers: impl IntoIterator<Item = i64>) -> Result<RecordBatch> {
        columns.push(column_of(numbers));
        let rows = columns.last().map_or(0, |c| c.len());
        fit_rows(&self.numbered, columns, rows)
    }

    /// Rows without the numbers behind them, and those.
    fn split(&self, rows: &RecordBatch) -> Result<(RecordBatch, Int64Array)> {
        let width = self.schema.fields().len();
        let columns = rows.columns().iter().take(width).cloned().collect();
        Ok((fit_rows(&self.schema, columns, rows.num_rows())?, weights(rows.column(width))))
    }

    /// Takes in what waits.
    fn follow(&mut self, out: &mut Vec<Batch>) -> Result<()> {
        let first = std::mem::take(&mut self.first);
        let found = self.ways.take_tables().map_err(|e| of_recursion(e, &self.name))?;
        let Some(mut derived) = self.derived.take() else { return self.follow_rounds(first, &found, out) };
        let followed = self.follow_rows(&mut derived, &first, &found, out);
        self.derived = Some(derived);
        followed
    }

    /// `UNION ALL`: the changes of round after round.
    fn follow_rounds(&mut self, first: Vec<Batch>, found: &[Batch], out: &mut Vec<Batch>) -> Result<()> {
        let mut rounds: BTreeMap<i64, Vec<Batch>> = BTreeMap::from([(0, first)]);
        self.sort_by_round(found, &mut rounds)?;
        let mut changes = vec![];
        while let Some((round, mut waiting)) = rounds.pop_first() {
            weigh(&mut waiting);
            let Some(delta) = self.consolidator.run(&waiting)? else { continue };
            if round + 1 >= self.linear.rounds_max as i64 {
                return Err(self.linear.endless(&self.name));
            }
            let count = delta.rows.num_rows();
            let rows = self.number(delta.rows.columns().to_vec(), std::iter::repeat_n(round, count))?;
            let found = self.ways.step(&delta.with_rows(rows)).map_err(|e| of_recursion(e, &self.name))?;
            self.sort_by_round(&found, &mut rounds)?;
            changes.push(delta);
        }
        out.extend(self.consolidator.run(&changes)?);
        Ok(())
    }

    /// Rows made by those of rounds are of the rounds behind them.
    fn sort_by_round(&self, found: &[Batch], rounds: &mut BTreeMap<i64, Vec<Batch>>) -> Result<()> {
        for batch in found {
            let (rows, numbers) = self.split(&batch.rows)?;
            let mut of_round: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
            for (row, number) in (0u32..).zip(numbers.values()) {
                of_round.entry(*number).or_default().push(row);
            }
            for (round, picked) in of_round {
                let picked = UInt32Array::from(picked);
                let diffs = match &batch.diffs {
                    Some(diffs) => Some(weights(&arrow::compute::take(diffs, &picked, None)?)),
                    None => None,
                };
                let rows = take_record_batch(&rows, &picked)?;
                rounds.entry(round + 1).or_default().push(Batch::changes(rows, diffs));
            }
        }
        Ok(())
    }

    /// `UNION`: takes out what has no firm way any more, then puts in what has one.
    fn follow_rows(
        &mut self,
        derived: &mut Derived,
        first: &[Batch],
        found: &[Batch],
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let mut touched = vec![];
        for batch in first {
            derived.add(&batch.rows, batch.diffs.as_ref(), None, &mut touched)?;
        }
        self.add(derived, found, &mut touched)?;
        let mut looked_at = 0;
        loop {
            let (fallen, since) = derived.fall(touched.get(looked_at..).unwrap_or_default());
            looked_at = touched.len();
            if fallen.is_empty() {
                break;
            }
            self.step(derived, &fallen, &since, -1, &mut touched)?;
        }
        let (mut looked_at, mut rounds) = (0, 0);
        loop {
            let (risen, since) = derived.rise(touched.get(looked_at..).unwrap_or_default());
            looked_at = touched.len();
            if risen.is_empty() {
                break;
            }
            rounds += 1;
            if rounds >= self.linear.rounds_max {
                return Err(self.linear.endless(&self.name));
            }
            self.step(derived, &risen, &vec![since; risen.len()], 1, &mut touched)?;
        }
        derived.settle(touched, |derived, slots, diffs| {
            for (slots, diffs) in slots.chunks(ROWS_MAX).zip(diffs.chunks(ROWS_MAX)) {
                let rows = fit_rows(&self.schema, derived.gather(slots)?, slots.len())?;
                out.push(Batch::changes(rows, Some(Int64Array::from(diffs.to_vec()))));
            }
            Ok(())
        })
    }

    /// Rows have come (1) or gone (-1): so do the ways that begin at them.
    fn step(
        &mut self,
        derived: &mut Derived,
        slots: &[u32],
        since: &[i64],
        diff: i64,
        touched: &mut Vec<u32>,
    ) -> Result<()> {
        for (slots, since) in slots.chunks(ROWS_MAX).zip(since.chunks(ROWS_MAX)) {
            let rows = self.number(derived.gather(slots)?, since.iter().copied())?;
            let rows = Batch::changes(rows, Some(Int64Array::from(vec![diff; slots.len()])));
            let found = self.ways.step(&rows).map_err(|e| of_recursion(e, &self.name))?;
            self.add(derived, &found, touched)?;
        }
        Ok(())
    }

    fn add(&self, derived: &mut Derived, found: &[Batch], touched: &mut Vec<u32>) -> Result<()> {
        for batch in found {
            let (rows, since) = self.split(&batch.rows)?;
            derived.add(&rows, batch.diffs.as_ref(), Some(&since), touched)?;
        }
        Ok(())
    }

    fn measure(&mut self) {
        let (rows, bytes) = self.ways.size();
        let derived = self.derived.as_ref().map_or((0, 0), |d| (d.len(), d.bytes()));
        self.gauge.set(rows + derived.0, bytes + derived.1);
    }
}

fn of_recursion(error: Error, name: &str) -> Error {
    error.context(format_args!("recursion '{name}'"))
}

impl Operator for LinearRecursion {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        match usize::from(batch.port).checked_sub(1) {
            Some(table) => self.ways.take_in(table, batch),
            None => {
                let rows = fit_rows(&self.schema, batch.rows.columns().to_vec(), batch.rows.num_rows())?;
                self.first.push(batch.with_rows(rows));
            }
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        if self.first.is_empty() && !self.ways.waits() {
            return Ok(());
        }
        self.follow(out)?;
        self.measure();
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let mut sections = self.ways.save()?;
        if let Some(derived) = &mut self.derived {
            sections.push(Section::new("derived", Owner::Key(vec![]), derived.save()?));
        }
        Ok(sections)
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        if !self.ways.knows_changes() || self.derived.as_ref().is_some_and(|d| !d.knows_changes()) {
            return Ok(None);
        }
        let mut sections = self.ways.save_changes()?;
        if let Some(changes) = self.derived.as_mut().and_then(Derived::save_changes) {
            sections.push(Section::new("derived changes", Owner::Key(vec![]), changes));
        }
        Ok(Some(sections))
    }

    fn kept_rows(&self) -> Option<(usize, usize)> {
        let derived = self.derived.as_ref().map_or((0, 0), |d| (d.kept_rows(), d.len()));
        Some((self.ways.kept_rows() + derived.0, self.ways.size().0 + derived.1))
    }

    fn resume_changes(&mut self, _: i64) -> bool {
        self.ways.begin_changes();
        self.derived.iter_mut().for_each(Derived::begin_changes);
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        self.ways.restore(&mut state)?;
        if let Some(derived) = &mut self.derived {
            for name in ["derived", "derived changes"] {
                batches_of(&mut state, name).iter().try_for_each(|rows| derived.restore(rows))?;
            }
        }
        self.measure();
        Ok(())
    }

    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        let Some(derived) = &self.derived else { return Ok(None) };
        let told = |slots: &[u32]| {
            let rows = fit_rows(&self.schema, derived.gather(slots)?, slots.len())?;
            Ok(Batch::changes(rows, Some(Int64Array::from(vec![1; slots.len()]))))
        };
        derived.live().chunks(ROWS_MAX).map(told).collect::<Result<_>>().map(Some)
    }
}

#[cfg(test)]
#[path = "linear_recursion/tests.rs"]
mod tests;
