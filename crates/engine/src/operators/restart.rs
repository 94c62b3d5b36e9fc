//! For tests: an operator that runs on several workers and is saved, shared out anew and restored at random epochs, while
//! beside it the same operator goes on undisturbed. What both give out must be the same, epoch by epoch.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Cursor;

use arrow::array::{Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::row::{RowConverter, SortField};
use sloth_types::Result;
use sloth_types::journal::{Checkpoint, OperatorState};
use sloth_types::rng::Rng;

use super::Operator;
use crate::durable::Restored;
use crate::epoch::EpochInfo;
use crate::hash::{KeyHasher, worker_of};
use crate::message::Batch;
use crate::pact::Route;
use crate::state::changed::newest;
use crate::state::snapshot::{Section, leave_to_first, shared_out};

/// Numbers of workers, one restart after the other.
const WORKERS: [usize; 4] = [1, 2, 3, 1];

thread_local! {
    static RESUMED: Cell<usize> = const { Cell::new(0) };
}

/// How often an operator of this test has written changes that follow what was written before a restart.
pub(crate) fn resumed() -> usize {
    RESUMED.get()
}

/// An operator on several workers, and the same one undisturbed.
pub(crate) struct Restarting<O> {
    make: Box<dyn Fn((usize, usize)) -> O>,
    /// The way of each input.
    routes: Vec<Route>,
    /// The operator on each worker.
    pub(crate) workers: Vec<O>,
    whole: O,
    given: [Vec<Batch>; 2],
    /// What the workers have written for checkpoints.
    written: Checkpoint,
    /// What each worker has given ahead of the next one; `None` when it has to write everything.
    ahead: Vec<Option<OperatorState>>,
    /// Workers that go on with what was written before a restart, and have written nothing since.
    resumed: Vec<usize>,
    rng: Rng,
    restarts: usize,
    /// All that has been given out, where the operator is to know it.
    told: Option<BTreeMap<Vec<u8>, i64>>,
}

impl<O: Operator> Restarting<O> {
    /// `make` makes the operator for worker (index, of how many); its inputs are sent by `routes`.
    pub(crate) fn new(seed: u64, routes: Vec<Route>, make: impl Fn((usize, usize)) -> O + 'static) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let restarts = rng.below(4) as usize;
        let count = WORKERS[restarts];
        let mut workers: Vec<O> = (0..count).map(|worker| make((worker, count))).collect();
        let mut begin = |operator: &mut O| rng.chance(0.5).then(|| operator.begin_changes().unwrap()).flatten();
        let begun: Vec<_> = workers.iter_mut().map(&mut begin).collect();
        let state = |(worker, sections)| OperatorState { worker, ..part(sections, false) };
        let ahead = begun.into_iter().enumerate().map(|(worker, sections)| Some(state((worker, sections?)))).collect();
        let whole = make((0, 1));
        Restarting {
            make: Box::new(make),
            routes,
            workers,
            whole,
            given: [vec![], vec![]],
            written: Checkpoint::default(),
            ahead,
            resumed: vec![],
            rng,
            restarts,
            told: None,
        }
    }

    /// The operator knows at any time what it has given out in all.
    pub(crate) fn knowing_all(self, knows: bool) -> Self {
        Restarting { told: knows.then(BTreeMap::new), ..self }
    }

    /// What the workers say they have told is what they have.
    fn check_told(&mut self, given: &[Batch]) -> Result<()> {
        let Some(told) = &mut self.told else { return Ok(()) };
        for (row, weight) in contents(given) {
            *told.entry(row).or_default() += weight;
        }
        told.retain(|_, weight| *weight != 0);
        let mut all = vec![];
        for worker in &mut self.workers {
            all.extend(worker.tell_all()?.expect("the operator knows"));
        }
        assert_eq!(contents(&all), *told, "after {} restarts", self.restarts);
        Ok(())
    }

    /// Sends the rows of one input by these columns.
    pub(crate) fn by_key(seed: u64, keys: &[usize], make: impl Fn((usize, usize)) -> O + 'static) -> Self {
        Restarting::new(seed, vec![Route::Key(keys.to_vec())], make)
    }

    /// Every worker writes all its state or what has changed in it, each as it likes.
    fn checkpoint(&mut self) -> Result<()> {
        let mut state = vec![];
        for (worker, operator) in self.workers.iter_mut().enumerate() {
            let ahead = self.ahead.get_mut(worker).and_then(Option::take);
            let changes = if ahead.is_some() && self.rng.chance(0.7) { operator.save_changes()? } else { None };
            let continues = changes.is_some();
            RESUMED.set(RESUMED.get() + usize::from(continues && self.resumed.contains(&worker)));
            let next = part(changes.map_or_else(|| operator.save(), Ok)?, continues);
            let mut all = ahead.unwrap_or_else(|| part(vec![], true));
            all.go_on_with(next);
            leave_to_first(&mut all.sections, worker);
            let sections = all.sections.into_iter().map(through_ipc).collect();
            state.push(OperatorState { worker, sections, ..all });
        }
        self.resumed.clear();
        self.ahead = state.iter().map(|s| Some(OperatorState { worker: s.worker, ..part(vec![], true) })).collect();
        let mut written = Checkpoint { state, ..Checkpoint::default() };
        written.complete_with(&self.written);
        self.written = written;
        Ok(())
    }

    /// Some workers give what has changed ahead of the next checkpoint.
    fn give_ahead(&mut self) -> Result<()> {
        for (operator, ahead) in self.workers.iter_mut().zip(&mut self.ahead) {
            if let Some(ahead) = ahead.as_mut().filter(|_| self.rng.chance(0.7)) {
                ahead.go_on_with(part(operator.save_ahead()?, true));
            }
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        self.checkpoint()?;
        let written = Restored::new(Some(self.written.clone())).written(0);
        self.restarts += 1;
        self.ahead.clear();
        self.resumed.clear();
        let before = self.workers.len();
        let count = if self.rng.chance(0.5) { before } else { WORKERS[self.restarts % WORKERS.len()] };
        self.workers.clear();
        for worker in 0..count {
            let mut operator = (self.make)((worker, count));
            let (share, own) = shared_out(&written, (worker, count))?;
            let newest = newest(&share)?;
            operator.restore(share)?;
            // Some go on with what is written.
            let known = self.written.state.iter().any(|s| s.worker == worker);
            let goes_on = known && own && self.rng.chance(0.8) && operator.resume_changes(newest);
            self.resumed.extend(goes_on.then_some(worker));
            self.ahead.push(goes_on.then(|| OperatorState { worker, ..part(vec![], true) }));
            self.workers.push(operator);
        }
        Ok(())
    }

    fn check(&mut self, epoch: &EpochInfo) -> Vec<Batch> {
        let [parts, whole] = std::mem::take(&mut self.given);
        assert_eq!(contents(&parts), contents(&whole), "epoch {:?} after {} restarts", epoch.epoch, self.restarts);
        parts
    }
}

/// What the first worker gives.
fn part(sections: Vec<Section>, continues: bool) -> OperatorState {
    OperatorState { operator: 0, name: String::new(), worker: 0, continues, sections }
}

/// Rows as bytes with their net weights.
fn contents(batches: &[Batch]) -> BTreeMap<Vec<u8>, i64> {
    let mut out: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for batch in batches {
        let fields = batch.rows.columns().iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let rows = RowConverter::new(fields).unwrap().convert_columns(batch.rows.columns()).unwrap();
        for (row, bytes) in rows.iter().enumerate() {
            *out.entry(bytes.as_ref().to_vec()).or_default() += batch.diffs.as_ref().map_or(1, |d| d.value(row));
        }
    }
    out.retain(|_, weight| *weight != 0);
    out
}

/// A section as it comes back from where it was stored.
fn through_ipc(section: Section) -> Section {
    let Some(first) = section.rows.first() else { return section };
    let mut bytes = vec![];
    let mut writer = StreamWriter::try_new(&mut bytes, first.schema_ref()).unwrap();
    for rows in &section.rows {
        assert_eq!(rows.schema(), first.schema(), "{}: one table has one schema", section.name);
        writer.write(rows).unwrap();
    }
    writer.finish().unwrap();
    let rows: Vec<RecordBatch> =
        StreamReader::try_new(Cursor::new(&bytes), None).unwrap().collect::<std::result::Result<_, _>>().unwrap();
    assert_eq!(rows.len(), section.rows.len());
    Section { rows, ..section }
}

/// The parts of a batch that go to each worker.
fn routed(batch: &Batch, route: &Route, workers: usize) -> Vec<Batch> {
    let keys = match route {
        Route::Named => return vec![batch.clone(); workers],
        Route::To(_) => unreachable!("rows that another operator has placed"),
        Route::Key(keys) => keys,
    };
    let mut rows_of: Vec<Vec<u32>> = vec![vec![]; workers];
    if keys.is_empty() {
        rows_of[0] = (0..batch.rows.num_rows() as u32).collect();
    } else {
        let columns: Vec<_> = keys.iter().map(|k| batch.rows.column(*k)).collect();
        for (row, hash) in KeyHasher::default().hash(&columns, batch.rows.num_rows()).iter().enumerate() {
            rows_of[worker_of(*hash, workers)].push(row as u32);
        }
    }
    let part = |rows: Vec<u32>| {
        let diffs: Option<Int64Array> =
            batch.diffs.as_ref().map(|d| rows.iter().map(|row| Some(d.value(*row as usize))).collect());
        let rows = take_record_batch(&batch.rows, &UInt32Array::from(rows)).unwrap();
        Batch { rows, diffs, ..batch.clone() }
    };
    rows_of.into_iter().map(part).collect()
}

impl<O: Operator> Operator for Restarting<O> {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        let [parts, whole] = &mut self.given;
        let route = &self.routes[usize::from(batch.port)];
        let routed = routed(&batch, route, self.workers.len());
        for (worker, part) in self.workers.iter_mut().zip(routed) {
            if part.rows.num_rows() > 0 {
                worker.on_batch(epoch, part, parts)?;
            }
        }
        self.whole.on_batch(epoch, batch, whole)
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let [parts, whole] = &mut self.given;
        for worker in &mut self.workers {
            // Some look at all that they are given to put out.
            let mut own = vec![];
            worker.on_epoch_end(epoch, &mut own)?;
            parts.append(&mut own);
        }
        self.whole.on_epoch_end(epoch, whole)?;
        let given = self.check(epoch);
        self.check_told(&given)?;
        out.extend(given);
        match self.rng.below(10) {
            0..3 => self.restart()?,
            3..6 => self.checkpoint()?,
            6..9 => self.give_ahead()?,
            _ => {}
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        unreachable!("it saves by itself")
    }

    fn restore(&mut self, _: Vec<Section>) -> Result<()> {
        unreachable!("it restores by itself")
    }
}

#[cfg(test)]
mod tests;
