//! Reads one source's splits on one worker: batches in, rows with a place and a watermark out.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use sloth_plan::{BadRecordPolicy, JobSettings, SourceNode, WatermarkRule, bad_record_schema};
use sloth_types::clock::Mono;
use sloth_types::rng::Rng;
use sloth_types::{BadRecord, Error, Offset, ReadLimit, ReadOutcome, Readiness, Result, Rows, SplitReader, Watermark};

use super::board::{Board, Split, SplitEnd, SplitReport, SplitState};
use crate::context::JobContext;
use crate::epoch::EpochInfo;
use crate::message::{Batch, Place};
use crate::operators::stages::{evaluate, run, run_and_pick};
use crate::operators::window_assign::millis;

/// Warnings about bad records of one reader are at least this far apart.
const WARN_INTERVAL_MS: u128 = 5_000;

struct OwnedSplit {
    ordinal: usize,
    split: Arc<Split>,
    reader: Box<dyn SplitReader>,
    watermark: Watermark,
    active: Mono,
    state: SplitState,
    /// Rows it may still give to the current epoch.
    rows_left: usize,
    /// It gives no more to the current epoch.
    done: bool,
    seq: u32,
}

/// What [`SourceReader::poll`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    /// Rows were read, and there may be more for this epoch.
    More,
    /// The worker's share of the epoch is read and reported.
    Done,
    /// In a replay: rows that the log promises are not there yet.
    Blocked,
}

/// The splits of a source that this worker owns.
pub(crate) struct SourceReader {
    node: SourceNode,
    source: usize,
    worker: usize,
    workers: usize,
    board: Arc<Board>,
    settings: JobSettings,
    context: Arc<JobContext>,
    splits: Vec<OwnedSplit>,
    /// Ordinals below this have been fetched if they are this worker's.
    known: usize,
    cursor: usize,
    begun: Mono,
    bytes: usize,
    full: bool,
    warned: Option<Mono>,
    bad_unsaid: u64,
    /// The job keeps an epoch log.
    logged: bool,
    /// Rows are exchanged next: those that a filter leaves are picked only.
    picks: bool,
}

/// Rows read in one poll.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) rows: Vec<Batch>,
    pub(crate) bad: Vec<Batch>,
}

impl SourceReader {
    /// The share of `worker` in source number `source`.
    pub(crate) fn new(
        node: SourceNode,
        source: usize,
        worker: (usize, usize),
        context: Arc<JobContext>,
        (logged, picks): (bool, bool),
    ) -> Self {
        SourceReader {
            picks,
            node,
            source,
            worker: worker.0,
            workers: worker.1,
            board: Arc::clone(&context.board),
            settings: context.settings.clone(),
            context,
            splits: vec![],
            known: 0,
            cursor: 0,
            begun: Mono::now(),
            bytes: 0,
            full: false,
            warned: None,
            bad_unsaid: 0,
            logged,
        }
    }

    /// Starts an epoch.
    pub(crate) fn begin(&mut self, epoch: &EpochInfo) {
        let count = epoch.splits.get(self.source).copied().unwrap_or(0);
        let board = self.board.sources.get(self.source);
        for ordinal in self.known..count {
            if ordinal % self.workers != self.worker {
                continue;
            }
            let Some((split, reader)) = board.and_then(|b| Some((b.split(ordinal)?, b.fetch_reader(ordinal)?))) else {
                continue;
            };
            let watermark = split.promised;
            let owned = OwnedSplit {
                ordinal,
                split,
                reader,
                watermark,
                active: Mono::now(),
                state: SplitState::Ready,
                rows_left: 0,
                done: false,
                seq: 0,
            };
            self.splits.push(owned);
        }
        self.known = self.known.max(count);
        for split in &mut self.splits {
            split.rows_left = rows_for(&self.settings, epoch, self.source, split.ordinal);
            split.done = split.state == SplitState::Ended;
            split.seq = 0;
        }
        // The cursor stays: when an epoch is full before all splits had their turn, the next one begins with the others.
        self.bytes = 0;
        self.full = false;
        self.begun = Mono::now();
    }

