//! Joins that keep the same rows by the same key share them: the rows are held once, in an arrangement before the joins.
//!
//! What a side of a join keeps is known by the identity of its rows and of its key columns. Sides that agree in both are
//! one group, whichever statements they stand in; where they want different columns of the rows, the arrangement has all
//! of them. The rows are taken where the first join of a group takes them: its input, or what lies before the projections
//! of its input.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

use super::expr::flag;
use super::{Known, fnv, stages, types};
use crate::arrange::{Arrange, Arranged};
use crate::node::{JobPlan, Join, JoinExchange, JoinKind, Node, NodeId, NodeKind, Stage};

/// Where the rows of a group are taken from: behind some stages of a node's output.
struct Point {
    node: NodeId,
    stages: Vec<Stage>,
    columns: Vec<u64>,
    schema: SchemaRef,
}

/// Sides that share their rows.
struct Group {
    sides: Vec<Arranged>,
    point: Point,
    /// All columns that the sides want.
    wanted: Vec<u64>,
}

impl JobPlan {
    /// The sides of joins that may share their rows with others, by what they keep.
    pub fn arrangements(&self) -> Vec<Arranged> {
        self.sides(&self.known().1)
    }

    /// The plan in which joins that keep the same rows by the same key read them from one arrangement. `private` says, for
    /// the identity of a join and one of its sides, that the side's rows have to stay with the join.
    pub fn arranged(&self, private: &dyn Fn(u64, usize) -> bool) -> JobPlan {
        if !self.settings.share_join_state {
            return self.clone();
        }
        let (identities, known) = self.known();
        let mut sides = self.sides(&known);
        sides.retain(|s| !identities.get(s.join).is_some_and(|identity| private(*identity, s.side)));
        let groups = self.grouped(sides);
        let groups: Vec<Group> = groups.into_iter().filter_map(|sides| self.group(sides, &known)).collect();
        if groups.is_empty() { self.clone() } else { self.with_groups(&groups) }
    }

    pub(super) fn sides(&self, known: &[Known]) -> Vec<Arranged> {
        let mut sides = vec![];
        for (id, node) in self.nodes.iter().enumerate() {
            let NodeKind::Join(join) = &node.kind else { continue };
            for (side, input) in node.inputs.iter().enumerate().filter(|(side, _)| may_read(join, *side)) {
                let (Some(rows), Some(from)) = (known.get(*input), self.nodes.get(*input)) else { continue };
                let keys = join.keys(side);
                let identity = fnv(&format!(
                    "arranged by {} {}{} of {:016x} {:?}",
                    rows.columns(keys),
                    types::some(&from.schema, keys),
                    flag(join.null_equal, " null equal"),
                    rows.rows,
                    from.mode,
                ));
                sides.push(Arranged { join: id, side, identity, columns: rows.columns.clone() });
            }
        }
        sides
    }

    /// Sides that agree, at least two by two. Of a join that is not an inner one only one side reads from elsewhere.
    pub(super) fn grouped(&self, mut sides: Vec<Arranged>) -> Vec<Vec<Arranged>> {
        loop {
            let mut groups: BTreeMap<(NodeId, u64), Vec<Arranged>> = BTreeMap::new();
            let mut firsts: HashMap<u64, NodeId> = HashMap::new();
            for side in &sides {
                let first = *firsts.entry(side.identity).or_insert(side.join);
                groups.entry((first, side.identity)).or_default().push(side.clone());
            }
            groups.retain(|_, sides| sides.len() > 1);
            sides = groups.values().flatten().cloned().collect();
            sides.sort_by_key(|s| (s.join, s.side));
            let both: Vec<NodeId> = sides.windows(2).filter(|w| w[0].join == w[1].join).map(|w| w[0].join).collect();
            let join = |id: &NodeId| match self.nodes.get(*id).map(|n| &n.kind) {
                Some(NodeKind::Join(join)) if join.kind != JoinKind::Inner => Some(join),
                _ => None,
            };
            let Some((id, join)) = both.iter().find_map(|id| join(id).map(|join| (*id, join))) else {
                return groups.into_values().collect();
            };
            // The smaller one stays with the join.
            let stays = usize::from(!join.weighs(0));
            sides.retain(|s| (s.join, s.side) != (id, stays));
        }
    }

