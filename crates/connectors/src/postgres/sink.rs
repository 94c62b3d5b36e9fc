//! A table that is written: some epochs in one transaction, together with the number of the last one.
//!
//! Rows go as arrays, one statement for thousands. With a PRIMARY KEY they are upserts and deletions by it, without one
//! inserts. After a connection that broke while a transaction was being committed, the epoch's number in `sloth_epochs`
//! tells whether it was; and a job that is resumed reads there what the table has. The number of the run stands beside it:
//! an older run fails when it writes again.

use std::collections::HashMap;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use sloth_types::{
    ChangeBatch, ChangelogMode, Clock, Epoch, Error, Guarantee, OpenSink, Result, Sink, SinkWriter, TableSpec,
};

use super::connection::{Connection, Failure, Outcome, Param};
use super::table::{ColumnTypes, quoted};
use super::{Place, values, with_retries};

/// A table to be written.
#[derive(Clone, Debug)]
pub(super) struct PostgresSink {
    place: Place,
    /// Column names of the PRIMARY KEY; empty when there is none.
    key: Vec<String>,
    /// Whose epochs are noted.
    id: String,
    /// Where they are noted, in quotes.
    epochs: String,
    rows_max: usize,
    retries: u32,
}

impl PostgresSink {
    pub(super) fn new(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        let epochs = options.get("sink.epochs-table").unwrap_or("sloth_epochs");
        let rows_max: usize = options.parse_or("sink.buffer-flush.max-rows", "a whole number", 8192)?;
        Ok(PostgresSink {
            place: Place::of(table)?,
            key: table.primary_key.clone(),
            id: options.get("sink.id").unwrap_or(&table.name).to_owned(),
            epochs: epochs.splitn(2, '.').map(quoted).collect::<Vec<_>>().join("."),
            rows_max: rows_max.max(1),
            retries: options.parse_or("sink.max-retries", "a whole number", 5)?,
        })
    }
}

impl Sink for PostgresSink {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        match mode {
            ChangelogMode::Append => true,
            ChangelogMode::Upsert { .. } => !self.key.is_empty(),
            ChangelogMode::Retract => false,
        }
    }

    fn blocking(&self) -> bool {
        true
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>> {
        let schema = open.schema;
        let key = self.key.iter().map(|k| schema.index_of(k)).collect::<Result<Vec<_>, _>>()?;
        let fields = key.iter().map(|k| SortField::new(schema.field(*k).data_type().clone())).collect();
        let (id, generation, durable) = match open.durable {
            Some(durable) => (durable.name, durable.generation as i64, true),
            // Later runs have higher numbers.
            None => (self.id.clone(), Clock::System.now_ms(), false),
        };
        let mut writer = Writer {
            sink: PostgresSink { id, ..self.clone() },
            key_rows: RowConverter::new(fields)?,
            key,
            schema,
            generation,
            durable,
            connection: None,
            waiting: vec![],
        };
        with_retries(self.retries, "connect", || writer.connect())?;
        Ok(Box::new(writer))
    }
}

/// A connection and the statements for it.
struct Session {
    connection: Connection,
    insert: String,
    delete: String,
    mark: String,
    ask: String,
    claim: String,
}

struct Writer {
    sink: PostgresSink,
    schema: SchemaRef,
    /// Columns of the key.
    key: Vec<usize>,
    key_rows: RowConverter,
    generation: i64,
    /// Rows wait for [`SinkWriter::commit`], not for the end of their epoch.
    durable: bool,
    connection: Option<Session>,
    /// Rows that are not in the table, with their epochs.
    waiting: Vec<(Epoch, ChangeBatch)>,
}

