//! The `http` source: rows that are POSTed to the job.
//!
//! ```text
//!  POST ─▶ checked ─▶ journal on disk, one write for many requests ─▶ 200 OK
//!                        └─▶ reader: offsets are record numbers, so a job goes on where its log says
//! ```
//! Acknowledged is what is on the disk. Too many rows unread: 429. The same `Idempotency-Key` again: the same answer,
//! no rows. One process takes in; another one on the same journal follows it, and takes over when it ends.

mod body;
mod frame;
mod journal;
mod keys;
mod reader;
mod server;
mod take;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use sloth_types::source::OpenSplit;
use sloth_types::{Clock, Error, Options, Result, Source, SplitId, SplitReader, TableSpec};

use self::journal::{Journal, Keep};
use self::reader::JournalReader;
use self::take::Taking;
use crate::format::{self, physical_columns};

const KNOWN: [&str; 10] = [
    "connector",
    "listen",
    "path",
    "directory",
    "format",
    "scan.startup.mode",
    "http.token",
    "http.max-body",
    "backlog.max-rows",
    "retention",
];
const KEYS_MAX: usize = 1_000_000;

/// A table that takes rows in.
#[derive(Clone, Debug)]
pub(super) struct HttpSource {
    table: TableSpec,
    listen: String,
    path: String,
    directory: PathBuf,
    format: String,
    latest: bool,
    token: Option<String>,
    body_max: usize,
    backlog_max: u64,
    keep: Keep,
}

impl HttpSource {
    /// Checks the options; opens nothing yet.
    ///
    /// # Errors
    /// When an option is missing, unknown or wrong.
    pub(super) fn new(table: &TableSpec) -> Result<Self> {
        let options: &Options = &table.options;
        if options.get("url").is_some() && options.get("listen").is_none() {
            return Err(Error::invalid(format!("table '{}' cannot be read: 'url' makes it a webhook", table.name))
                .hint("To take rows in, say where: 'listen' = '127.0.0.1:8085', 'directory' = '…'."));
        }
        options.check_known(
            "http",
            &KNOWN,
            &["json.", "csv.", "raw.", "debezium-json.", "canal-json.", "maxwell-json."],
        )?;
        let format = options.get("format").unwrap_or("json").to_owned();
        format::decoder(&format, options, table, physical_columns(table))?;
        let path = options.get("path").map_or_else(|| format!("/{}", table.name), str::to_owned);
        if !path.starts_with('/') {
            return Err(Error::invalid(format!("option 'path' = '{path}': expected a path like /orders")));
        }
        let latest = match options.get("scan.startup.mode").unwrap_or("earliest-offset") {
            "earliest-offset" => false,
            "latest-offset" => true,
            other => {
                return Err(Error::invalid(format!("option 'scan.startup.mode' = '{other}' is not known"))
                    .hint("Known: earliest-offset, latest-offset."));
            }
        };
        let rows = options.duration("retention")?.unwrap_or(Duration::from_secs(7 * 24 * 3600));
        let directory = options.require("directory").map_err(|e| {
            e.hint("Rows are acknowledged when they are on the disk: 'directory' = 'where/they/are/kept'.")
        })?;
        let body_max = options.bytes("http.max-body")?.unwrap_or(16 << 20).clamp(1, 1 << 30);
        Ok(HttpSource {
            table: table.clone(),
            listen: options.require("listen")?.to_owned(),
            path,
            directory: directory.into(),
            format,
            latest,
            token: options.get("http.token").map(str::to_owned),
            body_max: body_max as usize,
            backlog_max: options.parse_or("backlog.max-rows", "a number of rows", 1_000_000)?,
            keep: Keep { rows, keys: KEYS_MAX },
        })
    }
}

impl Source for HttpSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        Ok(vec![SplitId::new("journal")])
    }

    fn bounded(&self) -> bool {
        false
    }

    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let decoder = format::decoder(&self.format, &self.table.options, &self.table, split.schema.clone())?;
        let ingest = Ingest::of(self, &split.clock)?;
        let segments = ingest.journal.segments()?;
        let first = segments.first().copied().unwrap_or(0);
        let end = match (ingest.journal.end()?, segments.last()) {
            (Some(end), _) => end.record,
            (None, Some(last)) => ingest.journal.scan(*last, |_| ())?.record,
            (None, None) => 0,
        };
        let at = match split.from {
            Some(offset) => offset.0,
            None => {
                if self.latest {
                    end
                } else {
                    first
                }
            }
        };
        if at < first || at > end {
            let place = self.directory.display();
            return Err(Error::invalid(format!("the journal '{place}' holds records {first} to {end}, not {at}"))
                .hint("The job has read further, or less far, than what is kept: was the directory emptied, or 'retention' too short?"));
        }
        let id = ingest.journal.join(at, split.waker);
        Ok(Box::new(JournalReader::new(ingest, id, decoder, split.schema, at)))
    }
}

/// A journal in use by this process, with the thread that writes it.
struct Ingest {
    journal: Arc<Journal>,
    /// A body is one record, as in the format `raw`.
    whole_bodies: bool,
    ended: Arc<AtomicBool>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    /// Where rows come in, as soon as they do.
    #[cfg(test)]
    served: Arc<Mutex<Option<std::net::SocketAddr>>>,
}

static OPEN: Mutex<BTreeMap<PathBuf, Weak<Ingest>>> = Mutex::new(BTreeMap::new());

impl Ingest {
    /// The one of a directory: readers of the same table share it.
    fn of(source: &HttpSource, clock: &Clock) -> Result<Arc<Ingest>> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ingest) = open.get(&source.directory).and_then(Weak::upgrade) {
            return Ok(ingest);
        }
        let ingest = Arc::new(Ingest::start(source, clock)?);
        open.retain(|_, ingest| ingest.strong_count() > 0);
        open.insert(source.directory.clone(), Arc::downgrade(&ingest));
        Ok(ingest)
    }

    fn start(source: &HttpSource, clock: &Clock) -> Result<Ingest> {
        let journal = Arc::new(Journal::new(&source.directory)?);
        let ended = Arc::new(AtomicBool::new(false));
        let (started, outcome) = sync_channel(1);
        let taking = Taking {
            source: source.clone(),
            journal: Arc::clone(&journal),
            clock: clock.clone(),
            ended: Arc::clone(&ended),
            #[cfg(test)]
            served: Arc::default(),
        };
        #[cfg(test)]
        let served = Arc::clone(&taking.served);
        let run = move || {
            let journal = Arc::clone(&taking.journal);
            let mut first = Some(started);
            if let Err(error) = taking.run(&mut first) {
                match first {
                    Some(started) => drop(started.send(Err(error))),
                    None => journal.fail(error),
                }
            }
        };
        let thread = std::thread::Builder::new().name("http-journal".into()).spawn(run);
        let thread = thread.map_err(|e| Error::unavailable(format!("a thread cannot be started: {e}")))?;
        outcome.recv().map_err(|_| Error::internal("the thread of the http source has ended"))??;
        Ok(Ingest {
            journal,
            whole_bodies: source.format == "raw",
            ended,
            thread: Mutex::new(Some(thread)),
            #[cfg(test)]
            served,
        })
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests;
