//! The state of pattern matching as rows for a checkpoint, and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};
use sloth_types::Result;

use super::program::Attempt;
use super::{Kept, MatchOperator, Partition};
use crate::state::keys::RowSet;
use crate::state::snapshot::{Owner, ROWS_MAX, Section, batches_of, column_of, numbers, split, table};

/// Columns of a partition behind its key.
const FACTS: usize = 7;

impl MatchOperator {
    /// Rows in the order of their partitions, and rows that the watermark has not passed; each with its time.
    pub(super) fn save_rows(&self) -> Result<Vec<Section>> {
        let owner = || Owner::Key(self.node.partition.clone());
        let batches = |rows: Vec<(u32, i64)>| -> Result<Vec<RecordBatch>> {
            let batch = |rows: &[(u32, i64)]| {
                let slots: Vec<u32> = rows.iter().map(|row| row.0).collect();
                let mut columns = self.rows.gather_all(&slots)?;
                columns.push(column_of(rows.iter().map(|row| row.1)));
                table(columns)
            };
            rows.chunks(ROWS_MAX).map(batch).collect()
        };
        let kept = self.partitions.iter().flat_map(|p| p.rows.iter().map(|row| (row.slot, row.time))).collect();
        let waiting =
            self.waiting.iter().flat_map(|(time, rows)| rows.iter().map(|(slot, _)| (*slot, *time))).collect();
        Ok(vec![Section::new("rows", owner(), batches(kept)?), Section::new("waiting", owner(), batches(waiting)?)])
    }

    /// Where each partition stands, and the threads and the mapped rows of its attempt.
    pub(super) fn save_partitions(&self) -> Result<Vec<Section>> {
        let live: Vec<u32> =
            self.keys.live().into_iter().filter(|key| (*key as usize) < self.partitions.len()).collect();
        let of = |key: &u32| &self.partitions[*key as usize];
        let mut partitions = vec![];
        for keys in live.chunks(ROWS_MAX) {
            let mut columns = self.encoder.decode(&self.keys, keys)?;
            columns.extend(facts(&keys.iter().map(of).collect::<Vec<_>>()));
            partitions.push(table(columns)?);
        }
        let (mut threads, mut mapped) = (vec![], vec![]);
        for key in &live {
            let Some(attempt) = &of(key).attempt else { continue };
            let (of_attempt, history, _) = attempt.facts();
            threads.extend(of_attempt.into_iter().map(|thread| (*key, thread)));
            mapped.extend(history.into_iter().map(|row| (*key, row)));
        }
        let owner = || Owner::Key((0..self.node.partition.len()).collect());
        Ok(vec![
            Section::new("partitions", owner(), partitions),
            Section::new("threads", owner(), self.by_key(&threads)?),
            Section::new("mapped", owner(), self.by_key(&mapped)?),
        ])
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
        for rows in batches_of(state, "partitions") {
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
        self.restore_by_key(batches_of(state, "threads"), Attempt::add_thread)?;
        self.restore_by_key(batches_of(state, "mapped"), Attempt::add_mapped)
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
            for rows in batches_of(state, name) {
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
