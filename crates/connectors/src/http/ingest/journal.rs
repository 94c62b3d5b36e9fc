//! The journal: what was taken in, in segment files named by the number of their first record.
//!
//! One process writes it, the one that holds the lock of the directory; any process may read. A request is answered when
//! its frame is on the disk; requests that come at the same time share one write.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sloth_types::{Clock, Error, Result, Waker};

use super::body::Records;
use super::frame::{self, Head};
use super::keys::Keys;

/// A segment is followed by another when it has so many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;
/// A scan reads so much at once.
const READ_BYTES: usize = 1 << 20;

/// How long what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keep {
    /// Segments older than this go.
    pub(super) rows: Duration,
    /// So many idempotency keys are remembered.
    pub(super) keys: usize,
}

/// A place behind a frame: of a segment, a byte in it, and the number of the record that follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) byte: u64,
    pub(super) record: u64,
}

/// What the writer and the readers of this process share.
pub(super) struct Journal {
    pub(super) directory: PathBuf,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    /// How far this process has written; absent while another one writes.
    end: Option<Place>,
    failure: Option<Error>,
    readers: Vec<Reader>,
}

struct Reader {
    id: u64,
    record: u64,
    waker: Waker,
}

impl Journal {
    /// The journal of a directory, which is made.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn new(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|e| broken(directory, "made", &e))?;
        Ok(Journal { directory: directory.to_owned(), shared: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far this process has written; absent while another one writes.
    ///
    /// # Errors
    /// When taking in has failed.
    pub(super) fn end(&self) -> Result<Option<Place>> {
        let shared = self.lock();
        shared.failure.clone().map_or(Ok(shared.end), Err)
    }

    /// Nothing more will be taken in.
    pub(super) fn fail(&self, error: Error) {
        let mut shared = self.lock();
        shared.failure = Some(error);
        shared.readers.iter().for_each(|r| r.waker.wake());
    }

    fn reach(&self, end: Place) {
        let mut shared = self.lock();
        shared.end = Some(end);
        shared.readers.iter().for_each(|r| r.waker.wake());
    }

    /// Notes a reader that stands before `record`; gives its number.
    pub(super) fn join(&self, record: u64, waker: Waker) -> u64 {
        let mut shared = self.lock();
        let id = shared.readers.iter().map(|r| r.id + 1).max().unwrap_or(0);
        shared.readers.push(Reader { id, record, waker });
        id
    }

    /// A reader has come so far.
    pub(super) fn advance(&self, id: u64, record: u64) {
        if let Some(reader) = self.lock().readers.iter_mut().find(|r| r.id == id) {
            reader.record = record;
        }
    }

    /// A reader is gone.
    pub(super) fn leave(&self, id: u64) {
        self.lock().readers.retain(|r| r.id != id);
    }

    /// Records that the slowest reader has not read.
    pub(super) fn backlog(&self) -> u64 {
        let shared = self.lock();
        let slowest = shared.readers.iter().map(|r| r.record).min();
        shared.end.zip(slowest).map_or(0, |(end, slowest)| end.record.saturating_sub(slowest))
    }

    /// The first records of all segments, in order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(super) fn segments(&self) -> Result<Vec<u64>> {
        let list = || -> std::io::Result<Vec<u64>> {
            let mut firsts = vec![];
            for entry in std::fs::read_dir(&self.directory)? {
                let name = entry?.file_name();
                firsts
                    .extend(name.to_str().and_then(|n| n.strip_suffix(".journal")).and_then(|n| n.parse::<u64>().ok()));
            }
            firsts.sort_unstable();
            Ok(firsts)
        };
        list().map_err(|e| broken(&self.directory, "read", &e))
    }

    /// The file of a segment.
    pub(super) fn path(&self, segment: u64) -> PathBuf {
        self.directory.join(format!("{segment:020}.journal"))
    }

    /// Where the whole frames of a segment end; `see` gets their heads.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn scan(&self, segment: u64, mut see: impl FnMut(&Head)) -> Result<Place> {
        let path = self.path(segment);
        let mut file = File::open(&path).map_err(|e| broken(&path, "read", &e))?;
        let mut place = Place { segment, byte: 0, record: segment };
        let (mut buffer, mut start) = (vec![], 0);
        loop {
            while let Some((head, _)) = frame::whole(buffer.get(start..).unwrap_or_default()) {
                start += head.frame();
                place = Place { byte: place.byte + head.frame() as u64, record: head.end(), ..place };
                see(&head);
            }
            buffer.drain(..start);
            start = 0;
            let read = (&mut file).take(READ_BYTES.max(buffer.len()) as u64).read_to_end(&mut buffer);
            if read.map_err(|e| broken(&path, "read", &e))? == 0 {
                return Ok(place);
            }
        }
    }
}

