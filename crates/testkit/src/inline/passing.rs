//! Lines such as `@ 10 s`, which let processing time pass.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sloth_types::clock::epoch_now_ms;
use sloth_types::source::OpenSplit;
use sloth_types::{
    Clock, Error, Offset, ReadLimit, ReadOutcome, Readiness, Result, Source, SplitId, SplitReader, Waker,
};

/// Rows from this one on come when so many milliseconds have passed.
pub(super) type Mark = (usize, i64);

/// Takes the marks out of the lines of a split.
pub(super) fn take_marks(text: &mut String) -> Result<VecDeque<Mark>> {
    let (mut marks, mut rows) = (VecDeque::new(), String::new());
    let mut count = 0;
    for line in text.lines() {
        match line.strip_prefix('@') {
            Some(time) => marks.push_back((count, millis(time)?)),
            None => {
                count += 1;
                rows.push_str(line);
                rows.push('\n');
            }
        }
    }
    *text = rows;
    Ok(marks)
}

fn millis(text: &str) -> Result<i64> {
    let wrong = || Error::invalid(format!("'@{text}': write @ 10 s or @ 500 ms"));
    let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(number),
        "s" => Ok(number * 1_000),
        _ => Err(wrong()),
    }
}

/// The clock of a run, and what each split waits for.
#[derive(Debug)]
pub(super) struct Passing {
    pub(super) clock: Clock,
    pub(super) start: i64,
    pub(super) waits: Mutex<Vec<Wait>>,
}

/// What a split waits for.
#[derive(Debug)]
pub(super) struct Wait {
    waker: Waker,
    /// `None` while it is read; the end of time when it has ended.
    until: Option<i64>,
}

impl Default for Passing {
    fn default() -> Self {
        Passing { clock: Clock::manual(0), start: 0, waits: Mutex::default() }
    }
}

impl Passing {
    fn waits(&self) -> MutexGuard<'_, Vec<Wait>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A split waits; when all do, time passes.
    fn wait(&self, split: usize, until: Option<i64>) {
        let mut waits = self.waits();
        let now = self.clock.now_ms();
        if let Some(wait) = waits.get_mut(split) {
            wait.until = until;
            // The time has come already: it is asked in an epoch that was opened before.
            if until.is_some_and(|until| until <= now) {
                wait.waker.wake();
            }
        }
        let next = waits.iter().map(|wait| wait.until.unwrap_or(i64::MIN)).min();
        if let Some(next) = next.filter(|next| *next != i64::MAX && *next > now) {
            self.clock.set(next);
            waits.iter().for_each(|wait| wait.waker.wake());
        }
    }
}

/// A source whose rows come at their times.
pub(super) struct Timed {
    pub(super) source: Arc<dyn Source>,
    /// By split, in the order of the files' names.
    pub(super) marks: Vec<VecDeque<Mark>>,
    pub(super) passing: Arc<Passing>,
}

impl Source for Timed {
    fn splits(&self) -> Result<Vec<SplitId>> {
        self.source.splits()
    }

    fn bounded(&self) -> bool {
        self.source.bounded()
    }

    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let index = self.splits()?.iter().position(|s| *s == split.split).unwrap_or(0);
        let marks = self.marks.get(index).cloned().unwrap_or_default();
        let mut read = 0;
        if let Some(from) = split.from.filter(|_| !marks.is_empty()) {
            // As many as a reader from the beginning finds.
            let mut before = self.source.open(OpenSplit { from: None, ..split.clone() })?;
            let limit = ReadLimit { rows: usize::MAX, until: Some(from) };
            while before.offset() < from
                && let ReadOutcome::Rows(rows) = before.read(limit)?
            {
                read += rows.batch.num_rows();
            }
        }
        let number = {
            let mut waits = self.passing.waits();
            waits.push(Wait { waker: split.waker.clone(), until: None });
            waits.len() - 1
        };
        let passing = Arc::clone(&self.passing);
        Ok(Box::new(TimedReader { reader: self.source.open(split)?, marks, read, number, passing }))
    }
}

struct TimedReader {
    reader: Box<dyn SplitReader>,
    marks: VecDeque<Mark>,
    read: usize,
    number: usize,
    passing: Arc<Passing>,
}

impl SplitReader for TimedReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        let now = epoch_now_ms() - self.passing.start;
        while let Some((_, time)) = self.marks.front().filter(|(row, _)| *row <= self.read) {
            if now < *time {
                self.passing.wait(self.number, Some(self.passing.start + time));
                return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
            }
            self.marks.pop_front();
            self.passing.wait(self.number, None);
        }
        let left = self.marks.front().map_or(usize::MAX, |(row, _)| row - self.read);
        let outcome = self.reader.read(ReadLimit { rows: limit.rows.min(left), ..limit })?;
        match &outcome {
            ReadOutcome::Rows(rows) => self.read += rows.batch.num_rows(),
            ReadOutcome::End => self.passing.wait(self.number, Some(i64::MAX)),
            ReadOutcome::Pending(_) => {}
        }
        Ok(outcome)
    }

    fn offset(&self) -> Offset {
        self.reader.offset()
    }
}
