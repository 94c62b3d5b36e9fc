//! Tables as text: what tells their rows from others'.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sloth_types::{ChangelogMode, TableSpec};

use super::{Known, expr, fnv, stages, types};
use crate::node::{SourceNode, SourceOrigin, WatermarkRule};

/// Options that say which rows a table has. Others may change (an address, a password, a rate): the rows stay those of
/// the table.
const WHERE: [&str; 7] = ["topic", "topic-pattern", "path", "table-name", "name", "sink.id", "url"];
/// Options of generators that decide what they make.
const MADE: [&str; 4] = ["fields.", "nexmark.", "orders.", "kind"];

/// Which table it is.
pub(super) fn text(table: &TableSpec) -> String {
    let options: Vec<String> = table
        .options
        .iter()
        .filter(|(key, _)| WHERE.contains(key) || MADE.iter().any(|made| key.starts_with(made)))
        // An address names a server first; what matters is what is asked for there.
        .map(|(key, value)| (key, if key == "url" { path_of(value) } else { value }))
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    let connector = table.options.get("connector").unwrap_or_default();
    format!("table {:?} of {connector} [{}]", table.name, options.join(","))
}

/// The part of an address behind the server.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    path.split(['?', '#']).next().unwrap_or(path)
}

/// What a source reads, and the columns that it asks for.
pub(super) fn source(source: &SourceNode, mode: &ChangelogMode) -> (String, Known) {
    let table = match &source.origin {
        SourceOrigin::Table(table) => text(table),
        SourceOrigin::Rows(rows) => values(rows),
    };
    let read = Known { rows: fnv(&table), columns: columns(source, &table) };
    let computed = stages::after(&source.compute, read.clone());
    let watermark = match &source.watermark {
        None => "none".to_owned(),
        Some(WatermarkRule::Delay { column, delay_ms }) => format!("{} - {delay_ms}", computed.column(*column)),
        Some(WatermarkRule::Expr(rule)) => expr::text(rule, &computed),
    };
    let mode = match mode {
        ChangelogMode::Append => "append",
        ChangelogMode::Upsert { .. } => "upsert",
        ChangelogMode::Retract => "retract",
    };
    let instance = if source.instance == 0 { String::new() } else { format!(" read again {}", source.instance) };
    (format!("source {table} {mode} watermark {watermark}{instance}"), read)
}

/// What a source gives, given its identity.
pub(super) fn output(source: &SourceNode, identity: u64, read: &Known) -> Known {
    // Columns belong to the table, computed ones too, whichever source reads it.
    let computed = stages::after(&source.compute, read.clone());
    stages::after(&source.stages, Known { rows: identity, columns: computed.columns })
}

/// A column is its name, its declared type (a query may read less of it) and, where it has one, its meaning.
fn columns(source: &SourceNode, table: &str) -> Vec<u64> {
    let declared = match &source.origin {
        SourceOrigin::Table(spec) => Some(spec),
        SourceOrigin::Rows(_) => None,
    };
    let column = |field: &arrow::datatypes::FieldRef| {
        let own = declared.and_then(|d| d.schema.field_with_name(field.name()).ok()).unwrap_or(field);
        let meta = declared.and_then(|d| d.metadata.iter().find(|m| m.column == *field.name()));
        let meta = meta.map_or(String::new(), |m| format!(" from {}", m.key));
        fnv(&format!("column {:?} {}{meta} of {table}", field.name(), types::text(own.data_type())))
    };
    source.read_schema.fields().iter().map(column).collect()
}

fn values(rows: &RecordBatch) -> String {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<String> = rows
        .columns()
        .iter()
        .map(|column| match ArrayFormatter::try_new(column, &options) {
            Ok(format) => (0..rows.num_rows()).map(|row| format!("{:?}", format.value(row).to_string())).collect(),
            Err(_) => format!("{column:?}"),
        })
        .collect();
    format!("values {} {} [{}]", rows.num_rows(), types::all(rows.schema_ref()), columns.join(","))
}
