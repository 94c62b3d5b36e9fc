//! Versions of rows by key and time: what a row was at some instant.
//!
//! A row that is taken back has been a version all the same: it stays one until the next, as nobody says when it ended. Only
//! where a row comes for its time or an earlier one it is forgotten: then it is that one that replaces it. What follows
//! depends on the order of a key's changes, not on the epochs into which they are cut.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, SortField};
use sloth_types::Result;

use super::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};
use super::rows::Rows;
use super::snapshot::{
    Owner, ROWS_MAX, Section, batches_of, column_of, number, numbers, split, table, take_newest_number,
};

/// For each key its versions by rising time.
pub(crate) struct Versions {
    key_columns: Vec<usize>,
    encoder: KeyEncoder,
    keys: KeyTable,
    /// By key slot, by rising time; several of one time by rising content: the last counts.
    versions: Vec<Vec<Version>>,
    rows: Rows,
    order: RowConverter,
    /// Keys that have got a version, by its time: when the watermark comes there, older ones can go.
    superseded: BTreeMap<i64, Vec<u32>>,
    /// Up to which watermark older versions have been forgotten.
    pruned: i64,
    /// Changes since the last checkpoint, each batch with the watermark before it; and the number of their rows.
    noted: Option<(Vec<RecordBatch>, usize)>,
}

/// A row from its time on.
#[derive(Clone, Copy)]
struct Version {
    since: i64,
    slot: u32,
    /// How often the row is there; 0 when it has been taken back. Then it is the only one of its time.
    weight: i64,
}

impl Versions {
    /// No versions of rows of `schema`.
    pub(crate) fn new(schema: &Schema, keys: &[usize]) -> Result<Self> {
        let encoder = KeyEncoder::new(keys.iter().map(|k| schema.field(*k).data_type().clone()).collect())?;
        Ok(Versions {
            key_columns: keys.to_vec(),
            keys: KeyTable::new(&encoder),
            encoder,
            versions: vec![],
            rows: Rows::new(schema)?,
            order: RowConverter::new(schema.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect())?,
            superseded: BTreeMap::new(),
            pruned: i64::MIN,
            noted: None,
        })
    }

    /// Takes in changes, one after the other: each row is valid from its time on.
    pub(crate) fn change(&mut self, rows: &RecordBatch, times: &[i64], diffs: &[i64]) -> Result<()> {
        self.note(rows, times, diffs)?;
        let keys = self.encode(rows)?;
        let count = rows.num_rows();
        let mut slots = vec![];
        self.keys.intern(&keys, &RowSet::Range(0..count), &mut slots);
        slots.resize(count, 0);
        self.versions.resize(self.keys.slots().max(1), vec![]);
        // Rows that come are stored first, so that all are compared in one way.
        let came: Vec<u32> = (0u32..).zip(diffs).filter(|(_, diff)| **diff > 0).map(|(row, _)| row).collect();
        let stored: Vec<u32> = came.iter().map(|_| self.rows.allot()).collect();
        self.rows.store(rows.columns(), &came, &stored)?;
        let probe = self.rows.probe(rows.columns())?;
        let mut stored = stored.into_iter();
        for (row, ((key, time), diff)) in slots.iter().zip(times).zip(diffs).enumerate() {
            let mut list = std::mem::take(&mut self.versions[*key as usize]);
            let same_time = span(&list, *time);
            let equal = same_time.clone().find(|at| self.rows.same(list[*at].slot, &probe, row));
            if *diff > 0 {
                let slot = stored.next().unwrap_or(ABSENT);
                match equal {
                    Some(at) => {
                        list[at].weight += diff;
                        self.rows.remove(slot);
                    }
                    None => self.put(&mut list, same_time, Version { since: *time, slot, weight: *diff })?,
                }
                self.forget_replaced(&mut list, *time);
                self.superseded.entry(*time).or_default().push(*key);
            } else if let Some(at) = equal {
                list[at].weight = (list[at].weight + diff).max(0);
                if list[at].weight == 0 && same_time.len() > 1 {
                    self.rows.remove(list.remove(at).slot);
                }
            }
            self.versions[*key as usize] = list;
        }
        Ok(())
    }

