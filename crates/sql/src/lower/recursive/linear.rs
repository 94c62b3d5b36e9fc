//! Recursions whose changes are followed: each row of a round comes from one row of the round before, through projections,
//! filters and inner joins with what does not depend on the recursion. That is lowered as any other query.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::{Aggregate, Distinct, Expr, Join, LogicalPlan, RecursiveQuery, TableScan};
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::recursive::{Chain, Hop, Linear, Met};
use sloth_plan::{JoinKind, Stage};
use sloth_types::Result;

use super::super::join::{Computed, Conditions, Keys, columns_of, keys};
use super::super::relation::{Relation, Role};
use super::super::{Lowering, internal, requalify, retyped};
use super::is_base;

/// Inputs have their number in a byte.
const TABLES_MAX: usize = 200;

/// The way of rows of the recursion up to some place of its term.
struct Way {
    chain: Chain,
    /// The columns there; a number stands behind them.
    schema: Arc<DFSchema>,
    types: SchemaRef,
}

/// What the recursive term is made of.
struct Parts<'q> {
    query: &'q RecursiveQuery,
    tables: Vec<(Relation, Met)>,
}

impl Lowering<'_> {
    /// The inputs of a recursion that can be followed, and how; `None` for any other.
    pub(super) fn linear(&mut self, query: &RecursiveQuery) -> Result<Option<(Vec<Relation>, Linear)>> {
        if !follows(query, &query.recursive_term) || reads(query, &query.static_term) > 0 {
            return Ok(None);
        }
        let first = self.relation(&query.static_term)?;
        let first = self.materialize(first)?;
        let mut parts = Parts { query, tables: vec![] };
        let ways = self.ways(&query.recursive_term, &mut parts)?;
        let chains = ways.into_iter().map(|way| way.finish(query)).collect::<Result<_>>()?;
        let (relations, tables): (Vec<Relation>, Vec<Met>) = parts.tables.into_iter().unzip();
        let relations = [vec![first], relations].concat();
        let linear = Linear {
            distinct: query.is_distinct,
            chains,
            tables,
            rounds_max: self.plan.settings.recursion_rounds_max,
            text: format!("distinct {} {}", query.is_distinct, query.recursive_term.display_indent()),
        };
        Ok(Some((relations, linear)))
    }

    fn ways(&mut self, plan: &LogicalPlan, parts: &mut Parts) -> Result<Vec<Way>> {
        match plan {
            LogicalPlan::TableScan(scan) => Ok(vec![Way::begin(parts.query, scan)?]),
            LogicalPlan::SubqueryAlias(alias) => {
                let below = self.ways(&alias.input, parts)?;
                let requalified = |way: Way| Ok(Way { schema: requalify(&way.schema, &alias.alias)?, ..way });
                below.into_iter().map(requalified).collect()
            }
            LogicalPlan::Projection(projection) => {
                let below = self.ways(&projection.input, parts)?;
                below.into_iter().map(|way| self.projected(way, &projection.expr, &projection.schema)).collect()
            }
            LogicalPlan::Aggregate(aggregate) => {
                let below = self.ways(&aggregate.input, parts)?;
                below.into_iter().map(|way| self.projected(way, &aggregate.group_expr, &aggregate.schema)).collect()
            }
            LogicalPlan::Filter(filter) => {
                let below = self.ways(&filter.input, parts)?;
                below.into_iter().map(|way| self.filtered(way, &filter.predicate)).collect()
            }
            LogicalPlan::Distinct(Distinct::All(input)) => self.ways(input, parts),
            LogicalPlan::Union(union) => {
                let mut all = vec![];
                for input in &union.inputs {
                    for way in self.ways(input, parts)? {
                        let types = Arc::new(union.schema.as_arrow().clone());
                        all.push(way.cast(&types, Arc::clone(&union.schema)));
                    }
                }
                Ok(all)
            }
            LogicalPlan::Join(join) => self.joined(join, parts),
            other => Err(self.refuse(other)),
        }
    }

    fn compiled(&self, way: &Way, expr: &Expr) -> Result<Arc<dyn PhysicalExpr>> {
        self.session.physical_expr(expr, &way.schema)
    }

    fn filtered(&self, mut way: Way, predicate: &Expr) -> Result<Way> {
        let compiled = self.compiled(&way, predicate)?;
        way.chain.stages.push(Stage::Filter(compiled));
        Ok(way)
    }

    fn projected(&self, way: Way, exprs: &[Expr], schema: &DFSchema) -> Result<Way> {
        let mut compiled = vec![];
        let mut fields = vec![];
        for (expr, field) in exprs.iter().zip(schema.fields()) {
            let physical = self.compiled(&way, expr)?;
            let data_type = physical.data_type(&way.types).unwrap_or_else(|_| field.data_type().clone());
            fields.push(Field::new(field.name(), data_type, true));
            compiled.push(physical);
        }
        let types = Arc::new(Schema::new(fields));
        let logical = retyped(schema, &types, &vec![Role::Plain; exprs.len()], false)?;
        Ok(way.through(compiled, types, Arc::new(logical)))
    }

    fn joined(&mut self, join: &Join, parts: &mut Parts) -> Result<Vec<Way>> {
        // For a set a row that has a partner may come once for each of them.
        let conditions = Conditions::of(join, JoinKind::Inner)?;
        let table_first = reads(parts.query, &join.left) == 0;
        let (inner, outer) = if table_first { (&join.right, &join.left) } else { (&join.left, &join.right) };
        let Conditions { left, right, left_keys, right_keys, residual, .. } = conditions;
        let sides = [(left, left_keys), (right, right_keys)];
        let [(own_filters, own_keys), (filters, keys)] = if table_first { rotated(sides) } else { sides };

        let table = self.relation(outer)?;
        let table = self.materialize(table)?;
        let table = filters.iter().try_fold(table, |input, condition| self.filter(input, condition))?;
        let width = table.schema.fields().len();
        let (table, keys) = self.with_keys(table, &keys, "table")?;
        let table_types = self.schema_of(table.node);
        let table_schema = Arc::clone(&table.schema);
        let at = parts.tables.len();
        let null_equal = join.null_equality == NullEquality::NullEqualsNull;
        parts.tables.push((table, Met { keys, null_equal }));

        let mut joined = vec![];
        for way in self.ways(inner, parts)? {
            let own = way.types.fields().len();
            let way = own_filters.iter().try_fold(way, |way, condition| self.filtered(way, condition))?;
            let (way, keys) = self.with_own_keys(way, &own_keys)?;
            let widths = if table_first { [width, own] } else { [own, width] };
            let hop = (at, keys, table_first);
            let way = way.hop(hop, &table_types, &table_schema)?;
            let way = match &residual {
                Some(residual) => self.filtered(way, residual)?,
                None => way,
            };
            joined.push(way.picked(join, widths, table_first, table_types.fields().len())?);
        }
        Ok(joined)
    }

    /// The columns to join on; those that are computed are added behind the others.
    fn with_own_keys(&self, way: Way, on: &[Expr]) -> Result<(Way, Vec<usize>)> {
        let Keys { columns, computed } = keys((&way.types, &way.schema), on, "own", |expr| self.compiled(&way, expr))?;
        Ok(match computed {
            Some(Computed { exprs, types, schema }) => (way.through(exprs, types, schema), columns),
            None => (way, columns),
        })
    }
}

