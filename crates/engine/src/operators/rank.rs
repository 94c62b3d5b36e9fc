//! Ranking: the rows of each partition whose rank is in a range, as they change.
//!
//! The partition's rows stand in order ([`OrderedRows`]). When an epoch first touches a partition, the range of ranks as
//! it was is noted; at the epoch's end it is compared with what it has become, and the difference is given out. Where
//! rows are never taken back, rows behind the range can never come into it and are dropped at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use sloth_plan::{Rank, RankFunction, Ties};
use sloth_types::{ChangelogMode, Result};

use super::Operator;
use super::delta::Consolidator;
use super::sink::by_content;
use super::window::fit;
use super::window_assign::millis;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::ages::Ages;
use crate::state::bits::Bits;
use crate::state::change_log::ChangeLog;
use crate::state::changed::Changed;
use crate::state::ordered::{Located, OrderedRows, Spelled, Stamp, weight_at};
use crate::state::snapshot::Section;

mod places;
mod snapshot;
mod windows;

use places::{by_place, range, repeated};

/// Rows whose partitions are looked at together.
const TOUCHED_ROWS: usize = 64;

/// Ranks the rows whose partitions this worker owns.
pub(crate) struct RankOperator {
    rank: Rank,
    rows: OrderedRows,
    /// When windows close, and when they are over.
    times: [TimeDomain; 2],
    schema: SchemaRef,
    /// Rows of the input may be taken back.
    retracts: bool,
    /// Rows of the output never are.
    appends: bool,
    /// A row of the output takes the place of the one with its key, which is not taken back.
    upserts: bool,
    consolidator: Consolidator,
    waiting: Vec<Batch>,
    touched: Touched,
    /// Slots of rows that went in this epoch: readable until its end.
    gone: Vec<u32>,
    /// Partitions by the end of their window; and the window of each, as a partition may go and its number be used again.
    windows: BTreeMap<i64, Vec<u32>>,
    window_of: Vec<i64>,
    /// When partitions were last changed, where they are forgotten at some time.
    ages: Option<Ages>,
    /// Partitions, since the last checkpoint.
    changed: Changed,
    /// Rows that have come and gone since then, where all of them are kept: see [`RankOperator::tells_rows`].
    moved: ChangeLog,
    /// Rows so far, where ties are by arrival.
    arrived: u64,
    buffer: Vec<u8>,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

/// What a ranking is made with.
pub(crate) struct RankParts {
    pub(crate) rank: Rank,
    pub(crate) input: SchemaRef,
    pub(crate) schema: SchemaRef,
    pub(crate) mode: ChangelogMode,
    pub(crate) retracts: bool,
    pub(crate) time: TimeDomain,
}

/// A row within the range of ranks: its first rank, and how many ranks (or equal rows) it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    slot: u32,
    rank: u64,
    count: i64,
}

/// The partitions that an epoch has touched, and their ranges before it.
#[derive(Default)]
struct Touched {
    partitions: Vec<u32>,
    marks: Bits,
    before: Vec<Entry>,
    /// Where each partition's entries end in `before`.
    ends: Vec<usize>,
}

/// Rows to be given out.
#[derive(Default)]
struct Output {
    slots: Vec<u32>,
    partitions: Vec<u32>,
    ranks: Vec<i64>,
    diffs: Vec<i64>,
}

impl Output {
    fn push(&mut self, partition: u32, entry: Entry, sign: i64) {
        self.slots.push(entry.slot);
        self.partitions.push(partition);
        self.ranks.push(entry.rank as i64);
        self.diffs.push(sign * entry.count);
    }
}