    /// Reads one batch of the epoch.
    ///
    /// # Errors
    /// When a split fails, or a record is bad and the policy is to fail.
    pub(crate) fn poll(&mut self, epoch: &EpochInfo, out: &mut Read) -> Result<Polled> {
        let mut blocked = false;
        for _ in 0..self.splits.len() {
            let index = self.cursor % self.splits.len();
            self.cursor = (index + 1) % self.splits.len();
            if self.splits[index].done {
                continue;
            }
            match self.read_split(index, epoch)? {
                Some(rows) => {
                    self.take_rows(index, epoch, rows, out)?;
                    self.check_full(epoch);
                    return Ok(if self.all_done() { self.finish(epoch) } else { Polled::More });
                }
                None => blocked |= !self.splits[index].done,
            }
        }
        if blocked { Ok(Polled::Blocked) } else { Ok(self.finish(epoch)) }
    }

    fn read_split(&mut self, index: usize, epoch: &EpochInfo) -> Result<Option<Rows>> {
        let until = epoch.until.as_ref().map(|until| {
            let ordinal = self.splits[index].ordinal;
            Offset(until.get(self.source).and_then(|s| s.get(ordinal)).copied().unwrap_or(0))
        });
        let owned = &mut self.splits[index];
        if until.is_some_and(|until| owned.reader.offset() >= until) {
            owned.done = true;
            return Ok(None);
        }
        owned.split.clear_woken();
        // A connector may ask for the epoch's clock.
        sloth_types::clock::set_epoch_now_ms(epoch.now_ms);
        let limit = ReadLimit { rows: batch_rows(&self.settings, epoch).min(owned.rows_left).max(1), until };
        match owned.reader.read(limit)? {
            ReadOutcome::Rows(rows) => {
                let count = rows.batch.num_rows() + rows.bad.len();
                owned.rows_left = owned.rows_left.saturating_sub(count);
                owned.done = owned.rows_left == 0;
                owned.state = SplitState::Ready;
                owned.active = Mono::now();
                Ok(Some(rows))
            }
            ReadOutcome::Pending(readiness) => {
                owned.state = match readiness {
                    Readiness::At(time) => SplitState::At(time),
                    Readiness::OnWake { caught_up } => SplitState::Waiting { caught_up },
                };
                // In a replay the log says that more is to come.
                owned.done = until.is_none();
                Ok(None)
            }
            ReadOutcome::End => {
                owned.state = SplitState::Ended;
                owned.done = true;
                Ok(None)
            }
        }
    }

    fn take_rows(&mut self, index: usize, epoch: &EpochInfo, rows: Rows, out: &mut Read) -> Result<()> {
        if let Some(figures) = self.context.figures.sources.get(self.source) {
            figures.rows.add(rows.batch.num_rows() as u64);
            figures.bytes.add(rows.bytes);
            figures.bad_rows.add(rows.bad.len() as u64);
        }
        self.bytes += rows.batch.get_array_memory_size().min(rows.batch.num_rows() * 4096);
        let owned = &mut self.splits[index];
        let place = Place { split: ((self.source as u64) << 32) | owned.ordinal as u64, seq: owned.seq };
        owned.seq += 1;
        if !rows.bad.is_empty() {
            self.take_bad(index, place, rows.bad, out)?;
        }
        if rows.batch.num_rows() == 0 {
            return Ok(());
        }
        sloth_types::clock::set_epoch_now_ms(epoch.now_ms);
        let mut computed = vec![];
        let batch = Batch { diffs: rows.diffs, ..Batch::insert(rows.batch, place) };
        run(&self.node.compute, batch, &mut computed)?;
        for batch in computed {
            let watermark = self.watermark_of(&batch.rows)?;
            let owned = &mut self.splits[index];
            owned.watermark = owned.watermark.max(watermark);
            match self.picks {
                true => run_and_pick(&self.node.stages, batch, &mut out.rows)?,
                false => run(&self.node.stages, batch, &mut out.rows)?,
            }
        }
        Ok(())
    }

