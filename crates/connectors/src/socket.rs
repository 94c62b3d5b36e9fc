//! The `socket` source: records from a TCP connection, cut at a delimiter. For trying things out (`nc -lk 9999`).
//!
//! What was sent is gone once it was read: after a restart the source goes on with what comes then.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sloth_types::source::OpenSplit;
use sloth_types::{
    BadRecord, Connector, Error, Offset, ReadLimit, ReadOutcome, Readiness, Result, Rows, Source, SplitId, SplitReader,
    TableSpec, Waker,
};

use crate::alive::keep_alive;
use crate::format::{self, Decoder, physical_columns};

const KNOWN: [&str; 7] =
    ["connector", "hostname", "port", "byte-delimiter", "format", "socket.reconnect", "record.max-bytes"];
/// Records that wait to be read; beyond this the connection is not read any further.
const QUEUE_BYTES_MAX: usize = 8 << 20;
const READ_BYTES: usize = 256 << 10;
/// A thread that waits for the network looks so often whether anyone still wants the records.
const PATIENCE: Duration = Duration::from_millis(200);
const RECONNECT_MAX: Duration = Duration::from_secs(5);
const RAW_BYTES_MAX: usize = 64 << 10;

/// The connector.
#[derive(Debug)]
pub struct Socket;

impl Connector for Socket {
    fn name(&self) -> &'static str {
        "socket"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(SocketSource::new(table)?))
    }
}

#[derive(Clone, Debug)]
struct SocketSource {
    table: TableSpec,
    format: String,
    address: (String, u16),
    delimiter: u8,
    reconnect: bool,
    record_bytes_max: usize,
}

impl SocketSource {
    fn new(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        options.check_known(
            "socket",
            &KNOWN,
            &["json.", "csv.", "raw.", "debezium-json.", "canal-json.", "maxwell-json."],
        )?;
        let format = options.require("format")?.to_owned();
        format::decoder(&format, options, table, physical_columns(table))?;
        options.require("port")?;
        let port = options.parse_or("port", "a port number", 0)?;
        Ok(SocketSource {
            table: table.clone(),
            format,
            address: (options.require("hostname")?.to_owned(), port),
            delimiter: options.parse_or("byte-delimiter", "a byte as a number (10 is a newline)", b'\n')?,
            reconnect: options.parse_or("socket.reconnect", "true or false", true)?,
            record_bytes_max: options.bytes("record.max-bytes")?.unwrap_or(16 << 20).max(1) as usize,
        })
    }
}

impl Source for SocketSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        Ok(vec![SplitId::new("socket")])
    }

    fn bounded(&self) -> bool {
        !self.reconnect
    }

    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let decoder = format::decoder(&self.format, &self.table.options, &self.table, split.schema)?;
        let queue = Arc::new(Queue::default());
        let receiver = Receiver {
            source: self.clone(),
            queue: queue.clone(),
            waker: split.waker,
            tail: Vec::new(),
            skipping: false,
        };
        std::thread::Builder::new()
            .name("socket-source".into())
            .spawn(move || receiver.run())
            .map_err(|e| Error::unavailable(format!("a thread cannot be started: {e}")))?;
        let (delimiter, at) = (self.delimiter, split.from.unwrap_or_default());
        Ok(Box::new(SocketReader { queue, decoder, delimiter, at, current: Vec::new(), from: 0 }))
    }
}

/// What the thread has received.
enum Received {
    /// Whole records, each with its delimiter.
    Records(Vec<u8>),
    /// The beginning of a record that is too large.
    TooLarge(Vec<u8>),
}

#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    /// Signalled when there is room again.
    room: Condvar,
}

