//! Reading the records of a block of text through a window that moves over the file.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use sloth_types::{BadRecord, Error, Result, Rows};

use super::input::{InputFile, Part};
use super::listing::Packing;
use crate::format::Decoder;

/// Bytes read at once: small enough to stay in the second-level cache while they are decoded.
const WINDOW_BYTES: usize = 1 << 20;
/// Bytes read at once beyond a block's end, for the rest of its last record.
const TAIL_BYTES: usize = 16 << 10;
/// A bad record is shown up to this.
const RAW_BYTES_MAX: usize = 64 << 10;

/// Rows and bad records of one read.
pub(super) type Batch = Option<Rows>;

/// Decoder and window, used for one block after another.
pub(super) struct TextReader {
    decoder: Box<dyn Decoder>,
    record_bytes_max: usize,
    window: Vec<u8>,
}

/// A block being read. Positions count from the start of the block.
pub(super) struct TextBlock {
    file: Arc<InputFile>,
    input: Input,
    /// Position of the file in which the block starts.
    start: u64,
    /// Records that start here or later are not ours.
    end: u64,
    /// Position of the first byte of the window that is not consumed.
    position: u64,
    /// The window's unconsumed bytes.
    from: usize,
    to: usize,
    /// Nothing more is to be read into the window.
    exhausted: bool,
}

enum Input {
    Plain(File),
    Packed(Box<dyn Read + Send>),
}

impl TextBlock {
    /// Position after everything that was returned.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// True when there is certainly nothing more.
    pub(super) fn is_finished(&self) -> bool {
        self.from == self.to && (self.exhausted || self.position >= self.end)
    }
}

impl TextReader {
    /// A reader that decodes with `decoder`.
    pub(super) fn new(decoder: Box<dyn Decoder>, record_bytes_max: usize) -> Self {
        TextReader { decoder, record_bytes_max, window: Vec::new() }
    }

    /// Opens a block at `position`, which is 0 or the start of a record.
    pub(super) fn open(&mut self, file: &Arc<InputFile>, part: Part, position: u64) -> Result<TextBlock> {
        if self.window.is_empty() {
            self.window.resize(WINDOW_BYTES, 0);
        }
        let (start, end) = match part {
            Part::Bytes { start, end } => (start, end - start),
            _ => (0, u64::MAX),
        };
        let input = match file.packing {
            Packing::Plain => Input::Plain(file.open()?),
            Packing::Gzip => Input::Packed(Box::new(flate2::read::MultiGzDecoder::new(file.open()?))),
            Packing::Zstd => Input::Packed(Box::new(
                zstd::stream::read::Decoder::new(file.open()?).map_err(|e| unreadable(file, &e))?,
            )),
            Packing::Parquet => return Err(Error::internal("a Parquet file is no text")),
        };
        let file = file.clone();
        let mut block = TextBlock { file, input, start, end, position: 0, from: 0, to: 0, exhausted: false };
        self.begin(&mut block, position)?;
        Ok(block)
    }

    /// Moves to `position`, or to the first record of the block.
    fn begin(&mut self, block: &mut TextBlock, position: u64) -> Result<()> {
        if block.start > 0 {
            if self.decoder.has_header() {
                self.read_header_of(block)?;
            }
            if position > 0 {
                block.position = position;
                return Ok(());
            }
            return self.align(block);
        }
        // The first block of a file: byte order mark and header.
        while block.to - block.from < 3 && self.fill(block)? {}
        if self.unread(block).starts_with(b"\xef\xbb\xbf") {
            consume(block, 3);
        }
        if self.decoder.has_header() {
            let header = self.take_line(block)?;
            self.set_header(block, &header)?;
        }
        if position <= block.position {
            return Ok(());
        }
        match block.input {
            Input::Plain(_) => {
                (block.position, block.from, block.to, block.exhausted) = (position, 0, 0, false);
            }
            Input::Packed(_) => {
                while block.position < position {
                    let skip = (position - block.position).min((block.to - block.from) as u64);
                    consume(block, skip as usize);
                    if skip == 0 && !self.fill(block)? {
                        return Err(Error::unavailable(format!(
                            "file '{}' is shorter than when it was read before",
                            block.file.found.path.display()
                        )));
                    }
                }
            }
        }
        Ok(())
    }