/// Rows to be taken in, as one request gave them.
pub(super) struct Post {
    pub(super) records: Records,
    /// The client's `Idempotency-Key`; empty when it gave none.
    pub(super) key: String,
    /// Called when the rows are on the disk, or cannot be.
    pub(super) answer: Box<dyn FnOnce(Answer) + Send>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its rows are on the disk; since an earlier request with the same key when `again`.
    Stored { first: u64, records: u32, again: bool },
    /// Other rows came under the same key.
    OtherRows,
    /// They could not be written.
    Failed(String),
}

/// The one who writes. The lock of the directory goes with it.
pub(super) struct Writer {
    journal: Arc<Journal>,
    _lock: File,
    file: File,
    place: Place,
    keys: Keys,
    keep: Keep,
    clock: Clock,
}

impl Writer {
    /// Becomes the writer, unless another process is; cuts off what was not written whole.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub(super) fn claim(journal: &Arc<Journal>, keep: Keep, clock: Clock) -> Result<Option<Writer>> {
        let path = journal.directory.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|e| broken(&path, "opened", &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(broken(&path, "locked", &e)),
        }
        let segments = journal.segments()?;
        let mut keys = Keys::new(keep.keys);
        let mut place = Place::default();
        for segment in segments.iter().rev() {
            let mut heads = vec![];
            let end = journal.scan(*segment, |head| heads.extend((!head.key.is_empty()).then(|| head.clone())))?;
            if Some(segment) == segments.last() {
                place = end;
            }
            if !keys.add_older(&heads) {
                break;
            }
        }
        journal.check_rest(place)?;
        let file = open_segment(journal, place.segment)?;
        file.set_len(place.byte).and_then(|()| file.sync_all()).map_err(|e| broken(&journal.directory, "cut", &e))?;
        let mut writer = Writer { journal: Arc::clone(journal), _lock: lock, file, place, keys, keep, clock };
        writer.rewind()?;
        journal.reach(place);
        Ok(Some(writer))
    }

    /// Where the next frame goes.
    fn rewind(&mut self) -> Result<()> {
        let moved = self.file.set_len(self.place.byte).and_then(|()| self.file.seek(SeekFrom::Start(self.place.byte)));
        moved.map(drop).map_err(|e| broken(&self.journal.directory, "written", &e))
    }

    /// Writes the rows of some requests, and answers each.
    ///
    /// # Errors
    /// When the journal cannot even be brought back to what it was before; it takes nothing in then.
    pub(super) fn store(&mut self, posts: Vec<Post>) -> Result<()> {
        let (mut bytes, mut answers, mut place) = (vec![], vec![], self.place);
        let at_ms = self.clock.now_ms();
        for Post { records, key, answer } in posts {
            let digest = crc32fast::hash(&records.bytes);
            let reply = match self.keys.get(&key) {
                Some(known) if known.digest == digest => {
                    Answer::Stored { first: known.first, records: known.records, again: true }
                }
                Some(_) => Answer::OtherRows,
                None => {
                    let body = records.bytes.len() as u32;
                    let head = Head {
                        kind: records.kind,
                        records: records.count,
                        first: place.record,
                        at_ms,
                        body,
                        digest,
                        key,
                    };
                    head.write(&mut bytes);
                    bytes.extend_from_slice(&records.bytes);
                    place = Place { byte: place.byte + head.frame() as u64, record: head.end(), ..place };
                    self.keys.add(&head);
                    Answer::Stored { first: head.first, records: head.records, again: false }
                }
            };
            answers.push((answer, reply));
        }
        if let Err(error) = self.file.write_all(&bytes).and_then(|()| self.file.sync_data()) {
            let why = format!("the rows cannot be written: {error}");
            tracing::warn!("http source: {why}");
            self.keys.forget_from(self.place.record);
            answers.into_iter().for_each(|(answer, _)| answer(Answer::Failed(why.clone())));
            return self.rewind();
        }
        self.place = place;
        self.journal.reach(place);
        answers.into_iter().for_each(|(answer, reply)| answer(reply));
        if place.byte >= SEGMENT_BYTES { self.roll() } else { Ok(()) }
    }

    /// Begins a segment, and removes those that are too old.
    fn roll(&mut self) -> Result<()> {
        self.file = open_segment(&self.journal, self.place.record)?;
        self.place = Place { segment: self.place.record, byte: 0, ..self.place };
        self.journal.reach(self.place);
        let oldest = self.clock.now_ms().saturating_sub(i64::try_from(self.keep.rows.as_millis()).unwrap_or(i64::MAX));
        let slowest = self.place.record - self.journal.backlog();
        let segments = self.journal.segments()?;
        for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
            // What was written before the next segment began is older than its first row.
            if *next > slowest || self.journal.begun(*next)?.is_none_or(|at_ms| at_ms > oldest) {
                break;
            }
            let path = self.journal.path(*segment);
            std::fs::remove_file(&path).map_err(|e| broken(&path, "removed", &e))?;
        }
        Ok(())
    }
}

