//! The state of pattern matching as rows for a checkpoint, and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use sloth_types::{Result, Watermark};

use super::program::Attempt;
use super::{Kept, MatchOperator, Partition};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::changed::standing;
use crate::state::keys::RowSet;
use crate::state::snapshot::{
    Owner, ROWS_MAX, Section, batches_of, column_of, number, numbers, split, table, take_newest_number,
};

/// Columns of a partition behind its key. Earlier releases wrote one less.
const FACTS: usize = 8;

/// The tables of the state: rows of partitions, rows that the watermark has not passed, where partitions stand, and the
/// threads and the mapped rows of their attempts.
const TABLES: [&str; 5] = ["rows", "waiting", "partitions", "threads", "mapped"];

/// Rows that have come, each with its time and its epoch.
const CHANGES: &str = "rows changes";

/// Rows that have been mapped.
const MAPPED: &str = "mapped changes";

/// The watermark that has passed rows.
const PASSED: &str = "passed";

impl MatchOperator {
    /// All of the state.
    pub(super) fn save_whole(&self) -> Result<Vec<Section>> {
        let live: Vec<u32> =
            self.keys.live().into_iter().filter(|key| (*key as usize) < self.partitions.len()).collect();
        let of = |key: &u32| &self.partitions[*key as usize];
        let kept = live.iter().flat_map(|key| of(key).rows.iter().map(|row| (row.slot, row.time))).collect();
        let waiting = self.waiting.iter().flat_map(|(time, rows)| rows.iter().map(move |(slot, _)| (*slot, *time)));
        let mapped = self.mapped(live.iter().map(|key| (*key, 0)))?;
        let [partitions, threads] = self.places(&live)?;
        let tables = [self.stored(kept)?, self.stored(waiting.collect())?, partitions, threads, mapped];
        let section = |(name, rows)| Section::new(name, Owner::Key(self.key_of(name)), rows);
        let mut sections: Vec<Section> = TABLES.into_iter().zip(tables).map(section).collect();
        sections.push(number(PASSED, self.passed.0)?);
        Ok(sections)
    }

    /// The rows that have come, where the partitions stand that have changed, and what their attempts have mapped since.
    pub(super) fn save_changed(&mut self) -> Result<Option<Vec<Section>>> {
        if !self.came.known() {
            return Ok(None);
        }
        let Some(keys) = self.changed.take(usize::MAX) else { return Ok(None) };
        let mut written = Vec::with_capacity(keys.len());
        for key in &keys {
            let attempt = self.partitions[*key as usize].attempt.as_mut();
            written.extend(attempt.map(|attempt| (*key, attempt.all_written())));
        }
        let mapped = self.mapped(written.into_iter())?;
        let [partitions, threads] = self.places(&keys)?;
        Ok(Some(vec![
            Section::new(CHANGES, Owner::Key(self.node.partition.clone()), self.came.take()?),
            // Where a partition has an attempt, that has threads: those of before are not asked for.
            self.changed.rows("partitions", &self.key_of("partitions"), partitions)?,
            self.changed.rows("threads", &self.key_of("threads"), threads)?,
            Section::new(MAPPED, Owner::Key(self.key_of("mapped")), mapped),
            number(PASSED, self.passed.0)?,
        ]))
    }

    /// Notes rows of a batch that have come, if that is asked for.
    pub(super) fn note(&mut self, epoch: &EpochInfo, batch: &Batch, kept: &[u32], when: &[i64]) -> Result<()> {
        if !self.came.known() {
            return Ok(());
        }
        let rows = match kept.len() == batch.rows.num_rows() {
            true => batch.rows.clone(),
            false => take_record_batch(&batch.rows, &UInt32Array::from(kept.to_vec()))?,
        };
        let columns = rows.columns().iter().cloned().chain([column_of(when.iter().copied())]).collect();
        let epochs = Int64Array::from(vec![epoch.epoch.0.cast_signed(); when.len()]);
        self.came.note(&table(columns)?, Some(&epochs), self.rows.len());
        Ok(())
    }

    /// The key's columns in a table.
    fn key_of(&self, table: &str) -> Vec<usize> {
        match table {
            "rows" | "waiting" => self.node.partition.clone(),
            _ => (0..self.node.partition.len()).collect(),
        }
    }

