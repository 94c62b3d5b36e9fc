//! `sloth checkpoint`: lists, shows, checks and removes the checkpoints of a state directory.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::RecordBatch;
use chrono::{DateTime, SecondsFormat};
use sloth_sql::render_error;
use sloth_store::{Inspection, Manifest, Objects, Plan, PlanSink, inspect, plan_of};
use sloth_types::journal::{Checkpoint as Whole, Section};
use sloth_types::{Error, Result, Watermark};

use crate::args::{Checkpoint, CheckpointOf, Remove, StateDir};
use crate::change::operator_of;
use crate::run::Shown;

/// `sloth checkpoint …`.
pub(crate) fn checkpoint(command: &Checkpoint) -> Shown<()> {
    match command {
        Checkpoint::Ls(args) => list(args),
        Checkpoint::Inspect(args) => show(args),
        Checkpoint::Verify(args) => verify(args),
        Checkpoint::Rm(args) => remove(args),
    }
    .map_err(|e| show_error(&e))
}

/// An error that has no place in a script.
pub(crate) fn show_error(error: &Error) -> String {
    render_error("", "", error)
}

/// Opens a state directory that must be there.
pub(crate) fn open(directory: &Path) -> Result<(Objects, Inspection)> {
    if !Objects::is_remote(directory) && !directory.is_dir() {
        return Err(Error::invalid(format!("there is no directory '{}'", directory.display()))
            .hint("Give the directory that is given to `sloth run --state`."));
    }
    let objects = Objects::at(directory)?;
    let found = inspect(&objects)?;
    Ok((objects, found))
}

fn list(args: &StateDir) -> Result<()> {
    let (_, found) = open(&args.directory)?;
    println!("{}", about(&found));
    for error in &found.damaged_log {
        println!("the log: {error}");
    }
    if let Some(error) = &found.damaged_plan {
        println!("the plan: {error}");
    }
    if found.checkpoints.is_empty() {
        println!("no checkpoint yet");
        return Ok(());
    }
    println!("{:>12}  {:<24}  {:>5}  {:>7}  {:>12}  {:>14}", "EPOCH", "CLOCK", "RUN", "WORKERS", "ROWS", "BYTES");
    for (epoch, manifest) in &found.checkpoints {
        match manifest {
            Ok(m) => {
                let (rows, bytes) = bytes_and_rows(m);
                let clock = time(m.now);
                println!("{epoch:>12}  {clock:<24}  {:>5}  {:>7}  {rows:>12}  {bytes:>14}", m.generation, m.workers);
            }
            Err(error) => println!("{epoch:>12}  {error}"),
        }
    }
    Ok(())
}

pub(crate) fn about(found: &Inspection) -> String {
    let log = match found.logged {
        Some((first, end)) => format!("epochs {first} to {} in the log", end - 1),
        None => "no epochs in the log".to_owned(),
    };
    let runs = if found.generation == 1 { "1 run".to_owned() } else { format!("{} runs", found.generation) };
    format!("job {}: {runs}, {log}", found.job)
}

/// Rows and bytes of a checkpoint's state.
pub(crate) fn bytes_and_rows(manifest: &Manifest) -> (usize, usize) {
    (sum(manifest, |f| f.rows), sum(manifest, |f| f.bytes))
}

fn sum(manifest: &Manifest, of: impl Fn(&sloth_store::StateFile) -> usize) -> usize {
    manifest.state.iter().map(of).sum()
}

/// Milliseconds since 1970 as people read them.
pub(crate) fn time(ms: i64) -> String {
    match DateTime::from_timestamp_millis(ms) {
        _ if ms == Watermark::NONE.0 => "none".to_owned(),
        _ if ms == Watermark::END.0 => "end of input".to_owned(),
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => format!("{ms} ms"),
    }
}

fn show(args: &CheckpointOf) -> Result<()> {
    let (objects, found, epoch, whole) = loop {
        let (objects, found) = open(&args.state.directory)?;
        let newest = || found.checkpoints.last().map(|(epoch, _)| *epoch);
        let Some(epoch) = args.epoch.or_else(newest) else {
            return Err(Error::invalid("there is no checkpoint yet").hint(
                "A running job makes the first one after \
                'execution.checkpointing.interval' (10 s).",
            ));
        };
        let whole = found.verify(&objects, epoch);
        // The job that runs may have removed it meanwhile, and has newer ones.
        if whole.is_ok() || found.manifest(epoch).is_err() || !found.is_removed(&objects, epoch)? {
            break (objects, found, epoch, whole);
        }
    };
    let manifest = found.manifest(epoch)?;
    println!("{}", about(&found));
    // Without its plan it is shown all the same, with less about it.
    let plan = plan_of(&objects, manifest.plan).unwrap_or_default();
    show_manifest(manifest, whole.as_ref().ok(), &plan);
    whole.map(|_| ())
}

