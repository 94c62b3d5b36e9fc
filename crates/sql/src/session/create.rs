//! `CREATE TABLE` and `CREATE VIEW`: resolves a parsed body into a catalog entry.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use sloth_types::table::MetadataColumn;
use sloth_types::{Error, Options, Result, TableSpec};

use super::{Effect, Session};
use crate::catalog::{Column, ColumnKind, Object, Table, View, WatermarkDef, nearest};
use crate::parse::Statement;
use crate::parse::statement::{CreateTable, CreateView, ElementKind, Like, Name};
use crate::types::SqlType;

impl Session {
    pub(super) fn create_table(&mut self, statement: &Statement, create: &CreateTable) -> Result<Effect> {
        let name = &create.name;
        if self.name_taken(name, create.if_not_exists, create.or_replace)? {
            return Ok(Effect::Done(format!("table {} exists already", name.value)));
        }
        let mut draft = match &create.like {
            Some(like) => Draft::like(self, like)?,
            None => Draft::default(),
        };
        if let Some(query) = &create.query {
            return self.create_table_as(statement, create, query, draft);
        }
        draft.fill(self, statement, create)?;
        let table = Arc::new(draft.finish(self, statement, create)?);
        self.add(&name.value, Object::Table(table));
        Ok(Effect::Done(format!("table {} created", name.value)))
    }

    /// `CREATE TABLE … AS SELECT`: the columns come from the query, which then runs.
    fn create_table_as(
        &mut self,
        statement: &Statement,
        create: &CreateTable,
        query: &datafusion::sql::sqlparser::ast::Query,
        mut draft: Draft,
    ) -> Result<Effect> {
        draft.fill(self, statement, create)?;
        let plan = self.plan_root(statement, query)?;
        let plan = self.optimize(statement, &plan)?;
        if draft.columns.is_empty() {
            for field in plan.schema().fields() {
                draft.columns.push(Column {
                    name: field.name().clone(),
                    sql_type: SqlType { nullable: true, ..SqlType::of_field(field) },
                    kind: ColumnKind::Physical,
                    comment: None,
                    definition: None,
                });
            }
        }
        let table = draft.finish(self, statement, create)?;
        let exprs = table.writable().zip(plan.schema().iter()).map(|(column, (qualifier, field))| {
            let value = Expr::Column(datafusion::common::Column::from((qualifier, field)));
            let to = column.data_type();
            let fitted = if *field.data_type() == to { value } else { datafusion::logical_expr::cast(value, to) };
            fitted.alias(&column.name)
        });
        let plan = LogicalPlanBuilder::from(plan.clone())
            .project(exprs.collect::<Vec<_>>())
            .and_then(LogicalPlanBuilder::build)
            .map_err(|e| self.explain(statement, statement.span.clone(), e))?;
        let plan = self.optimize(statement, &plan)?;
        let table = Arc::new(table);
        self.add(&create.name.value, Object::Table(Arc::clone(&table)));
        Ok(Effect::Run(vec![self.query(statement, Some(table), plan)?]))
    }

    pub(super) fn create_view(&mut self, statement: &Statement, create: &CreateView) -> Result<Effect> {
        let name = &create.name;
        if self.name_taken(name, create.if_not_exists, create.or_replace)? {
            return Ok(Effect::Done(format!("view {} exists already", name.value)));
        }
        let mut plan = self.plan_query(statement, &create.query)?;
        if !create.columns.is_empty() {
            plan = rename_columns(&plan, &create.columns)?;
        }
        let mut seen: Vec<&str> = Vec::new();
        for field in plan.schema().fields() {
            if seen.contains(&field.name().as_str()) {
                return Err(Error::invalid(format!("the view has two columns named '{}'", field.name()))
                    .hint("Give one of them another name with AS.")
                    .at(name.span.clone()));
            }
            seen.push(field.name());
        }
        // Analysing now finds type errors at the view, not at its first use. The plan stays as it is, to be inlined.
        self.optimize(statement, &plan)?;
        let view =
            View { name: name.value.clone(), plan, comment: create.comment.clone(), ddl: statement.text().to_owned() };
        self.add(&name.value, Object::View(Arc::new(view)));
        Ok(Effect::Done(format!("view {} created", name.value)))
    }

