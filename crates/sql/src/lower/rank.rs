//! Ranking: a filter on `ROW_NUMBER`, `RANK` or `DENSE_RANK`, and `LIMIT`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunctionParams};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, Filter, Limit, LogicalPlan, Operator, Window, WindowFunctionDefinition};
use sloth_plan::{Emission, Node, NodeKind, OrderColumn, Rank, RankFunction, Ties};
use sloth_types::{ChangelogMode, Result};

use super::aggregate::int_literal;
use super::relation::{Relation, Role};
use super::{Lowering, as_column, internal, strip_alias};
use crate::rewrite::WITH_TIES;

/// Which rows are wanted of each partition.
struct Wanted<'p> {
    function: RankFunction,
    partition: &'p [Expr],
    order: &'p [SortExpr],
    from: u64,
    to: u64,
    /// The column of the rank, when it is wanted too.
    rank: Option<(Option<TableReference>, FieldRef)>,
}

impl Lowering<'_> {
    /// The input of a node that uses these expressions of it.
    pub(super) fn below<'e>(&mut self, input: &LogicalPlan, used: impl Iterator<Item = &'e Expr>) -> Result<Relation> {
        if let LogicalPlan::Filter(filter) = input
            && let Some(relation) = self.ranked(filter, Some(used.collect()))?
        {
            return Ok(relation);
        }
        self.relation(input)
    }

    /// A filter on a rank. `used` are the expressions over the filter's output, when they are known. `None` when it is
    /// not of this form.
    pub(super) fn ranked(&mut self, filter: &Filter, used: Option<Vec<&Expr>>) -> Result<Option<Relation>> {
        let (window, projection) = match filter.input.as_ref() {
            LogicalPlan::Window(window) => (window, None),
            LogicalPlan::Projection(projection) => match projection.input.as_ref() {
                LogicalPlan::Window(window) => (window, Some(projection)),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let Some((function, params)) = rank_function(window) else { return Ok(None) };
        let (qualifier, field) = window.schema.qualified_field(window.input.schema().fields().len());
        let inner = Column::from((qualifier, field));
        // The rank as the filter sees it.
        let column = match projection {
            None => inner.clone(),
            Some(p) => match p.expr.iter().position(|e| as_column(e) == Some(&inner)) {
                Some(at) => Column::from(p.schema.qualified_field(at)),
                None => return Ok(None),
            },
        };
        let (mut from, mut to, mut rest) = (1, u64::MAX, vec![]);
        for condition in split_conjunction(&filter.predicate) {
            match bounds(condition, &column) {
                Some((low, high)) => (from, to) = (from.max(low), to.min(high)),
                None => rest.push(condition.clone()),
            }
        }
        if (from, to) == (1, u64::MAX) {
            return Ok(None);
        }
        let uses = |expr: &Expr| expr.column_refs().contains(&column);
        let rank_used = used.is_none_or(|used| used.into_iter().any(uses)) || rest.iter().any(uses);
        let rank = rank_used.then(|| (qualifier.cloned(), Arc::clone(field)));
        let input = self.relation(&window.input)?;
        let wanted = Wanted { function, partition: &params.partition_by, order: &params.order_by, from, to, rank };
        let mut relation = self.rank(input, &wanted)?;
        if let Some(projection) = projection {
            let kept = |expr: &Expr| rank_used || !expr.column_refs().contains(&inner);
            let (exprs, fields): (Vec<Expr>, Vec<_>) = projection
                .expr
                .iter()
                .zip(projection.schema.iter())
                .filter(|(expr, _)| kept(expr))
                .map(|(expr, (q, f))| (expr.clone(), (q.cloned(), Arc::clone(f))))
                .unzip();
            let schema = DFSchema::new_with_metadata(fields, std::collections::HashMap::new()).map_err(internal)?;
            relation = self.project(relation, &exprs, &schema)?;
        }
        match conjunction(rest) {
            Some(predicate) => self.filter(relation, &predicate).map(Some),
            None => Ok(Some(relation)),
        }
    }

    /// The first rows in an order, or of no order: then by their content.
    pub(super) fn limit(&mut self, limit: &Limit) -> Result<Relation> {
        let number = |expr: &Option<Box<Expr>>| match expr {
            None => Ok(None),
            Some(expr) => match int_literal(uncast(expr)).and_then(|n| u64::try_from(n).ok()) {
                Some(n) => Ok(Some(n)),
                None => Err(self.refuse_text(
                    &format!("LIMIT and OFFSET need whole numbers, not {expr}"),
                    "LIMIT",
                    "Write a number such as 10.",
                )),
            },
        };
        let skip = number(&limit.skip)?.unwrap_or(0);
        let (function, fetch) = match limit.fetch.as_deref().map(uncast) {
            Some(Expr::ScalarFunction(f)) if f.name() == WITH_TIES => {
                (RankFunction::Rank, f.args.first().cloned().map(Box::new))
            }
            _ => (RankFunction::RowNumber, limit.fetch.clone()),
        };
        let to = number(&fetch)?.map_or(u64::MAX, |fetch| skip.saturating_add(fetch));
        self.limited(&limit.input, function, (skip.saturating_add(1), to))
    }

    fn limited(&mut self, plan: &LogicalPlan, function: RankFunction, (from, to): (u64, u64)) -> Result<Relation> {
        let wanted = |order| Wanted { function, partition: &[], order, from, to, rank: None };
        match plan {
            // What is projected does not change which rows come first.
            LogicalPlan::Projection(projection) if sorts(&projection.input) => {
                let input = self.limited(&projection.input, function, (from, to))?;
                self.project(input, &projection.expr, &projection.schema)
            }
            LogicalPlan::SubqueryAlias(alias) if sorts(&alias.input) => {
                let input = self.limited(&alias.input, function, (from, to))?;
                let schema = super::requalify(&input.schema, &alias.alias)?;
                Ok(Relation { schema, ..input })
            }
            LogicalPlan::Sort(sort) => {
                let input = self.relation(&sort.input)?;
                if function == RankFunction::Rank && from > 1 {
                    // Rows are left out one by one, whatever equals them; only the last of the others brings its equals.
                    let first = self.rank(input, &Wanted { from: 1, ..wanted(&sort.expr) })?;
                    let rest = Wanted { function: RankFunction::RowNumber, to: u64::MAX, ..wanted(&sort.expr) };
                    return self.rank(first, &rest);
                }
                self.rank(input, &wanted(&sort.expr))
            }
            other => {
                let input = self.relation(other)?;
                self.rank(input, &wanted(&[]))
            }
        }
    }

    fn rank(&mut self, input: Relation, wanted: &Wanted<'_>) -> Result<Relation> {
        let input = self.materialize(input)?;
        let visible = Arc::clone(&input.schema);
        let orders = wanted.order.iter().map(|s| &s.expr);
        let exprs: Vec<Expr> = wanted.partition.iter().chain(orders).cloned().collect();
        let (input, columns) = self.with_keys(input, &exprs, "key")?;
        let (partition, order) = columns.split_at(wanted.partition.len());
        let order = order.iter().zip(wanted.order).map(|(column, sort)| OrderColumn {
            column: *column,
            descending: !sort.asc,
            nulls_first: sort.nulls_first,
        });
        let order: Vec<OrderColumn> = order.collect();
        let ties = self.ties(&input, &order, wanted)?;
        let role_of = |column: usize| input.roles.get(column).copied().unwrap_or(Role::Plain);
        let window = partition.iter().find_map(|column| match role_of(*column) {
            Role::WindowEnd(id) => Some((*column, id)),
            _ => None,
        });
        let proctime = window.is_some_and(|(_, id)| self.clocked.contains(&id));
        let emission = match window {
            Some(_) => self.emission_of(proctime),
            None => Emission::default(),
        };
        let rank = Rank {
            partition: partition.to_vec(),
            order,
            ties,
            function: wanted.function,
            from: wanted.from,
            to: wanted.to,
            output: wanted.rank.is_some(),
            window_end: window.map(|(column, _)| column),
            emission,
            proctime,
            cascaded: input.cascaded,
            ttl_ms: None,
        };
        let ttl_ms = match rank.window_end.is_some() || rank.partition.is_empty() {
            true => None,
            false => self.lifetime(&input),
        };
        let rank = Rank { ttl_ms, ..rank };
        self.add_rank(input, rank, &visible, wanted)
    }

    fn add_rank(&mut self, input: Relation, rank: Rank, visible: &DFSchema, wanted: &Wanted<'_>) -> Result<Relation> {
        let read = self.schema_of(input.node);
        let width = read.fields().len();
        let mut fields: Vec<Field> = read.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
        let mut logical: Vec<_> = visible.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        // Times of rows that are given out later, or taken back, are plain values.
        let windowed = rank.window_end.is_some();
        let appends = rank.told_once() || (rank.keeps_first() && !input.changes());
        let role = |role: &Role| match role {
            role if !appends && !windowed => {
                if *role == Role::Proctime {
                    *role
                } else {
                    Role::Plain
                }
            }
            Role::Rowtime if windowed => Role::Plain,
            role => *role,
        };
        let mut picks: Vec<(usize, Role)> =
            input.roles.iter().take(logical.len()).enumerate().map(|(i, r)| (i, role(r))).collect();
        if let Some((qualifier, field)) = &wanted.rank {
            fields.push(Field::new("rank", DataType::Int64, true));
            logical.push((qualifier.clone(), Arc::clone(field)));
            picks.push((width, Role::Plain));
        }
        let key = match (rank.single(), rank.function, rank.output) {
            (true, ..) => Some(rank.partition.clone()),
            (false, RankFunction::RowNumber, true) => Some(rank.partition.iter().copied().chain([width]).collect()),
            _ => input.key.clone(),
        };
        let mode = if appends { ChangelogMode::Append } else { ChangelogMode::Retract };
        let node = self.plan.add(Node {
            kind: NodeKind::Rank(rank),
            inputs: vec![input.node],
            schema: Arc::new(Schema::new(fields)),
            mode: mode.clone(),
            key: key.clone(),
            sources: input.sources.clone(),
        });
        let schema = DFSchema::new_with_metadata(logical, std::collections::HashMap::new()).map_err(internal)?;
        let relation = Relation {
            node,
            exclusive: false,
            schema: Arc::new(schema.clone()),
            roles: vec![],
            pending: None,
            mode,
            key,
            exchanged: true,
            cascaded: windowed || input.cascaded,
            lineage: None,
            ..input
        };
        self.pick(relation, &picks, &schema)
    }

    /// What decides between rows that are equal in the order: their content, or when they came.
    fn ties(&self, input: &Relation, order: &[OrderColumn], wanted: &Wanted<'_>) -> Result<Ties> {
        let clock = order.iter().zip(wanted.order).find(|(column, sort)| {
            input.roles.get(column.column) == Some(&Role::Proctime)
                || matches!(strip_alias(&sort.expr), Expr::ScalarFunction(f) if f.name() == "proctime")
        });
        let Some((column, _)) = clock else { return Ok(Ties::Content) };
        if input.changes() {
            return Err(self.refuse_text(
                "rows that are updated have no processing time to order by",
                "ORDER BY",
                "Order by a column of the data, such as the event time.",
            ));
        }
        let by_content = input.exchanged;
        Ok(if column.descending { Ties::Latest { by_content } } else { Ties::Earliest { by_content } })
    }
}

/// True when rows come sorted out of a plan.
fn sorts(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(p) => sorts(&p.input),
        LogicalPlan::SubqueryAlias(a) => sorts(&a.input),
        _ => false,
    }
}