    /// Puts a version among those of its time.
    fn put(&mut self, list: &mut Vec<Version>, same_time: Range<usize>, version: Version) -> Result<()> {
        let mut at = same_time.start;
        if !same_time.is_empty() {
            if let [past] = &mut list[same_time.clone()]
                && past.weight == 0
            {
                self.rows.remove(std::mem::replace(past, version).slot);
                return Ok(());
            }
            let slots: Vec<u32> = list[same_time].iter().chain([&version]).map(|v| v.slot).collect();
            let contents = self.order.convert_columns(&self.rows.gather_all(&slots)?)?;
            let new = contents.row(slots.len() - 1);
            at += (0..slots.len() - 1).take_while(|other| contents.row(*other) < new).count();
        }
        list.insert(at, version);
        Ok(())
    }

    /// Rows of later times that have been taken back are forgotten: a row of this time has come in their place.
    fn forget_replaced(&mut self, list: &mut Vec<Version>, time: i64) {
        let later = list.partition_point(|v| v.since <= time);
        if list[later..].iter().any(|v| v.weight == 0) {
            let gone = list.extract_if(later.., |v| v.weight == 0);
            gone.for_each(|v| self.rows.remove(v.slot));
        }
    }

    /// The keys of a batch of this or the other side of a join, encoded.
    pub(crate) fn encode(&mut self, rows: &RecordBatch) -> Result<EncodedKeys> {
        let columns: Vec<ArrayRef> = self.key_columns.iter().map(|k| ArrayRef::clone(rows.column(*k))).collect();
        self.encoder.encode(&columns)
    }

    /// The row of each key at its time, or [`ABSENT`].
    pub(crate) fn at(&self, keys: &EncodedKeys, times: &[i64]) -> Vec<u32> {
        let mut slots = vec![];
        self.keys.find(keys, &mut slots, times.len());
        let find = |(key, time): (&u32, &i64)| {
            let list = self.versions.get(*key as usize)?;
            let after = list.partition_point(|v| v.since <= *time);
            list.get(after.checked_sub(1)?).map(|v| v.slot)
        };
        slots.iter().zip(times).map(|pair| find(pair).unwrap_or(ABSENT)).collect()
    }

    /// A column of rows.
    pub(crate) fn gather(&self, column: usize, slots: &[u32]) -> Result<ArrayRef> {
        self.rows.gather(column, slots)
    }

    /// Forgets the versions that nobody will ask for when all questions are about times after `watermark`.
    pub(crate) fn prune(&mut self, watermark: i64) {
        self.pruned = self.pruned.max(watermark);
        let mut keys = vec![];
        while let Some(entry) = self.superseded.first_entry().filter(|e| *e.key() <= watermark) {
            keys.append(&mut entry.remove());
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let Some(list) = self.versions.get_mut(key as usize) else { continue };
            let passed = list.partition_point(|v| v.since <= watermark);
            let Some(valid) = passed.checked_sub(1).and_then(|last| list.get(last)).map(|v| v.since) else { continue };
            for version in list.drain(..list.partition_point(|v| v.since < valid)) {
                self.rows.remove(version.slot);
            }
        }
    }

    /// All versions, for a checkpoint: their columns, since when, and how often they are there.
    pub(crate) fn save(&self) -> Result<Vec<RecordBatch>> {
        let lists = self.keys.live().into_iter().filter_map(|key| self.versions.get(key as usize));
        let all: Vec<Version> = lists.flatten().copied().collect();
        let batch = |versions: &[Version]| {
            let slots: Vec<u32> = versions.iter().map(|v| v.slot).collect();
            let mut columns = self.rows.gather_all(&slots)?;
            columns.push(column_of(versions.iter().map(|v| v.since)));
            columns.push(column_of(versions.iter().map(|v| v.weight)));
            table(columns)
        };
        all.chunks(ROWS_MAX).map(batch).collect()
    }

    /// Takes up versions that [`Versions::save`] gave.
    pub(crate) fn restore(&mut self, rows: &RecordBatch) -> Result<()> {
        let width = self.rows.width();
        let (times, weights) = (numbers(rows, width)?, numbers(rows, width + 1)?);
        let (own, _) = split(rows, width)?;
        let schema = Schema::new(rows.schema().fields().iter().take(width).cloned().collect::<Vec<_>>());
        let own = RecordBatch::try_new(Arc::new(schema), own.to_vec())?;
        // Earlier ones first: a later row takes nothing of theirs away.
        self.change(&own, times.values(), weights.values().iter().map(|w| (*w).max(1)).collect::<Vec<_>>().as_slice())?;
        let past: Vec<usize> = (0..rows.num_rows()).filter(|row| weights.value(*row) == 0).collect();
        let picked: UInt32Array = past.iter().map(|row| *row as u32).collect();
        let times: Vec<i64> = past.iter().map(|row| times.value(*row)).collect();
        self.change(&take_record_batch(&own, &picked)?, &times, &vec![-1; past.len()])
    }

