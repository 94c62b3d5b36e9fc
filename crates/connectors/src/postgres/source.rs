//! A table read once to its end, whole or in parts by ranges of a column.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use sloth_types::source::OpenSplit;
use sloth_types::{
    Error, Offset, ReadLimit, ReadOutcome, Readiness, Result, Rows, Source, SplitId, SplitReader, TableSpec, Waker,
};

use super::connection::{Connection, Failure, Outcome};
use super::lookup::Columns;
use super::table::{ColumnTypes, quoted, selected};
use super::{Place, with_retries};

/// Rows of a batch that is handed over.
const BATCH: usize = 8192;
/// Batches waiting to be read.
const QUEUE: usize = 4;
/// Tries to connect.
const RETRIES: u32 = 3;

/// A range of a column's values.
#[derive(Clone, Debug)]
struct Parts {
    column: String,
    count: i64,
    lower: i64,
    upper: i64,
}

/// A table to be read.
#[derive(Clone, Debug)]
pub(super) struct PostgresSource {
    place: Place,
    parts: Option<Parts>,
    /// Rows come in the order of the key: then a reader that starts again finds its place.
    order: Vec<String>,
}

impl PostgresSource {
    pub(super) fn new(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        let whole = "a whole number";
        let parts = match options.get("scan.partition.column") {
            None => None,
            Some(column) => {
                let bound = |key: &str| {
                    options.parse::<i64>(key, whole)?.ok_or_else(|| {
                        Error::invalid(format!("option '{key}' is missing")).hint(
                            "'scan.partition.column' needs 'scan.partition.num', '….lower-bound', '….upper-bound'.",
                        )
                    })
                };
                let count = bound("scan.partition.num")?.max(1);
                let (lower, upper) = (bound("scan.partition.lower-bound")?, bound("scan.partition.upper-bound")?);
                if lower > upper {
                    return Err(Error::invalid("'scan.partition.lower-bound' is above 'scan.partition.upper-bound'"));
                }
                Some(Parts { column: column.to_owned(), count, lower, upper })
            }
        };
        Ok(PostgresSource { place: Place::of(table)?, parts, order: table.primary_key.clone() })
    }

    /// `WHERE` of a part: the first and the last are open to the outside, so that no row is left out, and the first has
    /// the rows without a value.
    fn condition(&self, split: &SplitId) -> Result<String> {
        let Some(parts) = &self.parts else { return Ok(String::new()) };
        let number = split.0.strip_prefix("part-").and_then(|n| n.parse::<i64>().ok());
        let number = number.ok_or_else(|| Error::internal(format!("there is no split '{split}'")))?;
        let (column, span) = (quoted(&parts.column), i128::from(parts.upper) - i128::from(parts.lower) + 1);
        let bound = |n: i64| i128::from(parts.lower) + span * i128::from(n) / i128::from(parts.count);
        let from = (number > 0).then(|| format!("{column} >= {}", bound(number)));
        let to = (number < parts.count - 1).then(|| match number {
            0 => format!("({column} < {} OR {column} IS NULL)", bound(1)),
            _ => format!("{column} < {}", bound(number + 1)),
        });
        let both: Vec<String> = from.into_iter().chain(to).collect();
        Ok(if both.is_empty() { String::new() } else { format!(" WHERE {}", both.join(" AND ")) })
    }

    fn sql(&self, schema: &SchemaRef, split: &SplitId, from: u64) -> Result<String> {
        let columns = schema.fields().iter().map(|f| selected(f, "")).collect::<Result<Vec<_>>>()?;
        let order: Vec<String> = self.order.iter().map(|c| quoted(c)).collect();
        Ok(format!(
            "SELECT {} FROM {}{}{}{}",
            columns.join(", "),
            self.place.name,
            self.condition(split)?,
            if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) },
            if from == 0 { String::new() } else { format!(" OFFSET {from}") },
        ))
    }
}

