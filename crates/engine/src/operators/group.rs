//! Aggregation by key without windows: keeps every group, and tells at an epoch's end how the groups have changed.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use sloth_plan::Every;
use sloth_types::{ChangelogMode, Result, Watermark};

use super::Operator;
use super::pace::Pace;
use super::touched::{HELD_BACK, HeldBack, Net, Touched};
use super::window::fit;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::hash::{KeyHasher, worker_of};
use crate::message::Batch;
use crate::state::ages::Ages;
use crate::state::changed::{Changed, standing};
use crate::state::groups::{Groups, GroupsSpec};
use crate::state::keys::{ABSENT, EncodedKeys};
use crate::state::snapshot::{Owner, ROWS_MAX, Section, column_of, number, numbers, split, table, take_number};

/// All groups that this worker owns.
pub(crate) struct GroupAggregateOperator {
    spec: GroupsSpec,
    groups: Groups,
    ordered: bool,
    waiting: Vec<Batch>,
    touched: Touched,
    pace: Pace,
    /// Results are told at the input's end and not before.
    once: bool,
    time: TimeDomain,
    /// What is said of a replaced row: nothing, or its retraction.
    upsert: bool,
    /// Groups of this worker that are there without any row: the only group where there are no keys, grand totals.
    totals: Vec<u32>,
    /// Some worker has such groups.
    has_totals: bool,
    /// They have been given out, from the first epoch on: all workers know that alike.
    totals_told: bool,
    /// When groups were last changed, where they are forgotten at some time.
    ages: Option<Ages>,
    /// Since the last checkpoint.
    changed: Changed,
    /// What is held back, as checkpoints have it.
    held: HeldBack,
    schema: SchemaRef,
    buffer: Vec<u32>,
    gauge: StateGauge,
}

/// How a group aggregation is made.
pub(crate) struct GroupParts {
    pub(crate) spec: GroupsSpec,
    pub(crate) schema: SchemaRef,
    pub(crate) mode: ChangelogMode,
    /// Keys of the groups that are there without any row.
    pub(crate) totals: Option<RecordBatch>,
    /// Which worker of how many this is.
    pub(crate) worker: (usize, usize),
    /// How often changes are told.
    pub(crate) every: Every,
    /// When the input has ended.
    pub(crate) time: TimeDomain,
    /// After so many milliseconds without a change a group is forgotten.
    pub(crate) ttl_ms: Option<i64>,
}

impl GroupAggregateOperator {
    /// No groups yet.
    pub(crate) fn new(parts: GroupParts, context: Arc<JobContext>) -> Result<Self> {
        let GroupParts { mut spec, schema, mode, totals, worker, every, time, ttl_ms } = parts;
        let mut groups = spec.groups()?;
        let has_totals = spec.keys.is_empty() || totals.is_some();
        let totals = own_totals(&mut spec, &mut groups, totals, worker)?;
        let upsert = matches!(mode, ChangelogMode::Upsert { .. });
        let touched = match upsert && !has_totals && spec.differs_by_each_row() {
            true => Touched::blind(),
            false => Touched::default(),
        };
        let ordered = spec.calls.iter().any(sloth_plan::AggregateCall::order_sensitive);
        Ok(GroupAggregateOperator {
            spec,
            groups,
            ordered,
            waiting: vec![],
            touched,
            pace: Pace::new(every),
            once: context.tells_once(&time),
            time,
            upsert,
            totals,
            has_totals,
            totals_told: false,
            ages: ttl_ms.map(Ages::new),
            changed: Changed::default(),
            held: HeldBack::default(),
            schema,
            buffer: vec![],
            gauge: StateGauge::new(context),
        })
    }

    fn add(&mut self, epoch: &EpochInfo, batch: &Batch) -> Result<()> {
        self.forget(epoch.now_ms)?;
        let rows = batch.rows.num_rows();
        let known = self.groups.keys.slots();
        let mut slots = std::mem::take(&mut self.buffer);
        if batch.partial {
            let partial = self.spec.prepare_partial(&batch.rows)?;
            self.groups.slots_of(&partial.keys, rows, &mut slots);
            self.touch(&slots, known)?;
            self.groups.merge_slots(&partial, &slots)?;
        } else {
            let prepared = self.spec.prepare(&batch.rows, batch.diffs.as_ref())?;
            self.groups.slots_of(&prepared.keys, rows, &mut slots);
            self.touch(&slots, known)?;
            self.groups.update_slots(&prepared, &slots)?;
        }
        if let Some(ages) = &mut self.ages {
            slots.iter().for_each(|slot| ages.touch(*slot, epoch.now_ms));
        }
        self.buffer = slots;
        Ok(())
    }

