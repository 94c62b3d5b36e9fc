//! A table in Postgres: its name, and what its columns are.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field};
use sloth_types::{Error, Result, TableSpec};

use super::connection::{Connection, Failure, Outcome, texts};
use super::values;

/// An identifier in quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The table's name for SQL: `schema.table`, each in quotes.
pub(super) fn name_of(table: &TableSpec) -> Result<String> {
    let name = table.options.require("table-name")?;
    Ok(name.splitn(2, '.').map(quoted).collect::<Vec<_>>().join("."))
}

/// Fails on columns that Postgres has no type for, and on metadata columns.
pub(super) fn check(table: &TableSpec) -> Result<()> {
    for field in table.schema.fields() {
        values::type_of(field.data_type()).map_err(|e| e.context(format!("column '{}'", field.name())))?;
    }
    match table.metadata.first() {
        None => Ok(()),
        Some(column) => Err(Error::invalid(format!("connector 'postgres' has no metadata '{}'", column.key))
            .hint("Leave the column out.")),
    }
}

/// A column as it is selected: cast to the type by which it travels.
pub(super) fn selected(field: &Field, of: &str) -> Result<String> {
    Ok(format!("{of}{}::{}", quoted(field.name()), values::type_of(field.data_type())?.0))
}

/// What the table's columns are in Postgres, by name.
pub(super) struct ColumnTypes(BTreeMap<String, String>);

impl ColumnTypes {
    /// Asks the server; fails when the table, or one of `fields`, is not there.
    pub(super) fn of<'f>(
        connection: &mut Connection,
        table: &str,
        fields: impl Iterator<Item = &'f str>,
    ) -> Outcome<ColumnTypes> {
        let sql = "SELECT attname::text, format_type(atttypid, NULL)::text FROM pg_catalog.pg_attribute \
                   WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped";
        let mut types = BTreeMap::new();
        connection.send(sql, &[Some(table.as_bytes().to_vec())])?;
        connection.finish(&mut |row| {
            if let Ok([Some(name), Some(kind)]) = texts(row).as_deref() {
                types.insert(name.clone(), kind.clone());
            }
            Ok(())
        })?;
        for field in fields {
            if !types.contains_key(field) {
                let known: Vec<&str> = types.keys().map(String::as_str).collect();
                let error = Error::invalid(format!("the table {table} in Postgres has no column '{field}'"));
                return Err(Failure::lasting(error.hint(format!("Its columns: {}.", known.join(", ")))));
            }
        }
        Ok(ColumnTypes(types))
    }

    /// What turns a value that travels as text into the column's type: `::uuid`; nothing for other values, which Postgres
    /// converts by itself or compares as they are.
    pub(super) fn cast(&self, field: &str, data_type: &DataType) -> String {
        let kind = self.0.get(field).map_or("text", String::as_str);
        let textual = matches!(kind, "text" | "character varying" | "character" | "name");
        if *data_type == DataType::Utf8 && !textual { format!("::{kind}") } else { String::new() }
    }
}