    /// Takes up versions that were written with a flag, which said that from then on the key has no row, instead of how often
    /// they are there. A deletion ends no version any more.
    pub(crate) fn restore_flagged(&mut self, rows: &RecordBatch) -> Result<()> {
        let width = self.rows.width();
        let (times, gone) = (numbers(rows, width)?, numbers(rows, width + 1)?);
        let there: Vec<u32> = (0u32..).zip(gone.values()).filter(|(_, gone)| **gone == 0).map(|(row, _)| row).collect();
        let times: Vec<i64> = there.iter().filter_map(|row| times.values().get(*row as usize)).copied().collect();
        let own = table(split(rows, width)?.0.to_vec())?;
        self.change(&take_record_batch(&own, &UInt32Array::from(there))?, &times, &vec![1; times.len()])
    }

    /// Notes changes. When they are more than all versions they are forgotten: writing everything costs no more.
    fn note(&mut self, rows: &RecordBatch, times: &[i64], diffs: &[i64]) -> Result<()> {
        let most = NOTED_MIN.max(self.rows.len());
        let Some((batches, count)) = self.noted.as_mut().filter(|_| !times.is_empty()) else { return Ok(()) };
        *count += times.len();
        if *count > most {
            self.noted = None;
            return Ok(());
        }
        let own = [
            column_of(times.iter().copied()),
            column_of(diffs.iter().copied()),
            column_of(std::iter::repeat_n(self.pruned, times.len())),
        ];
        batches.push(table(rows.columns().iter().cloned().chain(own).collect())?);
        Ok(())
    }

    /// Everything is being written, or has been: from now on changes are noted.
    pub(crate) fn begin_changes(&mut self) {
        self.noted = Some((vec![], 0));
    }

    /// True when all changes since the last checkpoint are known.
    pub(crate) fn knows_changes(&self) -> bool {
        self.noted.is_some()
    }

    /// The changes since section `name` was written by [`Versions::save_whole`], and what has been forgotten.
    pub(crate) fn save_changes(&mut self, name: &str, owner: &Owner) -> Result<[Section; 2]> {
        let (batches, _) = self.noted.as_mut().map(std::mem::take).unwrap_or_default();
        Ok([Section::new(&changes(name), owner.clone(), batches), self.save_pruned(name)?])
    }

    /// All versions as section `name`, and the watermark up to which older ones have been forgotten; from now on changes are
    /// noted.
    pub(crate) fn save_whole(&mut self, name: &str, owner: &Owner) -> Result<[Section; 2]> {
        self.begin_changes();
        Ok([Section::new(name, owner.clone(), self.save()?), self.save_pruned(name)?])
    }

    /// The same on all workers: one that has written everything tells it for those that have not.
    fn save_pruned(&self, name: &str) -> Result<Section> {
        number(&pruned(name), self.pruned)
    }

    /// Takes up section `name`, and those that [`Versions::save_changes`] gave after it.
    pub(crate) fn restore_all(&mut self, state: &mut [Section], name: &str) -> Result<()> {
        for rows in batches_of(state, name) {
            self.restore(&rows)?;
        }
        let width = self.rows.width();
        // Those of several workers as they have come: what one has forgotten, another one may have changed before.
        let mut changes = batches_of(state, &changes(name));
        changes.sort_by_key(|rows| numbers(rows, width + 2).ok()?.values().first().copied());
        for rows in changes {
            if let Some(pruned) = numbers(&rows, width + 2)?.values().first() {
                self.prune(*pruned);
            }
            let (times, diffs) = (numbers(&rows, width)?, numbers(&rows, width + 1)?);
            self.change(&table(split(&rows, width)?.0.to_vec())?, times.values(), diffs.values())?;
        }
        if let Some(pruned) = take_newest_number(state, &pruned(name))? {
            self.prune(pruned);
        }
        Ok(())
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.rows.bytes() + self.versions.capacity() * 24 + self.rows.len() * 24
    }
}

/// The versions of a time.
fn span(list: &[Version], time: i64) -> Range<usize> {
    list.partition_point(|v| v.since < time)..list.partition_point(|v| v.since <= time)
}

/// So many changes are always kept.
const NOTED_MIN: usize = 1 << 14;

fn changes(name: &str) -> String {
    format!("{name} changes")
}

fn pruned(name: &str) -> String {
    format!("{name} pruned")
}

#[cfg(test)]
#[path = "versions/tests.rs"]
mod tests;