/// The ranking function, when the window has one and nothing else.
pub(super) fn rank_function(window: &Window) -> Option<(RankFunction, &WindowFunctionParams)> {
    let [expr] = window.window_expr.as_slice() else { return None };
    let Expr::WindowFunction(call) = strip_alias(expr) else { return None };
    let WindowFunctionDefinition::WindowUDF(udf) = &call.fun else { return None };
    let function = match udf.name() {
        "row_number" => RankFunction::RowNumber,
        "rank" => RankFunction::Rank,
        "dense_rank" => RankFunction::DenseRank,
        _ => return None,
    };
    Some((function, &call.params))
}

/// The ranks that a condition lets pass, when it is one on the rank alone.
pub(super) fn bounds(condition: &Expr, rank: &Column) -> Option<(u64, u64)> {
    let is_rank = |expr: &Expr| as_column(uncast(expr)).is_some_and(|c| c == rank);
    let floor = |n: i64| u64::try_from(n).unwrap_or(0);
    match condition {
        Expr::BinaryExpr(binary) => {
            let (op, number) = match (is_rank(&binary.left), is_rank(&binary.right)) {
                (true, false) => (binary.op, int_literal(&binary.right)?),
                (false, true) => (binary.op.swap()?, int_literal(&binary.left)?),
                _ => return None,
            };
            Some(match op {
                Operator::Eq => (floor(number), floor(number)),
                Operator::Lt => (1, floor(number.saturating_sub(1))),
                Operator::LtEq => (1, floor(number)),
                Operator::Gt => (floor(number.saturating_add(1)), u64::MAX),
                Operator::GtEq => (floor(number), u64::MAX),
                _ => return None,
            })
        }
        Expr::Between(between) if !between.negated && is_rank(&between.expr) => {
            Some((floor(int_literal(&between.low)?), floor(int_literal(&between.high)?)))
        }
        _ => None,
    }
}

fn uncast(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(cast) => uncast(&cast.expr),
        Expr::Alias(alias) => uncast(&alias.expr),
        other => other,
    }
}