impl RankOperator {
    /// No rows yet.
    pub(crate) fn new(parts: RankParts, context: Arc<JobContext>) -> Result<Self> {
        let RankParts { rank, input, schema, mode, retracts, time } = parts;
        let times = time.of_windows(rank.emission.lateness_ms, rank.cascaded);
        let options =
            |o: &sloth_plan::OrderColumn| SortOptions { descending: o.descending, nulls_first: o.nulls_first };
        let order: Vec<(usize, SortOptions)> = rank.order.iter().map(|o| (o.column, options(o))).collect();
        let rows = match rank.ties {
            Ties::Content if !retracts => OrderedRows::growing(&input, &rank.partition, &order)?,
            Ties::Content => OrderedRows::new(&input, &rank.partition, &order, Stamp::None)?,
            _ => OrderedRows::new(&input, &rank.partition, &order, Stamp::Arrival)?,
        };
        Ok(RankOperator {
            rows,
            ages: rank.ttl_ms.map(Ages::new),
            changed: Changed::default(),
            moved: ChangeLog::default(),
            rank,
            times,
            schema,
            retracts,
            appends: mode == ChangelogMode::Append,
            upserts: matches!(mode, ChangelogMode::Upsert { .. }),
            consolidator: Consolidator::new(&input)?,
            waiting: vec![],
            touched: Touched::default(),
            gone: vec![],
            windows: BTreeMap::new(),
            window_of: vec![],
            arrived: 0,
            buffer: vec![],
            gauge: StateGauge::new(Arc::clone(&context)),
            context,
        })
    }

    /// Takes in changes: in any order, unless ties are by arrival.
    fn add(&mut self, epoch: &EpochInfo, batch: &Batch) -> Result<()> {
        let batch = &self.without_late(epoch, batch)?;
        let rows = batch.rows.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let located = self.rows.locate(&batch.rows)?;
        // Rows that cannot come into the range are not even encoded.
        let mut kept: Vec<u32> = Vec::with_capacity(rows);
        for start in (0..rows).step_by(TOUCHED_ROWS) {
            let some = start..rows.min(start + TOUCHED_ROWS);
            self.rows.touch(&located, some.clone());
            kept.extend(some.filter(|row| !self.is_behind(&located, *row)).map(|row| row as u32));
        }
        if kept.is_empty() {
            return Ok(());
        }
        let all = kept.len() == rows;
        let picked = UInt32Array::from(kept);
        let spelled = self.rows.spell(&batch.rows, (!all).then_some(&picked))?;
        let ends = match self.rank.window_end {
            Some(column) => Some(millis(batch.rows.column(column))?),
            None => None,
        };
        for (at, row) in picked.values().iter().enumerate() {
            let row = *row as usize;
            if self.is_behind(&located, row) {
                continue;
            }
            let partition = located.partitions.get(row).copied().unwrap_or(0);
            if let Some(ends) = &ends
                && self.rows.len_of(partition) == 0
            {
                self.begin_window(ends.value(row), partition);
            }
            self.touch(epoch, partition);
            self.change((&located, row), (&spelled, at), weight_at(batch.diffs.as_ref(), row), partition);
        }
        Ok(())
    }

    fn change(&mut self, located: (&Located, usize), spelled: (&Spelled, usize), diff: i64, partition: u32) {
        let stamp = match self.rank.ties {
            Ties::Content => 0,
            Ties::Earliest { .. } => self.arrived,
            Ties::Latest { .. } => !self.arrived,
        };
        self.arrived += 1;
        let (mut slot, mut moved) = self.rows.change(located, spelled, stamp, diff, &mut self.buffer);
        let missing = self.rows.weight(slot);
        if self.ages.is_some() && diff < 0 && moved != Some(false) && missing < 0 {
            // It takes back what is forgotten.
            (slot, moved) = self.rows.change(located, spelled, stamp, -missing, &mut self.buffer);
        }
        if moved == Some(false) {
            self.gone.push(slot);
        }
        if !self.retracts
            && self.rank.function == RankFunction::RowNumber
            && self.rows.len_of(partition) as u64 > self.rank.to
        {
            self.rows.truncate(partition, self.rank.to as usize, &mut self.gone);
        }
    }

