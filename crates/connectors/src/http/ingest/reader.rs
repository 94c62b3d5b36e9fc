//! Reads the journal, from whichever record.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Cursor, Read};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use sloth_types::clock::Mono;
use sloth_types::{BadRecord, Error, Offset, ReadLimit, ReadOutcome, Readiness, Result, Rows, SplitReader};

use super::Ingest;
use super::frame::{self, Kind};
use super::journal::{Place, broken};
use crate::format::{Decoder, Unfit, adapt_batch};

const READ_BYTES: u64 = 1 << 20;
/// Who reads what another process writes looks again after so long.
const FOLLOW: Duration = Duration::from_millis(20);
const RAW_BYTES_MAX: usize = 64 << 10;

/// A reader; its offset counts records.
pub(super) struct JournalReader {
    pub(super) ingest: Arc<Ingest>,
    /// Its number at the journal.
    pub(super) id: u64,
    pub(super) decoder: Box<dyn Decoder>,
    pub(super) schema: SchemaRef,
    pub(super) at: u64,
    /// Number of the record behind the last frame that was looked at.
    expected: u64,
    /// The segment being read, and how far it was.
    segment: Option<(u64, File, u64)>,
    /// Bytes read of it, those before `start` done with.
    buffer: Vec<u8>,
    start: usize,
    /// Lines of the frame before `start` that were not returned, as a place in the buffer.
    lines: Range<usize>,
    /// Rows of an Arrow stream that were not returned.
    batches: VecDeque<RecordBatch>,
}

impl JournalReader {
    /// A reader that goes on at record `at`.
    pub(super) fn new(ingest: Arc<Ingest>, id: u64, decoder: Box<dyn Decoder>, schema: SchemaRef, at: u64) -> Self {
        let (buffer, batches) = (vec![], VecDeque::new());
        JournalReader {
            ingest,
            id,
            decoder,
            schema,
            at,
            expected: at,
            segment: None,
            buffer,
            start: 0,
            lines: 0..0,
            batches,
        }
    }

    /// Reads more of the segment, or goes on to the next; false when there is nothing more.
    fn fill(&mut self, end: Option<Place>) -> Result<bool> {
        let journal = &self.ingest.journal;
        let (segment, file, read) = match &mut self.segment {
            Some(open) => open,
            none => {
                let segments = journal.segments()?;
                let Some(segment) = segments.into_iter().rev().find(|first| *first <= self.at) else {
                    return Ok(false);
                };
                let path = journal.path(segment);
                none.insert((segment, File::open(&path).map_err(|e| broken(&path, "read", &e))?, 0))
            }
        };
        self.buffer.drain(..self.start);
        (self.start, self.lines) = (0, 0..0);
        // What this process has written and is not yet on the disk must not be seen.
        let stop = end.filter(|end| end.segment == *segment).map_or(u64::MAX, |end| end.byte);
        let wanted = READ_BYTES.max(self.buffer.len() as u64).min(stop.saturating_sub(*read));
        let got = file.take(wanted).read_to_end(&mut self.buffer);
        let got = got.map_err(|e| broken(&journal.path(*segment), "read", &e))?;
        *read += got as u64;
        if got > 0 {
            return Ok(true);
        }
        if *segment == self.expected || !journal.path(self.expected).exists() {
            return Ok(false);
        }
        if !self.buffer.is_empty() {
            return Err(Error::data(format!("the journal '{}' is damaged", journal.path(*segment).display())));
        }
        self.segment = None;
        Ok(true)
    }

    /// Goes to the next frame in the buffer: its lines or batches are there then. False when there is no whole one.
    fn next_frame(&mut self) -> Result<bool> {
        let Some((head, body)) = frame::whole(self.buffer.get(self.start..).unwrap_or_default()) else {
            return Ok(false);
        };
        let from = self.start + head.length();
        // Of the frame that the reader was opened in the middle of.
        let skip = self.expected.saturating_sub(head.first).min(u64::from(head.records)) as usize;
        if head.first > self.expected {
            let gap = format!("records {} to {} are missing in the journal", self.expected, head.first);
            return Err(Error::data(gap));
        }
        self.expected = self.expected.max(head.end());
        match head.kind {
            Kind::Lines => {
                let skipped = memchr::memchr_iter(b'\n', body).take(skip).last().map_or(0, |end| end + 1);
                self.lines = from + skipped..from + body.len();
            }
            Kind::Whole => self.lines = if skip == 0 { from..from + body.len() } else { 0..0 },
            Kind::Arrow => self.batches = batches(body, &self.schema, skip)?,
        }
        self.start += head.frame();
        Ok(true)
    }

