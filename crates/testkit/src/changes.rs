//! The `changes` connector: tables whose changes, cut into epochs, are chosen by a test.
//!
//! A [`Table`] has a list of changes for each epoch, a row being its cells as text. [`Tables`] gives them to a job, tells
//! which rows are there after each epoch, and writes the epoch log along which a job replays them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sloth_engine::EpochEntry;
use sloth_plan::{JobPlan, NodeKind, SourceOrigin};
use sloth_types::source::OpenSplit;
use sloth_types::{
    Connector, Error, Offset, ReadLimit, ReadOutcome, Readiness, Result, Rows, Source, SplitId, SplitReader, TableSpec,
    Watermark,
};

use crate::run::NOW_MS;

/// The cells of a row as text; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `INT`
    Int,
    /// `BIGINT`
    Big,
    /// `DECIMAL(p, s)`
    Dec(u8, i8),
    /// `STRING`
    Str,
    /// `DOUBLE`
    Dbl,
    /// `BOOLEAN`
    Bool,
    /// `DATE`
    Date,
    /// A floating-point result that depends on the order of computing: compared with a tolerance.
    Approx,
}

impl Kind {
    /// As SQL.
    pub fn sql(self) -> String {
        match self {
            Kind::Int => "INT".to_owned(),
            Kind::Big => "BIGINT".to_owned(),
            Kind::Dec(p, s) => format!("DECIMAL({p}, {s})"),
            Kind::Str => "STRING".to_owned(),
            Kind::Dbl | Kind::Approx => "DOUBLE".to_owned(),
            Kind::Bool => "BOOLEAN".to_owned(),
            Kind::Date => "DATE".to_owned(),
        }
    }

    fn arrow(self) -> DataType {
        match self {
            Kind::Int => DataType::Int32,
            Kind::Big => DataType::Int64,
            Kind::Dec(p, s) => DataType::Decimal128(p, s),
            Kind::Str => DataType::Utf8,
            Kind::Dbl | Kind::Approx => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Date => DataType::Date32,
        }
    }
}

/// One change of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The row.
    pub row: Row,
    /// +1 or -1.
    pub diff: i64,
    /// The split that gives it.
    pub split: usize,
}

/// A table and its changes.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Column names and types.
    pub columns: Vec<(String, Kind)>,
    /// It is declared without a changelog: all changes are inserts.
    pub append_only: bool,
    /// Splits that give the changes.
    pub splits: usize,
    /// The changes of each epoch.
    pub epochs: Vec<Vec<Change>>,
}

impl Table {
    /// As DDL over the connector `changes`.
    pub fn ddl(&self) -> String {
        let options = format!("'connector' = 'changes', 'name' = '{}'", self.name);
        self.ddl_with(&options)
    }

    fn ddl_with(&self, options: &str) -> String {
        let columns: Vec<String> = self.columns.iter().map(|(name, kind)| format!("{name} {}", kind.sql())).collect();
        let changelog = if self.append_only { "" } else { ", 'scan.changelog' = 'retract'" };
        format!("CREATE TABLE {} ({}) WITH ({options}{changelog});\n", self.name, columns.join(", "))
    }

    /// As DDL with the changes written into it, for a file in `tests/sql`. Epochs are lost.
    pub fn inline(&self) -> String {
        let mut data = String::new();
        for change in self.epochs.iter().flatten() {
            if !self.append_only {
                data.push(if change.diff > 0 { '+' } else { '-' });
            }
            let cells: Vec<&str> = change.row.iter().map(|cell| cell.as_deref().unwrap_or("~")).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(data, "{}", cells.join(","));
        }
        let options =
            format!("'connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '~', 'data' = '\n{data}'");
        self.ddl_with(&options)
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(|(n, k)| Field::new(n, k.arrow(), true)).collect::<Vec<_>>()))
    }

    /// Rows as a batch.
    ///
    /// # Errors
    /// When a cell does not fit its column.
    pub fn batch<'a>(&self, rows: impl Iterator<Item = &'a Row> + Clone) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = vec![];
        for (index, (name, kind)) in self.columns.iter().enumerate() {
            let cells = rows.clone().map(|row| row.get(index).and_then(Option::as_deref));
            let texts: ArrayRef = Arc::new(cells.collect::<StringArray>());
            let column = cast(&texts, &kind.arrow())?;
            if column.null_count() != texts.null_count() {
                return Err(Error::invalid(format!("a cell of column '{name}' is no {}", kind.sql())));
            }
            columns.push(column);
        }
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }

    /// For each epoch the rows that are there behind it.
    pub fn contents(&self) -> Vec<Vec<&Row>> {
        let mut there: BTreeMap<&Row, i64> = BTreeMap::new();
        let mut contents = vec![];
        for epoch in &self.epochs {
            for change in epoch {
                let count = there.entry(&change.row).or_default();
                *count += change.diff;
                if *count == 0 {
                    there.remove(&change.row);
                }
            }
            let mut rows = vec![];
            for (row, count) in &there {
                rows.extend(std::iter::repeat_n(*row, usize::try_from(*count).unwrap_or_default()));
            }
            contents.push(rows);
        }
        contents
    }

    fn of_split(&self, split: usize) -> impl Iterator<Item = &Change> + Clone {
        self.epochs.iter().flatten().filter(move |c| c.split == split)
    }
}

