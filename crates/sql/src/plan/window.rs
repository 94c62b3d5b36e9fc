//! Window table functions: `TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL …))` becomes a [`WindowTvf`] node.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, Diagnostic, Result, TableReference};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Extension, LogicalPlan, LogicalPlanBuilder, UserDefinedLogicalNodeCore,
};
use datafusion::sql::sqlparser::ast::{
    self, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, TableFactor,
};
use sloth_plan::WindowSpec;
use sloth_types::Error;

use crate::rewrite::group_window::WINDOW_MARKERS;
use crate::rewrite::{args, function_name, interval::interval_ms};

/// The columns that a window table function adds.
pub(crate) const WINDOW_COLUMNS: [&str; 3] = ["window_start", "window_end", "window_time"];

/// Assigns rows to windows. Output: the input's columns, then `window_start` and `window_end` as TIMESTAMP(3) and
/// `window_time`, a time attribute of the time column's type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WindowTvf {
    /// The input.
    pub input: LogicalPlan,
    /// The time attribute: a column of the input.
    pub time: Expr,
    /// Kind and lengths.
    pub spec: WindowSpec,
    /// Keys of a session window; empty otherwise.
    pub partition_by: Vec<Expr>,
    /// The output.
    pub schema: DFSchemaRef,
}

impl WindowTvf {
    /// A node over `input`.
    ///
    /// # Errors
    /// When `time` is not a timestamp, or the input has a column named like one that the function adds.
    pub fn new(input: LogicalPlan, time: Expr, spec: WindowSpec, partition_by: Vec<Expr>) -> Result<Self> {
        let time_type = time.get_type(input.schema())?;
        if !matches!(time_type, DataType::Timestamp(..)) {
            return Err(external(
                Error::invalid(format!("'{time}' cannot be a window's time: it is no timestamp"))
                    .hint("Use the column that has a WATERMARK, or one computed with PROCTIME()."),
            ));
        }
        let mut fields: Vec<(Option<TableReference>, Arc<Field>)> =
            input.schema().iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        if let Some((_, taken)) = fields.iter().find(|(_, f)| WINDOW_COLUMNS.contains(&f.name().as_str())) {
            return Err(external(
                Error::invalid(format!("the window's input already has a column '{}'", taken.name()))
                    .hint("Rename it in the inner query, for instance window_start AS inner_start."),
            ));
        }
        let stamp = DataType::Timestamp(TimeUnit::Millisecond, None);
        let time_type = match time_type {
            DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone),
            other => other,
        };
        for (name, data_type) in WINDOW_COLUMNS.into_iter().zip([stamp.clone(), stamp, time_type]) {
            fields.push((None, Arc::new(Field::new(name, data_type, false))));
        }
        let schema = Arc::new(DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?);
        Ok(WindowTvf { input, time, spec, partition_by, schema })
    }

    /// Index of the time column in the input.
    pub fn time_index(&self) -> Option<usize> {
        column_index(&self.input, &self.time)
    }
}

fn column_index(input: &LogicalPlan, expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Column(column) => input.schema().index_of_column(column).ok(),
        _ => None,
    }
}

pub(super) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl PartialOrd for WindowTvf {
    fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for WindowTvf {
    fn name(&self) -> &str {
        "WindowTvf"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        std::iter::once(self.time.clone()).chain(self.partition_by.iter().cloned()).collect()
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowTvf: {} time={}", self.spec, self.time)?;
        for (i, key) in self.partition_by.iter().enumerate() {
            write!(f, "{}{key}", if i == 0 { " partition_by=" } else { ", " })?;
        }
        Ok(())
    }
    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let mut exprs = exprs.into_iter();
        match (exprs.next(), inputs.into_iter().next()) {
            (Some(time), Some(input)) => WindowTvf::new(input, time, self.spec, exprs.collect()),
            _ => Err(external(Error::internal("a window needs its time column and its input"))),
        }
    }
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.input.schema().fields().len();
        let mut needed: Vec<usize> = output_columns.iter().copied().filter(|i| *i < width).collect();
        for expr in self.expressions() {
            needed.push(column_index(&self.input, &expr)?);
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        WINDOW_COLUMNS.iter().map(|c| (*c).to_owned()).collect()
    }
}