/// Shows a checkpoint; its tables, too, when it could be read whole.
pub(crate) fn show_manifest(manifest: &Manifest, whole: Option<&Whole>, plan: &Plan) {
    let epoch = manifest.epoch;
    println!(
        "checkpoint {epoch}: all epochs before {epoch}, made by run {} with {} workers",
        manifest.generation, manifest.workers
    );
    println!("clock of the last epoch: {}", time(manifest.now));
    if manifest.ended {
        println!("{}", if manifest.drained { "the job was drained: it has ended" } else { "the input had ended" });
    }
    for (source, splits) in manifest.splits.iter().enumerate() {
        let watermark = manifest.watermarks.get(source).copied().unwrap_or(Watermark::NONE.0);
        let table = plan.sources.get(source).map_or_else(String::new, |s| format!(" ({})", s.table));
        println!("\nsource {source}{table}: watermark {}", time(watermark));
        for split in splits {
            println!("  split {}: offset {}, watermark {}", split.split, split.offset, time(split.watermark));
        }
    }
    if manifest.state.is_empty() {
        println!("\nno state");
        return;
    }
    println!("\n{:<16}  {:<28}  {:>6}  {:>12}  {:>14}  TABLES", "OPERATOR", "NAME", "WORKER", "ROWS", "BYTES");
    for (number, file) in manifest.state.iter().enumerate() {
        let tables = whole.and_then(|w| w.state.get(number)).map(|s| tables(&s.sections));
        let tables = tables.unwrap_or_default();
        println!(
            "{:<16}  {:<28}  {:>6}  {:>12}  {:>14}  {tables}",
            file.operator, file.name, file.worker, file.rows, file.bytes
        );
    }
    per_operator(manifest, plan);
}

fn tables(sections: &[Section]) -> String {
    let rows = |s: &Section| s.rows.iter().map(RecordBatch::num_rows).sum::<usize>();
    sections.iter().map(|s| format!("{} ({})", s.name, rows(s))).collect::<Vec<_>>().join(", ")
}

/// What the workers hold together: by operator, with the statements that it works for, and by statement.
fn per_operator(manifest: &Manifest, plan: &Plan) {
    let statement = |sink: &PlanSink| format!("{} ({})", sink.table, sink.statement);
    let mut operators: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut statements: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for file in &manifest.state {
        let add = |(rows, bytes): &mut (usize, usize)| {
            *rows += file.rows;
            *bytes += file.bytes;
        };
        let Some(operator) = operator_of(plan, file) else {
            add(operators.entry(format!("{} {}", file.name, file.operator)).or_default());
            continue;
        };
        let of: Vec<String> = operator.sinks.iter().filter_map(|sink| plan.sinks.get(*sink)).map(statement).collect();
        add(operators.entry(format!("{}, {} of {}", file.name, operator.about, of.join(", "))).or_default());
        operator.sinks.iter().for_each(|sink| add(statements.entry(*sink).or_default()));
    }
    println!();
    for (name, (rows, bytes)) in &operators {
        println!("{name}: {rows} rows, {bytes} bytes");
    }
    println!();
    for (sink, (rows, bytes)) in &statements {
        let name = plan.sinks.get(*sink).map_or_else(String::new, statement);
        println!("{name}: {rows} rows, {bytes} bytes");
    }
    println!("all: {} rows, {} bytes", sum(manifest, |f| f.rows), sum(manifest, |f| f.bytes));
}

fn verify(args: &CheckpointOf) -> Result<()> {
    let (objects, found) = open(&args.state.directory)?;
    if let Some(epoch) = args.epoch {
        found.manifest(epoch)?;
    }
    let mut damaged = 0;
    let asked = found.checkpoints.iter().map(|(epoch, _)| *epoch).filter(|e| args.epoch.is_none_or(|a| a == *e));
    let asked: Vec<u64> = asked.collect();
    for epoch in &asked {
        match found.verify(&objects, *epoch) {
            Ok(whole) => println!("checkpoint {epoch}: whole, {}", size(&whole)),
            Err(_) if found.is_removed(&objects, *epoch)? => {
                println!("checkpoint {epoch}: removed meanwhile by the job, which keeps newer ones");
            }
            Err(error) => {
                damaged += 1;
                println!("checkpoint {epoch}: {}", error.message());
            }
        }
    }
    let savepoints = if args.epoch.is_none() { sloth_store::savepoints(&objects)? } else { vec![] };
    for (name, savepoint) in savepoints {
        match savepoint.and_then(|savepoint| savepoint.read(&objects)) {
            Ok(whole) => println!("savepoint '{name}': whole, {}", size(&whole)),
            Err(error) => {
                damaged += 1;
                println!("savepoint '{name}': {}", error.message());
            }
        }
    }
    // The log is needed from the oldest checkpoint on; without one, from the beginning.
    match found.verify_log(&objects, &asked) {
        Ok((from, epochs)) => println!("log: whole, {epochs} epochs from {from} on"),
        Err(error) => {
            damaged += 1;
            println!("log: {}", error.message());
        }
    }
    if let Some(error) = &found.damaged_plan {
        damaged += 1;
        println!("plan: {}", error.message());
    }
    if damaged == 0 {
        return Ok(());
    }
    Err(Error::data(format!("'{}' is damaged", args.state.directory.display())).hint(
        "A job goes on from the newest checkpoint that is whole, if the log after it is. Restore what is damaged from a \
         copy, or remove the checkpoint with `sloth checkpoint rm`.",
    ))
}

fn size(whole: &Whole) -> String {
    let rows: usize =
        whole.state.iter().flat_map(|s| &s.sections).flat_map(|s| &s.rows).map(RecordBatch::num_rows).sum();
    format!("{} state files, {rows} rows", whole.state.len())
}

fn remove(args: &Remove) -> Result<()> {
    let (objects, found) = open(&args.state.directory)?;
    let removed = found.remove(&objects, args.epoch, args.force)?;
    println!("checkpoint {} removed, with {removed} state files", args.epoch);
    Ok(())
}
