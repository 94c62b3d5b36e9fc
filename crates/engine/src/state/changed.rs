//! Which keys have changed since the last checkpoint, for state of which a part is written anew: all that is kept of a
//! changed key.
//!
//! ```text
//!  "rows"          everything, once in a while                                key │ …
//!  "rows changed"  all rows of the keys that have changed      checkpoint 1 │ key │ …
//!                                                              checkpoint 2 │ key │ …
//!  "rows gone"     keys of which nothing is left               checkpoint 2 │ key
//! ```
//!
//! What stands of a key is what the newest checkpoint says that speaks of it.

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use sloth_types::Result;

use super::bits::Bits;
use super::keys::{KeyEncoder, KeyTable, RowSet};
use super::snapshot::{Owner, Section, batches_of, column_of, numbers, split, table};

/// The changed keys of one key table, by slot. Notes nothing before the first checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    marks: Bits,
    slots: Vec<u32>,
    /// Columns of the keys that went.
    gone: Vec<Vec<ArrayRef>>,
    /// Checkpoints since everything was written; `None` before that.
    checkpoints: Option<i64>,
}

impl Changed {
    /// Everything is being written: from now on changes are noted.
    pub(crate) fn begin(&mut self) {
        self.go_on(0);
    }

    /// Everything is in the last checkpoint, where the newest changes have this number: from now on changes are noted.
    pub(crate) fn go_on(&mut self, newest: i64) {
        *self = Changed { checkpoints: Some(newest), ..Changed::default() };
    }

    /// True when changes are noted.
    pub(crate) fn begun(&self) -> bool {
        self.checkpoints.is_some()
    }

    /// Some keys have changed.
    pub(crate) fn note(&mut self, slots: &[u32]) {
        if !self.begun() {
            return;
        }
        for slot in slots {
            if self.marks.mark(*slot) {
                self.slots.push(*slot);
            }
        }
    }

    /// Keys are about to be removed; `keys` gives their columns.
    ///
    /// # Errors
    /// When `keys` fails.
    pub(crate) fn note_gone(&mut self, slots: &[u32], keys: impl FnOnce() -> Result<Vec<ArrayRef>>) -> Result<()> {
        if !self.begun() || slots.is_empty() {
            return Ok(());
        }
        self.forget(slots);
        self.gone.push(keys()?);
        Ok(())
    }

    /// Slots whose numbers may be others' soon: nothing is to be said of them.
    pub(crate) fn forget(&mut self, slots: &[u32]) {
        for slot in slots {
            self.marks.unmark(*slot);
        }
    }

    /// True when a change of this slot has been noted.
    pub(crate) fn has(&self, slot: u32) -> bool {
        self.marks.has(slot)
    }

    /// Changes that have been noted, at most.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slots that have changed, each once and in their order; `None` when `most` of them would be too many, or nothing
    /// was noted: then everything must be written again.
    pub(crate) fn take(&mut self, most: usize) -> Option<Vec<u32>> {
        if !self.begun() || self.slots.len() > most {
            return None;
        }
        let mut slots = std::mem::take(&mut self.slots);
        slots.retain(|slot| self.marks.unmark(*slot));
        slots.sort_unstable();
        self.checkpoints = self.checkpoints.map(|n| n + 1);
        Some(slots)
    }

    /// The sections of a checkpoint: the rows of the keys that [`Changed::take`] gave, and the keys that went. `key` are the
    /// rows' key columns, `name` is the section that has everything.
    ///
    /// # Errors
    /// When the columns are not of one length.
    pub(crate) fn sections(&mut self, name: &str, key: &[usize], rows: Vec<RecordBatch>) -> Result<Vec<Section>> {
        let gone = std::mem::take(&mut self.gone);
        let gone = gone.iter().map(|keys| self.numbered(keys)).collect::<Result<_>>()?;
        let owner = Owner::Key((1..=key.len()).collect());
        Ok(vec![self.rows(name, key, rows)?, Section::new(&format!("{name} gone"), owner, gone)])
    }