impl Way {
    /// The rows of a round.
    fn begin(query: &RecursiveQuery, scan: &TableScan) -> Result<Way> {
        let fields: Vec<Field> =
            query.schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect();
        let types = Arc::new(Schema::new(fields));
        let schema = Arc::new(DFSchema::try_from(types.as_ref().clone()).map_err(internal)?);
        let way = Way { chain: Chain::default(), schema, types };
        let Some(read) = &scan.projection else { return Ok(Way { schema: Arc::clone(&scan.projected_schema), ..way }) };
        let all = columns_of(&way.types);
        let exprs = read.iter().filter_map(|column| all.get(*column).cloned()).collect();
        let types = Arc::new(way.types.project(read)?);
        Ok(way.through(exprs, types, Arc::clone(&scan.projected_schema)))
    }

    /// Its columns as they are.
    /// Computes columns; the number goes on behind them.
    fn through(mut self, mut exprs: Vec<Arc<dyn PhysicalExpr>>, types: SchemaRef, schema: Arc<DFSchema>) -> Way {
        exprs.push(Arc::new(ColumnExpr::new("$round", self.types.fields().len())));
        self.chain.stages.push(Stage::Project { exprs, schema: numbered(&types) });
        Way { chain: self.chain, schema, types }
    }

    /// The same columns under other names and types.
    fn cast(self, types: &SchemaRef, schema: Arc<DFSchema>) -> Way {
        let columns = columns_of(&self.types);
        self.through(columns, Arc::clone(types), schema)
    }

    /// Up to the columns of the result.
    fn finish(self, query: &RecursiveQuery) -> Result<Chain> {
        let fields: Vec<Field> =
            query.schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect();
        Ok(self.cast(&Arc::new(Schema::new(fields)), Arc::clone(&query.schema)).chain)
    }

    /// Meets a table.
    fn hop(
        mut self,
        (table, keys, table_first): (usize, Vec<usize>, bool),
        types: &SchemaRef,
        schema: &Arc<DFSchema>,
    ) -> Result<Way> {
        let stages = std::mem::take(&mut self.chain.stages);
        self.chain.hops.push(Hop { stages, schema: numbered(&self.types), keys, table, table_first });
        let nullable = |f: &Arc<Field>| f.as_ref().clone().with_nullable(true);
        let physical = |schema: &SchemaRef| schema.fields().iter().map(nullable).collect::<Vec<_>>();
        let logical = |schema: &DFSchema| schema.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect::<Vec<_>>();
        let mut both = [physical(&self.types), physical(types)];
        let mut named = [logical(&self.schema), logical(schema)];
        if table_first {
            (both, named) = (rotated(both), rotated(named));
        }
        let schema = DFSchema::new_with_metadata(named.concat(), HashMap::new()).map_err(internal)?;
        Ok(Way { types: Arc::new(Schema::new(both.concat())), schema: Arc::new(schema), ..self })
    }

