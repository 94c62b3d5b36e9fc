//! OVER in the order of event time, told before the watermark has passed the rows: rows behind it stand for good, and those
//! that no later row looks at are forgotten. What they have come to is kept for the functions that go on from there.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::scalar::ScalarValue;
use hashbrown::HashMap;
use sloth_plan::{Over, OverCall, Reach, Scope};
use sloth_types::{Error, Result, Watermark};

use super::OverOperator;
use super::running::{Running, peers};
use crate::context::JobContext;
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::operators::window::fit;
use crate::operators::window_assign::millis;
use crate::state::snapshot::{ROWS_MAX, column_of, foreign_state, split, table};

/// What the watermark has passed.
pub(super) struct Early {
    /// The first order column: event time, ascending.
    column: usize,
    time: TimeDomain,
    /// Rows that no later row looks at are forgotten.
    frees: bool,
    /// Time of each row, by slot.
    times: Vec<i64>,
    past: HashMap<u32, Past>,
    /// When a partition has rows that stand for good, or that are to be forgotten.
    due: BTreeMap<i64, Vec<u32>>,
    /// The watermark that has passed rows.
    passed: Watermark,
    context: Arc<JobContext>,
}

/// What is behind the watermark in a partition.
#[derive(Default)]
struct Past {
    /// Rows at its head that stand for good and are looked at by later ones.
    settled: usize,
    /// What forgotten rows have come to, for each function that goes on from there.
    states: Option<States>,
}

/// The state of each function that goes on from row to row.
pub(super) type States = Vec<Vec<ScalarValue>>;

impl Early {
    /// Nothing is behind the watermark yet.
    pub(super) fn new(column: usize, time: TimeDomain, context: Arc<JobContext>) -> Self {
        let (times, past, due) = (vec![], HashMap::new(), BTreeMap::new());
        Early { column, time, frees: false, times, past, due, passed: Watermark::NONE, context }
    }

    /// Decides whether rows are forgotten, given what a change reaches.
    pub(super) fn freeing(self, over: &Over, scopes: Option<&Vec<Scope>>) -> Self {
        Early { frees: scopes.is_some() && over.calls.iter().all(|call| call.reach.is_bounded()), ..self }
    }

    /// The rows of a batch that are in time.
    pub(super) fn in_time(&self, epoch: &EpochInfo, batch: Batch) -> Result<Batch> {
        let watermark = self.time.late_watermark(epoch);
        let times = millis(batch.rows.column(self.column))?;
        let in_time = |row: usize| times.is_valid(row) && times.value(row) > watermark.0;
        let mask: BooleanArray = (0..times.len()).map(|row| Some(in_time(row))).collect();
        let late = times.len() - mask.true_count();
        if late == 0 {
            return Ok(batch);
        }
        self.context.figures.late_rows.add(late as u64);
        Ok(Batch { rows: filter_record_batch(&batch.rows, &mask)?, ..batch })
    }

    /// The times of the rows of an epoch.
    pub(super) fn times_of(&self, rows: &RecordBatch) -> Result<Vec<i64>> {
        Ok(millis(rows.column(self.column))?.values().to_vec())
    }

    /// A row has come.
    pub(super) fn came(&mut self, partition: u32, slot: u32, time: i64) {
        if !self.frees {
            return;
        }
        if self.times.len() <= slot as usize {
            self.times.resize(slot as usize + 1, 0);
        }
        self.times[slot as usize] = time;
        self.is_due(partition, time);
    }

    fn is_due(&mut self, partition: u32, time: i64) {
        let due = self.due.entry(time).or_default();
        if due.last() != Some(&partition) {
            due.push(partition);
        }
    }

    /// The watermark that has passed rows.
    pub(super) fn passed(&self) -> i64 {
        self.passed.0
    }

    /// How many rows at the head of a partition stand for good.
    pub(super) fn settled(&self, partition: u32) -> usize {
        self.past.get(&partition).map_or(0, |past| past.settled)
    }

    /// What forgotten rows of a partition have come to.
    pub(super) fn states(&self, partition: u32) -> Option<&States> {
        self.past.get(&partition)?.states.as_ref()
    }

    /// Estimated bytes.
    pub(super) fn bytes(&self) -> usize {
        let states = |past: &Past| past.states.iter().flatten().flatten().map(ScalarValue::size).sum::<usize>();
        let one = self.past.values().next().map_or(0, states) + size_of::<(u32, Past)>();
        self.times.capacity() * 8 + self.past.len() * one
    }