    /// Forgets the groups that have not changed for long enough. What was told of them stays.
    fn forget(&mut self, now_ms: i64) -> Result<()> {
        let Some(ages) = &mut self.ages else { return Ok(()) };
        let expired = ages.expired(now_ms);
        if expired.is_empty() {
            return Ok(());
        }
        // Changes that are held back are told first.
        let (stay, gone): (Vec<u32>, Vec<u32>) =
            expired.into_iter().partition(|slot| self.touched.has(*slot) || self.totals.contains(slot));
        stay.iter().for_each(|slot| ages.touch(*slot, now_ms));
        self.changed.note(&stay);
        self.remove(&gone)?;
        self.measure();
        Ok(())
    }

    fn remove(&mut self, slots: &[u32]) -> Result<()> {
        self.changed.note_gone(slots, || self.spec.key_columns(&self.groups.keys, slots))?;
        slots.iter().for_each(|slot| self.groups.remove(*slot));
        Ok(())
    }

    fn measure(&mut self) {
        let beside = self.touched.bytes() + self.ages.as_ref().map_or(0, Ages::bytes);
        self.gauge.set(self.groups.keys.len(), self.groups.bytes() + beside);
    }

    /// Notes the groups that are about to change, and their results so far. Slots from `known` on are new.
    fn touch(&mut self, slots: &[u32], known: usize) -> Result<()> {
        if self.tells_later() {
            // They are told later than the next checkpoint, perhaps.
            self.changed.note(slots);
            self.held.note(slots, &self.touched);
        }
        let (totals, told, retracts, ages) = (&self.totals, self.totals_told, self.spec.retracts(), &self.ages);
        let alive = |groups: &Groups, slot: u32| match totals.contains(&slot) {
            true => told,
            false if retracts => groups.is_alive(slot),
            // Numbers of forgotten groups are used again.
            false => ages.as_ref().map_or((slot as usize) < known, |ages| ages.is_there(slot)),
        };
        self.touched.touch(&self.spec, &mut self.groups, &self.schema, slots, alive)
    }

    /// Changes may be held back over a checkpoint.
    fn tells_later(&self) -> bool {
        self.once || !self.pace.is_every_epoch()
    }

    /// The key's columns in what is held back.
    fn touched_key(&self) -> Vec<usize> {
        (2..2 + self.spec.keys.len()).collect()
    }

    /// Keys and stamps of groups, where there are stamps.
    fn stamps(&self, slots: &[u32]) -> Result<Option<RecordBatch>> {
        let Some(ages) = &self.ages else { return Ok(None) };
        let mut columns = self.spec.key_columns(&self.groups.keys, slots)?;
        columns.push(column_of(slots.iter().map(|slot| ages.stamp(*slot))));
        table(columns).map(Some)
    }

    /// The changes of the groups since they were last told.
    fn changes(&mut self, out: &mut Vec<Batch>) -> Result<()> {
        let totals = &self.totals;
        let alive = |groups: &Groups, slot: u32| totals.contains(&slot) || groups.is_alive(slot);
        let (slots, net) = self.touched.take(&self.spec, &mut self.groups, &self.schema, self.upsert, alive)?;
        self.changed.note(&slots);
        if self.tells_later() {
            self.held.note_told(&slots, |told| self.spec.key_columns(&self.groups.keys, told))?;
        }
        let gone: Vec<u32> = slots.into_iter().filter(|slot| !alive(&self.groups, *slot)).collect();
        self.remove(&gone)?;
        if let Some(ages) = &mut self.ages {
            gone.iter().for_each(|slot| ages.forget(*slot));
        }
        out.extend(net.map(|Net { rows, diffs }| Batch::changes(rows, diffs)));
        Ok(())
    }
}

/// Makes the groups that are there without any row, on the worker that owns them.
fn own_totals(
    spec: &mut GroupsSpec,
    groups: &mut Groups,
    totals: Option<RecordBatch>,
    worker: (usize, usize),
) -> Result<Vec<u32>> {
    let mut slots = vec![];
    if spec.keys.is_empty() {
        if worker.0 == 0 {
            groups.slots_of(&EncodedKeys::None, 1, &mut slots);
        }
        return Ok(slots);
    }
    let Some(totals) = totals else { return Ok(slots) };
    let mut hasher = KeyHasher::default();
    let columns: Vec<_> = totals.columns().iter().collect();
    let hashes = hasher.hash(&columns, totals.num_rows());
    let own: UInt32Array =
        (0u32..).zip(hashes).filter(|(_, hash)| worker_of(**hash, worker.1) == worker.0).map(|(row, _)| row).collect();
    if !own.is_empty() {
        let own = take_record_batch(&totals, &own)?;
        let keys = spec.encode(own.columns())?;
        groups.slots_of(&keys, own.num_rows(), &mut slots);
    }
    Ok(slots)
}

