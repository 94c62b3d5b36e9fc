//! `MATCH_RECOGNIZE`: finds sequences of rows in each partition, in the order of their time.
//!
//! Rows wait until the watermark has passed them and are then put in order. One attempt runs per partition, from the
//! earliest row that may still begin a match; it is decided when no thread of it is left, when its time is over
//! (`WITHIN`), or when the input ends. Rows before the next attempt are forgotten.

mod program;
mod snapshot;
mod values;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use sloth_plan::pattern::{Condition, MatchRecognize, MatchValue, Skip};
use sloth_types::{Error, Result, Watermark};

use super::Operator;
use super::window::fit;
use super::window_assign::millis;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::change_log::ChangeLog;
use crate::state::changed::Changed;
use crate::state::keys::{KeyEncoder, KeyTable, RowSet};
use crate::state::rows::Rows;
use crate::state::snapshot::Section;
use program::{Attempt, Mapped, NONE, Program, chain};
use values::{Sight, condition, value};

/// Finds the matches of the partitions that this worker owns.
pub(crate) struct MatchOperator {
    node: MatchRecognize,
    program: Program,
    time: TimeDomain,
    schema: SchemaRef,
    encoder: KeyEncoder,
    keys: KeyTable,
    rows: Rows,
    /// Number of columns of the input.
    width: usize,
    partitions: Vec<Partition>,
    /// Rows that the watermark has not passed, by time: slot and partition.
    waiting: BTreeMap<i64, Vec<(u32, u32)>>,
    /// When attempts run out of time, by partition.
    deadlines: BTreeSet<(i64, u32)>,
    /// Brings rows of the same time into an order.
    order: RowConverter,
    /// Rows before an attempt that `PREV` may ask for.
    lookback: u64,
    /// Rows that have come since the last checkpoint, each with its time and its epoch.
    came: ChangeLog,
    /// Partitions since then.
    changed: Changed,
    /// The watermark that has passed rows.
    passed: Watermark,
    /// The state has been taken up from an earlier release, whose tables are not gone on with.
    whole_next: bool,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

/// The rows of a partition in their order, and the attempt that runs over them.
#[derive(Default)]
struct Partition {
    rows: VecDeque<Kept>,
    /// Number of the first row kept; rows are numbered from the partition's beginning.
    base: u64,
    /// Where the attempt began, and the next row it takes in.
    start: u64,
    next: u64,
    attempt: Option<Attempt>,
    matches: i64,
    deadline: Option<i64>,
}

#[derive(Clone, Copy)]
struct Kept {
    slot: u32,
    time: i64,
}

impl Partition {
    fn row(&self, number: u64) -> Option<Kept> {
        self.rows.get(usize::try_from(number.checked_sub(self.base)?).ok()?).copied()
    }

    fn end(&self) -> u64 {
        self.base + self.rows.len() as u64
    }
}

impl MatchOperator {
    /// No rows yet. `input` is the schema of the input, `schema` that of the output.
    pub(crate) fn new(
        node: &MatchRecognize,
        input: &SchemaRef,
        time: TimeDomain,
        schema: SchemaRef,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let types = node.partition.iter().map(|k| input.field(*k).data_type().clone()).collect();
        let encoder = KeyEncoder::new(types)?;
        let memoryless = !node.variables.iter().any(|v| matches!(v.condition, Condition::Computed(_)));
        let order = node.order.iter().copied().chain(0..input.fields().len());
        let order = order.map(|c| SortField::new(input.field(c).data_type().clone())).collect();
        let exprs =
            node.measures.iter().map(|m| &m.expr).chain(node.variables.iter().filter_map(|v| match &v.condition {
                Condition::Computed(expr) => Some(expr),
                _ => None,
            }));
        let lookback = exprs
            .flat_map(|e| &e.values)
            .map(|v| if let MatchValue::Last { before, .. } = v { *before as u64 } else { 0 })
            .max()
            .unwrap_or(0);
        Ok(MatchOperator {
            node: node.clone(),
            program: Program::new(&node.pattern, memoryless),
            time,
            schema,
            keys: KeyTable::new(&encoder),
            encoder,
            rows: Rows::new(input)?,
            width: input.fields().len(),
            partitions: vec![],
            waiting: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            order: RowConverter::new(order)?,
            lookback,
            came: ChangeLog::default(),
            changed: Changed::default(),
            passed: Watermark::NONE,
            whole_next: false,
            gauge: StateGauge::new(Arc::clone(&context)),
            context,
        })
    }