#[derive(Default)]
struct QueueState {
    items: VecDeque<Received>,
    bytes: usize,
    /// The reader is gone.
    abandoned: bool,
    /// How the connection ended, when it is not opened again.
    ended: Option<std::result::Result<(), String>>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// Waits for room; false when nobody wants the records any more.
    fn push(&self, item: Received) -> bool {
        let mut state = self.lock();
        while state.bytes >= QUEUE_BYTES_MAX && !state.abandoned {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.bytes += item.len();
        state.items.push_back(item);
        !state.abandoned
    }
}

impl Received {
    fn len(&self) -> usize {
        match self {
            Received::Records(bytes) | Received::TooLarge(bytes) => bytes.len(),
        }
    }
}

/// The thread's side: connects, receives, cuts.
struct Receiver {
    source: SocketSource,
    queue: Arc<Queue>,
    waker: Waker,
    /// Bytes of a record whose end has not come.
    tail: Vec<u8>,
    /// The rest of a record that was too large is being passed over.
    skipping: bool,
}

impl Receiver {
    fn run(mut self) {
        let (host, port) = (self.source.address.0.clone(), self.source.address.1);
        let mut wait = Duration::from_millis(100);
        while !self.queue.abandoned() {
            let outcome = match TcpStream::connect((host.as_str(), port)) {
                Ok(stream) => {
                    wait = Duration::from_millis(100);
                    self.receive(stream)
                }
                Err(e) => Err(format!("{host}:{port} does not answer: {e}")),
            };
            if !self.source.reconnect {
                self.queue.lock().ended = Some(outcome);
                self.waker.wake();
                return;
            }
            if let Err(why) = outcome {
                tracing::warn!(why, "socket source: connecting again");
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(RECONNECT_MAX);
        }
    }

    /// Reads until the other side closes or the reader is gone.
    fn receive(&mut self, mut stream: TcpStream) -> std::result::Result<(), String> {
        // What a connection that broke has left is not the beginning of what comes on the next one.
        self.tail.clear();
        self.skipping = false;
        // A server that is gone without a word would be waited for for ever: nothing is ever sent to it.
        keep_alive(&stream).and_then(|()| stream.set_read_timeout(Some(PATIENCE))).map_err(|e| e.to_string())?;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => {
                    // The last record may come without its delimiter.
                    let mut last = std::mem::take(&mut self.tail);
                    if !last.is_empty() && !std::mem::take(&mut self.skipping) {
                        last.push(self.source.delimiter);
                        self.queue.push(Received::Records(last));
                        self.waker.wake();
                    }
                    return Ok(());
                }
                Ok(read) => {
                    if !self.cut(buffer.get(..read).unwrap_or_default()) {
                        return Ok(());
                    }
                    self.waker.wake();
                }
                // `TimedOut` is what the system says of a connection that has died.
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    if self.queue.abandoned() {
                        return Ok(());
                    }
                }
                Err(e) => return Err(e.to_string()),
            }
        }
    }

    /// Queues the records that end in `bytes`; false when nobody wants them.
    fn cut(&mut self, mut bytes: &[u8]) -> bool {
        if self.skipping {
            match memchr::memchr(self.source.delimiter, bytes) {
                Some(end) => bytes = bytes.get(end + 1..).unwrap_or_default(),
                None => return true,
            }
            self.skipping = false;
        }
        if let Some(last) = memchr::memrchr(self.source.delimiter, bytes) {
            let mut records = std::mem::take(&mut self.tail);
            records.extend_from_slice(bytes.get(..=last).unwrap_or_default());
            bytes = bytes.get(last + 1..).unwrap_or_default();
            if !self.push_records(records) {
                return false;
            }
        }
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > self.source.record_bytes_max {
            let mut start = std::mem::take(&mut self.tail);
            start.truncate(RAW_BYTES_MAX);
            self.skipping = true;
            return self.queue.push(Received::TooLarge(start));
        }
        true
    }
}

