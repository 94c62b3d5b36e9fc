//! Rows that several joins of a worker read.
//!
//! An epoch's changes are handed to the readers and wait here until every reader is done with the epoch; only then are they
//! taken in. A reader begins with an epoch when all before it have been taken in. So each reader finds the rows as they were
//! before the epoch, whatever the order in which the readers run, and adds what the epoch has changed by itself. A reader
//! waits for nothing but earlier epochs, so that none waits for itself, even if one reads what another makes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use sloth_types::Result;

use super::arrangement::{Arrangement, Written};
use super::snapshot::{Owner, Section, column_of, table};
use crate::context::StateGauge;

/// Rows with the weights of the keys, or the weights alone.
pub(crate) const ROWS: &str = "rows";
pub(crate) const WEIGHTS: &str = "weights";
pub(crate) const CHANGES: &str = "changes";
pub(crate) const COLUMNS: &str = "columns";

/// Rows by a key, with the changes of epochs that some reader is not done with.
pub(crate) struct SharedRows {
    rows: Rc<RefCell<Arrangement>>,
    keys: Vec<usize>,
    /// What the columns are.
    columns: Vec<u64>,
    pending: VecDeque<(u64, RecordBatch, Option<Int64Array>)>,
    /// All epochs before this one have been taken in.
    epoch: u64,
    /// For each reader the first epoch that it is not done with.
    readers: Vec<u64>,
    gauge: StateGauge,
}

impl SharedRows {
    /// No rows; `first` is the first epoch. `columns` say what the columns are.
    pub(crate) fn new(rows: Arrangement, keys: &[usize], columns: &[u64], first: u64, gauge: StateGauge) -> Self {
        SharedRows {
            rows: Rc::new(RefCell::new(rows)),
            keys: keys.to_vec(),
            columns: columns.to_vec(),
            pending: VecDeque::new(),
            epoch: first,
            readers: vec![],
            gauge,
        }
    }

    /// One reader more, by its number.
    pub(crate) fn add_reader(&mut self) -> usize {
        self.readers.push(self.epoch);
        self.readers.len() - 1
    }

    /// The rows, for a reader.
    pub(crate) fn rows(&self) -> Rc<RefCell<Arrangement>> {
        Rc::clone(&self.rows)
    }

    /// Changes of an epoch. Where rows are taken back, equal rows must come only once.
    pub(crate) fn push(&mut self, epoch: u64, rows: RecordBatch, diffs: Option<Int64Array>) {
        // A checkpoint of this epoch has them, whoever is still to read.
        self.rows.borrow_mut().note(&rows, diffs.as_ref());
        self.pending.push_back((epoch, rows, diffs));
    }

    /// True when the rows are as they were before the epoch.
    pub(crate) fn is_before(&self, epoch: u64) -> bool {
        self.epoch == epoch
    }

    /// A reader is done with an epoch. True when the rows have moved on.
    pub(crate) fn done(&mut self, reader: usize, epoch: u64) -> Result<bool> {
        if let Some(next) = self.readers.get_mut(reader) {
            *next = epoch + 1;
        }
        let next = self.readers.iter().copied().min().unwrap_or(epoch + 1);
        if next == self.epoch {
            return Ok(false);
        }
        self.epoch = next;
        let mut rows = self.rows.borrow_mut();
        while self.pending.front().is_some_and(|(epoch, ..)| *epoch < next) {
            let Some((_, batch, diffs)) = self.pending.pop_front() else { break };
            let keys = rows.encode(&batch)?;
            rows.apply_noted(&batch, diffs.as_ref(), &keys, &mut vec![])?;
        }
        self.gauge.set(rows.len(), rows.bytes());
        Ok(true)
    }

    /// All rows, with the changes that wait.
    pub(crate) fn save(&mut self) -> Result<Vec<Section>> {
        let mut rows = self.rows.borrow_mut();
        let kept = rows.save(Written::Anyhow, |_| Ok(vec![]))?;
        rows.begin_changes();
        let by_key = || Owner::Key(self.keys.clone());
        let kept = match rows.is_bare() {
            true => Section::new(WEIGHTS, Owner::Key((0..self.keys.len()).collect()), kept),
            false => Section::new(ROWS, by_key(), kept),
        };
        let waiting = self.pending.iter().map(|(_, rows, diffs)| with_weights(rows, diffs.as_ref()));
        let waiting = Section::new(CHANGES, by_key(), waiting.collect::<Result<_>>()?);
        let columns = table(vec![column_of(self.columns.iter().map(|c| c.cast_signed()))])?;
        Ok(vec![kept, waiting, Section::new(COLUMNS, Owner::Everyone, vec![columns])])
    }

    /// The changes since the last checkpoint, if all of them are known.
    pub(crate) fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        let mut rows = self.rows.borrow_mut();
        if !rows.knows_changes() {
            return Ok(None);
        }
        Ok(Some(vec![Section::new(CHANGES, Owner::Key(self.keys.clone()), rows.take_changes()?)]))
    }

    /// All rows are in the last checkpoint: from now on changes are noted.
    pub(crate) fn begin_changes(&mut self) {
        self.rows.borrow_mut().begin_changes();
    }

    /// What has changed so far since the last checkpoint, ahead of the next one.
    pub(crate) fn save_ahead(&mut self) -> Result<Vec<Section>> {
        let changes = self.rows.borrow_mut().take_changes_ahead()?;
        Ok(vec![Section::new(CHANGES, Owner::Key(self.keys.clone()), changes)])
    }

    /// Rows that checkpoints keep, and rows that there are.
    pub(crate) fn kept_rows(&self) -> (usize, usize) {
        let rows = self.rows.borrow();
        (rows.kept_rows(), rows.len())
    }

    /// The rows have been taken up from a checkpoint.
    pub(crate) fn restored(&mut self) {
        let rows = self.rows.borrow();
        self.gauge.set(rows.len(), rows.bytes());
    }
}

fn with_weights(rows: &RecordBatch, diffs: Option<&Int64Array>) -> Result<RecordBatch> {
    let ones = || Int64Array::from(vec![1; rows.num_rows()]);
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(diffs.cloned().unwrap_or_else(ones)));
    table(columns)
}