    /// Partitions that the watermark has come to something of.
    fn ripe(&mut self, watermark: Watermark) -> Vec<u32> {
        let mut ripe = vec![];
        while let Some(entry) = self.due.first_entry().filter(|entry| *entry.key() <= watermark.0) {
            ripe.append(&mut entry.remove());
        }
        ripe.sort_unstable();
        ripe.dedup();
        ripe
    }

    fn time_of(&self, slot: u32) -> i64 {
        self.times.get(slot as usize).copied().unwrap_or(0)
    }
}

impl OverOperator {
    /// Forgets what is behind the watermark and not looked at any more.
    pub(super) fn forget_passed(&mut self, epoch: &EpochInfo) -> Result<()> {
        let Some(watermark) = self.early.as_ref().map(|early| early.time.watermark(epoch)) else { return Ok(()) };
        self.forget_behind(watermark, true)
    }

    /// Forgets what is behind a watermark; `adds` tells that what forgotten rows have come to is not known yet.
    pub(super) fn forget_behind(&mut self, watermark: Watermark, adds: bool) -> Result<()> {
        let Some(mut early) = self.early.take() else { return Ok(()) };
        early.passed = early.passed.max(watermark);
        let ripe = early.ripe(watermark);
        self.changed.note(&ripe);
        let mut gone = vec![];
        for partition in ripe {
            let passed: Vec<u32> =
                self.rows.rows_of(partition).take_while(|slot| early.time_of(*slot) <= watermark.0).collect();
            let kept = looked_at(&self.over, |slot| early.time_of(slot), &passed, watermark);
            let (forgotten, standing) = passed.split_at(passed.len() - kept);
            let mut past = early.past.remove(&partition).unwrap_or_default();
            if adds && !forgotten.is_empty() && self.goes_on() {
                past.states = Some(self.moved_on(partition, past.states.as_ref(), forgotten)?);
            }
            past.settled = kept;
            self.rows.drop_first(partition, forgotten.len(), &mut gone);
            if !forgotten.is_empty() {
                self.drop_marks(partition);
            }
            let first = standing.first().map(|first| early.time_of(*first));
            if let Some(time) = first.and_then(|first| forgotten_at(&self.over, first, kept)) {
                early.is_due(partition, time);
            }
            match past.states.is_some() || self.rows.len_of(partition) > 0 {
                true => drop(early.past.insert(partition, past)),
                false => self.rows.forget(partition),
            }
        }
        gone.iter().for_each(|slot| self.results.clear(*slot));
        self.rows.free(&mut gone);
        self.early = Some(early);
        Ok(())
    }

    fn goes_on(&self) -> bool {
        self.calls().any(|(_, scope)| matches!(scope, Scope::On { .. }))
    }

    /// What rows have come to, going on from those before them.
    fn moved_on(&self, partition: u32, states: Option<&States>, slots: &[u32]) -> Result<States> {
        let rows = fit(&self.input, self.rows.decode(slots, &vec![partition; slots.len()])?)?;
        let peers = peers(&self.rows, slots);
        let mut before = states.into_iter().flatten();
        let mut after = vec![];
        for ((call, scope), data_type) in self.calls().zip(&self.types) {
            if let Scope::On { .. } = scope {
                let mut running = match before.next() {
                    Some(known) => Running::taken_up(call, known)?,
                    None => Running::new(call)?,
                };
                running.advance(call, &rows, &peers, data_type)?;
                after.push(running.known(call)?);
            }
        }
        Ok(after)
    }

    /// Marks before the first row of a partition mark nothing.
    fn drop_marks(&mut self, partition: u32) {
        let mut marks = self.marks.take(partition);
        let first = self.rows.rows_of(partition).next().map(|slot| self.rows.row(slot));
        marks.retain(|mark| first.is_some_and(|first| mark.at.as_slice() > first));
        self.marks.put(partition, marks);
    }

    /// For each row its time and whether it stands for good.
    pub(super) fn passed_columns(&self, slots: &[u32], partitions: &[u32]) -> Vec<ArrayRef> {
        let Some(early) = &self.early else { return vec![] };
        let times = column_of(slots.iter().map(|slot| early.time_of(*slot)));
        let place = |(slot, partition): (&u32, &u32)| self.rows.place_of(*partition, self.rows.row(*slot));
        let settled = |at: (&u32, &u32)| Some(place(at) < early.settled(*at.1));
        let settled: BooleanArray = slots.iter().zip(partitions).map(settled).collect();
        vec![times, Arc::new(settled)]
    }