    /// True when the row cannot come into the range, now or later.
    fn is_behind(&self, located: &Located, row: usize) -> bool {
        if self.retracts || self.rank.function == RankFunction::DenseRank {
            return false;
        }
        let partition = located.partitions.get(row).copied().unwrap_or(0);
        if (self.rows.len_of(partition) as u64) < self.rank.to {
            return false;
        }
        let Some(last) = self.rows.last_of(partition) else { return false };
        match self.rows.compare(located, row, last) {
            std::cmp::Ordering::Greater => true,
            // Earlier rows are before it.
            std::cmp::Ordering::Equal => {
                self.rank.function == RankFunction::RowNumber && matches!(self.rank.ties, Ties::Earliest { .. })
            }
            std::cmp::Ordering::Less => false,
        }
    }

    /// Notes a partition's range before the epoch.
    fn touch(&mut self, epoch: &EpochInfo, partition: u32) {
        let told = self.is_told(epoch, partition);
        let touched = &mut self.touched;
        if !touched.marks.mark(partition) {
            return;
        }
        touched.partitions.push(partition);
        if told {
            range(&self.rows, &self.rank, partition, &mut touched.before);
        }
        touched.ends.push(touched.before.len());
    }

    /// Compares the touched partitions with what they were.
    fn settle(&mut self, epoch: &EpochInfo, out: &mut Output) {
        let Touched { partitions, mut marks, before, ends } = std::mem::take(&mut self.touched);
        let mut start = 0;
        let mut after = vec![];
        for (at, (partition, end)) in partitions.iter().zip(ends).enumerate() {
            if at % TOUCHED_ROWS == 0 {
                let next = partitions.get(at..partitions.len().min(at + TOUCHED_ROWS));
                self.rows.touch_runs(next.unwrap_or_default());
            }
            marks.unmark(*partition);
            after.clear();
            let kept = range(&self.rows, &self.rank, *partition, &mut after);
            if self.is_told(epoch, *partition) {
                self.difference(*partition, &before[start..end], &after, out);
            }
            start = end;
            if !self.retracts && kept < self.rows.len_of(*partition) {
                self.rows.truncate(*partition, kept, &mut self.gone);
            }
        }
        self.touched.marks = marks;
        self.touched.partitions = partitions;
    }

    fn difference(&self, partition: u32, before: &[Entry], after: &[Entry], out: &mut Output) {
        let same = before.iter().zip(after).take_while(|(b, a)| b == a).count();
        let (before, after) = (&before[same..], &after[same..]);
        if self.upserts || (self.rank.output && self.rank.function == RankFunction::RowNumber) {
            return by_place(partition, before, after, self.upserts, out);
        }
        let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
        loop {
            // Both are in the order of the rows, and a row that was there before has its slot still.
            let order = match (before.peek(), after.peek()) {
                (None, None) => return,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(b), Some(a)) if a.slot == b.slot => std::cmp::Ordering::Equal,
                (Some(b), Some(a)) => self.rows.order(b.slot, a.slot),
            };
            match order {
                std::cmp::Ordering::Less => before.next().into_iter().for_each(|b| out.push(partition, *b, -1)),
                std::cmp::Ordering::Greater => after.next().into_iter().for_each(|a| out.push(partition, *a, 1)),
                std::cmp::Ordering::Equal => {
                    let (Some(b), Some(a)) = (before.next(), after.next()) else { return };
                    if self.rank.output && a.rank != b.rank {
                        out.push(partition, *b, -1);
                        out.push(partition, *a, 1);
                    } else if a.count != b.count {
                        out.push(partition, Entry { count: a.count - b.count, ..*a }, 1);
                    }
                }
            }
        }
    }

    /// Forgets the partitions that have not changed for long enough. What was told of them stays.
    fn forget(&mut self, now_ms: i64) -> Result<()> {
        let Some(ages) = &mut self.ages else { return Ok(()) };
        let expired = ages.expired(now_ms);
        self.changed.note_gone(&expired, || self.rows.partition_columns(&expired))?;
        for partition in expired {
            let mut rows = vec![];
            self.rows.truncate(partition, 0, &mut rows);
            self.rows.free(&mut rows);
            self.rows.forget(partition);
        }
        Ok(())
    }

    fn emit(&self, changes: Output, out: &mut Vec<Batch>) -> Result<()> {
        let Output { slots, partitions, ranks, diffs } = if self.appends { repeated(changes) } else { changes };
        if slots.is_empty() {
            return Ok(());
        }
        let mut columns = self.rows.decode(&slots, &partitions)?;
        if self.rank.output {
            columns.push(Arc::new(Int64Array::from(ranks)) as ArrayRef);
        }
        let rows: RecordBatch = fit(&self.schema, columns)?;
        let plain = diffs.iter().all(|d| *d == 1);
        out.push(Batch::changes(rows, (!plain).then(|| Int64Array::from(diffs))));
        Ok(())
    }

    /// Rows that wait, in the order in which they count as having come.
    fn in_order(&mut self) -> Result<Vec<Batch>> {
        let mut waiting = std::mem::take(&mut self.waiting);
        match self.rank.ties {
            Ties::Content => Ok(self.consolidator.run(&waiting)?.into_iter().collect()),
            Ties::Earliest { by_content: true } | Ties::Latest { by_content: true } => {
                Ok(by_content(&waiting)?.into_iter().collect())
            }
            _ => {
                waiting.sort_by_key(|b| b.place);
                Ok(waiting)
            }
        }
    }
}