/// Checks that each group window (`GROUP BY TUMBLE(t, …)`) is over a timestamp.
///
/// # Errors
/// At the first that is not.
pub(crate) fn check_group_windows(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let LogicalPlan::Aggregate(aggregate) = node else { return Ok(TreeNodeRecursion::Continue) };
        for expr in &aggregate.group_expr {
            expr.apply(|expr| {
                match expr {
                    Expr::ScalarFunction(f) if WINDOW_MARKERS.contains(&f.name()) => {
                        check_group_time(&f.args, aggregate.input.schema())?;
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map(drop)
}

/// Arguments of a marker: the window's kind, its time, its lengths.
fn check_group_time(marker: &[Expr], schema: &DFSchema) -> Result<()> {
    let [kind, time, ..] = marker else { return Ok(()) };
    let time_type = time.get_type(schema)?;
    if matches!(time_type, DataType::Timestamp(..)) {
        return Ok(());
    }
    let shown = crate::types::SqlType::from_arrow(&time_type);
    let (message, span) = match (time, kind) {
        (Expr::Column(column), _) => {
            (format!("'{}' cannot be a window's time: it is {shown}, no timestamp", column.name), column.spans.first())
        }
        (_, Expr::Literal(kind, _)) => {
            let kind = kind.try_as_str().flatten().unwrap_or_default();
            (format!("the time of '{kind}' is {shown}, no timestamp"), None)
        }
        _ => (format!("a window's time is {shown}, no timestamp"), None),
    };
    let hint = "Use the column that has a WATERMARK, or one computed with PROCTIME().";
    let error = external(Error::invalid(message).hint(hint));
    Err(error.with_diagnostic(Diagnostic::new_error("not a time", span)))
}

/// Plans window table functions, joins with UNNEST, and tables with hinted options.
#[derive(Debug)]
pub(crate) struct WindowPlanner;

impl RelationPlanner for WindowPlanner {
    fn plan_relation(&self, relation: TableFactor, cx: &mut dyn RelationPlannerContext) -> Result<RelationPlanning> {
        match &relation {
            TableFactor::TableFunction { expr: ast::Expr::Function(f), alias } if is_window(f) => {
                let node = plan_window(f, cx)?;
                let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
            }
            TableFactor::MatchRecognize { alias, .. } => {
                let node = super::match_recognize::plan_match(&relation, cx)?;
                let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
            }
            TableFactor::NestedJoin { table_with_joins, alias }
                if table_with_joins.joins.last().is_some_and(|j| super::is_unnest(&j.relation)) =>
            {
                let plan = super::unnest::plan_unnest(table_with_joins, cx)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
            }
            // Marked by the rewriting of joins: a table as of some time.
            TableFactor::Table { version: Some(ast::TableVersion::TimestampAsOf(_)), alias, .. } => {
                let mut table = relation.clone();
                if let TableFactor::Table { version, alias, .. } = &mut table {
                    (*version, *alias) = (None, None);
                }
                let node = super::Versioned { input: cx.plan(table)? };
                let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
            }
            TableFactor::Table { name, alias, args: None, .. } => match unhinted(name) {
                Some((own, hinted)) => {
                    let source = cx.context_provider().get_table_source(TableReference::bare(hinted))?;
                    let plan = LogicalPlanBuilder::scan(TableReference::bare(own), source, None)?.build()?;
                    Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
                }
                None => Ok(RelationPlanning::Original(Box::new(relation))),
            },
            _ => Ok(RelationPlanning::Original(Box::new(relation))),
        }
    }
}

/// A table's own name, and the name with its options, when it has a hint.
fn unhinted(name: &ObjectName) -> Option<(String, String)> {
    let last = name.0.last()?.as_ident()?;
    let (own, options) = crate::rewrite::tokens::hinted_name(&last.value);
    (!options.is_empty()).then(|| (own.to_owned(), last.value.clone()))
}

fn is_window(f: &Function) -> bool {
    function_name(f).is_some_and(|n| matches!(n.as_str(), "TUMBLE" | "HOP" | "CUMULATE" | "SESSION"))
}

/// The arguments by name, positional ones named by their place.
struct Arguments<'f> {
    kind: String,
    given: Vec<(String, &'f ast::Expr)>,
}

impl<'f> Arguments<'f> {
    fn of(f: &'f Function) -> Result<Self> {
        let kind = function_name(f).unwrap_or_default();
        let names: &[&str] = match kind.as_str() {
            "TUMBLE" => &["DATA", "TIMECOL", "SIZE", "OFFSET"],
            "HOP" => &["DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"],
            "CUMULATE" => &["DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"],
            _ => &["DATA", "TIMECOL", "GAP"],
        };
        let mut given = Vec::new();
        let FunctionArguments::List(list) = &f.args else { return Err(usage(&kind)) };
        for (index, arg) in list.args.iter().enumerate() {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => {
                    given.push(((*names.get(index).ok_or_else(|| usage(&kind))?).to_owned(), e));
                }
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(e), .. } => {
                    let name = name.value.to_ascii_uppercase();
                    if !names.contains(&name.as_str()) {
                        return Err(usage(&kind));
                    }
                    given.push((name, e));
                }
                _ => return Err(usage(&kind)),
            }
        }
        Ok(Arguments { kind, given })
    }

    fn get(&self, name: &str) -> Option<&'f ast::Expr> {
        self.given.iter().find(|(n, _)| n == name).map(|(_, e)| *e)
    }

    fn require(&self, name: &str) -> Result<&'f ast::Expr> {
        self.get(name).ok_or_else(|| usage(&self.kind))
    }

    fn positive(&self, name: &str) -> Result<i64> {
        match interval_ms(self.require(name)?).map_err(external)? {
            ms if ms > 0 => Ok(ms),
            _ => Err(external(Error::invalid(format!("{}: {name} must be longer than zero", self.kind)))),
        }
    }

    fn spec(&self) -> Result<WindowSpec> {
        let offset_ms = self.get("OFFSET").map_or(Ok(0), interval_ms).map_err(external)?;
        Ok(match self.kind.as_str() {
            "TUMBLE" => WindowSpec::Tumble { size_ms: self.positive("SIZE")?, offset_ms },
            "HOP" => WindowSpec::Hop { size_ms: self.positive("SIZE")?, slide_ms: self.positive("SLIDE")?, offset_ms },
            "CUMULATE" => {
                let (max_ms, step_ms) = (self.positive("SIZE")?, self.positive("STEP")?);
                if max_ms % step_ms != 0 {
                    return Err(external(
                        Error::invalid("CUMULATE: the size must be a multiple of the step")
                            .hint("Write CUMULATE(TABLE t, DESCRIPTOR(c), step, size)."),
                    ));
                }
                WindowSpec::Cumulate { max_ms, step_ms, offset_ms }
            }
            _ => WindowSpec::Session { gap_ms: self.positive("GAP")? },
        })
    }
}

fn usage(kind: &str) -> DataFusionError {
    let usage = match kind {
        "TUMBLE" => "TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL size [, INTERVAL offset])",
        "HOP" => "HOP(TABLE t, DESCRIPTOR(c), INTERVAL slide, INTERVAL size [, INTERVAL offset])",
        "CUMULATE" => "CUMULATE(TABLE t, DESCRIPTOR(c), INTERVAL step, INTERVAL size [, INTERVAL offset])",
        _ => "SESSION(TABLE t [PARTITION BY k, …], DESCRIPTOR(c), INTERVAL gap)",
    };
    external(Error::invalid(format!("{kind} has the wrong arguments")).hint(format!("Write {usage}.")))
}

fn plan_window(f: &Function, cx: &mut dyn RelationPlannerContext) -> Result<WindowTvf> {
    let arguments = Arguments::of(f)?;
    let (relation, keys) = match arguments.require("DATA")? {
        ast::Expr::Function(p) if function_name(p).as_deref() == Some("$PARTITION") => {
            let mut inner = args(p).into_iter();
            (inner.next().ok_or_else(|| usage(&arguments.kind))?, inner.cloned().collect())
        }
        other => (other, Vec::new()),
    };
    if !keys.is_empty() && arguments.kind != "SESSION" {
        return Err(external(
            Error::invalid(format!("{} takes no PARTITION BY", arguments.kind))
                .hint("Group by the key after the window function; only SESSION needs it inside."),
        ));
    }
    let input = plan_input(relation, cx).transpose().ok_or_else(|| usage(&arguments.kind))??;
    let schema = Arc::clone(input.schema());
    let time = match arguments.require("TIMECOL")? {
        ast::Expr::Function(d) if function_name(d).as_deref() == Some("DESCRIPTOR") => match args(d).as_slice() {
            [column] => cx.sql_to_expr((*column).clone(), &schema)?,
            _ => return Err(usage(&arguments.kind)),
        },
        _ => return Err(usage(&arguments.kind)),
    };
    let partition_by = keys.into_iter().map(|k| cx.sql_to_expr(k, &schema)).collect::<Result<Vec<_>>>()?;
    for column in std::iter::once(&time).chain(&partition_by) {
        if !matches!(column, Expr::Column(_)) {
            return Err(external(
                Error::invalid(format!("{} takes columns, not expressions such as '{column}'", arguments.kind))
                    .hint("Compute the expression in a view or subquery first."),
            ));
        }
    }
    WindowTvf::new(input, time, arguments.spec()?, partition_by)
}

fn plan_input(relation: &ast::Expr, cx: &mut dyn RelationPlannerContext) -> Result<Option<LogicalPlan>> {
    let name = match relation {
        ast::Expr::Identifier(ident) => vec![ident.clone()],
        ast::Expr::CompoundIdentifier(path) => path.clone(),
        ast::Expr::Nested(inner) => return plan_input(inner, cx),
        ast::Expr::Subquery(query) => {
            let derived = TableFactor::Derived { lateral: false, subquery: query.clone(), alias: None, sample: None };
            return cx.plan(derived).map(Some);
        }
        _ => return Ok(None),
    };
    let table = TableFactor::Table {
        name: ObjectName::from(name),
        alias: None,
        args: None,
        with_hints: vec![],
        version: None,
        with_ordinality: false,
        partitions: vec![],
        json_path: None,
        sample: None,
        index_hints: vec![],
    };
    cx.plan(table).map(Some)
}
