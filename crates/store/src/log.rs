//! Segments of the epoch log: one line of JSON that names the run, and one for each epoch.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use sloth_types::journal::{OpenedSplit, SourceNote};
use sloth_types::rng::Rng;
use sloth_types::source::SplitId;
use sloth_types::{Clock, Epoch, EpochEntry, Error, Offset, Result, Watermark, threads};

use crate::frame::{self, Kind};
use crate::layout;

/// The first line of a segment. Its number is in its name, too: no segment takes the place of another.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    segment: u64,
    generation: u64,
    /// Somebody has asked the job to stop, and it did: who stands by stops, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
    /// The job's name: another one's log is never taken for its own.
    job: String,
    /// The plan that its epochs are of.
    #[serde(default = "first")]
    plan: u64,
    /// No other segment has it: two runs that claim the same number do not write the same.
    #[serde(default)]
    mark: u64,
}

/// Who writes a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By<'a> {
    /// The job's name.
    pub(crate) job: &'a str,
    /// The run.
    pub(crate) generation: u64,
    /// The plan that its epochs are of.
    pub(crate) plan: u64,
}

impl Head {
    fn new(segment: u64, by: By<'_>, stopped: bool) -> Self {
        let By { job, generation, plan } = by;
        Head { segment, generation, stopped, job: job.to_owned(), plan, mark: mark() }
    }
}

/// A number that no other segment has, whichever process writes it.
fn mark() -> u64 {
    if let Some(drawn) = threads::draw(1 << 53) {
        return drawn;
    }
    static DRAWN: OnceLock<u64> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let seed = DRAWN.get_or_init(|| {
        // Processes on several machines may have the same number; hash keys are drawn by the system.
        let drawn = RandomState::new().hash_one(std::process::id());
        drawn ^ Clock::System.now_ms() as u64
    });
    // JSON numbers are exact up to 53 bits everywhere.
    Rng::at(*seed, NEXT.fetch_add(1, Ordering::Relaxed)).below(1 << 53)
}

fn first() -> u64 {
    1
}

/// The line of an epoch.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    epoch: u64,
    now: i64,
    watermarks: Vec<i64>,
    ends: Vec<Vec<u64>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    opened: Vec<Opened>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    drained: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Noted>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Opened {
    source: usize,
    split: String,
    from: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    source: usize,
    note: String,
}

/// A segment that has been read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) generation: u64,
    pub(crate) stopped: bool,
    pub(crate) plan: u64,
    pub(crate) entries: Vec<(Epoch, EpochEntry)>,
}

/// A segment as an object, another one each time.
pub(crate) fn encode(segment: u64, by: By<'_>, entries: &[(Epoch, EpochEntry)]) -> Result<Bytes> {
    let mut out = vec![];
    push(&mut out, &Head::new(segment, by, false))?;
    for (epoch, entry) in entries {
        let opened =
            entry.opened.iter().map(|o| Opened { source: o.source, split: o.split.to_string(), from: o.from.0 });
        let line = Line {
            epoch: epoch.0,
            now: entry.now_ms,
            watermarks: entry.watermarks.iter().map(|w| w.0).collect(),
            ends: entry.ends.clone(),
            opened: opened.collect(),
            drained: entry.drained,
            notes: entry.notes.iter().map(|n| Noted { source: n.source, note: n.note.clone() }).collect(),
        };
        push(&mut out, &line)?;
    }
    Ok(frame::wrap(Kind::Log, &out))
}

/// The last segment of a run that has been asked to stop.
pub(crate) fn encode_stop(segment: u64, by: By<'_>) -> Result<Bytes> {
    let mut out = vec![];
    push(&mut out, &Head::new(segment, by, true))?;
    Ok(frame::wrap(Kind::Log, &out))
}

/// An object of one job lies in the directory of another.
pub(crate) fn mixed(job: &str, object: &str, other: &str) -> Error {
    Error::data(format!("'{}' is of job {job}, '{object}' is of job {other}", layout::JOB))
        .hint("Files of two state directories are mixed: restore one of them from a copy.")
}

fn push(out: &mut Vec<u8>, line: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, line).map_err(|e| Error::internal(format!("the log cannot be written: {e}")))?;
    out.push(b'\n');
    Ok(())
}

/// An object as a segment of this job.
///
/// # Errors
/// When it is damaged, or another job's.
pub(crate) fn decode(object: &Bytes, path: &Path, job: &str) -> Result<Segment> {
    let name = path.as_ref();
    let payload = frame::unwrap(Kind::Log, object, name)?;
    let bad = |e: serde_json::Error| Error::data(format!("'{name}' is damaged: {e}"));
    let mut lines = payload.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let head: Head = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(bad)?;
    if layout::number_of(path) != Some(head.segment) {
        return Err(Error::data(format!("'{name}' is damaged: it is segment {}", head.segment)));
    }
    if head.job != job {
        return Err(mixed(job, name, &head.job));
    }
    let mut entries = vec![];
    for line in lines {
        let line: Line = serde_json::from_slice(line).map_err(bad)?;
        let opened = line.opened.into_iter().map(|o| OpenedSplit {
            source: o.source,
            split: SplitId::new(o.split),
            from: Offset(o.from),
        });
        let entry = EpochEntry {
            now_ms: line.now,
            watermarks: line.watermarks.into_iter().map(Watermark).collect(),
            ends: line.ends,
            opened: opened.collect(),
            drained: line.drained,
            notes: line.notes.into_iter().map(|n| SourceNote { source: n.source, note: n.note }).collect(),
        };
        entries.push((Epoch(line.epoch), entry));
    }
    Ok(Segment { generation: head.generation, stopped: head.stopped, plan: head.plan, entries })
}