    /// True when the name is taken and that is fine.
    fn name_taken(&self, name: &Name, if_not_exists: bool, or_replace: bool) -> Result<bool> {
        match self.catalog.get(&name.value) {
            None => Ok(false),
            Some(_) if or_replace => Ok(false),
            Some(_) if if_not_exists => Ok(true),
            Some(found) => Err(Error::invalid(format!("{} '{}' exists already", found.kind(), name.value))
                .hint(format!("Drop it first, or write CREATE {} IF NOT EXISTS.", found.kind().to_uppercase()))
                .at(name.span.clone())),
        }
    }
}

fn rename_columns(plan: &LogicalPlan, names: &[Name]) -> Result<LogicalPlan> {
    let schema = Arc::clone(plan.schema());
    if schema.fields().len() != names.len() {
        let span = names.first().zip(names.last()).map_or(0..0, |(a, b)| a.span.start..b.span.end);
        return Err(Error::invalid(format!(
            "the view names {} columns, its query has {}",
            names.len(),
            schema.fields().len()
        ))
        .at(span));
    }
    let exprs = schema.iter().zip(names).map(|((qualifier, field), name)| {
        Expr::Column(datafusion::common::Column::from((qualifier, field))).alias(&name.value)
    });
    LogicalPlanBuilder::from(plan.clone())
        .project(exprs.collect::<Vec<_>>())
        .and_then(LogicalPlanBuilder::build)
        .map_err(|e| Error::internal(e.strip_backtrace()))
}

/// A table being built.
#[derive(Default)]
struct Draft {
    columns: Vec<Column>,
    watermark: Option<WatermarkDef>,
    primary_key: Vec<String>,
    partition_keys: Vec<String>,
    options: Options,
}

impl Draft {
    /// Starts from another table, as the LIKE clause says.
    fn like(session: &Session, like: &Like) -> Result<Draft> {
        let base = match session.catalog.require(&like.table.value).map_err(|e| e.at(like.table.span.clone()))? {
            Object::Table(table) => table,
            Object::View(_) => {
                return Err(Error::invalid(format!("'{}' is a view; LIKE takes a table", like.table.value))
                    .at(like.table.span.clone()));
            }
        };
        let includes = |what: &str| {
            let rule =
                |what: &str| like.rules.iter().rev().find(|(_, w)| w == what).map(|(verb, _)| verb != "EXCLUDING");
            rule(what).or_else(|| rule("ALL")).unwrap_or(true)
        };
        let columns = base.columns.iter().filter(|c| match c.kind {
            ColumnKind::Physical => true,
            ColumnKind::Metadata { .. } => includes("METADATA"),
            ColumnKind::Computed(_) => includes("GENERATED"),
        });
        let draft = Draft {
            columns: columns.cloned().collect(),
            watermark: base.watermark.clone().filter(|_| includes("WATERMARKS")),
            primary_key: if includes("CONSTRAINTS") { base.primary_key.clone() } else { Vec::new() },
            partition_keys: if includes("PARTITIONS") { base.partition_keys.clone() } else { Vec::new() },
            options: if includes("OPTIONS") { base.spec.options.clone() } else { Options::default() },
        };
        Ok(draft)
    }