impl Journal {
    /// Checks that what is not whole at the end of the newest segment is the end: a write that was broken off. Rows behind it
    /// were acknowledged, and are not to be cut off.
    fn check_rest(&self, end: Place) -> Result<()> {
        let path = self.path(end.segment);
        let mut rest = vec![];
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(end.byte))?;
            file.read_to_end(&mut rest)
        });
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            read => read.map_err(|e| broken(&path, "read", &e))?,
        };
        let is_frame = |bytes: &[u8]| frame::whole(bytes).is_some_and(|(head, _)| head.first >= end.record);
        if !(1..rest.len()).any(|at| rest.get(at..).is_some_and(is_frame)) {
            return Ok(());
        }
        let (path, byte) = (path.display(), end.byte);
        Err(Error::data(format!(
            "the journal '{path}' is damaged at byte {byte}: rows that were acknowledged stand behind it"
        ))
        .hint(format!(
            "Restore the file from a copy. To go on without these rows, cut it off there: truncate -s {byte} '{path}'."
        )))
    }

    /// When the first rows of a segment came; absent when it has none.
    fn begun(&self, segment: u64) -> Result<Option<i64>> {
        let path = self.path(segment);
        let mut start = vec![];
        let read =
            File::open(&path).and_then(|f| f.take(frame::FIXED as u64 + u64::from(u16::MAX)).read_to_end(&mut start));
        read.map_err(|e| broken(&path, "read", &e))?;
        Ok(Head::read(&start).map(|head| head.at_ms))
    }
}

fn open_segment(journal: &Journal, segment: u64) -> Result<File> {
    let path = journal.path(segment);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| broken(&path, "opened", &e))?;
    // The name must be on the disk before what stands under it is.
    File::open(&journal.directory).and_then(|d| d.sync_all()).map_err(|e| broken(&path, "made", &e))?;
    Ok(file)
}

/// The error for something of the journal that cannot be worked with.
pub(super) fn broken(path: &Path, what: &str, error: &std::io::Error) -> Error {
    Error::of_file(format_args!("the journal '{}' cannot be {what}", path.display()), error)
}
