//! Opens the splits of all sources: those of an earlier run and those that are there at the start; later those that are
//! new; and while another run is in charge, those that its log names, under the numbers that they have there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sloth_plan::{SourceNode, SourceOrigin};
use sloth_types::clock::Mono;
use sloth_types::journal::{OpenedSplit, Recovered};
use sloth_types::source::OpenSplit;
use sloth_types::threads::{self, JoinHandle};
use sloth_types::{Clock, ConnectorRegistry, EpochEntry, Error, JobStore, Offset, Result, Source, SplitId, Watermark};

use crate::context::JobContext;
use crate::io::board::{SourceBoard, Split};
use crate::io::rows::RowsSource;
use crate::job::name_table;
use crate::replay::Followed;

/// How often sources that discover splits are asked.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(1);
/// How often the log of another run is asked for more.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(2);

/// The sources of a job.
pub(crate) struct OpenedSources {
    /// Those that may find more splits.
    discovering: Vec<Opened>,
    /// All of them end.
    pub(crate) bounded: bool,
    clock: Clock,
}

/// A source and what is known of it.
struct Opened {
    ordinal: usize,
    source: Arc<dyn Source>,
    node: SourceNode,
    known: Vec<SplitId>,
    /// Splits of an earlier run: where to go on, and what their rows have promised.
    resumed: Vec<(SplitId, Offset, Watermark)>,
    /// The splits have been looked for before, in this run or an earlier one: what is found now has appeared since.
    looked: bool,
    /// What the source noted then.
    notes: Vec<String>,
}

/// Opens all sources; while another run is in charge only the splits that it has read.
///
/// # Errors
/// When a split cannot be opened.
pub(crate) fn open_sources(
    sources: &[&SourceNode],
    connectors: &ConnectorRegistry,
    context: &Arc<JobContext>,
    clock: &Clock,
    recovered: &Recovered,
    following: bool,
) -> Result<OpenedSources> {
    let mut opened = OpenedSources { discovering: vec![], bounded: true, clock: clock.clone() };
    let mut entries = vec![];
    for (ordinal, node) in sources.iter().enumerate() {
        let source: Arc<dyn Source> = match &node.origin {
            SourceOrigin::Table(spec) => connectors.of(spec)?.source(spec).map_err(|e| name_table(e, &spec.name))?,
            SourceOrigin::Rows(rows) => RowsSource::shared(rows.clone()),
        };
        if let Some(board) = context.board.sources.get(ordinal) {
            // A source is there once in a job.
            let _ = board.source.set(Arc::clone(&source));
        }
        let (resumed, notes) = (recovered.splits(ordinal), recovered.notes(ordinal));
        // A source that a changed script has brought in has none: it starts as its options say.
        let looked = !resumed.is_empty();
        entries.push(Opened { ordinal, source, node: (*node).clone(), known: vec![], resumed, notes, looked });
    }
    // Of a job that has come to its end nothing is read any more, so that its input need not be there.
    let ended = recovered.log.is_empty() && recovered.checkpoint.as_ref().is_some_and(|c| c.cut.ended);
    let open = |entry: &mut Opened| {
        let more = match following {
            true => entry.open_resumed(context, clock).map(|()| true),
            false if ended => Ok(false),
            false => entry.open_new(context, clock).map(|()| entry.source.discovers()),
        };
        more.map_err(|e| name_table(e, entry.name()))
    };
    for (entry, more) in all_at_once(entries, open)? {
        opened.bounded &= entry.source.bounded();
        if more? {
            if let Some(board) = entry.board(context) {
                board.discovering.store(true, Ordering::SeqCst);
                // New ones are looked for only when this run is in charge.
                board.opening.store(following, Ordering::SeqCst);
            }
            opened.discovering.push(entry);
        }
    }
    Ok(opened)
}

/// Opens sources side by side: each may wait for an outside system.
///
/// # Errors
/// When opening one has panicked.
fn all_at_once(
    mut entries: Vec<Opened>,
    open: impl Fn(&mut Opened) -> Result<bool> + Sync,
) -> Result<Vec<(Opened, Result<bool>)>> {
    let begun = Mono::now();
    let timed = |entry: &mut Opened| {
        let more = open(entry);
        tracing::debug!(
            "source '{}' has opened {} splits after {:?}",
            entry.name(),
            entry.known.len(),
            begun.elapsed()
        );
        more
    };
    let opened = threads::side_by_side(entries.iter_mut().collect(), timed);
    let opened = opened.map_err(|_| Error::internal("opening a source has panicked"))?;
    Ok(entries.into_iter().zip(opened).collect())
}

impl Opened {
    fn name(&self) -> &str {
        match &self.node.origin {
            SourceOrigin::Table(spec) => &spec.name,
            SourceOrigin::Rows(_) => "VALUES",
        }
    }