    /// Stored rows, each with its time.
    fn stored(&self, rows: Vec<(u32, i64)>) -> Result<Vec<RecordBatch>> {
        let batch = |rows: &[(u32, i64)]| {
            let slots: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let mut columns = self.rows.gather_all(&slots)?;
            columns.push(column_of(rows.iter().map(|row| row.1)));
            table(columns)
        };
        rows.chunks(ROWS_MAX).map(batch).collect()
    }

    /// Where some partitions stand, and the threads of their attempts.
    fn places(&self, keys: &[u32]) -> Result<[Vec<RecordBatch>; 2]> {
        let of = |key: &u32| &self.partitions[*key as usize];
        let mut partitions = vec![];
        for keys in keys.chunks(ROWS_MAX) {
            let mut columns = self.encoder.decode(&self.keys, keys)?;
            columns.extend(facts(&keys.iter().map(of).collect::<Vec<_>>()));
            partitions.push(table(columns)?);
        }
        let mut threads = vec![];
        for key in keys {
            let Some(attempt) = &of(key).attempt else { continue };
            threads.extend(attempt.facts().0.into_iter().map(|thread| (*key, thread)));
        }
        Ok([partitions, self.by_key(&threads)?])
    }

    /// What the attempts of partitions have mapped, from a number on; behind it where the attempt began.
    fn mapped(&self, keys: impl Iterator<Item = (u32, usize)>) -> Result<Vec<RecordBatch>> {
        let mut mapped = vec![];
        for (key, from) in keys {
            let partition = &self.partitions[key as usize];
            let Some(attempt) = &partition.attempt else { continue };
            let (_, history, _) = attempt.facts();
            let start = partition.start as i64;
            mapped.extend(history.skip(from).map(|[a, b, c, d]| (key, [a, b, c, d, start])));
        }
        self.by_key(&mapped)
    }

    fn by_key<const N: usize>(&self, rows: &[(u32, [i64; N])]) -> Result<Vec<RecordBatch>> {
        let batch = |rows: &[(u32, [i64; N])]| {
            let keys: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let mut columns = self.encoder.decode(&self.keys, &keys)?;
            columns.extend((0..N).map(|i| column_of(rows.iter().map(|row| row.1[i]))));
            table(columns)
        };
        rows.chunks(ROWS_MAX).map(batch).collect()
    }

    /// The partitions of rows by their key columns, made where they are new.
    fn partitions_of(&mut self, keys: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        let encoded = self.encoder.encode(keys)?;
        let mut partitions = vec![];
        self.keys.intern(&encoded, &RowSet::Range(0..rows), &mut partitions);
        partitions.resize(rows, 0);
        self.partitions.resize_with(self.keys.slots().max(1), Partition::default);
        Ok(partitions)
    }

    /// Takes up where partitions stand. Returns how many rows each of them has.
    pub(super) fn restore_partitions(&mut self, state: &mut [Section]) -> Result<Vec<(u32, usize)>> {
        let width = self.node.partition.len();
        let mut kept = vec![];
        for rows in self.stands(state, "partitions")? {
            let facts = FACTS.min(rows.num_columns().saturating_sub(width)).max(FACTS - 1);
            self.whole_next |= facts < FACTS;
            let columns: Vec<&Int64Array> = (width..width + facts).map(|c| numbers(&rows, c)).collect::<Result<_>>()?;
            let number = |fact: usize, row: usize| columns[fact].value(row);
            let maybe = |fact: usize, row: usize| columns[fact].is_valid(row).then(|| number(fact, row));
            let partitions = self.partitions_of(split(&rows, width)?.0, rows.num_rows())?;
            for (row, key) in partitions.iter().enumerate() {
                let partition = &mut self.partitions[*key as usize];
                partition.base = number(0, row) as u64;
                partition.start = number(1, row) as u64;
                partition.next = number(2, row) as u64;
                partition.matches = number(3, row);
                partition.deadline = maybe(4, row);
                let best = maybe(6, row).map(|best| best as u32);
                partition.attempt = (number(5, row) != 0).then(|| Attempt::going_on(best));
                self.deadlines.extend(partition.deadline.map(|deadline| (deadline, *key)));
                kept.extend((facts == FACTS).then(|| (*key, number(7, row) as usize)));
            }
        }
        self.restore_by_key(self.stands(state, "threads")?, |partition, thread| {
            partition.attempt.iter_mut().for_each(|attempt| attempt.add_thread(thread));
        })?;
        // What was mapped in attempts that are over is not asked for.
        let add = |partition: &mut Partition, [before, row, variable, excluded, start]: [i64; 5]| {
            let attempt = partition.attempt.as_mut().filter(|_| partition.start as i64 == start);
            attempt.into_iter().for_each(|attempt| attempt.add_mapped([before, row, variable, excluded]));
        };
        if self.whole_next {
            let mapped = self.stands(state, "mapped")?;
            self.restore_by_key(mapped, |partition, mapped| {
                partition.attempt.iter_mut().for_each(|attempt| attempt.add_mapped(mapped));
            })?;
        } else {
            self.restore_by_key(batches_of(state, "mapped"), add)?;
            self.restore_by_key(batches_of(state, MAPPED), add)?;
        }
        Ok(kept)
    }

