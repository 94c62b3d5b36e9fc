//! `nexmark`: the stream of persons, auctions and bids of the public Nexmark benchmark, with the option names and the
//! table schema of its Flink edition. The statistics follow the original (hot auctions, bidders and sellers, prices
//! spread evenly over six orders of magnitude, four hot channels); the values are our own, by seed and event number.

mod auction;
mod bid;
mod config;
mod frame;
mod person;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, SchemaRef};
use sloth_types::{Connector, Error, Result, Source, TableSpec};

use self::config::{Kind, Setup};
use self::frame::Frame;
use super::arrays;
use super::lane::{Events, Generated, LaneSpec, Maker, Recipe, is_timed, refuse_metadata};

const COLUMNS: &[&str] = &["event_type", "person", "auction", "bid"];

/// The connector.
pub(super) struct Nexmark;

impl Connector for Nexmark {
    fn name(&self) -> &'static str {
        "nexmark"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        refuse_metadata(table, "nexmark")?;
        arrays::check_columns(&table.name, &table.schema, "nexmark", COLUMNS)?;
        let setup = Arc::new(Setup::new(&table.options)?);
        let lane = LaneSpec {
            splits: LaneSpec::splits_of(&table.options, setup.events, setup.paced.then(|| setup.schedule.rate_max()))?,
            events: setup.events,
            schedule: Arc::clone(&setup.schedule),
            paced: setup.paced,
            start_ms: setup.start_ms,
            timed: is_timed(table.schema.fields()),
            keep_alive: setup.keep_alive,
        };
        let recipe = Table { setup, tables: Arc::new(text::Tables::new(config::seed(&table.options)?)) };
        // Finds wrong columns and types now instead of when the job starts.
        recipe.maker(&table.schema)?.make(&Events { first: 0, stride: 1, rows: 0, start_ms: 0, now_ms: 0 })?;
        Ok(Generated::source(lane, Arc::new(recipe)))
    }
}

struct Table {
    setup: Arc<Setup>,
    tables: Arc<text::Tables>,
}

impl Recipe for Table {
    fn maker(&self, schema: &SchemaRef) -> Result<Box<dyn Maker>> {
        let columns = schema.fields().iter().map(|f| Column::new(f)).collect::<Result<Vec<_>>>()?;
        let needs_time = columns.iter().any(Column::needs_time);
        Ok(Box::new(Rows {
            schema: Arc::clone(schema),
            columns,
            needs_time,
            setup: Arc::clone(&self.setup),
            tables: Arc::clone(&self.tables),
        }))
    }
}

/// A column of the table, with the children asked for.
enum Column {
    EventType,
    Person(Vec<person::Column>),
    Auction(Vec<auction::Column>),
    Bid(Vec<bid::Column>),
}

impl Column {
    fn new(field: &Field) -> Result<Column> {
        let DataType::Struct(children) = field.data_type() else {
            return match field.name().as_str() {
                "event_type" => Ok(Column::EventType),
                name => Err(Error::invalid(format!("column '{name}' of connector 'nexmark' must be a ROW"))),
            };
        };
        fn parse<C>(row: &str, children: &[Arc<Field>], all: &[(&str, C)]) -> Result<Vec<C>>
        where
            C: Copy,
        {
            let of = |child: &Arc<Field>| {
                all.iter().find(|(name, _)| name == child.name()).map(|(_, column)| *column).ok_or_else(|| {
                    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
                    Error::invalid(format!("'{row}.{}' is not known to connector 'nexmark'", child.name()))
                        .hint(format!("'{row}' has {}.", names.join(", ")))
                })
            };
            children.iter().map(of).collect()
        }
        match field.name().as_str() {
            "person" => Ok(Column::Person(parse("person", children, person::COLUMNS)?)),
            "auction" => Ok(Column::Auction(parse("auction", children, auction::COLUMNS)?)),
            "bid" => Ok(Column::Bid(parse("bid", children, bid::COLUMNS)?)),
            name => Err(Error::invalid(format!("column '{name}' of connector 'nexmark' is an INT"))),
        }
    }

    fn needs_time(&self) -> bool {
        match self {
            Column::EventType => false,
            Column::Person(columns) => columns.contains(&person::Column::DateTime),
            Column::Auction(columns) => {
                columns.iter().any(|c| matches!(c, auction::Column::DateTime | auction::Column::Expires))
            }
            Column::Bid(columns) => columns.contains(&bid::Column::DateTime),
        }
    }
}

struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    needs_time: bool,
    setup: Arc<Setup>,
    tables: Arc<text::Tables>,
}

impl Maker for Rows {
    fn make(&mut self, events: &Events) -> Result<RecordBatch> {
        let frame = Frame::new(&self.setup, &self.tables, events, self.needs_time);
        let columns = (self.columns.iter())
            .zip(self.schema.fields())
            .map(|(column, field)| match column {
                Column::EventType => {
                    let kinds = frame.kinds.iter().map(|kind| *kind as i32).collect();
                    arrays::small_integers(kinds, None, field.data_type())
                }
                Column::Person(columns) => {
                    row(&frame, Kind::Person, field, |i, nulls, to| person::values(columns[i], &frame, nulls, to))
                }
                Column::Auction(columns) => {
                    row(&frame, Kind::Auction, field, |i, nulls, to| auction::values(columns[i], &frame, nulls, to))
                }
                Column::Bid(columns) => {
                    row(&frame, Kind::Bid, field, |i, nulls, to| bid::values(columns[i], &frame, nulls, to))
                }
            })
            .collect::<Result<_>>()?;
        arrays::batch(&self.schema, columns, events.rows)
    }
}

/// The row column of `kind`: NULL for the events of other kinds. The children are NULL there too, so that a reader may
/// take a child without asking the parent.
fn row(
    frame: &Frame<'_>,
    kind: Kind,
    field: &Field,
    child: impl Fn(usize, Option<NullBuffer>, &DataType) -> Result<ArrayRef>,
) -> Result<ArrayRef> {
    let DataType::Struct(children) = field.data_type() else {
        return Err(Error::internal(format!("'{}' is not a struct", field.name())));
    };
    let nulls = Some(frame.nulls(kind));
    let values = (children.iter().enumerate())
        .map(|(i, c)| child(i, nulls.clone(), c.data_type()))
        .collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new_with_length(children.clone(), values, nulls, frame.len())?))
}