    fn board<'a>(&self, context: &'a JobContext) -> Option<&'a SourceBoard> {
        context.board.sources.get(self.ordinal)
    }

    /// Opens the splits of an earlier run: they keep their numbers.
    fn open_resumed(&mut self, context: &Arc<JobContext>, clock: &Clock) -> Result<()> {
        self.source.recall(&std::mem::take(&mut self.notes))?;
        for (id, from, promised) in std::mem::take(&mut self.resumed) {
            self.open(id, Some(from), promised, context, clock)?;
        }
        Ok(())
    }

    /// Opens all splits that are not yet known.
    fn open_new(&mut self, context: &Arc<JobContext>, clock: &Clock) -> Result<()> {
        self.open_resumed(context, clock)?;
        for id in self.source.splits_at(clock)? {
            // It stays set when a split does not open; the next look tries again.
            self.open(id, None, Watermark::NONE, context, clock)?;
        }
        self.looked = true;
        if let Some(board) = self.board(context) {
            board.opening.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    fn open(
        &mut self,
        id: SplitId,
        from: Option<Offset>,
        promised: Watermark,
        context: &Arc<JobContext>,
        clock: &Clock,
    ) -> Result<()> {
        if self.known.contains(&id) {
            return Ok(());
        }
        if let Some(board) = self.board(context) {
            board.opening.store(true, Ordering::SeqCst);
        }
        let (woken, waker) = context.board.new_waker();
        let schema = Arc::clone(&self.node.read_schema);
        let (split, clock, appeared) = (id.clone(), clock.clone(), from.is_none() && self.looked);
        let reader = self.source.open(OpenSplit { split, from, appeared, schema, waker, clock })?;
        let split = Split::new(id.clone(), reader.offset(), promised, woken);
        context.board.add_split(self.ordinal, Arc::new(split), reader);
        self.known.push(id);
        if let Some(figures) = context.figures.sources.get(self.ordinal) {
            figures.splits.set(self.known.len() as u64);
        }
        Ok(())
    }
}

impl OpenedSources {
    /// Looks for new splits now and then, and follows the log of a run that is in charge; on a thread of its own because
    /// both may wait.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn watch(
        self,
        followed: Option<Arc<Followed>>,
        context: &Arc<JobContext>,
        over: &Arc<AtomicBool>,
    ) -> Result<Option<JoinHandle<()>>> {
        if self.discovering.is_empty() && followed.is_none() {
            return Ok(None);
        }
        let mut thread = Discovery { sources: self, context: Arc::clone(context), over: Arc::clone(over) };
        let run = move || {
            if let (Some(followed), Some(durable)) = (followed, thread.context.durable.clone()) {
                thread.follow(&followed, durable.store.as_ref());
                thread.discover_all();
            }
            thread.discover();
        };
        let thread = threads::spawn("split discovery", run);
        thread.map(Some).map_err(|e| Error::unavailable(format!("cannot start a thread: {e}")))
    }
}

/// The thread that watches over the sources.
struct Discovery {
    sources: OpenedSources,
    context: Arc<JobContext>,
    over: Arc<AtomicBool>,
}

impl Discovery {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst) || self.context.failure.is_set()
    }

    /// Hands the epochs of another run to the coordinator until this run is in charge.
    fn follow(&mut self, followed: &Followed, store: &dyn JobStore) {
        while !self.is_over() {
            // Asked first: what comes before is then among the entries.
            let in_charge = store.in_charge();
            let entries = store.followed();
            let some = !entries.is_empty();
            for entry in entries {
                if let Err(error) = self.open_named(&entry) {
                    return self.context.failure.fail(error);
                }
                followed.push(entry);
            }
            if in_charge {
                followed.complete();
                return self.context.board.ring();
            }
            if some {
                self.context.board.ring();
            }
            threads::park_timeout(FOLLOW_INTERVAL);
        }
    }

    /// Opens the splits that begin in an epoch; before that the sources learn what was noted with it.
    fn open_named(&mut self, entry: &EpochEntry) -> Result<()> {
        let OpenedSources { discovering, clock, .. } = &mut self.sources;
        for opened in discovering.iter() {
            let notes = entry.notes.iter().filter(|note| note.source == opened.ordinal);
            let notes: Vec<String> = notes.map(|note| note.note.clone()).collect();
            if !notes.is_empty() {
                opened.source.recall(&notes).map_err(|e| name_table(e, opened.name()))?;
            }
        }
        for OpenedSplit { source, split, from } in &entry.opened {
            let named = discovering.iter_mut().find(|opened| opened.ordinal == *source);
            let Some(opened) = named else { return Err(Error::internal("the log names a source that is not there")) };
            // It was found by the run in charge, which has looked for all of them.
            opened.looked = true;
            let done = opened.open(split.clone(), Some(*from), Watermark::NONE, &self.context, clock);
            done.map_err(|e| name_table(e, opened.name()))?;
        }
        Ok(())
    }

    /// In charge for the first time: looks for splits that the run before has not seen, in all sources.
    fn discover_all(&mut self) {
        let mut waiting = std::mem::take(&mut self.sources.discovering);
        while !self.is_over() && !waiting.is_empty() {
            for mut opened in std::mem::take(&mut waiting) {
                match opened.open_new(&self.context, &self.sources.clock) {
                    Err(error) => {
                        tracing::warn!("looking for splits: {error}");
                        waiting.push(opened);
                    }
                    Ok(()) if opened.source.discovers() => self.sources.discovering.push(opened),
                    Ok(()) => {
                        if let Some(board) = opened.board(&self.context) {
                            board.discovering.store(false, Ordering::SeqCst);
                        }
                    }
                }
                self.context.board.ring();
            }
            if !waiting.is_empty() {
                threads::park_timeout(DISCOVERY_INTERVAL);
            }
        }
    }

    fn discover(&mut self) {
        while !self.is_over() && !self.sources.discovering.is_empty() {
            threads::park_timeout(DISCOVERY_INTERVAL);
            for opened in &mut self.sources.discovering {
                let before = opened.known.len();
                if let Err(error) = opened.open_new(&self.context, &self.sources.clock) {
                    tracing::warn!("looking for new splits: {error}");
                }
                if opened.known.len() > before {
                    self.context.board.ring();
                }
            }
        }
    }
}