    /// Takes up the rows that have come, and leaves so many in each partition as it has kept.
    pub(super) fn restore_changes(&mut self, state: &mut [Section], kept: &[(u32, usize)]) -> Result<()> {
        let mut last = None;
        for rows in batches_of(state, CHANGES) {
            let epoch = numbers(&rows, self.width + 1)?.values().first().copied();
            if self.node.proctime && last != epoch {
                self.release(Watermark::END)?;
            }
            last = epoch;
            self.restore_stored(&rows, false)?;
        }
        if let Some(passed) = take_newest_number(state, PASSED)? {
            self.passed = Watermark(passed);
            self.release(self.passed)?;
        }
        for (key, kept) in kept {
            let Some(partition) = self.partitions.get_mut(*key as usize) else { continue };
            while partition.rows.len() > *kept {
                let Some(row) = partition.rows.pop_front() else { break };
                self.rows.remove(row.slot);
            }
        }
        Ok(())
    }

    /// What stands of a table.
    fn stands(&self, state: &mut [Section], name: &str) -> Result<Vec<RecordBatch>> {
        standing(state, name, &self.key_of(name))
    }

    fn restore_by_key<const N: usize>(
        &mut self,
        batches: Vec<RecordBatch>,
        add: impl Fn(&mut Partition, [i64; N]),
    ) -> Result<()> {
        let width = self.node.partition.len();
        for rows in batches {
            let columns: Vec<&Int64Array> = (width..width + N).map(|c| numbers(&rows, c)).collect::<Result<_>>()?;
            let partitions = self.partitions_of(split(&rows, width)?.0, rows.num_rows())?;
            for (row, key) in partitions.iter().enumerate() {
                add(&mut self.partitions[*key as usize], std::array::from_fn(|i| columns[i].value(row)));
            }
        }
        Ok(())
    }

    pub(super) fn restore_rows(&mut self, state: &mut [Section]) -> Result<()> {
        for (name, released) in [("rows", true), ("waiting", false)] {
            for rows in self.stands(state, name)? {
                self.restore_stored(&rows, released)?;
            }
        }
        Ok(())
    }

    fn restore_stored(&mut self, rows: &RecordBatch, released: bool) -> Result<()> {
        let times = numbers(rows, self.width)?;
        let keys: Vec<ArrayRef> = self.node.partition.iter().map(|k| Arc::clone(rows.column(*k))).collect();
        let partitions = self.partitions_of(&keys, rows.num_rows())?;
        let slots = self.rows.store_all(split(rows, self.width)?.0, rows.num_rows())?;
        for ((slot, partition), time) in slots.into_iter().zip(partitions).zip(times.values()) {
            match released {
                true => self.partitions[partition as usize].rows.push_back(Kept { slot, time: *time }),
                false => self.waiting.entry(*time).or_default().push((slot, partition)),
            }
        }
        Ok(())
    }
}

/// Where partitions stand: number of the first row kept, where the attempt began and the row that it takes next, matches
/// so far, the deadline, whether there is an attempt, the last row of its best match, and how many rows are kept.
fn facts(partitions: &[&Partition]) -> Vec<ArrayRef> {
    let column = |of: &dyn Fn(&Partition) -> Option<i64>| -> ArrayRef {
        Arc::new(partitions.iter().map(|p| of(p)).collect::<Int64Array>())
    };
    let columns: [ArrayRef; FACTS] = [
        column(&|p| Some(p.base as i64)),
        column(&|p| Some(p.start as i64)),
        column(&|p| Some(p.next as i64)),
        column(&|p| Some(p.matches)),
        column(&|p| p.deadline),
        column(&|p| Some(i64::from(p.attempt.is_some()))),
        column(&|p| p.attempt.as_ref().and_then(|a| a.facts().2).map(i64::from)),
        column(&|p| Some(p.rows.len() as i64)),
    ];
    columns.to_vec()
}
