//! A sink that keeps what it is given, in the place of the `print` connector.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::inline::without_place;
use arrow::datatypes::SchemaRef;
use sloth_types::{ChangeBatch, ChangelogMode, Connector, Epoch, OpenSink, Result, Sink, SinkWriter, TableSpec};

/// The connector. Clones share what was captured.
#[derive(Clone, Default)]
pub struct Capture {
    captured: Arc<Mutex<Vec<Captured>>>,
    keyed: bool,
}

fn lines(batch: &ChangeBatch) -> Result<Vec<String>> {
    Ok(sloth_connectors::print::lines(batch)?.iter().map(|line| without_place(line)).collect())
}

/// What one sink was given.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The table.
    pub table: TableSpec,
    /// How its changes are to be read.
    pub mode: ChangelogMode,
    /// The columns as they came.
    pub schema: Option<SchemaRef>,
    /// The changes in the order of writing.
    pub changes: Vec<(Epoch, ChangeBatch)>,
    /// The writer was closed: the job ended well.
    pub closed: bool,
}

impl Capture {
    /// The connector `keyed` beside `print`: it takes upserts by PRIMARY KEY, as `upsert-kafka` does.
    pub fn keyed(&self) -> Capture {
        Capture { keyed: true, ..self.clone() }
    }

    /// What the sinks were given, in the order in which the job opened them (the order of the plan).
    pub fn take(&self) -> Vec<Captured> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Captured>> {
        self.captured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Captured {
    /// Every change as `print` writes it, with its epoch, in the order of writing.
    ///
    /// # Errors
    /// When a column cannot be printed.
    pub fn sequence(&self) -> Result<Vec<(Epoch, String)>> {
        let mut out = vec![];
        for (epoch, batch) in &self.changes {
            out.extend(lines(batch)?.into_iter().map(|line| (*epoch, line)));
        }
        Ok(out)
    }

    /// The result: all rows of an append-only table, sorted; the last row of each key of an upsert; of retractions what
    /// they leave, a row as often as it is there.
    ///
    /// # Errors
    /// When a column cannot be printed.
    pub fn rows(&self) -> Result<Vec<String>> {
        if self.mode == ChangelogMode::Retract {
            let mut left: BTreeMap<String, i64> = BTreeMap::new();
            for (_, batch) in &self.changes {
                let inserts = ChangeBatch::append(batch.rows.clone());
                for (row, line) in lines(&inserts)?.into_iter().enumerate() {
                    *left.entry(line).or_default() += batch.diff(row);
                }
            }
            // A negative count is a fault of the engine: let it be seen.
            let times = |(line, n): (String, i64)| match n {
                0.. => vec![line; n as usize],
                _ => vec![format!("{line} taken back {} times too often", -n)],
            };
            return Ok(left.into_iter().flat_map(times).collect());
        }
        let ChangelogMode::Upsert { key } = &self.mode else {
            let mut lines: Vec<String> = self.sequence()?.into_iter().map(|(_, line)| line).collect();
            lines.sort();
            return Ok(lines);
        };
        let mut state: BTreeMap<String, String> = BTreeMap::new();
        for (_, batch) in &self.changes {
            let key_rows = ChangeBatch::append(batch.rows.project(key)?);
            let keys = match key.is_empty() {
                true => vec![String::new(); batch.len()],
                false => lines(&key_rows)?,
            };
            let lines = lines(batch)?;
            for (row, (key, line)) in keys.into_iter().zip(lines).enumerate() {
                match batch.diff(row) > 0 {
                    true => state.insert(key, line),
                    false => state.remove(&key),
                };
            }
        }
        let mut lines: Vec<String> = state.into_values().collect();
        lines.sort();
        Ok(lines)
    }
}

impl Connector for Capture {
    fn name(&self) -> &'static str {
        if self.keyed { "keyed" } else { "print" }
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(CaptureSink { capture: self.clone(), table: table.clone() }))
    }
}

struct CaptureSink {
    capture: Capture,
    table: TableSpec,
}

struct CaptureWriter {
    capture: Capture,
    index: usize,
}

impl CaptureWriter {
    fn with(&self, change: impl FnOnce(&mut Captured)) {
        if let Some(captured) = self.capture.lock().get_mut(self.index) {
            change(captured);
        }
    }
}

impl Sink for CaptureSink {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        match mode {
            ChangelogMode::Append => true,
            ChangelogMode::Retract => !self.capture.keyed,
            ChangelogMode::Upsert { .. } => self.capture.keyed,
        }
    }

    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>> {
        let OpenSink { schema, mode, .. } = open;
        let mut all = self.capture.lock();
        let table = self.table.clone();
        all.push(Captured { table, mode, schema: Some(schema), changes: vec![], closed: false });
        Ok(Box::new(CaptureWriter { capture: self.capture.clone(), index: all.len() - 1 }))
    }
}

impl SinkWriter for CaptureWriter {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        if !batch.is_empty() {
            self.with(|captured| captured.changes.push((epoch, batch.clone())));
        }
        Ok(())
    }

    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.with(|captured| captured.closed = true);
        Ok(())
    }
}