impl Receiver {
    /// Queues whole records; those that are too large are taken out.
    fn push_records(&self, mut records: Vec<u8>) -> bool {
        let max = self.source.record_bytes_max;
        if records.len() <= max {
            return self.queue.push(Received::Records(records));
        }
        let ends: Vec<usize> = memchr::memchr_iter(self.source.delimiter, &records).map(|end| end + 1).collect();
        let (mut good, mut start) = (0, 0);
        let mut items = Vec::new();
        for end in ends {
            if end - start > max + 1 {
                items.push(Received::Records(records.get(good..start).unwrap_or_default().to_vec()));
                let shown = records.get(start..end.min(start + RAW_BYTES_MAX)).unwrap_or_default();
                items.push(Received::TooLarge(shown.to_vec()));
                good = end;
            }
            start = end;
        }
        items.push(Received::Records(records.split_off(good)));
        items.into_iter().filter(|item| item.len() > 0).all(|item| self.queue.push(item))
    }
}

/// The engine's side. The offset counts records since the first start.
struct SocketReader {
    queue: Arc<Queue>,
    decoder: Box<dyn Decoder>,
    delimiter: u8,
    at: Offset,
    /// Records being handed out, and how many bytes of them are.
    current: Vec<u8>,
    from: usize,
}

/// Up to `max` whole records, without their delimiters, and the bytes they take.
fn take(unread: &[u8], delimiter: u8, max: usize) -> (Vec<&[u8]>, usize) {
    let mut records = Vec::new();
    let mut length = 0;
    for end in memchr::memchr_iter(delimiter, unread).take(max) {
        let record = unread.get(length..end).unwrap_or_default();
        records.push(if delimiter == b'\n' { record.strip_suffix(b"\r").unwrap_or(record) } else { record });
        length = end + 1;
    }
    (records, length)
}

impl SplitReader for SocketReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        let allowed = limit.until.map_or(u64::MAX, |until| until.0.saturating_sub(self.at.0));
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).min(limit.rows);
        if allowed == 0 {
            return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
        }
        if self.from == self.current.len() {
            let mut state = self.queue.lock();
            let item = state.items.pop_front();
            state.bytes -= item.as_ref().map_or(0, Received::len);
            self.queue.room.notify_one();
            match (item, &state.ended) {
                (Some(Received::Records(records)), _) => (self.current, self.from) = (records, 0),
                (Some(Received::TooLarge(raw)), _) => {
                    drop(state);
                    let bad = bad_record(self.at.0, &raw, "the record is larger than 'record.max-bytes'".into());
                    self.at.0 += 1;
                    let batch = self.decoder.decode(&[])?.batch;
                    return Ok(ReadOutcome::Rows(Rows { batch, diffs: None, bad: vec![bad], bytes: 0 }));
                }
                (None, None) => return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: true })),
                (None, Some(Ok(()))) => return Ok(ReadOutcome::End),
                (None, Some(Err(why))) => return Err(Error::unavailable(why.clone())),
            }
        }
        let unread = self.current.get(self.from..).unwrap_or_default();
        let (records, length) = take(unread, self.delimiter, allowed);
        let count = records.len();
        // An empty line is no record, but it counts, so that offsets stay simple.
        let full: Vec<(u64, &[u8])> =
            (self.at.0..).zip(records.iter().copied()).filter(|(_, record)| !record.is_empty()).collect();
        let slices: Vec<&[u8]> = full.iter().map(|(_, record)| *record).collect();
        let decoded = self.decoder.decode(&slices)?;
        let explain = |(index, error): (u32, String)| {
            let (number, raw) = full.get(index as usize).copied().unwrap_or_default();
            bad_record(number, raw, error)
        };
        let bad = decoded.bad.into_iter().map(explain).collect();
        self.at.0 += count as u64;
        self.from += length;
        Ok(ReadOutcome::Rows(Rows { batch: decoded.batch, diffs: decoded.diffs, bad, bytes: length as u64 }))
    }

    fn offset(&self) -> Offset {
        self.at
    }
}

fn bad_record(number: u64, raw: &[u8], error: String) -> BadRecord {
    BadRecord { raw: raw.get(..RAW_BYTES_MAX).unwrap_or(raw).to_vec(), place: format!("record {number}"), error }
}

impl Drop for SocketReader {
    fn drop(&mut self) {
        self.queue.lock().abandoned = true;
        self.queue.room.notify_all();
    }
}

#[cfg(test)]
mod tests;
