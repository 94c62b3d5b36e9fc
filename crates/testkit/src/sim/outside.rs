//! The outside: tables that are written in transactions, each with the number of its last epoch, as Kafka's and Postgres'
//! are. A writer of an older run is refused.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use sloth_types::sink::{DurableSink, Guarantee};
use sloth_types::threads;
use sloth_types::{ChangeBatch, ChangelogMode, Connector, Epoch, Error, OpenSink, Result, Sink, SinkWriter, TableSpec};

use super::{Fate, Flaw, Life, lock};
use crate::capture::Captured;

/// What a writer has written for good.
#[derive(Clone, Debug, Default)]
pub struct Written {
    generation: u64,
    committed: Option<Epoch>,
    changes: Vec<(Epoch, ChangeBatch)>,
    of: Option<(TableSpec, ChangelogMode, SchemaRef)>,
}

impl Written {
    /// As what a sink was given.
    pub fn captured(&self) -> Option<Captured> {
        let (table, mode, schema) = self.of.clone()?;
        Some(Captured { table, mode, schema: Some(schema), changes: self.changes.clone(), closed: true })
    }
}

/// The connector, in the place of `print`.
pub(super) struct Outside {
    pub(super) life: Life,
}

impl Connector for Outside {
    fn name(&self) -> &'static str {
        "print"
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(SimSink { life: self.life.clone(), table: table.clone() }))
    }
}

struct SimSink {
    life: Life,
    table: TableSpec,
}

impl Sink for SimSink {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        !matches!(mode, ChangelogMode::Upsert { .. })
    }

    fn blocking(&self) -> bool {
        true
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>> {
        let durable =
            open.durable.ok_or_else(|| Error::internal("a simulated sink of a job that cannot be resumed"))?;
        let writer = Writer { life: self.life.clone(), durable, waiting: vec![] };
        writer.transact("open", |written| {
            written.of = Some((self.table.clone(), open.mode.clone(), Arc::clone(&open.schema)));
        })?;
        Ok(Box::new(writer))
    }
}

struct Writer {
    life: Life,
    durable: DurableSink,
    waiting: Vec<(Epoch, ChangeBatch)>,
}

impl Writer {
    /// Changes what is outside in one step, or not at all.
    fn transact<T>(&self, name: &str, change: impl FnOnce(&mut Written) -> T) -> Result<T> {
        let failed = |what: &str| Error::unavailable(format!("{name} of '{}': {what}", self.durable.name));
        // The job's name is drawn anew in each world.
        let of = self.durable.name.rsplit('-').take(3).collect::<Vec<_>>().join("-");
        threads::step();
        let fate = self.life.fate(&format!("{name} {of}")).ok_or_else(|| failed("the power is off"))?;
        if matches!(fate, Fate::Fails { done: false } | Fate::PowerFails { done: false }) {
            if matches!(fate, Fate::PowerFails { .. }) {
                self.life.end();
            }
            return Err(failed("simulated failure"));
        }
        let mut outside = lock(&self.life.world.outside);
        let written = outside.entry(self.durable.name.clone()).or_default();
        if written.generation > self.durable.generation {
            return Err(Error::invalid("a newer run writes here"));
        }
        // Between the question whether somebody is there and this nothing can come.
        if self.life.is_over() {
            return Err(failed("the power is off"));
        }
        written.generation = self.durable.generation;
        let changed = change(written);
        match fate {
            Fate::Well | Fate::Slow | Fate::Sleeps | Fate::Again => Ok(changed),
            _ => {
                if matches!(fate, Fate::PowerFails { .. }) {
                    self.life.end();
                }
                Err(failed("simulated failure after it was done"))
            }
        }
    }
}

impl SinkWriter for Writer {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        self.waiting.push((epoch, batch.clone()));
        Ok(())
    }

    fn end_epoch(&mut self, epoch: Epoch) -> Result<()> {
        let failed = || Error::unavailable(format!("end of epoch {epoch}: simulated failure"));
        match self.life.fate(&format!("end {epoch}")) {
            None | Some(Fate::Fails { .. }) => Err(failed()),
            Some(Fate::PowerFails { .. }) => {
                self.life.end();
                Err(failed())
            }
            Some(_) => Ok(()),
        }
    }

    fn committed(&mut self) -> Result<Option<Epoch>> {
        let committed = self.transact("ask", |written| written.committed)?;
        Ok(committed.filter(|_| self.life.world.flaw != Some(Flaw::ForgetfulSinks)))
    }

    fn commit(&mut self, epoch: Epoch, now: bool) -> Result<()> {
        // Some worlds have sinks that gather, as files do.
        if !now && self.life.world.seed.is_multiple_of(2) {
            return Ok(());
        }
        // In others a commit has all that was written, as Kafka's transactions do.
        let all = self.life.world.seed.is_multiple_of(3);
        let (ready, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(of, _)| all || *of <= epoch);
        let ready: Vec<(Epoch, ChangeBatch)> = ready;
        self.waiting = waiting;
        if ready.is_empty() {
            return Ok(());
        }
        self.transact(&format!("commit {epoch}"), |written| {
            written.changes.extend(ready);
            written.committed = Some(epoch);
        })
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