    /// The first of [`Changed::sections`], for rows that are kept beside others of the same keys: whoever takes them up
    /// overlooks those of keys that are not there.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn rows(&self, name: &str, key: &[usize], rows: Vec<RecordBatch>) -> Result<Section> {
        let owner = Owner::Key(key.iter().map(|k| k + 1).collect());
        let rows = rows.iter().map(|rows| self.numbered(rows.columns())).collect::<Result<_>>()?;
        Ok(Section::new(&format!("{name} changed"), owner, rows))
    }

    fn numbered(&self, columns: &[ArrayRef]) -> Result<RecordBatch> {
        let rows = columns.first().map_or(0, |c| c.len());
        let number = column_of(std::iter::repeat_n(self.checkpoints.unwrap_or_default(), rows));
        table(std::iter::once(number).chain(columns.iter().cloned()).collect())
    }
}

/// The highest number that changes by key have in an operator's state; 0 when there are none.
///
/// # Errors
/// When the sections are another operator's.
pub(crate) fn newest(state: &[Section]) -> Result<i64> {
    let numbered = |name: &str| name.ends_with(" changed") || name.ends_with(" gone");
    let mut newest = 0;
    for batch in state.iter().filter(|section| numbered(&section.name)).flat_map(|section| &section.rows) {
        newest = numbers(batch, 0)?.values().iter().copied().fold(newest, i64::max);
    }
    Ok(newest)
}

/// What stands: the rows of section `name` and of those that [`Changed::sections`] gave after it. `key` are the rows' key
/// columns.
///
/// # Errors
/// When the sections are another operator's.
pub(crate) fn standing(state: &mut [Section], name: &str, key: &[usize]) -> Result<Vec<RecordBatch>> {
    let whole = batches_of(state, name);
    let changed = batches_of(state, &format!("{name} changed"));
    let gone = batches_of(state, &format!("{name} gone"));
    if changed.is_empty() && gone.is_empty() {
        return Ok(whole);
    }
    // The newest first, and of one checkpoint the rows before the keys that went: these may have come again.
    let mut all: Vec<(i64, bool, RecordBatch)> = vec![];
    for (batches, rows) in [(changed, true), (gone, false)] {
        for batch in batches.into_iter().filter(|batch| batch.num_rows() > 0) {
            let (_, columns) = split(&batch, 1)?;
            all.push((numbers(&batch, 0)?.value(0), rows, table(columns.to_vec())?));
        }
    }
    all.extend(whole.into_iter().map(|batch| (0, true, batch)));
    all.sort_by_key(|(checkpoint, rows, _)| std::cmp::Reverse((*checkpoint, *rows)));
    let mut spoken = Spoken::default();
    let mut standing = vec![];
    for (checkpoint, rows, batch) in all {
        match rows {
            true => standing.push(spoken.unspoken(checkpoint, &batch, key)?),
            false => _ = spoken.unspoken(checkpoint, &batch, &(0..key.len()).collect::<Vec<_>>())?,
        }
    }
    standing.retain(|batch| batch.num_rows() > 0);
    Ok(standing)
}

/// The keys that checkpoints have spoken of.
#[derive(Default)]
struct Spoken {
    keys: Option<(KeyEncoder, KeyTable)>,
    /// The newest checkpoint that speaks of the key, by slot.
    newest: Vec<i64>,
}