    /// As many of the sides as find their columns where the first one takes its rows.
    fn group(&self, sides: Vec<Arranged>, known: &[Known]) -> Option<Group> {
        let first = sides.first()?;
        let input = *self.nodes.get(first.join)?.inputs.get(first.side)?;
        let (mut wanted, mut point, mut readers) = (vec![], None, vec![]);
        for side in sides {
            let mut all: Vec<u64> = wanted.clone();
            side.columns.iter().for_each(|c| {
                if !all.contains(c) {
                    all.push(*c);
                }
            });
            if let Some(found) = self.point(input, &all, known) {
                (wanted, point) = (all, Some(found));
                readers.push(side);
            }
        }
        (readers.len() > 1).then_some(())?;
        Some(Group { sides: readers, point: point?, wanted })
    }

    /// Where the rows of `node` have all these columns: at the node, or before projections of it. Filters behind these are
    /// carried out there.
    fn point(&self, mut node: NodeId, wanted: &[u64], known: &[Known]) -> Option<Point> {
        let rows = known.get(node)?.rows;
        let mut filters: Vec<Arc<dyn PhysicalExpr>> = vec![];
        loop {
            let (at, of) = (self.nodes.get(node)?, known.get(node)?);
            let stages: Vec<Stage> = filters.iter().cloned().map(Stage::Filter).collect();
            let has = wanted.iter().all(|c| of.columns.contains(c));
            if has && stages::after(&stages, of.clone()).rows == rows {
                return Some(Point { node, stages, columns: of.columns.clone(), schema: Arc::clone(&at.schema) });
            }
            let (NodeKind::Map(stages), [below]) = (&at.kind, at.inputs.as_slice()) else { return None };
            let (mut lifted, columns) = lifted(stages, &self.nodes.get(*below)?.schema)?;
            for filter in &filters {
                lifted.push(through(filter, &columns)?);
            }
            (node, filters) = (*below, lifted);
        }
    }

    fn with_groups(&self, groups: &[Group]) -> JobPlan {
        let mut plan = JobPlan { nodes: vec![], settings: self.settings.clone() };
        let mut places: Vec<NodeId> = vec![];
        let mut arrangements: HashMap<u64, NodeId> = HashMap::new();
        for (id, node) in self.nodes.iter().enumerate() {
            for group in groups.iter().filter(|g| g.sides.first().is_some_and(|s| s.join == id)) {
                if let Some(identity) = group.sides.first().map(|s| s.identity)
                    && let Some(at) = self.add_arrangement(&mut plan, group, &places)
                {
                    arrangements.insert(identity, at);
                }
            }
            let mut node = node.clone();
            // A source is among its own sources.
            let own = plan.nodes.len();
            node.inputs.iter_mut().for_each(|i| *i = places.get(*i).copied().unwrap_or(own));
            for group in groups {
                for side in group.sides.iter().filter(|s| s.join == id) {
                    let Some(at) = arrangements.get(&side.identity) else { continue };
                    let read = plan.add_reading(*at, &side.columns, &group.wanted);
                    node.inputs.iter_mut().skip(side.side).take(1).for_each(|input| *input = read);
                }
            }
            let own = plan.nodes.len();
            node.sources.iter_mut().for_each(|s| *s = places.get(*s).copied().unwrap_or(own));
            places.push(plan.add(node));
        }
        plan.without_idle_maps()
    }

    /// The node that holds a group's rows.
    fn add_arrangement(&self, plan: &mut JobPlan, group: &Group, places: &[NodeId]) -> Option<NodeId> {
        let Point { node, stages, columns, schema } = &group.point;
        let first = group.sides.first()?;
        let join = self.join_of(first)?;
        let taken = self.nodes.get(*node)?;
        let mut below = *places.get(*node)?;
        let sources: Vec<NodeId> = taken.sources.iter().filter_map(|s| places.get(*s).copied()).collect();
        let mut schema = Arc::clone(schema);
        if !stages.is_empty() || *columns != group.wanted {
            let picks: Vec<usize> = group.wanted.iter().filter_map(|w| columns.iter().position(|c| c == w)).collect();
            let (picked, picked_schema) = picking(&schema, &picks);
            schema = picked_schema;
            below = plan.add(Node {
                kind: NodeKind::Map(stages.iter().cloned().chain([picked]).collect()),
                inputs: vec![below],
                schema: Arc::clone(&schema),
                mode: taken.mode.clone(),
                key: None,
                sources: sources.clone(),
            });
        }
        let keys = join.keys(first.side).iter().map(|k| first.columns.get(*k));
        let keys: Option<Vec<usize>> = keys.map(|key| group.wanted.iter().position(|w| Some(w) == key)).collect();
        let arrange = Arrange {
            keys: keys?,
            null_equal: join.null_equal,
            weights: group.sides.iter().all(|s| self.join_of(s).is_some_and(|join| join.weighs(s.side))),
            columns: group.wanted.clone(),
            identity: first.identity,
        };
        let mode = taken.mode.clone();
        Some(plan.add(Node { kind: NodeKind::Arrange(arrange), inputs: vec![below], schema, mode, key: None, sources }))
    }

