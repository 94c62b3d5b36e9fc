//! From a statement's AST to a plan, with errors that point into the script.

use std::ops::Range;

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, DataFusionError, SchemaError};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast;
use sloth_types::{Error, Result};

use super::Session;
use crate::error::explain;
use crate::functions::zone::session_zone;
use crate::functions::{DecimalDivision, FlinkSemantics};
use crate::parse::Statement;
use crate::plan::{
    Functions, Names, check_group_windows, localize, with_dependent_joins, with_rankings, with_set_operations,
    with_subquery_columns,
};
use crate::rewrite::casts::name_casts;

impl Session {
    /// Plans a query; the plan is neither analysed nor optimised.
    pub(super) fn plan_query(&self, statement: &Statement, query: &ast::Query) -> Result<LogicalPlan> {
        let plan = self.plan_once(query).or_else(|error| {
            // Calls that differ in a cast only have one name: a second try tells them apart.
            let mut named = query.clone();
            match is_duplicate(&error) && name_casts(&mut named) {
                true => self.plan_once(&named).map_err(|_| error),
                false => Err(error),
            }
        });
        plan.map_err(|e| self.explain(statement, statement.span.clone(), e))
    }

    fn plan_once(&self, query: &ast::Query) -> datafusion::common::Result<LogicalPlan> {
        let state = self.context.state();
        let names = Names { catalog: &self.catalog, state: &state };
        let planner = SqlToRel::new_with_options(&names, options(&state));
        let plan = planner.sql_statement_to_plan(ast::Statement::Query(Box::new(query.clone())))?;
        let plan = with_set_operations(plan)?;
        let plan = with_subquery_columns(plan)?;
        let row_number = state.udwf("row_number")?;
        let plan = with_rankings(plan, &row_number)?;
        let functions = Functions { row_number, single: state.udaf("$single")?, one: state.udf("$one")? };
        let plan = with_dependent_joins(plan, &functions)?;
        check_group_windows(&plan)?;
        Ok(plan)
    }

    /// Plans a query and makes its windows those of the session's time zone; views are planned without, as they become
    /// part of other queries.
    pub(super) fn plan_root(&self, statement: &Statement, query: &ast::Query) -> Result<LogicalPlan> {
        let plan = self.plan_query(statement, query)?;
        let to_local = self.context.udf("$to_local");
        let zone = session_zone(self.context.state().config_options());
        to_local
            .and_then(|to_local| localize(plan, zone, to_local))
            .map_err(|e| self.explain(statement, statement.span.clone(), e))
    }

    /// Analyses and optimises a plan.
    pub(super) fn optimize(&self, statement: &Statement, plan: &LogicalPlan) -> Result<LogicalPlan> {
        self.context.state().optimize(plan).map_err(|e| self.explain(statement, statement.span.clone(), e))
    }

    /// Plans an expression over columns and casts its operands to common types.
    pub(super) fn plan_expr(
        &self,
        statement: &Statement,
        expr: &ast::Expr,
        span: &Range<usize>,
        schema: &DFSchema,
    ) -> Result<Expr> {
        let state = self.context.state();
        let names = Names { catalog: &self.catalog, state: &state };
        let planner = SqlToRel::new_with_options(&names, options(&state));
        let planned = planner.sql_to_expr(expr.clone(), schema, &mut PlannerContext::new());
        planned.and_then(|e| self.coerce(e, schema)).map_err(|e| self.explain(statement, span.clone(), e))
    }

    /// As [`Session::coerce`], for expressions that the lowering makes.
    pub(crate) fn coerce_expr(&self, expr: Expr, schema: &DFSchema) -> Result<Expr> {
        self.coerce(expr, schema).map_err(|e| explain(&crate::text::SourceText::new(""), &(0..0), e))
    }

    /// Casts operands to common types and applies the rewrites of Flink's semantics.
    pub(crate) fn coerce(&self, expr: Expr, schema: &DFSchema) -> datafusion::common::Result<Expr> {
        let state = self.context.state();
        let context = SimplifyContext::builder()
            .with_schema(std::sync::Arc::new(schema.clone()))
            .with_config_options(std::sync::Arc::clone(state.config_options()))
            .build();
        let division = DecimalDivision::new(&self.context)?;
        let divided = expr.transform_up(|e| division.rewrite(e, schema, state.config_options()))?.data;
        let coerced = ExprSimplifier::new(context).coerce(divided, schema)?;
        FlinkSemantics::new(&self.context)?.rewrite_expr(coerced, schema).map(|t| t.data)
    }

    pub(super) fn explain(&self, statement: &Statement, span: Range<usize>, error: DataFusionError) -> Error {
        explain(&statement.source, &span, error)
    }
}

/// Two columns have one name.
fn is_duplicate(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::SchemaError(error, _) => matches!(
            error.as_ref(),
            SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. }
        ),
        DataFusionError::Context(_, error) | DataFusionError::Diagnostic(_, error) => is_duplicate(error),
        other => other.to_string().contains("unique expression names"),
    }
}

fn options(state: &datafusion::execution::session_state::SessionState) -> ParserOptions {
    ParserOptions::from(&state.config_options().sql_parser)
}
