//! Joins with a table as of some time.

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::DFSchema;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, LogicalPlan};
use sloth_plan::{Join, JoinExchange, JoinKind, NodeKind, SourceOrigin, TemporalAt, TemporalJoin};
use sloth_types::{ChangelogMode, Error, Result};

use super::super::relation::{Relation, Role};
use super::super::{Lowering, as_column, internal};
use super::Inputs;
use super::latest::Latest;
use super::lookup::{Right, right_side};
use crate::plan::Versioned;
use crate::rewrite::temporal::AS_OF;

/// The conditions of a temporal join: its times (left, and right where it is named), and what else it asks.
fn take_times(join: &datafusion::logical_expr::Join) -> (Vec<Expr>, Option<Expr>) {
    let mut times = vec![];
    let mut rest = vec![];
    for condition in join.filter.as_ref().map(split_conjunction).unwrap_or_default() {
        match condition {
            Expr::ScalarFunction(f) if f.name() == AS_OF => times = f.args.iter().skip(1).cloned().collect(),
            other => rest.push(other.clone()),
        }
    }
    (times, conjunction(rest))
}

impl Lowering<'_> {
    /// A join whose right side is a table as of some time.
    pub(super) fn temporal_join(
        &mut self,
        join: &datafusion::logical_expr::Join,
        kind: JoinKind,
        versioned: &Versioned,
        columns: &[usize],
    ) -> Result<Relation> {
        let refuse = |what: &str, hint: &str| self.refuse_text(what, "SYSTEM_TIME", hint);
        let (times, residual) = take_times(join);
        let Some(time) = times.first() else {
            return Err(refuse(
                "FOR SYSTEM_TIME AS OF was moved away from its join",
                "Join the two tables in a subquery of their own.",
            ));
        };
        if !matches!(kind, JoinKind::Inner | JoinKind::Left) {
            return Err(refuse(
                "a join FOR SYSTEM_TIME AS OF that is neither inner nor left",
                "Write JOIN or LEFT JOIN.",
            ));
        }
        if join.on.is_empty() {
            return Err(refuse(
                "a join FOR SYSTEM_TIME AS OF needs an equality of keys",
                "Write ON left.key = right.key.",
            ));
        }
        let left = self.settled_relation(&join.left)?;
        let left = self.materialize(left)?;
        if left.changes() {
            return Err(self.refuse_text(
                "a temporal join whose left side takes rows back",
                "SYSTEM_TIME",
                "Join the append-only stream first, and aggregate or join further after that.",
            ));
        }
        let time_of = |e: &Expr| as_column(e).and_then(|c| left.schema.index_of_column(c).ok());
        let role = time_of(time).and_then(|c| left.roles.get(c).copied()).unwrap_or(Role::Plain);
        if role == Role::Proctime {
            match right_side(versioned, columns) {
                Right::Asked(asked) => return self.lookup_join(join, kind, left, &asked, residual),
                Right::Beyond(table) => {
                    return Err(self.refuse_text(
                        &format!("a lookup in more than the table '{table}'"),
                        "SYSTEM_TIME",
                        "Join the table itself, and filter or join further after that.",
                    ));
                }
                Right::Read => {}
            }
        }
        let (right, right_time, key) =
            self.versions(versioned, columns, join.right.schema(), role != Role::Proctime)?;
        if let Some(named) = times.get(1) {
            let place = as_column(named).and_then(|c| join.right.schema().index_of_column(c).ok());
            if place.and_then(|p| right.roles.get(p)) != Some(&Role::Rowtime) {
                return Err(self.refuse_text(
                    "MATCH_CONDITION must compare with the event time of the right table",
                    "MATCH_CONDITION",
                    "Compare with the column of its WATERMARK.",
                ));
            }
        }
        let widths = [left.schema.fields().len(), columns.len()];
        let (left_on, right_on): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
        let (left, left_keys) = self.with_keys(left, &left_on, "left")?;
        let (right, right_keys) = self.with_keys(right, &right_on, "right")?;
        if role != Role::Proctime && !key.iter().all(|column| column.is_some_and(|column| right_keys.contains(&column)))
        {
            return Err(self.refuse_text(
                "the versions of a table whose rows replace each other are joined by something else than its PRIMARY KEY",
                "SYSTEM_TIME",
                "Write ON left.key = right.key for each column of the PRIMARY KEY.",
            ));
        }
        let time = as_column(time).and_then(|c| left.schema.index_of_column(c).ok());
        let at = match (role, time, right_time) {
            (Role::Proctime, ..) => TemporalAt::Now { hold: self.ends(&right) },
            (Role::Rowtime | Role::WindowTime(_), Some(left), Some(right)) => TemporalAt::Event { left, right },
            (Role::Rowtime | Role::WindowTime(_), Some(_), None) => {
                return Err(self.refuse_text(
                    "the versioned table has no event time",
                    "SYSTEM_TIME",
                    "Declare WATERMARK FOR its time column: it says from when a row is valid.",
                ));
            }
            _ => {
                return Err(self.refuse_text(
                    "FOR SYSTEM_TIME AS OF needs a time attribute of the left side",
                    "SYSTEM_TIME",
                    "Name the left table's WATERMARK column, or a column that is PROCTIME().",
                ));
            }
        };
        let residual = match &residual {
            Some(filter) => Some(self.residual(&left, &right, filter)?),
            None => None,
        };
        let node = Join {
            kind,
            left_keys,
            right_keys,
            null_equal: false,
            residual,
            exchange: JoinExchange::ByKey,
            ttl_ms: [None; 2],
        };
        let roles_before = left.roles.clone();
        let cascaded = [left.cascaded, right.cascaded];
        // The left row's times stay what they are: it comes out when the watermark has just passed it, or at once.
        let roles = move |side: usize, column: usize| match (side, roles_before.get(column), at) {
            (0, Some(role @ Role::Proctime), _) => *role,
            (0, Some(role), TemporalAt::Now { hold: false }) => *role,
            (0, Some(role @ Role::Rowtime), TemporalAt::Event { left, .. }) if left == column => *role,
            _ => Role::Plain,
        };
        let temporal = TemporalJoin { join: node.clone(), at, cascaded };
        let key = left.key.clone();
        let inputs = Inputs { left, right, widths };
        let kind = NodeKind::TemporalJoin(Box::new(temporal));
        let relation = self.add_join(kind, &node, inputs, ChangelogMode::Append, &join.schema, roles)?;
        let cascaded = match at {
            TemporalAt::Event { .. } => true,
            TemporalAt::Now { .. } => cascaded[0],
        };
        Ok(Relation { cascaded, key: key.filter(|_| relation.key.is_some()), ..relation })
    }

    /// The visible columns of the versioned table (as of the past, or of now), and behind them its event time, when it has one; and where the columns of
    /// the key stand by which its rows replace each other.
    fn versions(
        &mut self,
        versioned: &Versioned,
        columns: &[usize],
        schema: &DFSchema,
        of_past: bool,
    ) -> Result<(Relation, Option<usize>, Vec<Option<usize>>)> {
        let (all, of_view) = self.all_versions(&versioned.input, of_past)?;
        let time = all.roles.iter().position(|role| *role == Role::Rowtime);
        let role = |column: usize| all.roles.get(column).copied().unwrap_or(Role::Plain);
        let mut picks: Vec<(usize, Role)> = columns.iter().map(|c| (*c, role(*c))).collect();
        let mut fields: Vec<_> = schema.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        if let Some(time) = time {
            let data_type = all.schema.field(time).data_type().clone();
            picks.push((time, Role::Rowtime));
            fields.push((None, Arc::new(Field::new("$version_time", data_type, true))));
        }
        let schema = DFSchema::new_with_metadata(fields, std::collections::HashMap::new()).map_err(internal)?;
        // Rows that replace each other must meet the same left rows, in their order.
        let key = of_view.unwrap_or_else(|| all.key.iter().filter(|_| all.changes()).flatten().copied().collect());
        let key = key.iter().map(|key| columns.iter().position(|column| column == key)).collect();
        let picked = self.pick(all, &picks, &schema)?;
        Ok((picked, time.map(|_| columns.len()), key))
    }

    /// The rows of a versioned table; of a view that gives the last row of each key all of them, and where the key is.
    fn all_versions(&mut self, plan: &LogicalPlan, of_past: bool) -> Result<(Relation, Option<Vec<usize>>)> {
        if let Some(latest) = Latest::of(plan).filter(|_| of_past) {
            let all = self.settled_relation(&latest.plan)?;
            let all = self.materialize(all)?;
            if !all.changes() && all.roles.get(latest.time) == Some(&Role::Rowtime) {
                return Ok((all, Some(latest.key)));
            }
        }
        let all = self.settled_relation(plan)?;
        Ok((self.materialize(all)?, None))
    }

    /// True when all tables below come to an end: they are read once, not watched.
    fn ends(&self, relation: &Relation) -> bool {
        relation.sources.iter().filter_map(|s| self.plan.nodes.get(*s)).all(|node| match &node.kind {
            NodeKind::Source(source) => match &source.origin {
                SourceOrigin::Table(table) => match table.options.get("connector") {
                    Some("filesystem") => table.options.get("source.monitor-interval").is_none(),
                    Some("inline") => true,
                    _ => false,
                },
                SourceOrigin::Rows(_) => true,
            },
            _ => false,
        })
    }

    /// A versioned table outside of a join.
    pub(in super::super) fn lone_versions(&self) -> Error {
        self.refuse_text(
            "FOR SYSTEM_TIME AS OF stands where there is no join with it",
            "SYSTEM_TIME",
            "Write l JOIN t FOR SYSTEM_TIME AS OF l.time AS t ON l.key = t.key.",
        )
    }
}
