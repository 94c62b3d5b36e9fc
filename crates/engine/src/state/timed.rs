//! Rows that wait for a time: the state of operators that speak when the watermark comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use super::rows::Rows;
use super::snapshot::{Owner, ROWS_MAX, Section, batches_of, column_of, number, numbers, table, take_newest_number};

/// Rows by the time (in milliseconds) that they wait for.
pub(crate) struct TimedRows {
    schema: SchemaRef,
    rows: Rows,
    waiting: BTreeMap<i64, Vec<u32>>,
    /// The last time up to which rows have been taken out.
    taken: i64,
    /// What has come since the last checkpoint.
    noted: Option<Noted>,
}

/// Rows that have come, each batch with its times and the time up to which rows had been taken out before.
#[derive(Default)]
struct Noted {
    batches: Vec<RecordBatch>,
    rows: usize,
}

/// So many new rows are always kept.
const NOTED_MIN: usize = 1 << 14;

impl TimedRows {
    /// No rows of `schema` yet.
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self> {
        Ok(TimedRows {
            schema: Arc::clone(schema),
            rows: Rows::new(schema)?,
            waiting: BTreeMap::new(),
            taken: i64::MIN,
            noted: None,
        })
    }

    /// Stores the rows `which` of a batch; `times` says for each of them what it waits for.
    pub(crate) fn add(&mut self, batch: &RecordBatch, which: &[u32], times: &[i64]) -> Result<()> {
        self.note(batch, which, times)?;
        let slots: Vec<u32> = which.iter().map(|_| self.rows.allot()).collect();
        self.rows.store(batch.columns(), which, &slots)?;
        // Rows of one time mostly come one after the other.
        let mut start = 0;
        while let Some(time) = times.get(start) {
            let end = start + times[start..].iter().take_while(|t| *t == time).count();
            self.waiting.entry(*time).or_default().extend_from_slice(&slots[start..end]);
            start = end;
        }
        Ok(())
    }

    /// Takes out the rows that wait for times up to `upto`, by rising time, for one time in the order in which they came.
    pub(crate) fn take(&mut self, upto: i64) -> Result<Option<RecordBatch>> {
        self.taken = self.taken.max(upto);
        let mut slots: Vec<u32> = vec![];
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > upto {
                break;
            }
            slots.append(&mut entry.remove());
        }
        if slots.is_empty() {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> =
            (0..self.schema.fields().len()).map(|c| self.rows.gather(c, &slots)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        for slot in slots {
            self.rows.remove(slot);
        }
        Ok(Some(batch))
    }

    /// All rows, each with the time that it waits for, for a checkpoint.
    pub(crate) fn save(&self) -> Result<Vec<RecordBatch>> {
        let all = self.waiting.iter().flat_map(|(time, slots)| slots.iter().map(move |slot| (*slot, *time)));
        let (slots, times): (Vec<u32>, Vec<i64>) = all.unzip();
        let batch = |(slots, times): (&[u32], &[i64])| {
            let mut columns = self.rows.gather_all(slots)?;
            columns.push(column_of(times.iter().copied()));
            table(columns)
        };
        slots.chunks(ROWS_MAX).zip(times.chunks(ROWS_MAX)).map(batch).collect()
    }

    /// Takes up rows that [`TimedRows::save`] gave.
    pub(crate) fn restore(&mut self, rows: &RecordBatch) -> Result<()> {
        let times = numbers(rows, self.rows.width())?;
        let all: Vec<u32> = (0..rows.num_rows() as u32).collect();
        self.add(rows, &all, times.values())
    }

    /// Notes rows that come. When they are more than all that wait they are forgotten: writing everything costs no more.
    fn note(&mut self, batch: &RecordBatch, which: &[u32], times: &[i64]) -> Result<()> {
        let most = NOTED_MIN.max(self.rows.len());
        let Some(noted) = self.noted.as_mut().filter(|_| !which.is_empty()) else { return Ok(()) };
        noted.rows += which.len();
        if noted.rows > most {
            self.noted = None;
            return Ok(());
        }
        let rows = take_record_batch(batch, &UInt32Array::from(which.to_vec()))?;
        let own = [column_of(times.iter().copied()), column_of(std::iter::repeat_n(self.taken, which.len()))];
        noted.batches.push(table(rows.columns().iter().cloned().chain(own).collect())?);
        Ok(())
    }

    /// Everything is being written, or has been: from now on what comes is noted.
    pub(crate) fn begin_changes(&mut self) {
        self.noted = Some(Noted::default());
    }

    /// True when everything that has come since is known.
    pub(crate) fn knows_changes(&self) -> bool {
        self.noted.is_some()
    }

    /// What has come since section `name` was written by [`TimedRows::save`], and what has been taken out.
    pub(crate) fn save_changes(&mut self, name: &str, owner: &Owner) -> Result<[Section; 2]> {
        let batches = self.noted.as_mut().map(std::mem::take).unwrap_or_default().batches;
        Ok([Section::new(&changes(name), owner.clone(), batches), self.save_taken(name)?])
    }

    /// All rows as section `name`, and the time up to which rows have been taken out; from now on what comes is noted.
    pub(crate) fn save_whole(&mut self, name: &str, owner: &Owner) -> Result<[Section; 2]> {
        self.begin_changes();
        Ok([Section::new(name, owner.clone(), self.save()?), self.save_taken(name)?])
    }

    /// The same on all workers: one that has written everything tells it for those that have not.
    fn save_taken(&self, name: &str) -> Result<Section> {
        number(&taken(name), self.taken)
    }

    /// Takes up section `name`, and those that [`TimedRows::save_changes`] gave after it.
    pub(crate) fn restore_all(&mut self, state: &mut [Section], name: &str) -> Result<()> {
        for rows in batches_of(state, name) {
            self.restore(&rows)?;
        }
        for rows in batches_of(state, &changes(name)) {
            if let Some(taken) = numbers(&rows, self.rows.width() + 1)?.values().first() {
                self.take(*taken)?;
            }
            self.restore(&rows)?;
        }
        if let Some(taken) = take_newest_number(state, &taken(name))? {
            self.take(taken)?;
        }
        Ok(())
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes() + self.rows.len() * 4
    }
}

fn changes(name: &str) -> String {
    format!("{name} changes")
}

fn taken(name: &str) -> String {
    format!("{name} taken")
}
