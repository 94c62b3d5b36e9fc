//! `FROM t CROSS JOIN UNNEST(t.items) AS x (a, b)`: each element of an array is a row; the fields of a ROW, or key and
//! value of a MAP, become columns.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DataFusionError, Result, TableReference, UnnestOptions};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_nested::expr_fn::{array_length, gen_series, map_entries};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast, lit};
use datafusion::sql::sqlparser::ast::{JoinOperator, TableAlias, TableFactor, TableWithJoins};
use sloth_types::Error;

/// The column that is unnested, for a moment.
const ELEMENT: &str = "$element";
/// Its place in the array, from 1, when that is asked for.
const PLACE: &str = "$place";

/// True when a table's last join is with UNNEST.
pub(crate) fn is_unnest(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::UNNEST { .. })
}

/// Plans a table whose last join is with UNNEST.
pub(super) fn plan_unnest(table: &TableWithJoins, cx: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
    let refuse = |text: &str| Err(DataFusionError::External(Box::new(Error::unsupported(text))));
    let Some((last, before)) = table.joins.split_last() else { return refuse("UNNEST needs a table before it") };
    let outer = match &last.join_operator {
        JoinOperator::CrossJoin(_) | JoinOperator::Join(_) | JoinOperator::Inner(_) => false,
        JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => true,
        _ => return refuse("UNNEST can be joined with CROSS JOIN or LEFT JOIN … ON TRUE only"),
    };
    let TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } = &last.relation else {
        return refuse("the last join is not with UNNEST");
    };
    let [list] = array_exprs.as_slice() else { return refuse("UNNEST takes one array") };
    let input = if before.is_empty() {
        cx.plan(table.relation.clone())?
    } else {
        let inner = TableWithJoins { relation: table.relation.clone(), joins: before.to_vec() };
        cx.plan(TableFactor::NestedJoin { table_with_joins: Box::new(inner), alias: None })?
    };
    let list = cx.sql_to_expr(list.clone(), input.schema())?;
    unnest(input, list, alias.as_ref(), (outer, *with_ordinality))
}

fn unnest(
    input: LogicalPlan,
    list: Expr,
    alias: Option<&TableAlias>,
    (outer, numbered): (bool, bool),
) -> Result<LogicalPlan> {
    let list = match list.get_type(input.schema())? {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => list,
        DataType::Map(..) => map_entries(list),
        other => {
            let shown = crate::types::SqlType::from_arrow(&other);
            return Err(DataFusionError::External(Box::new(Error::invalid(format!(
                "UNNEST takes an ARRAY or a MAP, not {shown}"
            )))));
        }
    };
    let columns: Vec<Expr> = input.schema().iter().map(|(q, f)| Expr::Column(Column::from((q, f)))).collect();
    // The places of the elements are unnested beside them.
    let places = numbered.then(|| gen_series(lit(1i64), cast(array_length(list.clone()), DataType::Int64), lit(1i64)));
    let places = places.map(|places| places.alias(PLACE));
    let with_list = columns.iter().cloned().chain([list.alias(ELEMENT)]).chain(places).collect::<Vec<_>>();
    let names: &[&str] = if numbered { &[ELEMENT, PLACE] } else { &[ELEMENT] };
    let unnested = LogicalPlanBuilder::from(input)
        .project(with_list)?
        .unnest_columns_with_options(
            names.iter().map(|name| Column::new_unqualified(*name)).collect(),
            // An empty or NULL array gives no row, or with LEFT JOIN one row of NULLs.
            UnnestOptions::new().with_preserve_nulls(outer),
        )?
        .build()?;
    let element = Expr::Column(Column::new_unqualified(ELEMENT));
    let mut fields: Vec<(String, Expr)> = match element.get_type(unnested.schema())? {
        DataType::Struct(fields) => {
            let pick = |f: &std::sync::Arc<Field>| (f.name().clone(), get_field(element.clone(), f.name().clone()));
            fields.iter().map(pick).collect()
        }
        _ => vec![("EXPR$0".to_owned(), element.clone())],
    };
    if numbered {
        let place = Expr::Column(Column::new_unqualified(PLACE));
        fields.push(("ORDINALITY".to_owned(), cast(place, DataType::Int32)));
    }
    let relation = alias.map(|a| TableReference::bare(a.name.value.clone()));
    let names: Vec<&str> = alias.iter().flat_map(|a| a.columns.iter().map(|c| c.name.value.as_str())).collect();
    if !names.is_empty() && names.len() != fields.len() {
        return Err(DataFusionError::External(Box::new(Error::invalid(format!(
            "UNNEST gives {} columns, its alias names {}",
            fields.len(),
            names.len()
        )))));
    }
    let fields = fields.into_iter().enumerate().map(|(i, (own, expr))| {
        let name = names.get(i).map_or(own, |n| (*n).to_owned());
        expr.alias_qualified(relation.clone(), name)
    });
    LogicalPlanBuilder::from(unnested).project(columns.into_iter().chain(fields).collect::<Vec<_>>())?.build()
}