impl Operator for GroupAggregateOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        if self.ordered {
            self.waiting.push(batch);
            return Ok(());
        }
        self.add(epoch, &batch)
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|b| b.place);
        for batch in waiting {
            self.add(epoch, &batch)?;
        }
        self.forget(epoch.now_ms)?;
        if !self.totals_told && !self.totals.is_empty() {
            // The sum of nothing is a row too.
            let totals = self.totals.clone();
            self.touch(&totals, 0)?;
        }
        let due = (self.pace.due(epoch) && !self.once) || self.time.watermark(epoch) == Watermark::END;
        if !self.touched.is_empty() {
            if due {
                self.changes(out)?;
            }
            self.measure();
        }
        self.totals_told |= due;
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.resume_changes(0);
        let slots = self.groups.keys.live();
        let rows = self.groups.save(&self.spec, 0, &slots)?;
        let touched = self.touched.save(&self.spec, &mut self.groups, &self.schema, 0)?;
        let mut sections = vec![
            Section::new("groups", self.spec.owner(), rows),
            Section::new(HELD_BACK, Touched::owner(&self.spec), vec![touched]),
            self.pace.save("pace")?,
        ];
        let keys: Vec<usize> = (0..self.spec.keys.len()).collect();
        sections.extend(self.stamps(&slots)?.map(|stamps| Section::new("ages", Owner::Key(keys), vec![stamps])));
        if self.has_totals && self.totals_told {
            sections.push(number("totals told", 1)?);
        }
        Ok(sections)
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        let Some(slots) = self.changed.take(self.groups.keys.len() / 2) else { return Ok(None) };
        let rows = self.groups.save(&self.spec, 0, &slots)?;
        let stamps = self.stamps(&slots)?;
        let keys: Vec<usize> = (0..self.spec.keys.len()).collect();
        let of_rows: Vec<usize> = keys.iter().map(|key| key + 1).collect();
        let mut sections = vec![];
        if let Some(stamps) = stamps {
            // Groups that went are told once, below.
            sections.push(self.changed.rows("ages", &keys, vec![stamps])?);
        }
        sections.extend(self.changed.sections("groups", &of_rows, rows)?);
        if self.tells_later() {
            let new = self.held.take();
            let rows = self.touched.save_some(&self.spec, &mut self.groups, &self.schema, 0, &new)?;
            sections.extend(self.held.sections(HELD_BACK, &self.touched_key(), rows, self.touched.slots())?);
            sections.push(self.pace.save("pace")?);
        }
        if self.has_totals && self.totals_told {
            sections.push(number("totals told", 1)?);
        }
        Ok(Some(sections))
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        // One group is written as fast as it is noted. What another pace has held back is told in the next epoch.
        let knows = !self.spec.keys.is_empty() && (self.tells_later() || self.touched.is_empty());
        self.changed = Changed::default();
        self.held = HeldBack::default();
        if knows {
            self.changed.go_on(newest);
            self.held.go_on(newest, self.touched.slots());
        }
        knows
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        let keys: Vec<usize> = (0..self.spec.keys.len()).collect();
        let of_rows: Vec<usize> = keys.iter().map(|key| key + 1).collect();
        for rows in standing(&mut state, "groups", &of_rows)? {
            let groups = self.spec.prepare_partial(&rows)?;
            self.groups.merge(&groups, 0..rows.num_rows(), &mut self.buffer)?;
        }
        for rows in standing(&mut state, HELD_BACK, &self.touched_key())? {
            self.touched.restore(&mut self.spec, &mut self.groups, &self.schema, &rows)?;
        }
        self.pace.restore(&mut state, "pace")?;
        for rows in standing(&mut state, "ages", &keys)? {
            let (keys, _) = split(&rows, self.spec.keys.len())?;
            let keys = self.spec.encode(keys)?;
            self.groups.keys.find(&keys, &mut self.buffer, rows.num_rows());
            let stamps = numbers(&rows, self.spec.keys.len())?;
            if let Some(ages) = &mut self.ages {
                // The oldest first, as they have come.
                let mut order: Vec<(i64, u32)> =
                    stamps.values().iter().copied().zip(self.buffer.iter().copied()).collect();
                order.sort_unstable();
                let there = order.iter().filter(|(at, slot)| *at != i64::MIN && *slot != ABSENT);
                there.for_each(|(at, slot)| ages.touch(*slot, *at));
            }
        }
        self.totals_told = take_number(&mut state, "totals told")?.is_some();
        self.measure();
        Ok(())
    }

    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        // What is held back has been told as it was, and what is forgotten has been told, too.
        if !self.touched.is_empty() || self.ages.is_some() {
            return Ok(None);
        }
        let retracts = self.spec.retracts();
        let mut slots = self.groups.keys.live();
        slots.retain(|slot| match self.totals.contains(slot) {
            true => self.totals_told,
            false => !retracts || self.groups.is_alive(*slot),
        });
        let mut batches = vec![];
        for slots in slots.chunks(ROWS_MAX) {
            let rows = fit(&self.schema, self.groups.results(&self.spec, slots)?)?;
            batches.push(Batch::changes(rows, None));
        }
        Ok(Some(batches))
    }
}