impl Spoken {
    /// The rows of those keys that no newer checkpoint has spoken of; this one has, from now on.
    fn unspoken(&mut self, checkpoint: i64, rows: &RecordBatch, key: &[usize]) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = key.iter().map(|k| ArrayRef::clone(rows.column(*k))).collect();
        if self.keys.is_none() {
            let encoder = KeyEncoder::new(columns.iter().map(|c| c.data_type().clone()).collect())?;
            let keys = KeyTable::new(&encoder);
            self.keys = Some((encoder, keys));
        }
        let Some((encoder, keys)) = &mut self.keys else { return Ok(rows.clone()) };
        let mut slots = vec![];
        keys.intern(&encoder.encode(&columns)?, &RowSet::Range(0..rows.num_rows()), &mut slots);
        self.newest.resize(keys.slots(), i64::MIN);
        let newest = &mut self.newest;
        let mut stands = |slot: &u32| {
            newest.get_mut(*slot as usize).is_some_and(|newest| {
                *newest = (*newest).max(checkpoint);
                *newest == checkpoint
            })
        };
        let mask: BooleanArray = slots.iter().map(|slot| Some(stands(slot))).collect();
        Ok(filter_record_batch(rows, &mask)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{Array, AsArray, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;
    use sloth_types::rng::Rng;

    use super::*;

    fn rows(of: impl Iterator<Item = (u32, i64)>) -> RecordBatch {
        let (keys, values): (Vec<String>, Vec<i64>) = of.map(|(key, value)| (format!("key {key}"), value)).unzip();
        table(vec![Arc::new(StringArray::from(keys)), Arc::new(Int64Array::from(values))]).unwrap()
    }

    /// Any history of keys that change, go and come again is told by a chain of checkpoints.
    #[test]
    fn what_stands_is_what_the_newest_checkpoint_says() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let mut now: BTreeMap<u32, i64> = BTreeMap::new();
            let mut changed = Changed::default();
            let mut written: Vec<Section> = vec![];
            for step in 0..60 {
                let slot = rng.below(12) as u32;
                match rng.below(4) {
                    0 if now.remove(&slot).is_some() => {
                        let keys = || Ok(vec![Arc::clone(rows([(slot, 0)].into_iter()).column(0))]);
                        changed.note_gone(&[slot], keys).unwrap();
                    }
                    _ => {
                        now.insert(slot, step);
                        changed.note(&[slot]);
                    }
                }
                if rng.chance(0.3) {
                    let whole = !changed.begun() || rng.chance(0.2);
                    if whole {
                        changed.begin();
                        let all = rows(now.iter().map(|(k, v)| (*k, *v)));
                        written = vec![Section::new("rows", Owner::Key(vec![0]), vec![all])];
                    } else {
                        let slots = changed.take(usize::MAX).unwrap();
                        assert!(slots.iter().all(|slot| now.contains_key(slot)), "those that went are not written");
                        let some = rows(slots.iter().map(|slot| (*slot, now[slot])));
                        for section in changed.sections("rows", &[0], vec![some]).unwrap() {
                            match written.iter_mut().find(|s| s.name == section.name) {
                                Some(known) => known.rows.extend(section.rows),
                                None => written.push(section),
                            }
                        }
                    }
                    let mut found = BTreeMap::new();
                    for batch in standing(&mut written.clone(), "rows", &[0]).unwrap() {
                        let keys = batch.column(0).as_string::<i32>();
                        let values = batch.column(1).as_primitive::<Int64Type>();
                        for row in 0..batch.num_rows() {
                            let key: u32 = keys.value(row)[4..].parse().unwrap();
                            assert!(
                                found.insert(key, values.value(row)).is_none(),
                                "seed {seed}: key {key} stands twice"
                            );
                        }
                        assert_eq!(keys.null_count(), 0);
                    }
                    assert_eq!(found, now, "seed {seed}, step {step}");
                }
            }
        }
    }

    #[test]
    fn too_many_changes_are_none() {
        let mut changed = Changed::default();
        changed.note(&[1, 2]);
        assert_eq!(changed.take(9), None, "nothing is noted before everything was written");
        changed.begin();
        changed.note(&[3, 1, 3]);
        assert_eq!(changed.take(2), Some(vec![1, 3]));
        changed.note(&[7, 5, 6]);
        assert_eq!(changed.take(2), None);
    }
}
