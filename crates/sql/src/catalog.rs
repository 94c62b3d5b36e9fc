//! Tables and views that a session knows.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlan};
use sloth_types::options::edit_distance;
use sloth_types::{Error, Result, TableSpec};

use crate::types::SqlType;

/// A table as created: what the planner, the engine and the connector need to know.
#[derive(Clone, Debug)]
pub struct Table {
    /// The name, case-sensitive.
    pub name: String,
    /// The columns in declared order.
    pub columns: Vec<Column>,
    /// All columns, computed ones included, in declared order.
    pub schema: SchemaRef,
    /// Physical and metadata columns and options, for the connector.
    pub spec: TableSpec,
    /// Columns of `PRIMARY KEY`.
    pub primary_key: Vec<String>,
    /// Columns of `PARTITIONED BY`.
    pub partition_keys: Vec<String>,
    /// `WATERMARK FOR`.
    pub watermark: Option<WatermarkDef>,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// Where the `CREATE TABLE` stands in its script.
    pub span: Range<usize>,
    /// The text of the statement that made it.
    pub ddl: String,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// The name, case-sensitive.
    pub name: String,
    /// The type as declared; of computed columns, as derived.
    pub sql_type: SqlType,
    /// Where its values come from.
    pub kind: ColumnKind,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// Computed columns: the definition's text.
    pub definition: Option<String>,
}

/// Where a column's values come from.
#[derive(Clone, Debug)]
pub enum ColumnKind {
    /// The record itself.
    Physical,
    /// The record's envelope.
    Metadata {
        /// The connector's name for the value.
        key: String,
        /// A sink does not write it.
        is_virtual: bool,
    },
    /// An expression over the other columns, coerced. It refers to physical and metadata columns, wherever declared, and
    /// to computed columns declared before it; it may hold `PROCTIME()`.
    Computed(Expr),
}

/// `WATERMARK FOR column AS expr`.
#[derive(Clone, Debug)]
pub struct WatermarkDef {
    /// The time column.
    pub column: String,
    /// The watermark that a row implies, over [`Table::schema`]; a timestamp.
    pub expr: Expr,
    /// Text of the expression.
    pub definition: String,
}

impl Table {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The columns that an INSERT fills, in order: physical ones and metadata that is not virtual.
    pub fn writable(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| match c.kind {
            ColumnKind::Physical => true,
            ColumnKind::Metadata { is_virtual, .. } => !is_virtual,
            ColumnKind::Computed(_) => false,
        })
    }

    /// True for a column that carries event time or processing time.
    pub fn is_time_attribute(&self, column: &Column) -> bool {
        self.watermark.as_ref().is_some_and(|w| w.column == column.name) || is_proctime(&column.kind)
    }
}

fn is_proctime(kind: &ColumnKind) -> bool {
    matches!(kind, ColumnKind::Computed(Expr::ScalarFunction(f)) if f.name() == "proctime")
}

impl Column {
    /// The Arrow type.
    pub fn data_type(&self) -> DataType {
        self.sql_type.to_arrow()
    }
}

/// A view: a named query, planned when it was created.
#[derive(Clone, Debug)]
pub struct View {
    /// The name, case-sensitive.
    pub name: String,
    /// The plan, neither analysed nor optimised.
    pub plan: LogicalPlan,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// The text of the statement that made it.
    pub ddl: String,
}

/// Something with a name.
#[derive(Clone, Debug)]
pub enum Object {
    /// A table.
    Table(Arc<Table>),
    /// A view.
    View(Arc<View>),
}

impl Object {
    /// `table` or `view`.
    pub fn kind(&self) -> &'static str {
        match self {
            Object::Table(_) => "table",
            Object::View(_) => "view",
        }
    }
}

/// All tables and views. Names are case-sensitive; tables and views share one name space.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    objects: BTreeMap<String, Object>,
}

impl Catalog {
    /// The table or view of this name.
    pub fn get(&self, name: &str) -> Option<&Object> {
        self.objects.get(name)
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        match self.objects.get(name) {
            Some(Object::Table(table)) => Some(table),
            _ => None,
        }
    }

    /// All objects in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Object)> {
        self.objects.iter().map(|(name, object)| (name.as_str(), object))
    }

    /// All tables in order of their names.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.objects.values().filter_map(|o| match o {
            Object::Table(table) => Some(table),
            Object::View(_) => None,
        })
    }

    /// Adds or replaces an object.
    pub fn insert(&mut self, name: impl Into<String>, object: Object) {
        self.objects.insert(name.into(), object);
    }

    /// Removes an object.
    pub fn remove(&mut self, name: &str) -> Option<Object> {
        self.objects.remove(name)
    }

    /// The object of this name.
    ///
    /// # Errors
    /// When there is none; the hint names the nearest.
    pub fn require(&self, name: &str) -> Result<&Object> {
        self.get(name).ok_or_else(|| self.not_found(name))
    }

    /// The error for a name that is not there.
    pub fn not_found(&self, name: &str) -> Error {
        let error = Error::invalid(format!("table '{name}' does not exist"));
        match nearest(name, self.objects.keys().map(String::as_str)) {
            Some(near) => error.hint(format!("Did you mean '{near}'?")),
            None if self.objects.is_empty() => error.hint("Create it first with CREATE TABLE."),
            None => error.hint(format!("Known: {}.", self.objects.keys().cloned().collect::<Vec<_>>().join(", "))),
        }
    }
}

/// The candidate that `name` was probably meant to be.
pub(crate) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let lower = name.to_lowercase();
    candidates
        .map(|c| (edit_distance(&lower, &c.to_lowercase()), c))
        .min()
        .filter(|(distance, c)| *distance <= (c.len().min(name.len()) / 3).max(1))
        .map(|(_, c)| c)
}