    /// Up to `max` records as places in the buffer, over as many frames as are there.
    fn collect(&mut self, max: usize) -> Result<Vec<Range<usize>>> {
        let mut records = vec![];
        loop {
            let unread = self.buffer.get(self.lines.clone()).unwrap_or_default();
            let whole = self.ingest.whole_bodies;
            let mut begin = self.lines.start;
            if whole && !unread.is_empty() {
                records.push(std::mem::take(&mut self.lines));
            } else {
                for end in memchr::memchr_iter(b'\n', unread).take(max - records.len()) {
                    records.push(begin..self.lines.start + end);
                    begin = self.lines.start + end + 1;
                }
                self.lines.start = begin;
            }
            if records.len() == max || !self.lines.is_empty() || !self.batches.is_empty() || !self.next_frame()? {
                return Ok(records);
            }
        }
    }

    fn decode(&mut self, records: &[Range<usize>]) -> Result<Rows> {
        let bytes = |range: &Range<usize>| self.buffer.get(range.clone()).unwrap_or_default();
        let slices: Vec<&[u8]> = records.iter().map(bytes).collect();
        let decoded = self.decoder.decode(&slices)?;
        let explain = |(index, error): (u32, String)| {
            let raw = slices.get(index as usize).copied().unwrap_or_default();
            let place = format!("record {}", self.at + u64::from(index));
            BadRecord { raw: raw.get(..RAW_BYTES_MAX).unwrap_or(raw).to_vec(), place, error }
        };
        let bad = decoded.bad.into_iter().map(explain).collect();
        let bytes = slices.iter().map(|s| s.len() as u64).sum();
        self.advance(records.len());
        Ok(Rows { batch: decoded.batch, diffs: decoded.diffs, bad, bytes })
    }

    fn advance(&mut self, records: usize) {
        self.at += records as u64;
        self.ingest.journal.advance(self.id, self.at);
    }
}

impl SplitReader for JournalReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        let allowed = limit.until.map_or(u64::MAX, |until| until.0.saturating_sub(self.at));
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).min(limit.rows);
        if allowed == 0 {
            return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
        }
        loop {
            if let Some(batch) = self.batches.pop_front() {
                let taken = batch.num_rows().min(allowed);
                if taken < batch.num_rows() {
                    self.batches.push_front(batch.slice(taken, batch.num_rows() - taken));
                }
                self.advance(taken);
                let batch = batch.slice(0, taken);
                let bytes = batch.get_array_memory_size() as u64;
                return Ok(ReadOutcome::Rows(Rows { batch, diffs: None, bad: vec![], bytes }));
            }
            let records = self.collect(allowed)?;
            if !records.is_empty() {
                return Ok(ReadOutcome::Rows(self.decode(&records)?));
            }
            let end = self.ingest.journal.end()?;
            if self.batches.is_empty() && !self.fill(end)? {
                // What has been read before must not be made up for by rows that come now.
                if let (Some(end), Some(until)) = (end, limit.until)
                    && until.0 > end.record
                {
                    let place = self.ingest.journal.directory.display();
                    let text = format!(
                        "the journal '{place}' ends at record {}, and the job has read to {}",
                        end.record, until.0
                    );
                    return Err(Error::data(text).hint("Its end is missing: restore it from a copy."));
                }
                return Ok(ReadOutcome::Pending(match end {
                    Some(_) => Readiness::OnWake { caught_up: true },
                    None => Readiness::At(Mono::now().after(FOLLOW)),
                }));
            }
        }
    }

    fn offset(&self) -> Offset {
        Offset(self.at)
    }
}

impl Drop for JournalReader {
    fn drop(&mut self) {
        self.ingest.journal.leave(self.id);
    }
}

/// The rows of an Arrow stream without the first ones.
fn batches(body: &[u8], schema: &SchemaRef, mut skip: usize) -> Result<VecDeque<RecordBatch>> {
    let damaged = |e: arrow::error::ArrowError| Error::data(format!("an Arrow stream in the journal is damaged: {e}"));
    let mut out = VecDeque::new();
    for batch in StreamReader::try_new(Cursor::new(body), None).map_err(damaged)? {
        let batch = adapt_batch(&batch.map_err(damaged)?, schema, Unfit::Null)?;
        let skipped = batch.num_rows().min(skip);
        skip -= skipped;
        if batch.num_rows() > skipped {
            out.push_back(batch.slice(skipped, batch.num_rows() - skipped));
        }
    }
    Ok(out)
}