    /// Adds what the statement itself declares.
    fn fill(&mut self, session: &Session, statement: &Statement, create: &CreateTable) -> Result<()> {
        for element in &create.elements {
            if let ElementKind::Column(column) = &element.kind {
                let kind = match &column.metadata {
                    Some(m) => ColumnKind::Metadata {
                        key: m.key.clone().unwrap_or_else(|| column.name.value.clone()),
                        is_virtual: m.is_virtual,
                    },
                    None => ColumnKind::Physical,
                };
                if column.primary_key {
                    self.set_primary_key(vec![column.name.value.clone()], &element.span)?;
                }
                self.add_column(&column.name, column.sql_type.clone(), kind, column.comment.clone())?;
            } else if let ElementKind::Computed { name, comment, .. } = &element.kind {
                // A place in the order; resolved below, when all physical columns are known.
                let placeholder = ColumnKind::Computed(datafusion::logical_expr::lit(true));
                self.add_column(name, SqlType::from_arrow(&DataType::Null), placeholder, comment.clone())?;
            }
        }
        self.resolve_computed(session, statement, create)?;
        for element in &create.elements {
            match &element.kind {
                ElementKind::PrimaryKey(names) => {
                    for name in names {
                        self.require_column(name)?;
                    }
                    self.set_primary_key(names.iter().map(|n| n.value.clone()).collect(), &element.span)?;
                }
                ElementKind::Watermark { column, expr, expr_span } => {
                    self.require_column(column)?;
                    let schema = schema_of(&self.columns, |_| true)?;
                    let planned = session.plan_expr(statement, expr, expr_span, &schema)?;
                    self.set_watermark(statement, column, planned, expr_span, &schema)?;
                }
                _ => {}
            }
        }
        for name in &create.partitioned_by {
            self.require_column(name)?;
            self.partition_keys.push(name.value.clone());
        }
        for (key, value) in &create.options {
            self.options.set(key, value);
        }
        Ok(())
    }

    fn add_column(&mut self, name: &Name, sql_type: SqlType, kind: ColumnKind, comment: Option<String>) -> Result<()> {
        if self.columns.iter().any(|c| c.name == name.value) {
            return Err(Error::invalid(format!("column '{}' is declared twice", name.value)).at(name.span.clone()));
        }
        self.columns.push(Column { name: name.value.clone(), sql_type, kind, comment, definition: None });
        Ok(())
    }

    fn resolve_computed(&mut self, session: &Session, statement: &Statement, create: &CreateTable) -> Result<()> {
        let mut known: Vec<String> = Vec::new();
        for column in &self.columns {
            let declared = create
                .elements
                .iter()
                .any(|e| matches!(&e.kind, ElementKind::Computed { name, .. } if name.value == column.name));
            if !declared {
                known.push(column.name.clone());
            }
        }
        for element in &create.elements {
            let ElementKind::Computed { name, expr, expr_span, .. } = &element.kind else { continue };
            let schema = schema_of(&self.columns, |c| known.contains(&c.name))?;
            let planned = session.plan_expr(statement, expr, expr_span, &schema)?;
            let (data_type, nullable) = type_of(session, statement, &planned, expr_span, &schema)?;
            if let Some(column) = self.columns.iter_mut().find(|c| c.name == name.value) {
                column.sql_type = SqlType { nullable, ..SqlType::from_arrow(&data_type) };
                column.kind = ColumnKind::Computed(planned);
                column.definition = Some(statement.source.slice(expr_span.clone()).to_owned());
            }
            known.push(name.value.clone());
        }
        Ok(())
    }

    fn require_column(&self, name: &Name) -> Result<()> {
        if self.columns.iter().any(|c| c.name == name.value) {
            return Ok(());
        }
        let error = Error::invalid(format!("column '{}' is not declared", name.value)).at(name.span.clone());
        Err(match nearest(&name.value, self.columns.iter().map(|c| c.name.as_str())) {
            Some(near) => error.hint(format!("Did you mean '{near}'?")),
            None if name.value.contains('.') => {
                error.hint("Declare a computed column for the nested field and put the watermark on that.")
            }
            None => error,
        })
    }

    fn set_primary_key(&mut self, columns: Vec<String>, span: &Range<usize>) -> Result<()> {
        if !self.primary_key.is_empty() {
            return Err(Error::invalid("a table has one primary key").at(span.clone()));
        }
        self.primary_key = columns;
        Ok(())
    }