    /// Takes up rows with what [`OverOperator::passed_columns`] gave.
    pub(super) fn restore_passed(&mut self, slots: &[u32], partitions: &[u32], beside: &[ArrayRef]) -> Result<()> {
        let Some(early) = &mut self.early else { return Ok(()) };
        let [times, settled] = beside else { return Err(foreign_state(beside.len())) };
        let times = crate::operators::stages::weights(times);
        let settled = settled.as_boolean_opt().ok_or_else(|| foreign_state(beside.len()))?;
        for (row, (slot, partition)) in slots.iter().zip(partitions).enumerate() {
            let time = times.value(row);
            early.came(*partition, *slot, time);
            if settled.value(row) {
                early.past.entry(*partition).or_default().settled += 1;
                if let Some(time) = forgotten_at(&self.over, time, usize::MAX) {
                    early.is_due(*partition, time);
                }
            }
        }
        Ok(())
    }

    /// For each of some partitions its key and what its forgotten rows have come to.
    pub(super) fn states_as_batches(&self, of: impl Fn(u32) -> bool) -> Result<Vec<RecordBatch>> {
        let past = self.early.iter().flat_map(|early| &early.past);
        let states = past.filter_map(|(partition, past)| Some((*partition, past.states.as_ref()?)));
        let mut states: Vec<(u32, &States)> = states.filter(|(partition, _)| of(*partition)).collect();
        // A hash map has no order of its own.
        states.sort_unstable_by_key(|(partition, _)| *partition);
        let batch = |chunk: &[(u32, &States)]| {
            let partitions: Vec<u32> = chunk.iter().map(|(partition, _)| *partition).collect();
            let mut columns = self.rows.partition_columns(&partitions)?;
            let width = chunk.first().map_or(0, |(_, states)| states.iter().flatten().count());
            for i in 0..width {
                let values = chunk.iter().filter_map(|(_, states)| states.iter().flatten().nth(i).cloned());
                columns.push(
                    ScalarValue::iter_to_array(values).map_err(|e| Error::internal(format!("states of OVER: {e}")))?,
                );
            }
            table(columns)
        };
        states.chunks(ROWS_MAX).map(batch).collect()
    }

    /// Takes up what [`OverOperator::states_as_batches`] gave.
    pub(super) fn restore_states(&mut self, rows: &RecordBatch) -> Result<()> {
        let keys = self.over.partition.len();
        let (key, mut columns) = split(rows, keys)?;
        let partitions = self.rows.partitions_of(key, rows.num_rows())?;
        let mut states: Vec<States> = vec![vec![]; partitions.len()];
        for (call, scope) in self.calls() {
            if let Scope::On { .. } = scope {
                let (own, rest) = columns.split_at_checked(Running::width(call)?).ok_or_else(|| foreign_state(keys))?;
                columns = rest;
                for (row, states) in states.iter_mut().enumerate() {
                    states.push(Running::restore(call, own, row)?.known(call)?);
                }
            }
        }
        let Some(early) = &mut self.early else { return Ok(()) };
        for (partition, states) in partitions.into_iter().zip(states) {
            early.past.entry(partition).or_default().states = Some(states);
        }
        Ok(())
    }
}

/// How many of the last of these rows, which the watermark has passed, a later row may look at.
pub(super) fn looked_at(over: &Over, time_of: impl Fn(u32) -> i64, passed: &[u32], watermark: Watermark) -> usize {
    let of = |call: &OverCall| match call.reach {
        Reach::Running => 0,
        Reach::Rows { before, .. } => usize::try_from(before).map_or(passed.len(), |before| before.min(passed.len())),
        Reach::Millis(ms) => {
            let since = watermark.0.saturating_sub(ms);
            passed.len() - passed.partition_point(|slot| time_of(*slot) < since)
        }
        Reach::Back | Reach::Partition => passed.len(),
    };
    over.calls.iter().map(of).max().unwrap_or(0)
}

/// When the first of so many rows that stand is not looked at any more, given its time; `None` where their number decides.
pub(super) fn forgotten_at(over: &Over, first: i64, standing: usize) -> Option<i64> {
    let (mut rows, mut longest) = (0, 0);
    for call in &over.calls {
        match call.reach {
            Reach::Millis(ms) => longest = longest.max(ms),
            Reach::Rows { before, .. } => rows = rows.max(before),
            Reach::Running => {}
            Reach::Back | Reach::Partition => return None,
        }
    }
    (standing as u64 > rows).then(|| first.saturating_add(longest).saturating_add(1))
}
