//! Rows of a table by key: one query for all keys of a request.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::DataRowBody;
use sloth_types::{Error, Found, Lookup, LookupCache, LookupReader, Options, Result, TableSpec};

use super::connection::{Connection, Failure, Outcome, Param};
use super::table::{ColumnTypes, quoted, selected};
use super::values::{self, Column};
use super::{Place, with_retries};

/// A table to be asked.
#[derive(Clone, Debug)]
pub(super) struct PostgresLookup {
    place: Place,
    cache: Option<LookupCache>,
    retries: u32,
}

impl PostgresLookup {
    pub(super) fn new(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        let retries = options.parse_or("lookup.max-retries", "a whole number", 3)?;
        Ok(PostgresLookup { place: Place::of(table)?, cache: cache_of(options)?, retries })
    }
}

/// `lookup.cache` and what belongs to it, also by the older names.
fn cache_of(options: &Options) -> Result<Option<LookupCache>> {
    let whole = "a whole number";
    let rows_max = match options.parse("lookup.partial-cache.max-rows", whole)? {
        Some(rows) => Some(rows),
        None => options.parse("lookup.cache.max-rows", whole)?,
    };
    let after_write = match options.duration("lookup.partial-cache.expire-after-write")? {
        Some(time) => Some(time),
        None => options.duration("lookup.cache.ttl")?,
    };
    let older = options.get("lookup.cache.max-rows").is_some() || options.get("lookup.cache.ttl").is_some();
    let yes_or_no = "true or false";
    let missing = options.parse_or("lookup.cache.caching-missing-key", yes_or_no, true)?;
    let cache = LookupCache {
        rows_max,
        after_write,
        after_access: options.duration("lookup.partial-cache.expire-after-access")?,
        missing: options.parse_or("lookup.partial-cache.cache-missing-key", yes_or_no, missing)?,
    };
    match options.get("lookup.cache").map(str::to_ascii_uppercase).as_deref() {
        Some("NONE") => Ok(None),
        None if !older => Ok(None),
        None => Ok(Some(cache)),
        Some("PARTIAL") if rows_max.is_none() && after_write.is_none() && cache.after_access.is_none() => {
            Err(Error::invalid("'lookup.cache' = 'PARTIAL' without any bound")
                .hint("Set 'lookup.partial-cache.max-rows' or 'lookup.partial-cache.expire-after-write'."))
        }
        Some("PARTIAL") => Ok(Some(cache)),
        Some(other) => {
            Err(Error::invalid(format!("option 'lookup.cache' = '{other}'")).hint("Use 'NONE' or 'PARTIAL'."))
        }
    }
}

impl Lookup for PostgresLookup {
    fn cache(&self) -> Option<LookupCache> {
        self.cache.clone()
    }

    fn open(&self, keys: &[String], schema: SchemaRef) -> Result<Box<dyn LookupReader>> {
        let mut reader = Reader { lookup: self.clone(), keys: keys.to_vec(), schema, connection: None };
        // A table that is not there is told at the start.
        with_retries(self.retries, "connect", || reader.connect())?;
        Ok(Box::new(reader))
    }
}

struct Reader {
    lookup: PostgresLookup,
    keys: Vec<String>,
    schema: SchemaRef,
    connection: Option<(Connection, ColumnTypes)>,
}

impl Reader {
    fn connect(&mut self) -> Outcome<()> {
        let place = &self.lookup.place;
        let mut connection = Connection::open(&place.address)?;
        let fields = self.schema.fields().iter().map(|f| f.name().as_str()).chain(self.keys.iter().map(String::as_str));
        let types = ColumnTypes::of(&mut connection, &place.name, fields)?;
        self.connection = Some((connection, types));
        Ok(())
    }

