//! Versions of rows by key and time: what a row was at some instant.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::Schema;
use sloth_types::Result;

use super::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};
use super::rows::Rows;
use super::snapshot::{ROWS_MAX, column_of, numbers, table};

/// For each key its versions by rising time.
pub(crate) struct Versions {
    key_columns: Vec<usize>,
    encoder: KeyEncoder,
    keys: KeyTable,
    /// By key slot: since when, and the row's slot ([`ABSENT`] from a deletion on).
    versions: Vec<Vec<(i64, u32)>>,
    rows: Rows,
    /// Keys that have got a version, by its time: when the watermark comes there, older ones can go.
    superseded: BTreeMap<i64, Vec<u32>>,
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
            superseded: BTreeMap::new(),
        })
    }

    /// Adds versions: each row of the batch is valid from its time on; where `gone` is true its key has no row from then
    /// on. Of two versions of a key with the same time the later one counts.
    pub(crate) fn add(&mut self, rows: &RecordBatch, times: &[i64], gone: &[bool]) -> Result<()> {
        let keys = self.encode(rows)?;
        let count = rows.num_rows();
        let mut slots = vec![];
        self.keys.intern(&keys, &RowSet::Range(0..count), &mut slots);
        slots.resize(count, 0);
        self.versions.resize(self.keys.slots().max(1), vec![]);
        let (mut which, mut stored, mut replaced) = (vec![], vec![], vec![]);
        for (row, ((key, time), gone)) in slots.iter().zip(times).zip(gone).enumerate() {
            let slot = if *gone { ABSENT } else { self.rows.allot() };
            if !gone {
                which.push(row as u32);
                stored.push(slot);
            }
            let list = &mut self.versions[*key as usize];
            match list.binary_search_by_key(time, |(since, _)| *since) {
                Ok(at) => replaced.push(std::mem::replace(&mut list[at].1, slot)),
                Err(at) => list.insert(at, (*time, slot)),
            }
            self.superseded.entry(*time).or_default().push(*key);
        }
        self.rows.store(rows.columns(), &which, &stored)?;
        // Only now: a replaced version may be one of these rows.
        for slot in replaced.into_iter().filter(|slot| *slot != ABSENT) {
            self.rows.remove(slot);
        }
        Ok(())
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
            let after = list.partition_point(|(since, _)| since <= time);
            list.get(after.checked_sub(1)?).map(|(_, slot)| *slot)
        };
        slots.iter().zip(times).map(|pair| find(pair).unwrap_or(ABSENT)).collect()
    }

    /// A column of rows.
    pub(crate) fn gather(&self, column: usize, slots: &[u32]) -> Result<ArrayRef> {
        self.rows.gather(column, slots)
    }

    /// Forgets the versions that nobody will ask for when all questions are about times after `watermark`.
    pub(crate) fn prune(&mut self, watermark: i64) {
        let mut keys = vec![];
        while let Some(entry) = self.superseded.first_entry().filter(|e| *e.key() <= watermark) {
            keys.append(&mut entry.remove());
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let Some(list) = self.versions.get_mut(key as usize) else { continue };
            let valid = list.partition_point(|(since, _)| *since <= watermark).saturating_sub(1);
            for (_, slot) in list.drain(..valid) {
                if slot != ABSENT {
                    self.rows.remove(slot);
                }
            }
            if list.first().is_some_and(|(since, slot)| *since <= watermark && *slot == ABSENT) {
                list.remove(0);
                if list.is_empty() {
                    self.keys.remove(key);
                }
            }
        }
    }

    /// All versions, for a checkpoint: their columns (of a deletion only the key is told), since when, and whether it is a
    /// deletion.
    pub(crate) fn save(&self) -> Result<Vec<RecordBatch>> {
        let lists = self.keys.live().into_iter().filter_map(|key| Some((key, self.versions.get(key as usize)?)));
        let all: Vec<(u32, i64, u32)> =
            lists.flat_map(|(key, list)| list.iter().map(move |(since, slot)| (key, *since, *slot))).collect();
        let batch = |versions: &[(u32, i64, u32)]| {
            let stored: Vec<u32> = versions.iter().map(|v| v.2).filter(|slot| *slot != ABSENT).collect();
            let mut next = 0..stored.len() as u32;
            let mut place = |slot: u32| if slot == ABSENT { None } else { next.next() };
            let places: UInt32Array = versions.iter().map(|v| place(v.2)).collect();
            let mut columns = self.rows.gather_all(&stored)?;
            for column in &mut columns {
                *column = take(column, &places, None)?;
            }
            let keys: Vec<u32> = versions.iter().map(|v| v.0).collect();
            for (place, key) in self.key_columns.iter().zip(self.encoder.decode(&self.keys, &keys)?) {
                columns[*place] = key;
            }
            columns.push(column_of(versions.iter().map(|v| v.1)));
            columns.push(column_of(versions.iter().map(|v| i64::from(v.2 == ABSENT))));
            table(columns)
        };
        all.chunks(ROWS_MAX).map(batch).collect()
    }

    /// Takes up versions that [`Versions::save`] gave.
    pub(crate) fn restore(&mut self, rows: &RecordBatch) -> Result<()> {
        let width = self.rows.width();
        let (times, gone) = (numbers(rows, width)?, numbers(rows, width + 1)?);
        let gone: Vec<bool> = gone.values().iter().map(|gone| *gone != 0).collect();
        self.add(rows, times.values(), &gone)
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

#[cfg(test)]
#[path = "versions/tests.rs"]
mod tests;