    fn join_of(&self, side: &Arranged) -> Option<&Join> {
        match self.nodes.get(side.join).map(|n| &n.kind) {
            Some(NodeKind::Join(join)) => Some(join),
            _ => None,
        }
    }

    /// The columns of an arrangement that a side wants, in its order.
    fn add_reading(&mut self, at: NodeId, wanted: &[u64], columns: &[u64]) -> NodeId {
        let Some(node) = self.nodes.get(at).filter(|_| wanted != columns) else { return at };
        let picks: Vec<usize> = wanted.iter().filter_map(|w| columns.iter().position(|c| c == w)).collect();
        let (stage, schema) = picking(&node.schema, &picks);
        let (mode, sources) = (node.mode.clone(), node.sources.clone());
        self.add(Node { kind: NodeKind::Map(vec![stage]), inputs: vec![at], schema, mode, key: None, sources })
    }

    /// Without the maps that nobody reads any more.
    fn without_idle_maps(&self) -> JobPlan {
        let mut used: HashSet<NodeId> = HashSet::new();
        for (id, node) in self.nodes.iter().enumerate().rev() {
            if used.contains(&id) || !matches!(node.kind, NodeKind::Map(_)) {
                used.insert(id);
                used.extend(&node.inputs);
            }
        }
        let mut plan = JobPlan { nodes: vec![], settings: self.settings.clone() };
        let mut places: HashMap<NodeId, NodeId> = HashMap::new();
        for (id, node) in self.nodes.iter().enumerate().filter(|(id, _)| used.contains(id)) {
            let mut node = node.clone();
            let own = plan.nodes.len();
            for other in node.inputs.iter_mut().chain(&mut node.sources) {
                *other = places.get(other).copied().unwrap_or(own);
            }
            places.insert(id, plan.add(node));
        }
        plan
    }
}

/// True when a side of a join may read its rows from elsewhere: nothing is kept beside them.
fn may_read(join: &Join, side: usize) -> bool {
    let counts_partners = join.residual.is_some() && join.kind.keeps_alone(side);
    join.exchange == JoinExchange::ByKey
        && !join.left_keys.is_empty()
        && join.ttl_ms == [None, None]
        && !counts_partners
}

type Exprs = Vec<Arc<dyn PhysicalExpr>>;

/// The filters among some stages, and what the stages make of the columns, both over the columns before the stages.
fn lifted(stages: &[Stage], schema: &Schema) -> Option<(Exprs, Exprs)> {
    let column = |(at, field): (usize, &Arc<Field>)| Arc::new(Column::new(field.name(), at)) as Arc<dyn PhysicalExpr>;
    let mut columns: Vec<_> = schema.fields().iter().enumerate().map(column).collect();
    let mut filters = vec![];
    for stage in stages {
        match stage {
            Stage::Filter(predicate) => filters.push(through(predicate, &columns)?),
            Stage::Project { exprs, .. } => {
                columns = exprs.iter().map(|expr| through(expr, &columns)).collect::<Option<_>>()?;
            }
            Stage::Expand { .. } | Stage::Unnest { .. } => return None,
        }
    }
    Some((filters, columns))
}

/// An expression over the columns that other expressions compute, over what those read.
fn through(expr: &Arc<dyn PhysicalExpr>, columns: &[Arc<dyn PhysicalExpr>]) -> Option<Arc<dyn PhysicalExpr>> {
    let replaced = Arc::clone(expr).transform_down(|part| {
        Ok(match part.downcast_ref::<Column>().map(|column| columns.get(column.index())) {
            Some(Some(column)) => Transformed::new(Arc::clone(column), true, TreeNodeRecursion::Jump),
            _ => Transformed::no(part),
        })
    });
    replaced.data().ok()
}

/// A projection to some columns.
fn picking(schema: &Schema, picks: &[usize]) -> (Stage, SchemaRef) {
    let fields: Vec<Field> = picks.iter().filter_map(|p| schema.fields().get(*p)).map(|f| f.as_ref().clone()).collect();
    let exprs = picks.iter().zip(&fields).map(|(p, f)| Arc::new(Column::new(f.name(), *p)) as Arc<dyn PhysicalExpr>);
    let exprs = exprs.collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    (Stage::Project { exprs, schema: Arc::clone(&schema) }, schema)
}