    /// `SELECT` of the keys' numbers and the columns, joined with the keys as arrays.
    fn sql(&self, types: &ColumnTypes, keys: &[ArrayRef]) -> Result<String> {
        let (mut arrays, mut names, mut conditions) = (vec![], vec![], vec![]);
        for (index, (key, name)) in keys.iter().zip(&self.keys).enumerate() {
            let travels = values::type_of(key.data_type())?.0;
            arrays.push(format!("${}::{travels}[]", index + 1));
            names.push(format!("k{index}"));
            let cast = types.cast(name, key.data_type());
            conditions.push(format!("t.{} = k.k{index}{cast}", quoted(name)));
        }
        let mut columns = vec!["k.n".to_owned()];
        for field in self.schema.fields() {
            columns.push(selected(field, "t.")?);
        }
        Ok(format!(
            "SELECT {} FROM UNNEST({}) WITH ORDINALITY AS k({}, n) JOIN {} AS t ON {} ORDER BY k.n",
            columns.join(", "),
            arrays.join(", "),
            names.join(", "),
            self.lookup.place.name,
            conditions.join(" AND ")
        ))
    }

    fn ask(&mut self, keys: &[ArrayRef], params: &[Param]) -> Outcome<Found> {
        if self.connection.is_none() {
            self.connect()?;
        }
        let Some((mut connection, types)) = self.connection.take() else {
            return Err(Failure::lasting(Error::internal("no connection")));
        };
        let sql = self.sql(&types, keys).map_err(Failure::lasting)?;
        let mut columns = Columns::new(&self.schema).map_err(Failure::lasting)?;
        let mut of = vec![];
        connection.send(&sql, params)?;
        connection.finish(&mut |row| {
            let number = columns.push(row, true).map_err(Failure::lasting)?;
            of.push(number.saturating_sub(1) as u32);
            Ok(())
        })?;
        self.connection = Some((connection, types));
        let rows = columns.finish(of.len()).map_err(Failure::lasting)?;
        Ok(Found { rows, of })
    }
}

impl LookupReader for Reader {
    fn look_up(&mut self, keys: &[ArrayRef]) -> Result<Found> {
        let count = keys.first().map_or(0, |k| k.len()) as u32;
        let all: Vec<u32> = (0..count).collect();
        let params: Vec<Param> = keys.iter().map(|k| values::array(k, &all).map(Some)).collect::<Result<_>>()?;
        let retries = self.lookup.retries;
        with_retries(retries, "look rows up", || self.ask(keys, &params))
    }
}

/// Gathers rows into a batch.
pub(super) struct Columns {
    schema: SchemaRef,
    columns: Vec<Column>,
}

impl Columns {
    pub(super) fn new(schema: &SchemaRef) -> Result<Columns> {
        let columns = schema.fields().iter().map(|f| Column::new(f.data_type())).collect::<Result<_>>()?;
        Ok(Columns { schema: SchemaRef::clone(schema), columns })
    }

    /// Takes a row; gives the number before its columns when it is `numbered`.
    pub(super) fn push(&mut self, row: &DataRowBody, numbered: bool) -> Result<u64> {
        let mut ranges = row.ranges();
        let mut next = || -> Result<Option<&[u8]>> {
            let range = ranges.next().map_err(|e| Error::internal(format!("a row of Postgres cannot be read: {e}")))?;
            Ok(range.flatten().and_then(|r| row.buffer().get(r)))
        };
        let number = match numbered {
            true => next()?.and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes),
            false => 0,
        };
        for column in &mut self.columns {
            column.push(next()?)?;
        }
        Ok(number)
    }

    /// The batch of the `rows` rows taken; begins anew.
    pub(super) fn finish(&mut self, rows: usize) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = self.columns.iter_mut().map(Column::finish).collect::<Result<_>>()?;
        let columns =
            columns.into_iter().zip(self.schema.fields()).map(|(c, f)| match c.data_type() == f.data_type() {
                true => Ok(c),
                false => arrow::compute::cast(&c, f.data_type()).map_err(Error::from),
            });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &options)?)
    }
}