    fn take_bad(&mut self, index: usize, place: Place, bad: Vec<BadRecord>, out: &mut Read) -> Result<()> {
        let table = self.table();
        let split = self.splits[index].split.id.clone();
        if self.node.bad_records == BadRecordPolicy::Fail
            && let Some(first) = bad.first()
        {
            return Err(Error::data(format!(
                "table '{table}': bad record at {split}, {}: {}",
                first.place, first.error
            ))
            .detail(format!(
                "The record: {}",
                String::from_utf8_lossy(&first.raw).chars().take(200).collect::<String>()
            ))
            .hint("Set 'bad-records' = 'skip' or 'dead-letter' in the table's options to go on past such records."));
        }
        self.bad_unsaid += bad.len() as u64;
        if self.warned.is_none_or(|at| at.elapsed().as_millis() >= WARN_INTERVAL_MS)
            && let Some(first) = bad.first()
        {
            tracing::warn!(
                "table '{table}': {} bad record(s), first at {split}, {}: {}",
                self.bad_unsaid,
                first.place,
                first.error
            );
            self.warned = Some(Mono::now());
            self.bad_unsaid = 0;
        }
        if let BadRecordPolicy::DeadLetter(_) = &self.node.bad_records {
            let name = split.to_string();
            let columns: Vec<ArrayRef> = vec![
                Arc::new(BinaryArray::from_iter_values(bad.iter().map(|b| b.raw.as_slice()))),
                Arc::new(StringArray::from_iter_values(bad.iter().map(|_| name.as_str()))),
                Arc::new(StringArray::from_iter_values(bad.iter().map(|b| b.place.as_str()))),
                Arc::new(StringArray::from_iter_values(bad.iter().map(|b| b.error.as_str()))),
            ];
            out.bad.push(Batch::insert(RecordBatch::try_new(bad_record_schema(), columns)?, place));
        }
        Ok(())
    }

    fn table(&self) -> String {
        match &self.node.origin {
            sloth_plan::SourceOrigin::Table(spec) => spec.name.clone(),
            sloth_plan::SourceOrigin::Rows(_) => "VALUES".to_owned(),
        }
    }

    fn watermark_of(&self, rows: &RecordBatch) -> Result<Watermark> {
        let latest = |column: &ArrayRef| -> Result<Option<i64>> { Ok(arrow::compute::max(&millis(column)?)) };
        Ok(match &self.node.watermark {
            None => Watermark::NONE,
            Some(WatermarkRule::Delay { column, delay_ms }) => {
                latest(rows.column(*column))?.map_or(Watermark::NONE, |t| Watermark(t.saturating_sub(*delay_ms)))
            }
            Some(WatermarkRule::Expr(expr)) => latest(&evaluate(expr, rows)?)?.map_or(Watermark::NONE, Watermark),
        })
    }

    /// Under load an epoch is closed by its reading time or its bytes.
    fn check_full(&mut self, epoch: &EpochInfo) {
        if epoch.until.is_some() {
            return;
        }
        let rows_decide = self.settings.epoch_rows_max.is_some();
        self.full =
            self.bytes >= self.settings.epoch_bytes_max || (!rows_decide && self.begun.elapsed() >= epoch.read_time);
    }

    fn all_done(&self) -> bool {
        self.full || self.splits.iter().all(|s| s.done)
    }

    /// Reports all splits and calls the coordinator.
    fn finish(&mut self, epoch: &EpochInfo) -> Polled {
        for owned in &self.splits {
            owned.split.set_report(SplitReport {
                state: owned.state,
                cut: owned.state == SplitState::Ready,
                watermark: owned.watermark,
                active: owned.active,
            });
            if self.logged {
                let (offset, watermark) = (owned.reader.offset(), owned.watermark);
                owned.split.push_end(SplitEnd { epoch: epoch.epoch, offset, watermark });
            }
        }
        if let Some(board) = self.board.sources.get(self.source) {
            board.set_read(self.worker, epoch.epoch.0 + 1);
        }
        self.board.ring();
        Polled::Done
    }
}

/// Rows of a batch are not fewer than this, however short an epoch is.
const BATCH_ROWS_MIN: usize = 1024;

/// How many rows a batch may have: fewer when an epoch is to be shorter than usual.
fn batch_rows(settings: &JobSettings, epoch: &EpochInfo) -> usize {
    if epoch.until.is_some() || epoch.read_time >= settings.epoch_target {
        return settings.batch_rows;
    }
    let share = epoch.read_time.as_secs_f64() / settings.epoch_target.as_secs_f64();
    ((settings.batch_rows as f64 * share) as usize).max(BATCH_ROWS_MIN).min(settings.batch_rows)
}

/// How many rows a split may give to an epoch.
fn rows_for(settings: &JobSettings, epoch: &EpochInfo, source: usize, ordinal: usize) -> usize {
    if epoch.until.is_some() {
        return usize::MAX;
    }
    match (settings.epoch_rows_max, settings.epoch_cut_seed) {
        (None, _) => usize::MAX,
        (Some(most), None) => most,
        (Some(most), Some(seed)) => {
            let stream = seed ^ ((source as u64) << 48) ^ ((ordinal as u64) << 32);
            1 + Rng::at(stream, epoch.epoch.0).below(most as u64) as usize
        }
    }
}
