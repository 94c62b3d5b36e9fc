//! Joins, and what the optimiser makes of subqueries (semi, anti and mark joins).

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::{Join, JoinExchange, JoinKind, Node, NodeKind, Stage};
use sloth_types::{ChangelogMode, Error, Result};

use super::relation::{Relation, Role};
use super::{Lowering, internal};
use crate::plan::Versioned;

mod conditions;
mod interval;
mod keys;
mod latest;
mod lookup;
mod temporal;
mod window;

pub(super) use conditions::Conditions;
pub(super) use keys::{Computed, Keys, columns_of, keys};

/// Both inputs of a join, ready to meet.
struct Inputs {
    left: Relation,
    right: Relation,
    /// Columns of either input before computed keys were added behind them.
    widths: [usize; 2],
}

impl Lowering<'_> {
    pub(super) fn join(&mut self, join: &datafusion::logical_expr::Join) -> Result<Relation> {
        let kind = self.kind_of(join)?;
        if let Some((versioned, columns)) = Versioned::below(&join.right) {
            return self.temporal_join(join, kind, versioned, &columns);
        }
        let left = self.relation(&join.left)?;
        let left = self.materialize(left)?;
        let right = self.relation(&join.right)?;
        let right = self.materialize(right)?;
        let conditions = Conditions::of(join, kind)?;
        let left = conditions.left.iter().try_fold(left, |input, condition| self.filter(input, condition))?;
        let right = conditions.right.iter().try_fold(right, |input, condition| self.filter(input, condition))?;
        let widths = [left.schema.fields().len(), right.schema.fields().len()];
        let (left, left_keys) = self.with_keys(left, &conditions.left_keys, "left")?;
        let (right, right_keys) = self.with_keys(right, &conditions.right_keys, "right")?;
        let residual = match &conditions.residual {
            Some(filter) => Some(self.residual(&left, &right, filter)?),
            None => None,
        };
        let node = Join {
            kind,
            exchange: if conditions.keyed { JoinExchange::ByKey } else { exchange_of(kind, &left, &right) },
            left_keys,
            right_keys,
            null_equal: join.null_equality == NullEquality::NullEqualsNull,
            residual,
            ttl_ms: [None; 2],
        };
        let inputs = Inputs { left, right, widths };
        if let Some(window) = self.shared_window(&node, &inputs) {
            return self.window_join(node, inputs, window, &join.schema);
        }
        if let Some(interval) = self.interval(&node, conditions.residual.as_ref(), &inputs) {
            return self.interval_join(interval, inputs, &join.schema);
        }
        let appends = !inputs.left.changes() && !inputs.right.changes();
        let mode = match kind {
            JoinKind::Inner | JoinKind::LeftSemi | JoinKind::RightSemi if appends => ChangelogMode::Append,
            _ => ChangelogMode::Retract,
        };
        let roles = |_: usize, _: usize| Role::Plain;
        let ttl_ms = [self.lifetime_below(&inputs.left, &join.left), self.lifetime_below(&inputs.right, &join.right)];
        let node = Join { ttl_ms, ..node };
        self.add_join(NodeKind::Join(Box::new(node.clone())), &node, inputs, mode, &join.schema, roles)
    }

    /// Adds the node of a join. `roles` says what the columns of a side (0 or 1, column) mean in the output.
    #[expect(clippy::too_many_arguments, reason = "the parts of one step, handed on together")]
    fn add_join(
        &mut self,
        kind: NodeKind,
        join: &Join,
        inputs: Inputs,
        mode: ChangelogMode,
        schema: &Arc<DFSchema>,
        roles: impl Fn(usize, usize) -> Role,
    ) -> Result<Relation> {
        let Inputs { left, right, widths: [left_width, right_width] } = inputs;
        let (left_schema, right_schema) = (self.schema_of(left.node), self.schema_of(right.node));
        let second = left_schema.fields().len();
        let key = unique_key(join, &left, &right, second);
        let mut sources = left.sources.clone();
        sources.extend(right.sources.iter().filter(|s| !left.sources.contains(s)));
        let node = self.plan.add(Node {
            kind,
            inputs: vec![left.node, right.node],
            schema: Arc::new(Schema::new(output_fields(join.kind, &left_schema, &right_schema))),
            mode: mode.clone(),
            key: key.clone(),
            sources: sources.clone(),
        });
        let relation = Relation {
            node,
            exclusive: false,
            schema: Arc::clone(schema),
            roles: vec![],
            pending: None,
            mode,
            key,
            sources,
            exchanged: true,
            cascaded: left.cascaded || right.cascaded,
            lineage: None,
        };
        // The visible columns: computed keys stand behind each side's own.
        let left_picks = (0..left_width).map(|c| (c, roles(0, c)));
        let picks: Vec<(usize, Role)> = match join.kind {
            JoinKind::LeftSemi | JoinKind::LeftAnti => left_picks.collect(),
            JoinKind::RightSemi | JoinKind::RightAnti => (0..right_width).map(|c| (c, roles(1, c))).collect(),
            JoinKind::LeftMark => left_picks.chain([(second, Role::Plain)]).collect(),
            _ => left_picks.chain((0..right_width).map(|c| (second + c, roles(1, c)))).collect(),
        };
        self.pick(relation, &picks, schema)
    }

    /// A subquery used as a value.
    pub(super) fn single_row(&mut self, input: &datafusion::logical_expr::LogicalPlan) -> Result<Relation> {
        let input = self.relation(input)?;
        let input = self.materialize(input)?;
        let node = self.plan.add(Node {
            kind: NodeKind::SingleRow,
            inputs: vec![input.node],
            schema: self.schema_of(input.node),
            mode: input.mode.clone(),
            key: Some(vec![]),
            sources: input.sources.clone(),
        });
        let roles = vec![Role::Plain; input.roles.len()];
        Ok(Relation { node, exclusive: false, roles, key: Some(vec![]), exchanged: true, lineage: None, ..input })
    }

    fn kind_of(&self, join: &datafusion::logical_expr::Join) -> Result<JoinKind> {
        Ok(match join.join_type {
            JoinType::Inner => JoinKind::Inner,
            JoinType::Left => JoinKind::Left,
            JoinType::Right => JoinKind::Right,
            JoinType::Full => JoinKind::Full,
            JoinType::LeftSemi => JoinKind::LeftSemi,
            JoinType::LeftAnti if join.null_aware => {
                // NOT IN was turned into NOT EXISTS, unless the subquery could not be unnested.
                return Err(Error::internal("NOT IN has come through as a join"));
            }
            JoinType::LeftAnti => JoinKind::LeftAnti,
            JoinType::RightSemi => JoinKind::RightSemi,
            JoinType::RightAnti => JoinKind::RightAnti,
            JoinType::LeftMark => JoinKind::LeftMark,
            JoinType::RightMark => return Err(Error::internal("a mark join of the right side")),
        })
    }

    /// The columns to join on; those that are computed are added behind the others.
    pub(super) fn with_keys(&mut self, input: Relation, on: &[Expr], side: &str) -> Result<(Relation, Vec<usize>)> {
        let types = self.schema_of(input.node);
        let Keys { columns, computed } = keys((&types, &input.schema), on, side, |expr| self.compile(&input, expr))?;
        let Some(Computed { exprs, types, schema }) = computed else { return Ok((input, columns)) };
        let node = self.add_stage(&input, Stage::Project { exprs, schema: Arc::clone(&types) }, types);
        let mut roles = input.roles.clone();
        roles.resize(schema.fields().len(), Role::Plain);
        Ok((Relation { node, exclusive: true, schema, roles, ..input }, columns))
    }

    fn residual(&self, left: &Relation, right: &Relation, filter: &Expr) -> Result<Arc<dyn PhysicalExpr>> {
        let fields = left.schema.iter().chain(right.schema.iter()).map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        let both = DFSchema::new_with_metadata(fields, std::collections::HashMap::new()).map_err(internal)?;
        self.session.physical_expr(filter, &both)
    }
}

