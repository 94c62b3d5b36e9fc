//! Jobs that live: idle splits, splits found while running, stopping, failing parts, slow sinks.
//!
//! The source is a connector whose splits the test feeds by hand while the real engine runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch, TimestampMillisecondArray};
use arrow::datatypes::SchemaRef;
use sloth_engine::{Job, JobOptions};
use sloth_sql::{Effect, Session, lower};
use sloth_types::clock::Mono;
use sloth_types::source::OpenSplit;
use sloth_types::{
    ChangeBatch, ChangelogMode, Connector, ConnectorRegistry, Epoch, Error, Offset, OpenSink, ReadLimit, ReadOutcome,
    Readiness, Result, Rows, Sink, SinkWriter, Source, SplitId, SplitReader, TableSpec, Waker,
};

/// What a split does when it has no rows.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Behind,
    CaughtUp,
    Fails,
    Panics,
    Endless,
    /// Endless, and each read takes longer than an epoch is to last.
    Slow,
}

struct Hand {
    rows: Mutex<VecDeque<(i64, i64)>>,
    mood: Mutex<Mood>,
    waker: Mutex<Option<Waker>>,
    read: AtomicU64,
}

/// The source: splits that the test feeds.
#[derive(Clone)]
struct Feed {
    splits: Arc<Mutex<Vec<Arc<Hand>>>>,
    /// How long it takes to open a split.
    open_ms: Arc<AtomicU64>,
    /// Of each split that was opened, whether it came after the first ones.
    appeared: Arc<Mutex<Vec<bool>>>,
}

impl Feed {
    fn new(moods: &[Mood]) -> Feed {
        let feed = Feed { splits: Arc::default(), open_ms: Arc::default(), appeared: Arc::default() };
        moods.iter().for_each(|mood| feed.add(*mood));
        feed
    }

    fn add(&self, mood: Mood) {
        let hand =
            Hand { rows: Mutex::default(), mood: Mutex::new(mood), waker: Mutex::default(), read: AtomicU64::new(0) };
        self.splits.lock().unwrap().push(Arc::new(hand));
    }

    fn change(&self, split: usize, change: impl Fn(&Hand)) {
        let hand = Arc::clone(&self.splits.lock().unwrap()[split]);
        change(&hand);
        if let Some(waker) = hand.waker.lock().unwrap().as_ref() {
            waker.wake();
        }
    }

    /// Gives rows (value, seconds of event time) to a split.
    fn push(&self, split: usize, rows: &[(i64, i64)]) {
        self.change(split, |hand| hand.rows.lock().unwrap().extend(rows));
    }

    fn mood(&self, split: usize, mood: Mood) {
        self.change(split, |hand| *hand.mood.lock().unwrap() = mood);
    }

    /// Rows read from each split so far.
    fn read(&self) -> Vec<u64> {
        self.splits.lock().unwrap().iter().map(|hand| hand.read.load(Ordering::SeqCst)).collect()
    }
}

impl Connector for Feed {
    fn name(&self) -> &'static str {
        "feed"
    }
    fn source(&self, _: &TableSpec) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Source for Feed {
    fn splits(&self) -> Result<Vec<SplitId>> {
        Ok((0..self.splits.lock().unwrap().len()).map(|i| SplitId::new(i.to_string())).collect())
    }
    fn discovers(&self) -> bool {
        true
    }
    fn bounded(&self) -> bool {
        false
    }
    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let hand = Arc::clone(&self.splits.lock().unwrap()[split.split.0.parse::<usize>().unwrap()]);
        *hand.waker.lock().unwrap() = Some(split.waker);
        self.appeared.lock().unwrap().push(split.appeared);
        std::thread::sleep(Duration::from_millis(self.open_ms.load(Ordering::SeqCst)));
        Ok(Box::new(FeedReader { hand, schema: split.schema, offset: 0 }))
    }
}

struct FeedReader {
    hand: Arc<Hand>,
    schema: SchemaRef,
    offset: u64,
}

