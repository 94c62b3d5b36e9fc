//! A cache of rows by key, for answers of tables outside. It is no state that a checkpoint needs: it can be asked again.
//!
//! Two generations: what is asked for is found in the young one, or brought there from the old one. When the young one is
//! full, or older than answers may become, it becomes the old one, and the old one is dropped as a whole. So nothing is
//! freed row by row, and what is not used goes.

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use sloth_types::{Found, LookupCache, Result};

use super::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};
use super::rows::Rows;

/// Rows of keys, and keys that have none.
pub(crate) struct Cache {
    settings: LookupCache,
    schema: SchemaRef,
    young: Generation,
    old: Generation,
    /// When the young generation began (ms); `None` before the first batch.
    began: Option<i64>,
}

struct Generation {
    keys: KeyTable,
    /// By key slot.
    entries: Vec<Entry>,
    rows: Rows,
}

/// The rows of a key stand one behind the other.
#[derive(Clone, Copy, Default)]
struct Entry {
    first: u32,
    count: u32,
    written: i64,
    used: i64,
}

impl Generation {
    fn new(encoder: &KeyEncoder, schema: &SchemaRef) -> Result<Self> {
        Ok(Generation { keys: KeyTable::new(encoder), entries: vec![], rows: Rows::new(schema)? })
    }

    /// Rows, and keys without one.
    fn weight(&self) -> usize {
        self.rows.len().max(self.entries.len())
    }

    fn entry(&self, slot: u32) -> Entry {
        self.entries.get(slot as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, slot: u32, entry: Entry) {
        let slot = slot as usize;
        if self.entries.len() <= slot {
            self.entries.resize(slot + 1, Entry::default());
        }
        if let Some(place) = self.entries.get_mut(slot) {
            *place = entry;
        }
    }

    /// Stores rows `from..from + count` of the columns behind those that are there.
    fn append(&mut self, columns: &[ArrayRef], from: u32, count: u32) -> Result<u32> {
        let slots: Vec<u32> = (0..count).map(|_| self.rows.allot()).collect();
        let rows: Vec<u32> = (from..from + count).collect();
        self.rows.store(columns, &rows, &slots)?;
        Ok(slots.first().copied().unwrap_or(0))
    }
}

impl Cache {
    /// An empty cache of rows of `schema` by keys of the encoder.
    pub(crate) fn new(settings: LookupCache, encoder: &KeyEncoder, schema: SchemaRef) -> Result<Self> {
        let (young, old) = (Generation::new(encoder, &schema)?, Generation::new(encoder, &schema)?);
        Ok(Cache { settings, schema, young, old, began: None })
    }

    fn fresh(&self, entry: &Entry, now_ms: i64) -> bool {
        let within = |limit: Option<std::time::Duration>, since: i64| {
            limit.is_none_or(|limit| now_ms.saturating_sub(since) < limit.as_millis() as i64)
        };
        within(self.settings.after_write, entry.written) && within(self.settings.after_access, entry.used)
    }

    /// Makes room, before a batch: slots given out before mean nothing afterwards.
    fn turn(&mut self, encoder: &KeyEncoder, now_ms: i64) -> Result<()> {
        let began = *self.began.get_or_insert(now_ms);
        let full = self.settings.rows_max.is_some_and(|max| self.young.weight() >= max.div_ceil(2).max(1));
        let limits = self.settings.after_write.into_iter().chain(self.settings.after_access);
        let aged = limits.min().is_some_and(|limit| now_ms.saturating_sub(began) >= limit.as_millis() as i64);
        if full || aged {
            let empty = Generation::new(encoder, &self.schema)?;
            self.old = std::mem::replace(&mut self.young, empty);
            self.began = Some(now_ms);
        }
        Ok(())
    }