impl Writer {
    fn connect(&mut self) -> Outcome<()> {
        let mut connection = Connection::open(&self.sink.place.address)?;
        connection.patience(None)?;
        let fields = self.schema.fields().iter().map(|f| f.name().as_str());
        let types = ColumnTypes::of(&mut connection, &self.sink.place.name, fields)?;
        let epochs = &self.sink.epochs;
        connection.run(&format!(
            "CREATE TABLE IF NOT EXISTS {epochs} (sink text PRIMARY KEY, generation bigint NOT NULL, epoch bigint NOT NULL)"
        ))?;
        // Jobs that cannot be resumed may write side by side.
        let fence = match self.durable {
            true => " / (CASE WHEN e.generation <= EXCLUDED.generation THEN 1 ELSE 0 END)",
            false => "",
        };
        self.connection = Some(Session {
            connection,
            insert: self.insert(&types).map_err(Failure::lasting)?,
            delete: self.delete(&types).map_err(Failure::lasting)?,
            mark: format!(
                "INSERT INTO {epochs} AS e VALUES ($1::text, $2::int8, $3::int8) ON CONFLICT (sink) DO UPDATE \
                 SET generation = EXCLUDED.generation, epoch = EXCLUDED.epoch{fence}"
            ),
            claim: format!(
                "INSERT INTO {epochs} AS e VALUES ($1::text, $2::int8, -1) ON CONFLICT (sink) DO UPDATE \
                 SET generation = EXCLUDED.generation WHERE e.generation <= EXCLUDED.generation RETURNING epoch"
            ),
            // Changes nothing, and waits for a transaction whose connection broke: it may still be under way.
            ask: format!(
                "INSERT INTO {epochs} AS e VALUES ($1::text, $2::int8, -1) ON CONFLICT (sink) DO UPDATE \
                 SET epoch = e.epoch RETURNING e.generation = $2::int8 AND e.epoch = $3::int8"
            ),
        });
        Ok(())
    }

    /// `UNNEST($1::int8[], …) AS u(c0, …)` of the columns.
    fn unnest(&self, columns: impl Iterator<Item = usize>) -> Result<String> {
        let (mut arrays, mut names) = (vec![], vec![]);
        for (index, column) in columns.enumerate() {
            arrays.push(format!("${}::{}[]", index + 1, values::type_of(self.schema.field(column).data_type())?.0));
            names.push(format!("c{column}"));
        }
        Ok(format!("UNNEST({}) AS u({})", arrays.join(", "), names.join(", ")))
    }

    fn insert(&self, types: &ColumnTypes) -> Result<String> {
        let fields = self.schema.fields();
        let names: Vec<String> = fields.iter().map(|f| quoted(f.name())).collect();
        let picked = fields.iter().enumerate();
        let picked: Vec<String> =
            picked.map(|(i, f)| format!("u.c{i}{}", types.cast(f.name(), f.data_type()))).collect();
        let mut sql = format!(
            "INSERT INTO {} ({}) SELECT {} FROM {}",
            self.sink.place.name,
            names.join(", "),
            picked.join(", "),
            self.unnest(0..fields.len())?
        );
        if !self.sink.key.is_empty() {
            let key: Vec<String> = self.sink.key.iter().map(|k| quoted(k)).collect();
            let others = fields.iter().filter(|f| !self.sink.key.contains(f.name()));
            let sets: Vec<String> = others.map(|f| format!("{0} = EXCLUDED.{0}", quoted(f.name()))).collect();
            let action = if sets.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", sets.join(", ")) };
            sql.push_str(&format!(" ON CONFLICT ({}) DO {action}", key.join(", ")));
        }
        Ok(sql)
    }

    fn delete(&self, types: &ColumnTypes) -> Result<String> {
        let equal = |c: &usize| {
            let field = self.schema.field(*c);
            format!("t.{} = u.c{c}{}", quoted(field.name()), types.cast(field.name(), field.data_type()))
        };
        let conditions: Vec<String> = self.key.iter().map(equal).collect();
        let keys = self.unnest(self.key.iter().copied())?;
        Ok(format!("DELETE FROM {} AS t USING {keys} WHERE {}", self.sink.place.name, conditions.join(" AND ")))
    }

    /// Deletions and inserts of a batch: rows by number. Of several inserts of a key the last one counts, and a deletion
    /// behind an insert takes it away.
    fn sorted(&self, batch: &ChangeBatch) -> Result<(Vec<u32>, Vec<u32>)> {
        let count = batch.len() as u32;
        if self.key.is_empty() {
            return Ok((vec![], (0..count).collect()));
        }
        let columns: Vec<ArrayRef> = self.key.iter().map(|k| ArrayRef::clone(batch.rows.column(*k))).collect();
        let keys = self.key_rows.convert_columns(&columns)?;
        let mut last = HashMap::with_capacity(batch.len());
        for row in 0..count {
            last.insert(keys.row(row as usize), row);
        }
        let (mut deletes, mut inserts): (Vec<u32>, Vec<u32>) =
            last.into_values().partition(|row| batch.diff(*row as usize) < 0);
        deletes.sort_unstable();
        inserts.sort_unstable();
        Ok((deletes, inserts))
    }