/// The connector: tables by name.
#[derive(Clone, Debug)]
pub struct Tables(pub Arc<Vec<Table>>);

impl Tables {
    /// The log of a run that reads the epochs one after the other, and then the end of the input.
    pub fn log(&self, plan: &JobPlan) -> Vec<EpochEntry> {
        let mut ends: Vec<Vec<u64>> = vec![];
        let mut tables: Vec<Option<&Table>> = vec![];
        for node in &plan.nodes {
            let NodeKind::Source(source) = &node.kind else { continue };
            let table = match &source.origin {
                SourceOrigin::Table(spec) => self.0.iter().find(|t| t.name == spec.name),
                SourceOrigin::Rows(_) => None,
            };
            // Rows that stand in the plan are read to their end in the first epoch.
            ends.push(table.map_or(vec![u64::MAX], |t| vec![0; t.splits]));
            tables.push(table);
        }
        let epochs = self.0.iter().map(|t| t.epochs.len()).max().unwrap_or(0);
        let watermarks = vec![Watermark::NONE; tables.len()];
        let mut log = vec![];
        for epoch in 0..epochs {
            for (table, ends) in tables.iter().zip(&mut ends) {
                for change in table.and_then(|t| t.epochs.get(epoch)).into_iter().flatten() {
                    if let Some(end) = ends.get_mut(change.split) {
                        *end += 1;
                    }
                }
            }
            let (watermarks, ends) = (watermarks.clone(), ends.clone());
            log.push(EpochEntry { now_ms: NOW_MS, watermarks, ends, ..EpochEntry::default() });
        }
        let watermarks = vec![Watermark::END; tables.len()];
        log.push(EpochEntry { now_ms: NOW_MS, watermarks, ends, ..EpochEntry::default() });
        log
    }
}

impl Connector for Tables {
    fn name(&self) -> &'static str {
        "changes"
    }

    fn source(&self, spec: &TableSpec) -> Result<Arc<dyn Source>> {
        spec.options.check_known("changes", &["connector", "name"], &[])?;
        let name = spec.options.require("name")?;
        let table = self.0.iter().position(|t| t.name == name);
        let table = table.ok_or_else(|| Error::invalid(format!("the test has no table '{name}'")))?;
        Ok(Arc::new(ChangesSource { tables: Arc::clone(&self.0), table }))
    }
}

struct ChangesSource {
    tables: Arc<Vec<Table>>,
    table: usize,
}

impl Source for ChangesSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        let splits = self.tables.get(self.table).map_or(0, |t| t.splits);
        Ok((0..splits).map(|i| SplitId::new(i.to_string())).collect())
    }

    fn bounded(&self) -> bool {
        true
    }

    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let table = self.tables.get(self.table).ok_or_else(|| Error::internal("no such table"))?;
        let number: usize = split.split.0.parse().map_err(|_| Error::internal("no such split"))?;
        let rows = table.batch(table.of_split(number).map(|c| &c.row))?;
        let wanted: Vec<usize> = split
            .schema
            .fields()
            .iter()
            .map(|f| rows.schema().index_of(f.name()))
            .collect::<std::result::Result<_, _>>()?;
        let diffs = (!table.append_only).then(|| table.of_split(number).map(|c| c.diff).collect());
        let at = split.from.map_or(0, |o| o.0 as usize);
        Ok(Box::new(ChangesReader { rows: rows.project(&wanted)?, diffs, at }))
    }
}

struct ChangesReader {
    rows: RecordBatch,
    diffs: Option<Int64Array>,
    at: usize,
}

impl SplitReader for ChangesReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        let left = self.rows.num_rows().saturating_sub(self.at);
        if left == 0 {
            return Ok(ReadOutcome::End);
        }
        let allowed = limit.until.map_or(usize::MAX, |until| (until.0 as usize).saturating_sub(self.at));
        let take = left.min(allowed).min(limit.rows);
        if take == 0 {
            return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
        }
        let batch = self.rows.slice(self.at, take);
        let diffs = self.diffs.as_ref().map(|d| d.slice(self.at, take));
        self.at += take;
        Ok(ReadOutcome::Rows(Rows { batch, diffs, bad: vec![], bytes: 0 }))
    }

    fn offset(&self) -> Offset {
        Offset(self.at as u64)
    }
}
