//! Tables of PostgreSQL: read once to their end, asked for rows by key, written in transactions.
//!
//! `'connector' = 'postgres'`, or Flink's `'jdbc'` with a URL of Postgres; the options are those of Flink's JDBC connector.

mod address;
mod connection;
mod lookup;
mod numeric;
mod sink;
mod socket;
mod source;
mod table;
mod tls;
mod values;

use std::sync::Arc;
use std::time::Duration;

use sloth_types::{Connector, Error, Lookup, Options, Result, Sink, Source, TableSpec};

use self::address::Address;

const KNOWN: [&str; 26] = [
    "connector",
    "url",
    "table-name",
    "username",
    "password",
    "driver",
    "connection.max-retry-timeout",
    "scan.partition.column",
    "scan.partition.num",
    "scan.partition.lower-bound",
    "scan.partition.upper-bound",
    "scan.fetch-size",
    "scan.auto-commit",
    "lookup.cache",
    "lookup.partial-cache.max-rows",
    "lookup.partial-cache.expire-after-write",
    "lookup.partial-cache.expire-after-access",
    "lookup.partial-cache.cache-missing-key",
    "lookup.cache.max-rows",
    "lookup.cache.ttl",
    "lookup.cache.caching-missing-key",
    "lookup.max-retries",
    "sink.id",
    "sink.buffer-flush.max-rows",
    "sink.max-retries",
    "sink.epochs-table",
];

/// Waiting between tries begins with this and doubles.
const BACKOFF: Duration = Duration::from_millis(100);
/// Waiting between tries is at most this.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// The connector `postgres`.
#[derive(Debug)]
pub(crate) struct Postgres;

/// The connector `jdbc`: the same, by Flink's name.
#[derive(Debug)]
pub(crate) struct Jdbc;

fn check_options(connector: &str, options: &Options) -> Result<()> {
    options.check_known(connector, &KNOWN, &["properties."])?;
    if let Some(sink) = options.get("sink.buffer-flush.interval") {
        return Err(Error::invalid(format!("option 'sink.buffer-flush.interval' = '{sink}'"))
            .hint("Leave it out: rows are written at the end of each epoch."));
    }
    Ok(())
}

macro_rules! connector {
    ($type:ty, $name:literal) => {
        impl Connector for $type {
            fn name(&self) -> &'static str {
                $name
            }
            fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
                check_options($name, &table.options)?;
                Ok(Arc::new(source::PostgresSource::new(table)?))
            }
            fn lookup(&self, table: &TableSpec) -> Result<Arc<dyn Lookup>> {
                check_options($name, &table.options)?;
                Ok(Arc::new(lookup::PostgresLookup::new(table)?))
            }
            fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
                check_options($name, &table.options)?;
                Ok(Arc::new(sink::PostgresSink::new(table)?))
            }
        }
    };
}
connector!(Postgres, "postgres");
connector!(Jdbc, "jdbc");

/// Where the table is, by name and address.
#[derive(Clone, Debug)]
struct Place {
    address: Address,
    /// In quotes, for SQL.
    name: String,
}

impl Place {
    fn of(table: &TableSpec) -> Result<Place> {
        table::check(table)?;
        Ok(Place { address: Address::of(&table.options)?, name: table::name_of(table)? })
    }
}

/// Runs plain SQL and gives the rows it answers, as texts: for tests, and to prepare tables.
///
/// # Errors
/// When the URL is wrong, the server does not answer, or does not like the SQL.
pub fn run_sql(url: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
    let address = Address::of(&Options::new([("url".to_owned(), url.to_owned())]))?;
    let mut connection = connection::Connection::open(&address)?;
    connection.patience(None)?;
    Ok(connection.run(sql)?)
}

/// Does something until it works, or fails for good, or has failed so many times more. `attempt` starts from a new
/// connection after each failure.
fn with_retries<T>(retries: u32, doing: &str, mut attempt: impl FnMut() -> connection::Outcome<T>) -> Result<T> {
    let mut wait = BACKOFF;
    let mut tries = 0;
    loop {
        let failure = match attempt() {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        if !failure.again || tries == retries {
            let error = failure.error;
            return Err(if tries > 0 { error.detail(format!("tried {} times to {doing}", tries + 1)) } else { error });
        }
        tracing::warn!(tries, "cannot {doing}: {}; trying again", failure.error.message());
        std::thread::sleep(wait);
        wait = (wait * 2).min(BACKOFF_MAX);
        tries += 1;
    }
}