    fn params(&self, batch: &ChangeBatch, columns: &[usize], rows: &[u32]) -> Result<Vec<Param>> {
        columns.iter().map(|c| values::array(batch.rows.column(*c), rows).map(Some)).collect()
    }

    /// The connection, taken out: it is put back when all went well.
    fn session(&mut self) -> Outcome<Session> {
        if self.connection.is_none() {
            self.connect()?;
        }
        self.connection.take().ok_or_else(|| Failure::lasting(Error::internal("no connection")))
    }

    /// Name and number of the run, as parameters.
    fn run(&self) -> [Param; 2] {
        [Some(self.sink.id.as_bytes().to_vec()), Some(self.generation.to_be_bytes().to_vec())]
    }

    /// One try to make the table this run's, and to read which epoch it has.
    fn claim(&mut self) -> Outcome<Option<Epoch>> {
        let run = self.run();
        let mut session = self.session()?;
        let mut found = None;
        session.connection.send(&session.claim, &run)?;
        session.connection.finish(&mut |row| {
            found = row.buffer().get(4..).and_then(|b| b.try_into().ok()).map(i64::from_be_bytes);
            Ok(())
        })?;
        self.connection = Some(session);
        match found {
            None => Err(Failure::lasting(fenced(&self.sink.id))),
            Some(epoch) => Ok(u64::try_from(epoch).ok().map(Epoch)),
        }
    }

    /// One try to bring in what waits.
    fn bring_in(&mut self, epoch: Epoch, in_doubt: &mut bool) -> Outcome<()> {
        let [id, generation] = self.run();
        let marks: [Param; 3] = [id, generation, Some((epoch.0 as i64).to_be_bytes().to_vec())];
        let mut session = self.session()?;
        if *in_doubt {
            let mut known = false;
            session.connection.send(&session.ask, &marks)?;
            session.connection.finish(&mut |row| {
                known = row.buffer().last() == Some(&1);
                Ok(())
            })?;
            *in_doubt = false;
            if known {
                self.connection = Some(session);
                return Ok(());
            }
        }
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        // First, because it waits for a transaction of an older run, and fails where a newer one has been.
        session.connection.send(&session.mark, &marks)?;
        for (_, batch) in self.waiting.iter().filter(|(of, _)| *of <= epoch) {
            let (deletes, inserts) = self.sorted(batch).map_err(Failure::lasting)?;
            for rows in deletes.chunks(self.sink.rows_max) {
                let params = self.params(batch, &self.key, rows).map_err(Failure::lasting)?;
                session.connection.send(&session.delete, &params)?;
            }
            for rows in inserts.chunks(self.sink.rows_max) {
                let params = self.params(batch, &all, rows).map_err(Failure::lasting)?;
                session.connection.send(&session.insert, &params)?;
            }
        }
        *in_doubt = true;
        session.connection.finish(&mut |_| Ok(())).map_err(|failure| match failure.error.message() {
            message if self.durable && message.ends_with("(22012)") => {
                Failure::lasting(fenced(&self.sink.id).detail(message.to_owned()))
            }
            _ => failure,
        })?;
        *in_doubt = false;
        self.connection = Some(session);
        Ok(())
    }

    /// Brings in what waits of the epochs up to `epoch`.
    fn flush(&mut self, epoch: Epoch) -> Result<()> {
        if !self.waiting.iter().any(|(of, _)| *of <= epoch) {
            return Ok(());
        }
        let retries = self.sink.retries;
        let mut in_doubt = false;
        with_retries(retries, "write rows", || self.bring_in(epoch, &mut in_doubt))?;
        self.waiting.retain(|(of, _)| *of > epoch);
        Ok(())
    }
}

fn fenced(id: &str) -> Error {
    Error::invalid(format!("a newer run of the job has taken over what '{id}' writes"))
        .hint("Stop this one; only one run of a job may write.")
}

impl SinkWriter for Writer {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        if !batch.is_empty() {
            self.waiting.push((epoch, batch.clone()));
        }
        Ok(())
    }

    fn end_epoch(&mut self, epoch: Epoch) -> Result<()> {
        if self.durable { Ok(()) } else { self.flush(epoch) }
    }

    fn committed(&mut self) -> Result<Option<Epoch>> {
        let retries = self.sink.retries;
        with_retries(retries, "read what was written", || self.claim())
    }

    fn commit(&mut self, epoch: Epoch, _: bool) -> Result<()> {
        self.flush(epoch)
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