    fn take_in(&mut self, epoch: &EpochInfo, batch: &Batch) -> Result<()> {
        let count = batch.rows.num_rows();
        let keys: Vec<ArrayRef> = self.node.partition.iter().map(|k| ArrayRef::clone(batch.rows.column(*k))).collect();
        let encoded = self.encoder.encode(&keys)?;
        let times = millis(batch.rows.column(self.node.time))?;
        let late = self.time.late_watermark(epoch);
        let (mut kept, mut when) = (vec![], vec![]);
        for row in 0..count {
            let time =
                if self.node.proctime { Some(epoch.now_ms) } else { times.is_valid(row).then(|| times.value(row)) };
            match time {
                Some(time) if time > late.0 => {
                    kept.push(row as u32);
                    when.push(time);
                }
                _ => self.context.figures.late_rows.add(1),
            }
        }
        if kept.is_empty() {
            return Ok(());
        }
        self.note(epoch, batch, &kept, &when)?;
        let mut partitions = vec![];
        self.keys.intern(&encoded, &RowSet::List(&kept), &mut partitions);
        partitions.resize(kept.len(), 0);
        self.changed.note(&partitions);
        self.partitions.resize_with(self.keys.slots().max(1), Partition::default);
        let slots: Vec<u32> = kept.iter().map(|_| self.rows.allot()).collect();
        self.rows.store(batch.rows.columns(), &kept, &slots)?;
        for ((slot, partition), time) in slots.into_iter().zip(partitions).zip(when) {
            self.waiting.entry(time).or_default().push((slot, partition));
        }
        Ok(())
    }

    /// Rows that the watermark has passed go to the end of their partitions; returns the partitions.
    fn release(&mut self, watermark: Watermark) -> Result<BTreeSet<u32>> {
        let mut touched = BTreeSet::new();
        while let Some(entry) = self.waiting.first_entry() {
            let time = *entry.key();
            if time > watermark.0 && !self.node.proctime {
                break;
            }
            let mut rows = entry.remove();
            if rows.len() > 1 {
                let slots: Vec<u32> = rows.iter().map(|(slot, _)| *slot).collect();
                let columns = self.node.order.iter().copied().chain(0..self.width);
                let columns: Vec<ArrayRef> = columns.map(|c| self.rows.gather(c, &slots)).collect::<Result<_>>()?;
                let encoded = self.order.convert_columns(&columns)?;
                let mut order: Vec<usize> = (0..rows.len()).collect();
                order.sort_by(|a, b| encoded.row(*a).cmp(&encoded.row(*b)));
                rows = order.into_iter().map(|i| rows[i]).collect();
            }
            for (slot, partition) in rows {
                self.partitions[partition as usize].rows.push_back(Kept { slot, time });
                touched.insert(partition);
            }
        }
        Ok(touched)
    }

    /// Runs a partition's attempts as far as its rows go.
    fn run(&mut self, partition: u32, watermark: Watermark, found: &mut Found) -> Result<()> {
        let place = partition as usize;
        if let Some(deadline) = self.partitions[place].deadline.take() {
            self.deadlines.remove(&(deadline, partition));
        }
        loop {
            let state = &mut self.partitions[place];
            let Some(first) = state.row(state.start) else { break };
            let mut attempt = state.attempt.take().unwrap_or_else(|| self.program.start());
            let state = &self.partitions[place];
            let deadline = self.node.within_ms.map(|within| first.time.saturating_add(within));
            let (mut next, end) = (state.next.max(state.start), state.end());
            let mut decided = false;
            while next < end && !decided {
                let Some(row) = state.row(next) else { break };
                if deadline.is_some_and(|deadline| row.time >= deadline) {
                    decided = true;
                    break;
                }
                let sight = Sight { node: &self.node, rows: &self.rows, partition: state };
                attempt.step(&self.program, next, |variable, history, last| {
                    condition(&sight, variable, next, || chain(history, last))
                })?;
                next += 1;
                decided = attempt.decided();
            }
            // Rows that come later are not before the watermark's instant.
            let over = watermark == Watermark::END || deadline.is_some_and(|d| watermark.0 >= d.saturating_sub(1));
            if !decided && !over {
                let state = &mut self.partitions[place];
                (state.next, state.attempt, state.deadline) = (next, Some(attempt), deadline);
                if let Some(deadline) = deadline {
                    self.deadlines.insert((deadline, partition));
                }
                break;
            }
            let outcome = attempt.outcome();
            if !outcome.is_empty() {
                self.partitions[place].matches += 1;
                self.emit(place, &outcome, found)?;
            }
            let start = self.partitions[place].start;
            let next_start = self.after(start, &outcome)?;
            self.forget_before(place, next_start);
        }
        Ok(())
    }