impl SplitReader for FeedReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        let mood = *self.hand.mood.lock().unwrap();
        let mut rows: Vec<(i64, i64)> = {
            let mut waiting = self.hand.rows.lock().unwrap();
            let count = waiting.len().min(limit.rows);
            waiting.drain(..count).collect()
        };
        if rows.is_empty() {
            match mood {
                Mood::Behind => return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false })),
                Mood::CaughtUp => return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: true })),
                Mood::Fails => return Err(Error::unavailable("the disk is on fire")),
                Mood::Panics => panic!("a bug in a reader"),
                Mood::Slow => {
                    std::thread::sleep(Duration::from_millis(3));
                    rows = vec![(1, 1)];
                }
                Mood::Endless => rows = (0..limit.rows.min(1000) as i64).map(|i| (i, i)).collect(),
            }
        }
        self.offset += rows.len() as u64;
        self.hand.read.fetch_add(rows.len() as u64, Ordering::SeqCst);
        let columns = self.schema.fields().iter().map(|field| match field.name().as_str() {
            "v" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))) as _,
            _ => Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|r| r.1 * 1000))) as _,
        });
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())?;
        Ok(ReadOutcome::Rows(Rows { batch, diffs: None, bad: vec![], bytes: 0 }))
    }
    fn offset(&self) -> Offset {
        Offset(self.offset)
    }
}

/// The sink: keeps rows as text.
#[derive(Clone, Default)]
struct Keep {
    rows: Arc<Mutex<Vec<String>>>,
    closed: Arc<AtomicBool>,
    /// How long each batch takes; the writer then has a thread of its own.
    slow_ms: Arc<AtomicU64>,
}

impl Keep {
    fn rows(&self) -> Vec<String> {
        self.rows.lock().unwrap().clone()
    }

    fn wait_for(&self, count: usize) -> Vec<String> {
        let begun = Mono::now();
        while self.rows().len() < count {
            assert!(begun.elapsed() < Duration::from_secs(20), "only {:?}", self.rows());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.rows()
    }
}

impl Connector for Keep {
    fn name(&self) -> &'static str {
        "print"
    }
    fn sink(&self, _: &TableSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Sink for Keep {
    fn accepts(&self, _: &ChangelogMode) -> bool {
        true
    }
    fn blocking(&self) -> bool {
        self.slow_ms.load(Ordering::SeqCst) > 0
    }
    fn open(&self, _: OpenSink) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(self.clone()))
    }
}