impl Source for PostgresSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        let count = self.parts.as_ref().map_or(1, |p| p.count);
        Ok((0..count).map(|n| SplitId::new(format!("part-{n}"))).collect())
    }

    fn bounded(&self) -> bool {
        true
    }

    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let from = split.from.unwrap_or_default();
        let sql = self.sql(&split.schema, &split.split, from.0)?;
        let mut connection = with_retries(RETRIES, "connect", || {
            let mut connection = Connection::open(&self.place.address)?;
            let fields = split.schema.fields().iter().map(|f| f.name().as_str());
            ColumnTypes::of(&mut connection, &self.place.name, fields)?;
            Ok(connection)
        })?;
        let (sender, receiver) = sync_channel(QUEUE);
        let (schema, waker) = (Arc::clone(&split.schema), split.waker);
        let run = move || {
            let told = match read_all(&mut connection, &sql, &schema, &sender, &waker) {
                Ok(()) => Ok(None),
                // A table cannot be read on from where it was: its rows come in no order that can be named.
                Err(failure) => Err(failure.error),
            };
            let _ = sender.send(told);
            drop(sender);
            waker.wake();
        };
        std::thread::Builder::new()
            .name("postgres scan".to_owned())
            .spawn(run)
            .map_err(|e| Error::unavailable(format!("cannot start a thread: {e}")))?;
        Ok(Box::new(Reader { receiver, at: from, current: None, ended: false }))
    }
}

type Message = Result<Option<RecordBatch>>;

fn read_all(
    connection: &mut Connection,
    sql: &str,
    schema: &SchemaRef,
    sender: &SyncSender<Message>,
    waker: &Waker,
) -> Outcome<()> {
    // The reader may take its time, and the first row too.
    connection.patience(None)?;
    connection.send(sql, &[])?;
    let mut columns = Columns::new(schema).map_err(Failure::lasting)?;
    let mut count = 0;
    let hand_over = |columns: &mut Columns, count: &mut usize| -> Outcome<()> {
        let batch = columns.finish(*count).map_err(Failure::lasting)?;
        *count = 0;
        let gone = |_| Failure::lasting(Error::internal("nobody reads any more"));
        sender.send(Ok(Some(batch))).map_err(gone)?;
        waker.wake();
        Ok(())
    };
    connection.finish(&mut |row| {
        columns.push(row, false).map_err(Failure::lasting)?;
        count += 1;
        if count == BATCH { hand_over(&mut columns, &mut count) } else { Ok(()) }
    })?;
    if count > 0 { hand_over(&mut columns, &mut count) } else { Ok(()) }
}

/// The engine's side. The offset counts rows.
struct Reader {
    receiver: Receiver<Message>,
    at: Offset,
    current: Option<RecordBatch>,
    ended: bool,
}

impl SplitReader for Reader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        let allowed = limit.until.map_or(u64::MAX, |until| until.0.saturating_sub(self.at.0));
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).min(limit.rows);
        if allowed == 0 {
            return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
        }
        let batch = match self.current.take() {
            Some(batch) => batch,
            None if self.ended => return Ok(ReadOutcome::End),
            None => match self.receiver.try_recv() {
                Ok(Ok(Some(batch))) => batch,
                Ok(Ok(None)) => {
                    self.ended = true;
                    return Ok(ReadOutcome::End);
                }
                Ok(Err(error)) => return Err(error),
                Err(TryRecvError::Empty) => {
                    return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
                }
                Err(TryRecvError::Disconnected) => {
                    return Err(Error::internal("the thread that reads from Postgres has ended"));
                }
            },
        };
        let taken = batch.num_rows().min(allowed);
        if taken < batch.num_rows() {
            self.current = Some(batch.slice(taken, batch.num_rows() - taken));
        }
        self.at.0 += taken as u64;
        let bytes = batch.get_array_memory_size() as u64 * taken as u64 / batch.num_rows().max(1) as u64;
        Ok(ReadOutcome::Rows(Rows { batch: batch.slice(0, taken), diffs: None, bad: vec![], bytes }))
    }

    fn offset(&self) -> Offset {
        self.at
    }
}