    /// Where the next attempt begins.
    fn after(&self, start: u64, outcome: &[Mapped]) -> Result<u64> {
        let Some(last) = outcome.last() else { return Ok(start + 1) };
        let of = |variable: usize, found: Option<&Mapped>| match found {
            Some(mapped) if mapped.row > start => Ok(mapped.row),
            _ => {
                let name = self.node.variables.get(variable).map_or("?", |v| v.name.as_str());
                let what = if found.is_some() { "is the match's first row" } else { "has no row in the match" };
                Err(Error::data(format!(
                    "AFTER MATCH SKIP to {name}: the variable {what}, so matching would not go on"
                ))
                .hint("Skip to a variable that every match has behind its first row, or use PAST LAST ROW."))
            }
        };
        match self.node.skip {
            Skip::PastLastRow => Ok(last.row + 1),
            Skip::ToNextRow => Ok(start + 1),
            Skip::ToFirst(variable) => of(variable, outcome.iter().find(|m| m.variable == variable)),
            Skip::ToLast(variable) => of(variable, outcome.iter().rev().find(|m| m.variable == variable)),
        }
    }

    fn forget_before(&mut self, place: usize, start: u64) {
        let state = &mut self.partitions[place];
        (state.start, state.next, state.attempt) = (start, start, None);
        while state.base + self.lookback < start {
            let Some(row) = state.rows.pop_front() else { break };
            self.rows.remove(row.slot);
            state.base += 1;
        }
    }

    fn emit(&self, place: usize, outcome: &[Mapped], found: &mut Found) -> Result<()> {
        let state = &self.partitions[place];
        let sight = Sight { node: &self.node, rows: &self.rows, partition: state };
        let Some(last) = outcome.last() else { return Ok(()) };
        let Some(passed) = &self.node.all_rows else {
            let slot = state.row(last.row).map_or(NONE, |r| r.slot);
            let mut columns: Vec<ArrayRef> =
                self.node.partition.iter().map(|k| self.rows.gather(*k, &[slot])).collect::<Result<_>>()?;
            for measure in &self.node.measures {
                columns.push(value(&sight, &measure.expr, outcome)?);
            }
            found.push(columns);
            return Ok(());
        };
        for (i, mapped) in outcome.iter().enumerate().filter(|(_, m)| !m.excluded) {
            let slot = state.row(mapped.row).map_or(NONE, |r| r.slot);
            let mut columns: Vec<ArrayRef> =
                passed.iter().map(|c| self.rows.gather(*c, &[slot])).collect::<Result<_>>()?;
            for measure in &self.node.measures {
                // Of all rows each sees the match up to itself.
                columns.push(value(&sight, &measure.expr, &outcome[..=i])?);
            }
            found.push(columns);
        }
        Ok(())
    }
}

/// Output rows, one list of columns of length one each.
#[derive(Default)]
struct Found(Vec<Vec<ArrayRef>>);

impl Found {
    fn push(&mut self, columns: Vec<ArrayRef>) {
        self.0.push(columns);
    }

    fn into_batch(self, schema: &SchemaRef) -> Result<Option<RecordBatch>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let columns = (0..schema.fields().len())
            .map(|i| {
                let parts: Vec<&dyn Array> = self.0.iter().filter_map(|row| row.get(i)).map(AsRef::as_ref).collect();
                Ok(concat(&parts)?)
            })
            .collect::<Result<Vec<_>>>()?;
        fit(schema, columns).map(Some)
    }
}

impl Operator for MatchOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.take_in(epoch, &batch)
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let watermark = self.time.watermark(epoch);
        self.passed = self.passed.max(watermark);
        let mut touched = self.release(watermark)?;
        if watermark == Watermark::END {
            touched.extend(0..self.partitions.len() as u32);
        }
        // Later rows come behind the watermark.
        touched.extend(self.deadlines.iter().take_while(|(d, _)| *d <= watermark.0.saturating_add(1)).map(|(_, p)| *p));
        self.changed.note(&touched.iter().copied().collect::<Vec<_>>());
        let mut found = Found::default();
        for partition in touched {
            self.run(partition, watermark, &mut found)?;
        }
        out.extend(found.into_batch(&self.schema)?.map(|rows| Batch::changes(rows, None)));
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.keys.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.resume_changes(0);
        self.whole_next = false;
        self.save_whole()
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save_changed()
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        self.changed.go_on(newest);
        self.came.begin(self.rows.len());
        self.partitions.iter_mut().filter_map(|p| p.attempt.as_mut()).for_each(|attempt| _ = attempt.all_written());
        !self.whole_next
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        let kept = self.restore_partitions(&mut state)?;
        self.restore_rows(&mut state)?;
        self.restore_changes(&mut state, &kept)?;
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.keys.bytes());
        Ok(())
    }
}