    /// For each row of the keys a place for [`Cache::rows_of`], or [`ABSENT`] for a key whose rows are not known. Places
    /// hold until the next call.
    pub(crate) fn find(
        &mut self,
        encoder: &KeyEncoder,
        keys: &EncodedKeys,
        rows: usize,
        now_ms: i64,
    ) -> Result<Vec<u32>> {
        self.turn(encoder, now_ms)?;
        let (mut places, mut before) = (vec![], vec![]);
        self.young.keys.find(keys, &mut places, rows);
        self.old.keys.find(keys, &mut before, rows);
        for (row, place) in (0..).zip(&mut places) {
            if *place != ABSENT {
                let mut entry = self.young.entry(*place);
                if self.fresh(&entry, now_ms) {
                    entry.used = now_ms;
                    self.young.set(*place, entry);
                } else {
                    *place = ABSENT;
                }
                continue;
            }
            let slot = before.get(row as usize).copied().unwrap_or(ABSENT);
            let entry = self.old.entry(slot);
            if slot != ABSENT && self.fresh(&entry, now_ms) {
                *place = self.bring(keys, row, entry, now_ms)?;
            }
        }
        Ok(places)
    }

    /// Brings a key from the old generation to the young one.
    fn bring(&mut self, keys: &EncodedKeys, row: u32, entry: Entry, now_ms: i64) -> Result<u32> {
        let mut slots = vec![];
        self.young.keys.intern(keys, &RowSet::List(&[row]), &mut slots);
        let slot = slots.first().copied().unwrap_or(ABSENT);
        // A key that came twice in the batch was brought before.
        if self.young.entries.get(slot as usize).is_some_and(|e| e.used == now_ms && e.written == entry.written) {
            return Ok(slot);
        }
        let taken: Vec<u32> = (entry.first..entry.first + entry.count).collect();
        let columns = (0..self.schema.fields().len())
            .map(|column| self.old.rows.gather(column, &taken))
            .collect::<Result<Vec<_>>>()?;
        let first = self.young.append(&columns, 0, entry.count)?;
        self.young.set(slot, Entry { first, used: now_ms, ..entry });
        Ok(slot)
    }

    /// The rows of a place, for [`Cache::gather`].
    pub(crate) fn rows_of(&self, place: u32) -> std::ops::Range<u32> {
        let entry = self.young.entry(place);
        entry.first..entry.first + entry.count
    }

    /// A column of stored rows.
    pub(crate) fn gather(&self, column: usize, rows: &[u32]) -> Result<ArrayRef> {
        self.young.rows.gather(column, rows)
    }

    /// Keeps an answer: `keys` are those asked for, the rows of key `i` are `starts[i]..starts[i + 1]`.
    pub(crate) fn keep(&mut self, keys: &EncodedKeys, found: &Found, starts: &[u32], now_ms: i64) -> Result<()> {
        let first = self.young.append(found.rows.columns(), 0, found.rows.num_rows() as u32)?;
        let answered = starts.windows(2).map(|w| (w[0], w[1] - w[0]));
        let wanted: Vec<(u32, u32, u32)> = (0..)
            .zip(answered)
            .filter(|(_, (_, count))| *count > 0 || self.settings.missing)
            .map(|(row, (start, count))| (row, first + start, count))
            .collect();
        let rows: Vec<u32> = wanted.iter().map(|(row, ..)| *row).collect();
        let mut slots = vec![];
        self.young.keys.intern(keys, &RowSet::List(&rows), &mut slots);
        for (slot, (_, first, count)) in slots.iter().zip(wanted) {
            self.young.set(*slot, Entry { first, count, written: now_ms, used: now_ms });
        }
        Ok(())
    }

    /// Rows kept, those of keys that were asked again included.
    pub(crate) fn len(&self) -> usize {
        self.young.rows.len() + self.old.rows.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        let of = |g: &Generation| g.keys.bytes() + g.rows.bytes() + g.entries.capacity() * std::mem::size_of::<Entry>();
        of(&self.young) + of(&self.old)
    }
}

#[cfg(test)]
#[path = "cache/tests.rs"]
mod tests;
