//! `sloth replay`: makes logged epochs again and prints what the tables were given, bit by bit the same.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use sloth_connectors::print::Print;
use sloth_engine::{Job, JobOptions, Replay as Along};
use sloth_plan::{JobPlan, NodeKind, SourceOrigin};
use sloth_server::ScreenHub;
use sloth_store::Inspection;
use sloth_types::journal::Recovered;
use sloth_types::{
    ChangeBatch, ChangelogMode, Connector, ConnectorRegistry, Epoch, Error, OpenSink, Options, Result, Sink,
    SinkWriter, TableSpec,
};

use crate::args::Replay;
use crate::checkpoint::{open, show_error};
use crate::run::{Prepared, Shown, Text, connectors, prepare};
use crate::signal::Interrupts;

/// The connector that takes the place of every sink's own.
const NAME: &str = "replay";

/// `sloth replay`.
pub(crate) fn replay(args: &Replay) -> Shown<()> {
    let text = Text::read(&args.script)?;
    let Some(prepared) = prepare(&text, false).map_err(|e| text.show(&e))? else { return Ok(()) };
    let (objects, found) = open(&args.state.directory).map_err(|e| show_error(&e))?;
    let epochs = epochs(&found, args).map_err(|e| show_error(&e))?;
    if found.plan != prepared.plan.fingerprint() {
        return Err("error: the state belongs to another query\n  = hint: Give the script that the job was run with."
            .to_owned());
    }
    let recovered = found.before(&objects, *epochs.start()).map_err(|e| show_error(&e))?;
    run(prepared, recovered, epochs, text.sql()).map_err(|e| text.show(&e))
}

/// The epochs to print.
fn epochs(found: &Inspection, args: &Replay) -> Result<RangeInclusive<u64>> {
    let Some((first, end)) = found.logged else { return Err(Error::invalid("there are no epochs in the log")) };
    let oldest = found.checkpoints.first().map_or(0, |(epoch, _)| *epoch);
    // A log that reaches back to the beginning needs no checkpoint.
    let kept = if first == 0 { 0 } else { oldest };
    let (from, to) = (args.from.unwrap_or(kept), args.to.unwrap_or(end - 1));
    let kept_text = || match kept < end {
        true => format!("Epochs {kept} to {} can be made again.", end - 1),
        false => "The newest checkpoint stands at the end of the log: there is nothing to make again.".to_owned(),
    };
    if to >= end || from >= end || from < kept {
        let asked = if to >= end { to } else { from };
        return Err(Error::invalid(format!("epoch {asked} is not in the log, or no checkpoint lies before it"))
            .hint(kept_text()));
    }
    if from > to {
        return Err(Error::invalid(format!("--from {from} lies after --to {to}")).hint(kept_text()));
    }
    Ok(from..=to)
}

fn run(mut prepared: Prepared, mut recovered: Recovered, epochs: RangeInclusive<u64>, sql: &str) -> Result<()> {
    let hub = ScreenHub::new()?;
    let mut connectors = connectors(&hub);
    let tables = take_sinks(&mut prepared.plan);
    keep_groups_still(&mut prepared.plan);
    let shown = Shows { originals: connectors.clone(), several: tables.len() > 1, tables, epochs: epochs.clone() };
    connectors.register(Arc::new(shown));
    let length = (epochs.end() + 1).saturating_sub(recovered.first_epoch().0);
    recovered.log.truncate(length as usize);
    let replay = Some(Along { recovered, then_live: false });
    let options = JobOptions { replay, ..JobOptions::default() };
    let job = Job::start(prepared.plan.clone(), &connectors, options).map_err(|e| prepared.locate(sql, e))?;
    Interrupts::listen().attach(job.stopper());
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

/// Prints the changes of some epochs, in the form in which the table's own connector was given them.
struct Shows {
    originals: ConnectorRegistry,
    tables: HashMap<String, TableSpec>,
    several: bool,
    epochs: RangeInclusive<u64>,
}

impl Connector for Shows {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        let original = self.tables.get(&table.name).ok_or_else(|| Error::internal("a sink without a table"))?;
        let original = self.originals.of(original)?.sink(original)?;
        let mut options = Options::new([("connector".to_owned(), "print".to_owned())]);
        if self.several {
            options.set("print-identifier", table.name.clone());
        }
        let print = Print.sink(&TableSpec { options, ..table.clone() })?;
        Ok(Arc::new(PrintInPlace { original, print, epochs: self.epochs.clone() }))
    }
}

struct PrintInPlace {
    /// Asked what it accepts, never opened.
    original: Arc<dyn Sink>,
    print: Arc<dyn Sink>,
    epochs: RangeInclusive<u64>,
}

impl Sink for PrintInPlace {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        self.original.accepts(mode)
    }

    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Filter { print: self.print.open(open)?, epochs: self.epochs.clone() }))
    }
}

struct Filter {
    print: Box<dyn SinkWriter>,
    epochs: RangeInclusive<u64>,
}

impl SinkWriter for Filter {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        if self.epochs.contains(&epoch.0) { self.print.write(epoch, batch) } else { Ok(()) }
    }

    fn end_epoch(&mut self, epoch: Epoch) -> Result<()> {
        self.print.end_epoch(epoch)
    }

    fn close(&mut self) -> Result<()> {
        self.print.close()
    }
}