    /// Behind a join its visible columns: computed keys stand behind each side's own.
    fn picked(self, join: &Join, widths: [usize; 2], table_first: bool, of_table: usize) -> Result<Way> {
        let all = self.types.fields().len();
        let second = if table_first { of_table } else { all - of_table };
        let picks: Vec<usize> = match join.join_type {
            JoinType::LeftSemi => (0..widths[0]).collect(),
            JoinType::RightSemi => (second..second + widths[1]).collect(),
            _ => (0..widths[0]).chain(second..second + widths[1]).collect(),
        };
        let columns = columns_of(&self.types);
        let exprs = picks.iter().filter_map(|column| columns.get(*column).cloned()).collect();
        let types = Arc::new(self.types.project(&picks)?);
        let schema = retyped(&join.schema, &types, &vec![Role::Plain; picks.len()], false)?;
        Ok(self.through(exprs, types, Arc::new(schema)))
    }
}

fn rotated<T>([first, second]: [T; 2]) -> [T; 2] {
    [second, first]
}

/// Columns with the number behind them.
fn numbered(types: &Schema) -> SchemaRef {
    let number = Field::new("$round", DataType::Int64, true);
    Arc::new(Schema::new(types.fields().iter().map(|f| f.as_ref().clone()).chain([number]).collect::<Vec<_>>()))
}

/// How often a plan reads the recursion.
fn reads(query: &RecursiveQuery, plan: &LogicalPlan) -> usize {
    let mut times = 0;
    let counted = plan.apply_with_subqueries(|node| {
        times += match node {
            LogicalPlan::TableScan(scan) => usize::from(is_work(query, scan)),
            // Whose rows its own scans read cannot be told when it has the same name.
            LogicalPlan::RecursiveQuery(inner) => usize::from(inner.name == query.name),
            _ => 0,
        };
        Ok(TreeNodeRecursion::Continue)
    });
    if counted.is_ok() { times } else { usize::MAX }
}

fn is_work(query: &RecursiveQuery, scan: &TableScan) -> bool {
    !is_base(scan) && scan.table_name.table() == query.name
}

/// True when each row that a term gives comes from one row of the recursion.
fn follows(query: &RecursiveQuery, term: &LogicalPlan) -> bool {
    let plain = |exprs: &[Expr]| !exprs.iter().any(odd);
    match term {
        LogicalPlan::TableScan(scan) => is_work(query, scan) && scan.filters.is_empty() && scan.fetch.is_none(),
        LogicalPlan::SubqueryAlias(alias) => follows(query, &alias.input),
        LogicalPlan::Projection(projection) => plain(&projection.expr) && follows(query, &projection.input),
        LogicalPlan::Filter(filter) => !odd(&filter.predicate) && follows(query, &filter.input),
        LogicalPlan::Distinct(Distinct::All(input)) => query.is_distinct && follows(query, input),
        // Another form of DISTINCT.
        LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, .. }) => {
            let grouped = !group_expr.is_empty() && !matches!(group_expr.as_slice(), [Expr::GroupingSet(_)]);
            query.is_distinct && aggr_expr.is_empty() && grouped && plain(group_expr) && follows(query, input)
        }
        LogicalPlan::Union(union) => union.inputs.iter().all(|input| follows(query, input)),
        LogicalPlan::Join(join) => {
            let kind = match join.join_type {
                JoinType::Inner => true,
                JoinType::LeftSemi | JoinType::RightSemi => query.is_distinct,
                _ => false,
            };
            let conditions = term.expressions();
            let (inner, outer) = match [&join.left, &join.right].map(|side| reads(query, side)) {
                [0, n] if n > 0 => (&join.right, &join.left),
                [n, 0] if n > 0 => (&join.left, &join.right),
                _ => return false,
            };
            kind && plain(&conditions)
                && !outer.schema().fields().is_empty()
                && tables(term) < TABLES_MAX
                && follows(query, inner)
        }
        _ => false,
    }
}

/// The joins of a term, at least.
fn tables(term: &LogicalPlan) -> usize {
    let mut joins = 0;
    let counted = term.apply(|node| {
        joins += usize::from(matches!(node, LogicalPlan::Join(_)));
        Ok(TreeNodeRecursion::Continue)
    });
    if counted.is_ok() { joins } else { usize::MAX }
}

/// What is not the same for the same row at any time, or asks other rows.
fn odd(expr: &Expr) -> bool {
    let asks = |e: &Expr| {
        Ok(matches!(
            e,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::ScalarSubquery(_)
                | Expr::SetComparison(_)
                | Expr::WindowFunction(_)
        ))
    };
    expr.is_volatile() || expr.exists(asks).unwrap_or(true)
}