    /// In the middle of a file: the first record is the one after the first newline at or after the byte before the block.
    fn align(&mut self, block: &mut TextBlock) -> Result<()> {
        let Input::Plain(file) = &block.input else { return Ok(()) };
        let mut at = block.start - 1;
        let last = block.start + block.end - 1;
        while at < last {
            let wanted = usize::try_from(last - at).unwrap_or(usize::MAX).min(self.window.len()).min(TAIL_BYTES);
            let read = read_at(file, self.window.get_mut(..wanted).unwrap_or_default(), at, &block.file)?;
            let bytes = self.window.get(..read).unwrap_or_default();
            if let Some(newline) = memchr::memchr(b'\n', bytes) {
                block.position = at + newline as u64 + 1 - block.start;
                return Ok(());
            }
            if read == 0 {
                break;
            }
            at += read as u64;
        }
        // No record starts in this block.
        (block.position, block.exhausted) = (block.end, true);
        Ok(())
    }

    /// The header line of a file whose middle is read.
    fn read_header_of(&mut self, block: &TextBlock) -> Result<()> {
        let file = block.file.clone();
        let mut first = TextBlock {
            input: Input::Plain(file.open()?),
            file,
            start: 0,
            end: u64::MAX,
            position: 0,
            from: 0,
            to: 0,
            exhausted: false,
        };
        let header = self.take_line(&mut first)?;
        let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&header);
        self.set_header(block, header)
    }

    fn set_header(&mut self, block: &TextBlock, line: &[u8]) -> Result<()> {
        let path = block.file.found.path.display();
        self.decoder.set_header(line).map_err(|e| e.context(format_args!("file '{path}'")))
    }

    /// Consumes a line and gives it without its end.
    fn take_line(&mut self, block: &mut TextBlock) -> Result<Vec<u8>> {
        loop {
            let unread = self.unread(block);
            let end = memchr::memchr(b'\n', unread);
            if end.is_none() && unread.len() <= self.record_bytes_max && self.fill(block)? {
                continue;
            }
            let unread = self.unread(block);
            let line = unread.get(..end.unwrap_or(unread.len())).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
            let length = end.map_or(unread.len(), |end| end + 1);
            consume(block, length);
            return Ok(line);
        }
    }

    fn unread(&self, block: &TextBlock) -> &[u8] {
        self.window.get(block.from..block.to).unwrap_or_default()
    }

    /// Reads up to `rows` records, none that starts at `stop` or later. `None` when there is none.
    pub(super) fn read(&mut self, block: &mut TextBlock, rows: usize, stop: Option<u64>) -> Result<Batch> {
        if block.to - block.from < WINDOW_BYTES / 2 {
            // A short rest of the window would make a short batch.
            self.fill(block)?;
        }
        let read = self.read_window(block, rows, stop)?;
        if block.from == block.to {
            // The end of a packed file is found by reading on. Finding it now makes the offset after the last record
            // the same, however the reads were cut.
            self.fill(block)?;
        }
        Ok(read)
    }

    fn read_window(&mut self, block: &mut TextBlock, rows: usize, stop: Option<u64>) -> Result<Batch> {
        loop {
            let unread = self.unread(block);
            let allowed = stop.map_or(u64::MAX, |stop| stop.saturating_sub(block.position));
            let usable = unread.get(..usize::try_from(allowed).unwrap_or(usize::MAX)).unwrap_or(unread);
            let mut length = self.decoder.cut(usable, rows);
            if length == 0 {
                let last = block.exhausted || usable.len() < unread.len() || usable.len() as u64 == allowed;
                if !last && unread.len() <= self.record_bytes_max {
                    self.fill(block)?;
                    continue;
                }
                if usable.is_empty() {
                    return Ok(None);
                }
                if usable.len() > self.record_bytes_max {
                    return self.skip_large(block).map(Some);
                }
                // The last record of a file may have no newline; or its quotes never close, then it is its first line.
                length = memchr::memchr(b'\n', usable).map_or(usable.len(), |newline| newline + 1);
            }
            if length > self.record_bytes_max {
                length = self.before_large(usable, length);
                if length == 0 {
                    return self.skip_large(block).map(Some);
                }
            }
            let from = block.from;
            let bytes = self.window.get(from..from + length).unwrap_or_default();
            let decoded = self.decoder.decode_block(bytes)?;
            let bad = if decoded.bad.is_empty() { Vec::new() } else { self.explain(block, length, decoded.bad) };
            consume(block, length);
            if decoded.batch.num_rows() > 0 || !bad.is_empty() {
                return Ok(Some(Rows { batch: decoded.batch, diffs: decoded.diffs, bad, bytes: 0 }));
            }
        }
    }

    /// The records as one by one: where each starts and its bytes without the line's end. Empty lines are no records.
    fn records<'w>(&self, bytes: &'w [u8]) -> Vec<(usize, &'w [u8])> {
        let mut records = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let length = match self.decoder.cut(rest, 1) {
                0 => rest.len(),
                length => length,
            };
            let record = rest.get(..length).unwrap_or_default();
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            let record = record.strip_suffix(b"\r").unwrap_or(record);
            if !record.is_empty() {
                records.push((at, record));
            }
            at += length;
        }
        records
    }

    /// Bytes before the first record that is too large.
    fn before_large(&self, usable: &[u8], length: usize) -> usize {
        let records = self.records(usable.get(..length).unwrap_or_default());
        let large = records.iter().find(|(_, record)| record.len() > self.record_bytes_max);
        large.map_or(length, |(at, _)| *at)
    }

    fn explain(&self, block: &TextBlock, length: usize, bad: Vec<(u32, String)>) -> Vec<BadRecord> {
        let bytes = self.window.get(block.from..block.from + length).unwrap_or_default();
        let records = self.records(bytes);
        let explained = bad.into_iter().map(|(index, error)| {
            let (at, raw) = records.get(index as usize).copied().unwrap_or((0, b""));
            bad_record(block, block.position + at as u64, raw, error)
        });
        explained.collect()
    }

    /// Passes over a record that is larger than allowed.
    fn skip_large(&mut self, block: &mut TextBlock) -> Result<Rows> {
        let error = format!("the record is larger than {} bytes ('record.max-bytes')", self.record_bytes_max);
        let bad = bad_record(block, block.position, self.unread(block), error);
        loop {
            let unread = self.unread(block);
            if let Some(newline) = memchr::memchr(b'\n', unread) {
                consume(block, newline + 1);
                break;
            }
            let length = unread.len();
            consume(block, length);
            if !self.fill(block)? {
                break;
            }
        }
        let empty = self.decoder.decode_block(b"")?;
        Ok(Rows { batch: empty.batch, diffs: None, bad: vec![bad], bytes: 0 })
    }

    /// Reads more into the window; false when there is nothing more.
    fn fill(&mut self, block: &mut TextBlock) -> Result<bool> {
        if block.exhausted {
            return Ok(false);
        }
        self.window.copy_within(block.from..block.to, 0);
        (block.from, block.to) = (0, block.to - block.from);
        if self.window.len() - block.to < TAIL_BYTES {
            self.window.resize(self.window.len() * 2, 0);
        }
        let loaded = block.position + block.to as u64;
        let beyond = loaded >= block.end;
        let unfinished = block.to > 0 && self.window.get(block.to - 1) != Some(&b'\n');
        if beyond && !unfinished {
            block.exhausted = true;
            return Ok(false);
        }
        let wanted = if beyond { TAIL_BYTES as u64 } else { block.end - loaded };
        let space = self.window.get_mut(block.to..).unwrap_or_default();
        let space = match space.len() as u64 > wanted {
            true => space.get_mut(..wanted as usize).unwrap_or_default(),
            false => space,
        };
        let read = match &mut block.input {
            Input::Plain(file) => read_at(file, space, block.start + loaded, &block.file)?,
            Input::Packed(stream) => read_packed(stream.as_mut(), space, &block.file)?,
        };
        let fresh = block.to..block.to + read;
        block.to = fresh.end;
        block.exhausted = read == 0;
        if beyond && let Some(newline) = memchr::memchr(b'\n', self.window.get(fresh.clone()).unwrap_or_default()) {
            // What follows belongs to the next block.
            block.to = fresh.start + newline + 1;
            block.exhausted = true;
        }
        Ok(read > 0)
    }
}

fn consume(block: &mut TextBlock, length: usize) {
    block.from += length;
    block.position += length as u64;
}

fn bad_record(block: &TextBlock, position: u64, raw: &[u8], error: String) -> BadRecord {
    let place = format!("file {} byte {}", block.file.found.path.display(), block.start + position);
    BadRecord { raw: raw.get(..RAW_BYTES_MAX).unwrap_or(raw).to_vec(), place, error }
}

fn read_at(file: &File, space: &mut [u8], at: u64, input: &InputFile) -> Result<usize> {
    loop {
        match file.read_at(space, at) {
            Err(e) if e.kind() == ErrorKind::Interrupted => (),
            other => return other.map_err(|e| unreadable(input, &e)),
        }
    }
}

fn read_packed(stream: &mut dyn Read, space: &mut [u8], input: &InputFile) -> Result<usize> {
    loop {
        match stream.read(space) {
            Err(e) if e.kind() == ErrorKind::Interrupted => (),
            other => return other.map_err(|e| unreadable(input, &e)),
        }
    }
}

fn unreadable(input: &InputFile, error: &std::io::Error) -> Error {
    Error::of_file(format_args!("file '{}' cannot be read", input.found.path.display()), error)
}