    fn set_watermark(
        &mut self,
        statement: &Statement,
        column: &Name,
        expr: Expr,
        expr_span: &Range<usize>,
        schema: &DFSchema,
    ) -> Result<()> {
        let time_type = self.columns.iter().find(|c| c.name == column.value).map(Column::data_type);
        if !matches!(time_type, Some(DataType::Timestamp(..))) {
            return Err(Error::invalid(format!("column '{}' is no timestamp and can have no watermark", column.value))
                .hint("Convert it in a computed column, for instance ts AS TO_TIMESTAMP_LTZ(millis, 3).")
                .at(column.span.clone()));
        }
        if !matches!(expr.get_type(schema), Ok(DataType::Timestamp(..))) {
            return Err(Error::invalid("the watermark is no timestamp")
                .hint(format!("Write WATERMARK FOR {0} AS {0} - INTERVAL '5' SECOND.", column.value))
                .at(expr_span.clone()));
        }
        let definition = statement.source.slice(expr_span.clone()).to_owned();
        self.watermark = Some(WatermarkDef { column: column.value.clone(), expr, definition });
        Ok(())
    }

    fn finish(mut self, session: &Session, statement: &Statement, create: &CreateTable) -> Result<Table> {
        if self.columns.is_empty() {
            return Err(
                Error::invalid(format!("table '{}' has no columns", create.name.value)).at(create.name.span.clone())
            );
        }
        for column in &mut self.columns {
            // A key is never null, whether or not the DDL says so.
            if self.primary_key.contains(&column.name) {
                column.sql_type.nullable = false;
            }
        }
        let fields = |keep: fn(&Column) -> bool| -> Schema {
            Schema::new(self.columns.iter().filter(|c| keep(c)).map(field_of).collect::<Vec<FieldRef>>())
        };
        let schema = Arc::new(fields(|_| true));
        let spec = TableSpec {
            name: create.name.value.clone(),
            schema: Arc::new(fields(|c| !matches!(c.kind, ColumnKind::Computed(_)))),
            metadata: self.columns.iter().filter_map(metadata_of).collect(),
            primary_key: self.primary_key.clone(),
            options: self.options,
            partition_by: self.partition_keys.clone(),
            time_zone: session.time_zone().to_owned(),
        };
        Ok(Table {
            name: create.name.value.clone(),
            columns: self.columns,
            schema,
            spec,
            primary_key: self.primary_key,
            partition_keys: self.partition_keys,
            watermark: self.watermark,
            comment: create.comment.clone(),
            span: statement.span.clone(),
            ddl: statement.text().to_owned(),
        })
    }
}

fn field_of(column: &Column) -> FieldRef {
    Arc::new(Field::new(&column.name, column.data_type(), column.sql_type.nullable))
}

fn metadata_of(column: &Column) -> Option<MetadataColumn> {
    match &column.kind {
        ColumnKind::Metadata { key, is_virtual } => {
            Some(MetadataColumn { column: column.name.clone(), key: key.clone(), read_only: *is_virtual })
        }
        _ => None,
    }
}

fn schema_of(columns: &[Column], keep: impl Fn(&Column) -> bool) -> Result<DFSchema> {
    let fields: Vec<FieldRef> = columns.iter().filter(|c| keep(c)).map(field_of).collect();
    DFSchema::try_from(Schema::new(fields)).map_err(|e| Error::internal(e.strip_backtrace()))
}

fn type_of(
    session: &Session,
    statement: &Statement,
    expr: &Expr,
    span: &Range<usize>,
    schema: &DFSchema,
) -> Result<(DataType, bool)> {
    let explain = |e| session.explain(statement, span.clone(), e);
    Ok((expr.get_type(schema).map_err(explain)?, expr.nullable(schema).map_err(explain)?))
}