impl Operator for RankOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.forget(epoch.now_ms)?;
        if self.retracts || self.rank.ties != Ties::Content {
            self.waiting.push(batch);
            return Ok(());
        }
        self.add(epoch, &batch)
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        self.forget(epoch.now_ms)?;
        for batch in self.in_order()? {
            self.moved.note(&batch.rows, batch.diffs.as_ref(), self.rows.len());
            self.add(epoch, &batch)?;
        }
        let mut changes = Output::default();
        let any = !self.touched.partitions.is_empty();
        self.settle(epoch, &mut changes);
        let mut changed = std::mem::take(&mut self.touched.partitions);
        if self.rank.window_end.is_some() {
            self.close(epoch, &mut changes, &mut changed);
        }
        let any = any || !changes.slots.is_empty();
        self.emit(changes, out)?;
        self.rows.free(&mut self.gone);
        self.rows.settle()?;
        self.changed.note(&changed);
        if let Some(ages) = &mut self.ages {
            changed.sort_unstable();
            let living = changed.iter().filter(|partition| self.rows.len_of(**partition) > 0);
            living.for_each(|partition| ages.touch(*partition, epoch.now_ms));
        }
        let mut empty = changed;
        empty.retain(|partition| self.rows.len_of(*partition) == 0);
        empty.sort_unstable();
        empty.dedup();
        self.changed.note_gone(&empty, || self.rows.partition_columns(&empty))?;
        for partition in empty {
            if let Some(ages) = &mut self.ages {
                ages.forget(partition);
            }
            if let Some(window) = self.window_of.get_mut(partition as usize) {
                *window = i64::MIN;
            }
            self.rows.forget(partition);
        }
        if any {
            self.gauge.set(self.rows.len(), self.rows.bytes());
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.save_rows()
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save_changed()
    }

    fn kept_rows(&self) -> Option<(usize, usize)> {
        self.tells_rows().then(|| (self.moved.kept_rows(), self.rows.len()))
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        if self.tells_rows() {
            self.moved.begin(self.rows.len());
            return true;
        }
        // One partition is all there is where none is named.
        let knows = !self.rank.partition.is_empty();
        if knows {
            self.changed.go_on(newest);
        }
        knows
    }

    fn restore(&mut self, state: Vec<Section>) -> Result<()> {
        self.restore_rows(state)
    }

    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        self.all_in_range()
    }
}