/// Where no key brings the rows together: one side is spread, the other copied. A single row is copied, else the side
/// whose rows do not come out by themselves.
fn exchange_of(kind: JoinKind, left: &Relation, right: &Relation) -> JoinExchange {
    let single = |side: &Relation| side.key.as_ref().is_some_and(Vec::is_empty);
    match kind {
        JoinKind::Inner if single(left) && !single(right) => JoinExchange::CopyLeft,
        JoinKind::Inner | JoinKind::Left | JoinKind::LeftSemi | JoinKind::LeftAnti | JoinKind::LeftMark => {
            JoinExchange::CopyRight
        }
        JoinKind::Right | JoinKind::RightSemi | JoinKind::RightAnti => JoinExchange::CopyLeft,
        JoinKind::Full => JoinExchange::ByKey,
    }
}

fn output_fields(kind: JoinKind, left: &Schema, right: &Schema) -> Vec<Field> {
    let of = |schema: &Schema| -> Vec<Field> {
        schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect()
    };
    match kind {
        JoinKind::LeftSemi | JoinKind::LeftAnti => of(left),
        JoinKind::RightSemi | JoinKind::RightAnti => of(right),
        JoinKind::LeftMark => {
            let mut fields = of(left);
            fields.push(Field::new("mark", DataType::Boolean, true));
            fields
        }
        _ => [of(left), of(right)].concat(),
    }
}

/// Columns that tell the rows of a join apart: a side's own key where each of its rows meets one row at most, else both.
fn unique_key(join: &Join, left: &Relation, right: &Relation, left_width: usize) -> Option<Vec<usize>> {
    let once =
        |side: &Relation, keys: &[usize]| side.key.as_ref().is_some_and(|key| key.iter().all(|k| keys.contains(k)));
    match join.kind {
        JoinKind::LeftSemi | JoinKind::LeftAnti | JoinKind::LeftMark => left.key.clone(),
        JoinKind::RightSemi | JoinKind::RightAnti => right.key.clone(),
        JoinKind::Inner | JoinKind::Left if once(right, &join.right_keys) => left.key.clone(),
        JoinKind::Inner => {
            let (left, right) = (left.key.as_ref()?, right.key.as_ref()?);
            Some(left.iter().copied().chain(right.iter().map(|k| k + left_width)).collect())
        }
        _ => None,
    }
}
