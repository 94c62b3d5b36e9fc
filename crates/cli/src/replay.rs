//! `sloth replay`: makes logged epochs again and prints what the tables were given, bit by bit the same.

mod which;

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sloth_connectors::print;
use sloth_engine::{Job, JobOptions, Replay as Along};
use sloth_plan::{JobPlan, NodeKind, SourceOrigin};
use sloth_server::ScreenHub;
use sloth_types::journal::Recovered;
use sloth_types::{
    ChangeBatch, ChangelogMode, Connector, ConnectorRegistry, Epoch, EpochListener, Error, OpenSink, Options, Result,
    Sink, SinkWriter, TableSpec,
};

use self::which::{Asked, Piece};
use crate::args::Replay;
use crate::change::{parts_of, settled};
use crate::checkpoint::{open, show_error};
use crate::run::{Prepared, Shown, Text, connectors, prepare};
use crate::signal::Interrupts;

/// The connector that takes the place of every sink's own.
const NAME: &str = "replay";

/// `sloth replay`.
pub(crate) fn replay(args: &Replay) -> Shown<()> {
    let text = Text::read(&args.script)?;
    let Some(prepared) = prepare(&text, false).map_err(|e| text.show(&e))? else { return Ok(()) };
    let (script, _) = settled(&prepared.plan).map_err(|e| text.show(&e))?;
    let (objects, found) = open(&args.state.directory).map_err(|e| show_error(&e))?;
    let stretches = found.stretches(&objects).map_err(|e| show_error(&e))?;
    if let (true, Some(error)) = (stretches.is_empty(), found.damaged_log.first()) {
        return Err(show_error(error));
    }
    let asked = Asked { from: args.from, to: args.to };
    let pieces = which::pieces(&stretches, &script.fingerprint(), asked).map_err(|e| show_error(&e))?;
    let interrupts = Interrupts::listen();
    for Piece { stretch, epochs } in pieces {
        let Some(stretch) = stretches.get(stretch).filter(|_| !interrupts.requested()) else { break };
        let recovered = stretch.before(&objects, *epochs.start()).map_err(|e| show_error(&e))?;
        let parts = stretch.plan.as_ref().map(parts_of).map_err(show_error)?;
        let prepared = Prepared { plan: script.apart(&parts).0, tables: prepared.tables.clone() };
        run(prepared, recovered, epochs, text.sql(), &interrupts).map_err(|e| text.show(&e))?;
    }
    Ok(())
}

fn run(
    mut prepared: Prepared,
    mut recovered: Recovered,
    epochs: RangeInclusive<u64>,
    sql: &str,
    interrupts: &Interrupts,
) -> Result<()> {
    let hub = ScreenHub::new()?;
    let mut connectors = connectors(&hub);
    let tables = take_sinks(&mut prepared.plan);
    keep_groups_still(&mut prepared.plan);
    let printed = Arc::new(Printed::default());
    connectors.register(Arc::new(Shows {
        originals: connectors.clone(),
        tables,
        epochs: epochs.clone(),
        printed: Arc::clone(&printed),
        opened: AtomicUsize::new(0),
    }));
    let length = (epochs.end() + 1).saturating_sub(recovered.first_epoch().0);
    recovered.log.truncate(length as usize);
    let replay = Some(Along { recovered, then_live: false });
    let options = JobOptions { replay, listeners: vec![printed], ..JobOptions::default() };
    let job = Job::start(prepared.plan.clone(), &connectors, options).map_err(|e| prepared.locate(sql, e))?;
    interrupts.attach(job.stopper());
    job.wait()
}

/// Puts the replay's connector in the place of each sink's; gives the tables as they were, by name.
fn take_sinks(plan: &mut JobPlan) -> HashMap<String, TableSpec> {
    let mut tables = HashMap::new();
    for node in &mut plan.nodes {
        if let NodeKind::Sink(sink) = &mut node.kind {
            let table = sink.table.clone();
            sink.table.options = Options::new([("connector".to_owned(), NAME.to_owned())]);
            tables.insert(table.name.clone(), table);
        }
    }
    tables
}

/// A consumer group's position belongs to the job that runs: a replay leaves it where it is.
fn keep_groups_still(plan: &mut JobPlan) {
    for node in &mut plan.nodes {
        if let NodeKind::Source(source) = &mut node.kind
            && let SourceOrigin::Table(table) = &mut source.origin
            && table.options.get("connector") == Some("kafka")
            && table.options.get("properties.group.id").is_some()
        {
            table.options.set("properties.enable.auto.commit", "false");
        }
    }
}

/// Gathers the changes of some epochs, in the form in which the tables' own connectors were given them.
struct Shows {
    originals: ConnectorRegistry,
    tables: HashMap<String, TableSpec>,
    epochs: RangeInclusive<u64>,
    printed: Arc<Printed>,
    opened: AtomicUsize,
}

impl Connector for Shows {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        let original = self.tables.get(&table.name).ok_or_else(|| Error::internal("a sink without a table"))?;
        let original = self.originals.of(original)?.sink(original)?;
        let prefix = if self.tables.len() > 1 { format!("{}> ", table.name) } else { String::new() };
        let gather = Gather {
            prefix,
            place: self.opened.fetch_add(1, Ordering::SeqCst),
            epochs: self.epochs.clone(),
            printed: Arc::clone(&self.printed),
        };
        Ok(Arc::new(InPlace { original, gather }))
    }
}

struct InPlace {
    /// Asked what it accepts, never opened.
    original: Arc<dyn Sink>,
    gather: Gather,
}

impl Sink for InPlace {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        self.original.accepts(mode)
    }

    fn open(&self, _: OpenSink) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(self.gather.clone()))
    }
}

#[derive(Clone)]
struct Gather {
    prefix: String,
    /// Number of the sink in the plan.
    place: usize,
    epochs: RangeInclusive<u64>,
    printed: Arc<Printed>,
}

impl SinkWriter for Gather {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        if self.epochs.contains(&epoch.0) {
            let lines = print::lines(batch)?;
            let mut waiting = self.printed.lock();
            let text = waiting.entry((epoch.0, self.place)).or_default();
            for line in lines {
                text.push_str(&self.prefix);
                text.push_str(&line);
                text.push('\n');
            }
        }
        Ok(())
    }

    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What waits to be printed. Tables are written side by side; printed they are epoch by epoch and in the order of the
/// plan, so that the whole output is the same at every run.
#[derive(Default)]
struct Printed(Mutex<BTreeMap<(u64, usize), String>>);

impl Printed {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(u64, usize), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print_before(&self, epoch: u64) {
        let mut waiting = self.lock();
        let later = waiting.split_off(&(epoch, 0));
        let done = std::mem::replace(&mut *waiting, later);
        let mut out = std::io::stdout().lock();
        // Nobody may be reading any more: then there is nobody to tell.
        let _ = done.values().try_for_each(|text| out.write_all(text.as_bytes())).and_then(|()| out.flush());
    }
}

impl EpochListener for Printed {
    fn epoch_done(&self, epoch: Epoch, _: i64) {
        self.print_before(epoch.0 + 1);
    }

    fn job_done(&self, error: Option<&str>) {
        if error.is_none() {
            self.print_before(u64::MAX);
        }
    }
}
