//! The state of pattern matching as rows for a checkpoint, and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};
use sloth_types::Result;

use super::program::Attempt;
use super::{Kept, MatchOperator, Partition};
use crate::state::changed::standing;
use crate::state::keys::RowSet;
use crate::state::snapshot::{Owner, ROWS_MAX, Section, batches_of, column_of, numbers, split, table};

/// Columns of a partition behind its key.
const FACTS: usize = 7;

/// The tables of the state: rows of partitions, rows that the watermark has not passed, where partitions stand, and the
/// threads and the mapped rows of their attempts.
const TABLES: [&str; 5] = ["rows", "waiting", "partitions", "threads", "mapped"];

impl MatchOperator {
    /// All of the state.
    pub(super) fn save_whole(&self) -> Result<Vec<Section>> {
        let live: Vec<u32> =
            self.keys.live().into_iter().filter(|key| (*key as usize) < self.partitions.len()).collect();
        let tables = TABLES.into_iter().zip(self.tables(&live, |_| true)?);
        Ok(tables.map(|(name, rows)| Section::new(name, Owner::Key(self.key_of(name)), rows)).collect())
    }

    /// All of the state of the partitions that have changed. (A partition alone is written whole.)
    pub(super) fn save_changed(&mut self) -> Result<Option<Vec<Section>>> {
        if self.node.partition.is_empty() {
            return Ok(None);
        }
        let Some(keys) = self.changed.take(self.keys.live().len() / 2) else { return Ok(None) };
        let mut marks = vec![false; self.partitions.len()];
        keys.iter().for_each(|key| marks[*key as usize] = true);
        let tables = self.tables(&keys, |key| marks[key as usize])?;
        let keys =
            keys.chunks(ROWS_MAX).map(|keys| self.encoder.decode(&self.keys, keys)).collect::<Result<Vec<_>>>()?;
        let mut sections = vec![];
        for (name, rows) in TABLES.into_iter().zip(tables) {
            sections.push(self.changed.rows(name, &self.key_of(name), rows)?);
            sections.push(self.changed.anew(name, &keys)?);
        }
        Ok(Some(sections))
    }

    /// The key's columns in a table.
    fn key_of(&self, table: &str) -> Vec<usize> {
        match table {
            "rows" | "waiting" => self.node.partition.clone(),
            _ => (0..self.node.partition.len()).collect(),
        }
    }

    /// The [`TABLES`] of some partitions. Rows stand in the order of their partitions, each with its time.
    fn tables(&self, keys: &[u32], of_them: impl Fn(u32) -> bool) -> Result<[Vec<RecordBatch>; 5]> {
        let batches = |rows: Vec<(u32, i64)>| -> Result<Vec<RecordBatch>> {
            let batch = |rows: &[(u32, i64)]| {
                let slots: Vec<u32> = rows.iter().map(|row| row.0).collect();
                let mut columns = self.rows.gather_all(&slots)?;
                columns.push(column_of(rows.iter().map(|row| row.1)));
                table(columns)
            };
            rows.chunks(ROWS_MAX).map(batch).collect()
        };
        let of = |key: &u32| &self.partitions[*key as usize];
        let kept = keys.iter().flat_map(|key| of(key).rows.iter().map(|row| (row.slot, row.time))).collect();
        let waiting = self.waiting.iter().flat_map(|(time, rows)| rows.iter().map(move |row| (row, *time)));
        let waiting = waiting.filter(|((_, key), _)| of_them(*key)).map(|((slot, _), time)| (*slot, time)).collect();
        let mut partitions = vec![];
        for keys in keys.chunks(ROWS_MAX) {
            let mut columns = self.encoder.decode(&self.keys, keys)?;
            columns.extend(facts(&keys.iter().map(of).collect::<Vec<_>>()));
            partitions.push(table(columns)?);
        }
        let (mut threads, mut mapped) = (vec![], vec![]);
        for key in keys {
            let Some(attempt) = &of(key).attempt else { continue };
            let (of_attempt, history, _) = attempt.facts();
            threads.extend(of_attempt.into_iter().map(|thread| (*key, thread)));
            mapped.extend(history.into_iter().map(|row| (*key, row)));
        }
        Ok([batches(kept)?, batches(waiting)?, partitions, self.by_key(&threads)?, self.by_key(&mapped)?])
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

    pub(super) fn restore_partitions(&mut self, state: &mut [Section]) -> Result<()> {
        let width = self.node.partition.len();
        for rows in self.stands(state, "partitions")? {
            let columns: Vec<&Int64Array> = (width..width + FACTS).map(|c| numbers(&rows, c)).collect::<Result<_>>()?;
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
            }
        }
        self.restore_by_key(self.stands(state, "threads")?, Attempt::add_thread)?;
        self.restore_by_key(self.stands(state, "mapped")?, Attempt::add_mapped)
    }

    /// What stands of a table.
    fn stands(&self, state: &mut [Section], name: &str) -> Result<Vec<RecordBatch>> {
        match self.node.partition.is_empty() {
            true => Ok(batches_of(state, name)),
            false => standing(state, name, &self.key_of(name)),
        }
    }

    fn restore_by_key<const N: usize>(
        &mut self,
        batches: Vec<RecordBatch>,
        add: impl Fn(&mut Attempt, [i64; N]),
    ) -> Result<()> {
        let width = self.node.partition.len();
        for rows in batches {
            let columns: Vec<&Int64Array> = (width..width + N).map(|c| numbers(&rows, c)).collect::<Result<_>>()?;
            let partitions = self.partitions_of(split(&rows, width)?.0, rows.num_rows())?;
            for (row, key) in partitions.iter().enumerate() {
                if let Some(attempt) = &mut self.partitions[*key as usize].attempt {
                    add(attempt, std::array::from_fn(|i| columns[i].value(row)));
                }
            }
        }
        Ok(())
    }

    pub(super) fn restore_rows(&mut self, state: &mut [Section]) -> Result<()> {
        for (name, released) in [("rows", true), ("waiting", false)] {
            for rows in self.stands(state, name)? {
                let times = numbers(&rows, self.width)?;
                let keys: Vec<ArrayRef> = self.node.partition.iter().map(|k| Arc::clone(rows.column(*k))).collect();
                let partitions = self.partitions_of(&keys, rows.num_rows())?;
                let slots = self.rows.store_all(split(&rows, self.width)?.0, rows.num_rows())?;
                for ((slot, partition), time) in slots.into_iter().zip(partitions).zip(times.values()) {
                    match released {
                        true => self.partitions[partition as usize].rows.push_back(Kept { slot, time: *time }),
                        false => self.waiting.entry(*time).or_default().push((slot, partition)),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where partitions stand: number of the first row kept, where the attempt began and the row that it takes next, matches
/// so far, the deadline, whether there is an attempt, and the last row of its best match.
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
    ];
    columns.to_vec()
}
