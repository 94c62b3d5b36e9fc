//! `datagen`: random or sequential values for any schema, with Flink's options.

mod field;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use sloth_types::{Connector, Error, Options, Result, Source, TableSpec};

use self::field::Field;
use super::arrays;
use super::lane::{Events, Generated, LaneSpec, Maker, Recipe, is_timed, rate, refuse_metadata, start_time};
use super::schedule::Schedule;

const OPTIONS: &[&str] = &[
    "connector",
    "rows-per-second",
    "number-of-rows",
    "scan.parallelism",
    // Ours:
    "seed",
    "start-time",
    "rate.limited",
];

/// The connector.
pub(super) struct Datagen;

impl Connector for Datagen {
    fn name(&self) -> &'static str {
        "datagen"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        let options = &table.options;
        options.check_known("datagen", OPTIONS, &["fields."])?;
        refuse_metadata(table, "datagen")?;
        let seed = options.parse_or("seed", "a whole number", 1)?;
        let fields = compile(&table.schema, options, seed)?;
        check_field_options(&table.schema, options)?;

        let rows: Option<u64> = options.parse("number-of-rows", "a whole number")?;
        let events = fields.iter().filter_map(Field::rows_max).chain(rows).min();
        let rate = rate(options, "rows-per-second", 10_000)?;
        let paced = options.parse_or("rate.limited", "true or false", true)?;
        let lane = LaneSpec {
            splits: LaneSpec::splits_of(options, events, paced.then_some(rate))?,
            events,
            schedule: Arc::new(Schedule::constant(rate)),
            paced,
            start_ms: start_time(options, "start-time")?,
            timed: is_timed(table.schema.fields()),
            keep_alive: false,
        };
        Ok(Generated::source(lane, Arc::new(Table { options: options.clone(), seed })))
    }
}

fn compile(schema: &SchemaRef, options: &Options, seed: u64) -> Result<Vec<Field>> {
    schema.fields().iter().map(|f| Field::new(f.name(), f.data_type(), options, seed)).collect()
}

/// Every `fields.…` option must be one that some column reads: a typing error should not pass in silence.
fn check_field_options(schema: &SchemaRef, options: &Options) -> Result<()> {
    let mut known = Vec::new();
    for field in schema.fields() {
        field_options(field.name(), field.data_type(), &mut known);
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let asked = options.with_prefix("fields.").map(|(key, value)| (format!("fields.{key}"), value.to_owned()));
    Options::new(asked).check_known("datagen", &known, &[]).map_err(|error| {
        let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        error.detail(format!("Columns are {}; which options a column has depends on its type.", columns.join(", ")))
    })
}

/// The keys that a column of this type reads.
fn field_options(path: &str, kind: &DataType, into: &mut Vec<String>) {
    let mut add = |names: &[&str]| into.extend(names.iter().map(|name| format!("fields.{path}.{name}")));
    add(&["kind", "null-rate"]);
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => add(&["length", "var-len", "start", "end"]),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => add(&["length", "var-len"]),
        DataType::FixedSizeBinary(_) => add(&["length"]),
        DataType::Timestamp(..) => add(&["max-past"]),
        DataType::Struct(children) => {
            children.iter().for_each(|c| field_options(&format!("{path}.{}", c.name()), c.data_type(), into));
        }
        DataType::List(element) | DataType::LargeList(element) => {
            add(&["length"]);
            field_options(&format!("{path}.element"), element.data_type(), into);
        }
        DataType::Map(entries, _) => {
            add(&["length"]);
            if let DataType::Struct(pair) = entries.data_type() {
                for (field, name) in pair.iter().zip(["key", "value"]) {
                    field_options(&format!("{path}.{name}"), field.data_type(), into);
                }
            }
        }
        DataType::Boolean | DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => {}
        _ => add(&["min", "max", "start", "end"]),
    }
}

/// The recipe: a column is compiled from its name and type alone, so a projection needs nothing more.
struct Table {
    options: Options,
    seed: u64,
}

impl Recipe for Table {
    fn maker(&self, schema: &SchemaRef) -> Result<Box<dyn Maker>> {
        let fields = compile(schema, &self.options, self.seed)?;
        let rate = rate(&self.options, "rows-per-second", 10_000)?;
        Ok(Box::new(Rows { schema: Arc::clone(schema), fields, schedule: Schedule::constant(rate) }))
    }
}

struct Rows {
    schema: SchemaRef,
    fields: Vec<Field>,
    schedule: Schedule,
}

impl Maker for Rows {
    fn make(&mut self, events: &Events) -> Result<RecordBatch> {
        let numbers: Vec<u64> = events.numbers().collect();
        let times_ms = if self.fields.iter().any(Field::needs_time) {
            let due = self.schedule.times_us(events.first, events.stride, events.rows);
            due.into_iter().map(|us| events.start_ms + us / 1000).collect()
        } else {
            Vec::new()
        };
        let columns = (self.fields.iter())
            .map(|f| f.values(&numbers, &times_ms).map_err(|e: Error| e.context(format!("column '{}'", f.name()))))
            .collect::<Result<_>>()?;
        arrays::batch(&self.schema, columns, events.rows)
    }
}
