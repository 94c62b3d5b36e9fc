//! `SHOW`, `DESCRIBE` and `SHOW CREATE`: the catalog as rows for the user.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use sloth_types::Result;

use super::{Effect, Session};
use crate::catalog::{Column, ColumnKind, Object, Table};
use crate::parse::statement::{Name, Show};
use crate::types::SqlType;

impl Session {
    pub(super) fn show(&self, what: Show) -> Result<Effect> {
        let names = |keep: fn(&Object) -> bool| -> Vec<String> {
            self.catalog.iter().filter(|(_, o)| keep(o)).map(|(name, _)| name.to_owned()).collect()
        };
        match what {
            Show::Tables => strings("table name", names(|_| true)),
            Show::Views => strings("view name", names(|o| matches!(o, Object::View(_)))),
            Show::Functions => strings("function name", self.function_names()),
            Show::Catalogs => strings("catalog name", vec!["default_catalog".to_owned()]),
            Show::Databases => strings("database name", vec!["default_database".to_owned()]),
            Show::Jobs => strings("job", Vec::new()),
        }
    }

    /// Names of all functions, sorted.
    pub fn function_names(&self) -> Vec<String> {
        let state = self.context.state();
        let mut names: Vec<String> = state
            .scalar_functions()
            .keys()
            .chain(state.aggregate_functions().keys())
            .chain(state.window_functions().keys())
            .chain(state.higher_order_functions().keys())
            .filter(|name| !name.starts_with('$'))
            .cloned()
            .collect();
        names.extend(crate::functions::REWRITTEN.iter().map(|name| (*name).to_owned()));
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(super) fn show_settings(&self) -> Result<Effect> {
        let (keys, values): (Vec<_>, Vec<_>) = self.settings.iter().unzip();
        rows(vec![("key", text(keys)), ("value", text(values))])
    }

    pub(super) fn describe(&self, name: &Name) -> Result<Effect> {
        let columns: Vec<(String, String, bool, String, String, String)> =
            match self.catalog.require(&name.value).map_err(|e| e.at(name.span.clone()))? {
                Object::Table(table) => table.columns.iter().map(|c| describe_column(table, c)).collect(),
                Object::View(view) => {
                    let describe = |f: &arrow::datatypes::FieldRef| {
                        let sql_type = SqlType::from_arrow(f.data_type()).to_string();
                        (f.name().clone(), sql_type, f.is_nullable(), String::new(), String::new(), String::new())
                    };
                    view.plan.schema().fields().iter().map(describe).collect()
                }
            };
        rows(vec![
            ("name", text(columns.iter().map(|c| c.0.as_str()))),
            ("type", text(columns.iter().map(|c| c.1.as_str()))),
            ("null", Arc::new(BooleanArray::from_iter(columns.iter().map(|c| Some(c.2)))) as ArrayRef),
            ("key", text(columns.iter().map(|c| c.3.as_str()))),
            ("extras", text(columns.iter().map(|c| c.4.as_str()))),
            ("watermark", text(columns.iter().map(|c| c.5.as_str()))),
        ])
    }

    pub(super) fn show_create(&self, name: &Name) -> Result<Effect> {
        let ddl = match self.catalog.require(&name.value).map_err(|e| e.at(name.span.clone()))? {
            Object::Table(table) => create_text(table),
            Object::View(view) => view.ddl.clone(),
        };
        strings("result", vec![ddl])
    }
}

fn describe_column(table: &Table, column: &Column) -> (String, String, bool, String, String, String) {
    let mut sql_type = SqlType { nullable: true, ..column.sql_type.clone() }.to_string();
    let watermark = table.watermark.as_ref().filter(|w| w.column == column.name);
    if watermark.is_some() {
        sql_type.push_str(" *ROWTIME*");
    } else if table.is_time_attribute(column) {
        sql_type.push_str(" *PROCTIME*");
    }
    let key = if table.primary_key.contains(&column.name) {
        format!("PRI({})", table.primary_key.join(", "))
    } else {
        String::new()
    };
    let extras = match &column.kind {
        ColumnKind::Physical => String::new(),
        ColumnKind::Metadata { .. } => metadata_text(column),
        ColumnKind::Computed(_) => format!("AS {}", column.definition.as_deref().unwrap_or_default()),
    };
    let watermark = watermark.map_or_else(String::new, |w| w.definition.clone());
    (column.name.clone(), sql_type, column.sql_type.nullable, key, extras, watermark)
}

fn metadata_text(column: &Column) -> String {
    let ColumnKind::Metadata { key, is_virtual } = &column.kind else { return String::new() };
    let from = if *key == column.name { String::new() } else { format!(" FROM '{}'", quote(key)) };
    format!("METADATA{from}{}", if *is_virtual { " VIRTUAL" } else { "" })
}

fn quote(text: &str) -> String {
    text.replace('\'', "''")
}

fn name(text: &str) -> String {
    format!("`{}`", text.replace('`', "``"))
}

/// The statement that makes the table again, LIKE resolved.
fn create_text(table: &Table) -> String {
    let mut lines: Vec<String> = Vec::new();
    for column in &table.columns {
        let mut line = format!("  {}", name(&column.name));
        match &column.kind {
            ColumnKind::Computed(_) => {
                let _ = write!(line, " AS {}", column.definition.as_deref().unwrap_or_default());
            }
            ColumnKind::Metadata { .. } => {
                let _ = write!(line, " {} {}", column.sql_type, metadata_text(column));
            }
            ColumnKind::Physical => {
                let _ = write!(line, " {}", column.sql_type);
            }
        }
        if let Some(comment) = &column.comment {
            let _ = write!(line, " COMMENT '{}'", quote(comment));
        }
        lines.push(line);
    }
    if let Some(watermark) = &table.watermark {
        lines.push(format!("  WATERMARK FOR {} AS {}", name(&watermark.column), watermark.definition));
    }
    let names = |columns: &[String]| columns.iter().map(|c| name(c)).collect::<Vec<_>>().join(", ");
    if !table.primary_key.is_empty() {
        lines.push(format!("  PRIMARY KEY ({}) NOT ENFORCED", names(&table.primary_key)));
    }
    let mut out = format!("CREATE TABLE {} (\n{}\n)", name(&table.name), lines.join(",\n"));
    if let Some(comment) = &table.comment {
        let _ = write!(out, " COMMENT '{}'", quote(comment));
    }
    if !table.partition_keys.is_empty() {
        let _ = write!(out, " PARTITIONED BY ({})", names(&table.partition_keys));
    }
    let options: Vec<String> =
        table.spec.options.iter().map(|(k, v)| format!("  '{}' = '{}'", quote(k), quote(hide_secret(k, v)))).collect();
    if !options.is_empty() {
        let _ = write!(out, " WITH (\n{}\n)", options.join(",\n"));
    }
    out
}

/// Passwords are not for the screen.
fn hide_secret<'v>(key: &str, value: &'v str) -> &'v str {
    let key = key.to_ascii_lowercase();
    let secret =
        ["password", "secret", "token", "sasl.jaas.config", "credential"].iter().any(|word| key.contains(word));
    if secret { "****" } else { value }
}

fn strings(title: &str, values: Vec<String>) -> Result<Effect> {
    rows(vec![(title, text(values.iter().map(String::as_str)))])
}

fn text<'v>(values: impl IntoIterator<Item = &'v str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<Effect> {
    Ok(Effect::Rows(RecordBatch::try_from_iter(columns)?))
}
