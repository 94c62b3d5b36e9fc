//! What a script's statements are, as parsed: no names are resolved yet.

use std::ops::Range;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{self, Ident};

use super::emit::EmitClause;
use super::lifetime::TtlHint;
use crate::text::SourceText;
use crate::types::SqlType;

/// One statement of a script.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// Where it stands in the script, in bytes, without the semicolon.
    pub span: Range<usize>,
    /// The `EMIT` clause of a query or an INSERT.
    pub emit: Option<EmitClause>,
    /// How long the state over inputs is kept.
    pub ttl_hints: Vec<TtlHint>,
    pub(crate) source: Arc<SourceText>,
}

impl Statement {
    /// The statement's own text.
    pub fn text(&self) -> &str {
        self.source.slice(self.span.clone())
    }
}

/// The kinds of statements.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// `CREATE TABLE`.
    CreateTable(Box<CreateTable>),
    /// `CREATE VIEW`.
    CreateView(Box<CreateView>),
    /// `CREATE FUNCTION`.
    CreateFunction(CreateFunction),
    /// `DROP TABLE | VIEW | FUNCTION`.
    Drop(Drop),
    /// `SHOW TABLES` and its relatives.
    Show(Show),
    /// `DESCRIBE t`.
    Describe(Name),
    /// `SHOW CREATE TABLE t`, `SHOW CREATE VIEW v`.
    ShowCreate(Name),
    /// `SET 'k' = 'v'`; without a key, shows all settings.
    Set(Option<(String, String)>),
    /// `RESET 'k'`; without a key, resets all.
    Reset(Option<String>),
    /// `INSERT INTO`.
    Insert(Box<Insert>),
    /// `EXECUTE STATEMENT SET BEGIN … END`.
    StatementSet(Vec<Statement>),
    /// A query whose result is shown to the user.
    Query(Box<ast::Query>),
    /// `EXPLAIN`.
    Explain(Box<Statement>),
    /// A statement that is accepted and does nothing; the text says why.
    Nothing(String),
}

/// A name with its place in the text. Catalog and database parts are dropped: there is one of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The last part of the name.
    pub value: String,
    /// Where it stands.
    pub span: Range<usize>,
}

/// `CREATE TABLE`.
#[derive(Clone, Debug)]
pub struct CreateTable {
    /// The table's name.
    pub name: Name,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// Columns, watermark and keys in declared order.
    pub elements: Vec<Element>,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// `PARTITIONED BY`.
    pub partitioned_by: Vec<Name>,
    /// `WITH` options in written order.
    pub options: Vec<(String, String)>,
    /// `LIKE`.
    pub like: Option<Like>,
    /// `AS SELECT …`.
    pub query: Option<Box<ast::Query>>,
}

/// One element of a `CREATE TABLE` body.
#[derive(Clone, Debug)]
pub struct Element {
    /// What it is.
    pub kind: ElementKind,
    /// Where it stands.
    pub span: Range<usize>,
}

/// The kinds of elements.
#[derive(Clone, Debug)]
pub enum ElementKind {
    /// A physical or metadata column.
    Column(ColumnElement),
    /// `c AS expression`.
    Computed {
        /// The column.
        name: Name,
        /// Its definition.
        expr: ast::Expr,
        /// Where the expression stands.
        expr_span: Range<usize>,
        /// `COMMENT`.
        comment: Option<String>,
    },
    /// `WATERMARK FOR c AS expression`.
    Watermark {
        /// The column.
        column: Name,
        /// The watermark.
        expr: ast::Expr,
        /// Where the expression stands.
        expr_span: Range<usize>,
    },
    /// `PRIMARY KEY (…) NOT ENFORCED`.
    PrimaryKey(Vec<Name>),
}

/// A physical or metadata column.
#[derive(Clone, Debug)]
pub struct ColumnElement {
    /// The column.
    pub name: Name,
    /// Its type.
    pub sql_type: SqlType,
    /// `METADATA [FROM 'key'] [VIRTUAL]`.
    pub metadata: Option<MetadataElement>,
    /// `PRIMARY KEY` on the column itself.
    pub primary_key: bool,
    /// `COMMENT`.
    pub comment: Option<String>,
}

/// `METADATA [FROM 'key'] [VIRTUAL]`.
#[derive(Clone, Debug)]
pub struct MetadataElement {
    /// The connector's key when it is not the column's name.
    pub key: Option<String>,
    /// `VIRTUAL`: not written by a sink.
    pub is_virtual: bool,
}

/// `LIKE t (INCLUDING …)`.
#[derive(Clone, Debug)]
pub struct Like {
    /// The table to copy from.
    pub table: Name,
    /// `INCLUDING | EXCLUDING | OVERWRITING` with what it applies to, both upper case.
    pub rules: Vec<(String, String)>,
}

/// `CREATE VIEW`.
#[derive(Clone, Debug)]
pub struct CreateView {
    /// The view's name.
    pub name: Name,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// Names of the columns, when given.
    pub columns: Vec<Name>,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// The query.
    pub query: Box<ast::Query>,
}

/// `CREATE FUNCTION`.
#[derive(Clone, Debug)]
pub struct CreateFunction {
    /// The function's name.
    pub name: Name,
    /// The implementing class.
    pub class: String,
    /// Where the class stands.
    pub class_span: Range<usize>,
}

/// What is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A table.
    Table,
    /// A view.
    View,
    /// A function.
    Function,
}

/// `DROP`.
#[derive(Clone, Debug)]
pub struct Drop {
    /// What is dropped.
    pub object: ObjectKind,
    /// Its name.
    pub name: Name,
    /// `IF EXISTS`.
    pub if_exists: bool,
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Tables and views.
    Tables,
    /// Views.
    Views,
    /// Functions.
    Functions,
    /// Catalogs.
    Catalogs,
    /// Databases.
    Databases,
    /// Jobs: none in a script.
    Jobs,
}

/// `INSERT INTO`.
#[derive(Clone, Debug)]
pub struct Insert {
    /// The sink.
    pub table: Name,
    /// Columns, when given.
    pub columns: Vec<Ident>,
    /// `PARTITION (c = value, …)`.
    pub partition: Vec<(Ident, ast::Expr)>,
    /// What is inserted.
    pub query: Box<ast::Query>,
}