impl SinkWriter for Keep {
    fn write(&mut self, _: Epoch, batch: &ChangeBatch) -> Result<()> {
        std::thread::sleep(Duration::from_millis(self.slow_ms.load(Ordering::SeqCst)));
        let mut rows = self.rows.lock().unwrap();
        for row in 0..batch.len() {
            let cell = |c| arrow::util::display::array_value_to_string(c, row).unwrap();
            rows.push(batch.rows.columns().iter().map(|c| cell(c)).collect::<Vec<_>>().join(" "));
        }
        Ok(())
    }
    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        Ok(())
    }
    fn close(&mut self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

const TABLE: &str = "CREATE TABLE t (v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'feed');";
const WINDOWS: &str = "SELECT SUM(v) AS s FROM t GROUP BY TUMBLE(ts, INTERVAL '10' SECOND);";
const TWO: &str = "SET 'parallelism.default' = '2'; SET 'table.exec.source.idle-timeout' = '300 ms';";

fn start(feed: &Feed, keep: &Keep, settings: &str, query: &str) -> Job {
    let mut session = Session::new();
    let mut queries = vec![];
    for statement in session.parse(&format!("{settings}{TABLE}{query}")).unwrap() {
        if let Effect::Run(more) = session.execute(&statement).unwrap() {
            queries.extend(more);
        }
    }
    let mut connectors = ConnectorRegistry::default();
    connectors.register(Arc::new(feed.clone()));
    connectors.register(Arc::new(keep.clone()));
    Job::start(lower(&session, &queries).unwrap(), &connectors, JobOptions::default()).unwrap()
}

#[test]
fn an_idle_split_holds_the_watermark_until_it_says_that_it_is_caught_up() {
    let (feed, keep) = (Feed::new(&[Mood::CaughtUp, Mood::Behind]), Keep::default());
    let job = start(&feed, &keep, TWO, WINDOWS);
    feed.push(0, &[(1, 1), (2, 2), (4, 11)]);
    std::thread::sleep(Duration::from_millis(900));
    assert_eq!(keep.rows(), Vec::<String>::new(), "a split that is only slow must not be taken for idle");
    feed.mood(1, Mood::CaughtUp);
    assert_eq!(keep.wait_for(1), ["3"]);
    // It wakes up with rows that are not late, and they count.
    feed.push(1, &[(8, 12)]);
    std::thread::sleep(Duration::from_millis(50));
    feed.push(0, &[(16, 100)]);
    assert_eq!(keep.wait_for(2), ["3", "12"]);
    job.stopper().stop();
    job.wait().unwrap();
}

#[test]
fn a_split_found_while_running_is_read() {
    let (feed, keep) = (Feed::new(&[Mood::CaughtUp]), Keep::default());
    let job = start(&feed, &keep, TWO, "SELECT v FROM t;");
    feed.push(0, &[(1, 1)]);
    assert_eq!(keep.wait_for(1), ["1"]);
    feed.add(Mood::CaughtUp);
    feed.push(1, &[(2, 1)]);
    assert_eq!(keep.wait_for(2), ["1", "2"]);
    assert_eq!(*feed.appeared.lock().unwrap(), [false, true]);
    job.stopper().stop();
    job.wait().unwrap();
}

/// Epochs go on while a split opens; none of them may take it for read, and the watermark waits for its rows.
#[test]
fn a_split_that_opens_slowly_beside_a_busy_one_is_read_in_time() {
    let (feed, keep) = (Feed::new(&[Mood::CaughtUp]), Keep::default());
    let job = start(&feed, &keep, TWO, WINDOWS);
    feed.push(0, &[(1, 1)]);
    feed.open_ms.store(1500, Ordering::SeqCst);
    feed.add(Mood::CaughtUp);
    feed.push(1, &[(2, 2), (4, 30)]);
    let begun = Mono::now();
    // By now the second split is known and opening, and each push here is an epoch or more.
    std::thread::sleep(Duration::from_millis(1300));
    while begun.elapsed() < Duration::from_millis(2000) {
        feed.push(0, &[(0, 30)]);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(keep.wait_for(1), ["3"]);
    job.stopper().stop();
    job.wait().unwrap();
}

#[test]
fn splits_take_turns_when_an_epoch_is_full_before_all_were_read() {
    let (feed, keep) = (Feed::new(&[Mood::Slow; 4]), Keep::default());
    let settings = "SET 'parallelism.default' = '1'; SET 'sloth.epoch.target' = '1 ms';";
    let job = start(&feed, &keep, settings, "SELECT v FROM t;");
    keep.wait_for(40);
    job.stopper().stop();
    job.wait().unwrap();
    let read = feed.read();
    assert!(read.iter().max().unwrap() - read.iter().min().unwrap() <= 1, "{read:?}");
}

#[test]
fn stopping_closes_the_sinks_and_leaves_open_windows_unfired() {
    let (feed, keep) = (Feed::new(&[Mood::CaughtUp]), Keep::default());
    let job = start(&feed, &keep, TWO, WINDOWS);
    feed.push(0, &[(1, 1), (2, 11)]);
    assert_eq!(keep.wait_for(1), ["1"]);
    job.stopper().stop();
    job.wait().unwrap();
    assert_eq!(keep.rows(), ["1"]);
    assert!(keep.closed.load(Ordering::SeqCst));
}

#[test]
fn a_failing_reader_ends_the_job_with_its_error() {
    let (feed, keep) = (Feed::new(&[Mood::CaughtUp, Mood::CaughtUp]), Keep::default());
    let job = start(&feed, &keep, TWO, "SELECT v FROM t;");
    feed.push(0, &[(1, 1)]);
    keep.wait_for(1);
    feed.mood(1, Mood::Fails);
    let error = job.wait().unwrap_err();
    assert!(error.message().contains("the disk is on fire"), "{error}");
    assert!(!keep.closed.load(Ordering::SeqCst), "a failed job must not finish its sinks");
}

#[test]
fn a_panic_on_one_worker_ends_all_workers() {
    let (feed, keep) = (Feed::new(&[Mood::CaughtUp, Mood::CaughtUp, Mood::CaughtUp]), Keep::default());
    let job = start(&feed, &keep, "SET 'parallelism.default' = '3';", WINDOWS);
    feed.mood(2, Mood::Panics);
    let error = job.wait().unwrap_err();
    assert!(error.message().contains("a bug in a reader"), "{error}");
}

#[test]
fn a_slow_sink_holds_the_sources_back() {
    let (feed, keep) = (Feed::new(&[Mood::Endless, Mood::Endless]), Keep::default());
    keep.slow_ms.store(50, Ordering::SeqCst);
    let settings = "SET 'parallelism.default' = '2'; SET 'sloth.epoch.max-rows' = '1000';";
    let job = start(&feed, &keep, settings, "SELECT v FROM t;");
    std::thread::sleep(Duration::from_secs(2));
    // Forty batches at most have been written; what is read beyond them is bounded by the epochs in flight.
    let (read, written) = (feed.read().iter().sum::<u64>(), keep.rows().len() as u64);
    assert!(written > 0 && read <= written + 16_000, "read {read}, written {written}");
    job.stopper().stop();
    job.wait().unwrap();
}
