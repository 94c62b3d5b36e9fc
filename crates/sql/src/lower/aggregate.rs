//! Aggregations: by window, by session, by key.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::utils::enumerate_grouping_sets;
use datafusion::logical_expr::{Aggregate, Expr};
use datafusion::physical_expr::expressions::{Column as ColumnExpr, Literal};
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::{
    AggregateCall, GroupAggregate, Node, NodeKind, SessionAggregate, Stage, WindowAggregate, WindowSource, WindowSpec,
};
use sloth_types::{ChangelogMode, Error, Result};

use super::call::Columns;
use super::relation::{Pending, Relation, Role};
use super::{Lowering, internal, strip_alias};
use crate::rewrite::group_window::WINDOW_MARKERS;

/// The window that an aggregation is by.
enum By {
    /// Computed from a time column.
    Time { window: WindowSpec, time: Expr, proctime: bool },
    /// The time column of a pending window table function.
    Pending,
    /// Bounds that are columns already.
    Columns { start: Expr, end: Expr },
    /// No window.
    Nothing,
}

/// What an output column of the group keys is.
#[derive(Clone, Copy)]
enum Slot {
    Start,
    End,
    Time,
    Key(usize),
}

/// The group keys, taken apart.
struct Shape {
    by: By,
    keys: Vec<Expr>,
    slots: Vec<Slot>,
}

impl Lowering<'_> {
    pub(super) fn aggregate(&mut self, input: Relation, aggregate: &Aggregate) -> Result<Relation> {
        let (group, sets) = match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(set)] => (set.distinct_expr().into_iter().cloned().collect(), Some(set.clone())),
            exprs => (exprs.to_vec(), None),
        };
        let shape = self.shape(&input, &group)?;
        let needs_values = match shape.by {
            By::Pending => shape.keys.iter().chain(&aggregate.aggr_expr).any(|e| input.touches_virtual(e)),
            _ => input.pending.is_some(),
        };
        if needs_values {
            let input = self.materialize(input)?;
            return self.aggregate(input, aggregate);
        }
        self.build(input, aggregate, &group, shape, sets.as_ref())
    }

    /// Finds the window among the group keys.
    fn shape(&self, input: &Relation, group: &[Expr]) -> Result<Shape> {
        let role_of = |expr: &Expr| {
            let column = super::as_column(expr).and_then(|c| input.schema.index_of_column(c).ok());
            column.and_then(|c| input.roles.get(c).copied()).unwrap_or(Role::Plain)
        };
        let roles: Vec<Role> = group.iter().map(role_of).collect();
        let window = roles.iter().find_map(|role| match role {
            Role::WindowStart(id) if roles.contains(&Role::WindowEnd(*id)) => Some(*id),
            _ => None,
        });
        let mut shape = Shape { by: By::Nothing, keys: vec![], slots: vec![] };
        for (expr, role) in group.iter().zip(&roles) {
            let slot = match role {
                Role::WindowStart(id) if Some(*id) == window => Slot::Start,
                Role::WindowEnd(id) if Some(*id) == window => Slot::End,
                Role::WindowTime(id) if Some(*id) == window => Slot::Time,
                _ => match self.marker(input, expr)? {
                    Some((slot, by)) => {
                        shape.by = by;
                        slot
                    }
                    None => {
                        shape.keys.push(expr.clone());
                        Slot::Key(shape.keys.len() - 1)
                    }
                },
            };
            shape.slots.push(slot);
        }
        if let Some(id) = window {
            let bound = |role: Role| group.iter().zip(&roles).find(|(_, r)| **r == role).map(|(e, _)| e.clone());
            shape.by = match (bound(Role::WindowStart(id)), bound(Role::WindowEnd(id))) {
                _ if input.is_virtual(Role::WindowStart(id)) => By::Pending,
                (Some(start), Some(end)) => By::Columns { start, end },
                _ => By::Nothing,
            };
        }
        Ok(shape)
    }

    /// A legacy group window: `$window_start('TUMBLE', time, size)` and its relatives.
    fn marker(&self, input: &Relation, expr: &Expr) -> Result<Option<(Slot, By)>> {
        let Expr::ScalarFunction(f) = strip_alias(expr) else { return Ok(None) };
        let Some(which) = WINDOW_MARKERS.iter().position(|m| *m == f.name()) else { return Ok(None) };
        let slot = [Slot::Start, Slot::End, Slot::Time].get(which).copied().unwrap_or(Slot::Time);
        let (Some(kind), Some(time)) = (f.args.first(), f.args.get(1)) else {
            return Err(Error::internal("a window marker without arguments"));
        };
        let lengths: Vec<i64> = f.args.iter().skip(2).filter_map(int_literal).collect();
        let window = match (text_literal(kind).as_deref(), lengths.as_slice()) {
            (Some("TUMBLE"), [size]) => WindowSpec::Tumble { size_ms: *size, offset_ms: 0 },
            (Some("TUMBLE"), [size, offset]) => WindowSpec::Tumble { size_ms: *size, offset_ms: *offset },
            (Some("HOP"), [slide, size]) => WindowSpec::Hop { size_ms: *size, slide_ms: *slide, offset_ms: 0 },
            (Some("HOP"), [slide, size, offset]) => {
                WindowSpec::Hop { size_ms: *size, slide_ms: *slide, offset_ms: *offset }
            }
            (Some("SESSION"), [gap]) => WindowSpec::Session { gap_ms: *gap },
            _ => return Err(Error::internal("a window marker of unknown form")),
        };
        let column = super::as_column(time).and_then(|c| input.schema.index_of_column(c).ok());
        let role = match (column.and_then(|c| input.roles.get(c).copied()), time) {
            (Some(role), _) => role,
            (None, Expr::ScalarFunction(f)) if f.name() == "proctime" => Role::Proctime,
            _ => Role::Plain,
        };
        let name = super::as_column(time).map_or_else(|| time.to_string(), |c| c.name.clone());
        self.check_time(role, &name)?;
        Ok(Some((slot, By::Time { window, time: time.clone(), proctime: role == Role::Proctime })))
    }

    fn build(
        &mut self,
        input: Relation,
        aggregate: &Aggregate,
        group: &[Expr],
        shape: Shape,
        sets: Option<&GroupingSet>,
    ) -> Result<Relation> {
        let schema = self.schema_of(input.node);
        let mut columns = Columns { keys_vary: sets.is_some(), ..Columns::default() };
        let mut window_columns = vec![];
        let stamp = DataType::Timestamp(TimeUnit::Millisecond, None);
        let mut time_type = stamp.clone();
        let (mut spec, mut proctime) = (None, false);
        match &shape.by {
            By::Time { window, time, proctime: by_clock } => {
                let compiled = self.compile(&input, time)?;
                let data_type = compiled.data_type(&schema).map_err(internal)?;
                time_type = millis_type(&data_type);
                window_columns.push(columns.add(compiled, data_type));
                (spec, proctime) = (Some(*window), *by_clock);
            }
            By::Pending => {
                if let Some(pending) = &input.pending {
                    let field = schema.field(pending.time);
                    time_type = millis_type(field.data_type());
                    let column = Arc::new(ColumnExpr::new(field.name(), pending.time));
                    window_columns.push(columns.add(column, field.data_type().clone()));
                    (spec, proctime) = (Some(pending.spec), pending.proctime);
                }
            }
            By::Columns { start, end } => {
                for bound in [start, end] {
                    let compiled = self.compile(&input, bound)?;
                    let data_type = compiled.data_type(&schema).map_err(internal)?;
                    window_columns.push(columns.add(compiled, data_type));
                }
            }
            By::Nothing => {}
        }
        for key in &shape.keys {
            let compiled = self.compile(&input, key)?;
            let data_type = compiled.data_type(&schema).map_err(internal)?;
            // Two keys may be the same expression; in grouping sets each needs a column of its own.
            // The plan is read by people: a column goes by its own name.
            let own = super::as_column(key).map(|column| &column.name);
            let free = own.filter(|name| columns.fields.iter().all(|field| field.name() != *name));
            let name = free.cloned().unwrap_or_else(|| format!("k{}", columns.keys.len()));
            columns.fields.push(Field::new(name, data_type, true));
            columns.exprs.push(compiled);
            columns.keys.push(columns.exprs.len() - 1);
        }
        let group_width = group.len() + usize::from(sets.is_some());
        let mut calls = vec![];
        for (i, expr) in aggregate.aggr_expr.iter().enumerate() {
            let output = aggregate.schema.field(group_width + i);
            calls.push(self.call(&input, expr, output, &mut columns)?);
        }
        let keeps_rows = input.changes() || !self.emission.is_final();
        if keeps_rows && matches!(spec, Some(WindowSpec::Session { .. })) {
            // The rows of a session lie in the order of time, not of arrival.
            calls.iter_mut().for_each(|call| call.by_content = true);
        }
        // A single group is not worth forgetting.
        let grouped = matches!(shape.by, By::Nothing) && !shape.keys.is_empty();
        let lifetime = if grouped { self.lifetime(&input) } else { None };
        self.check_session_keys(input.pending.as_ref().filter(|_| matches!(shape.by, By::Pending)), &shape)?;
        let (input, keys, grouping) = self.prepare(input, columns, &shape, group, sets)?;
        self.add_aggregate(
            input,
            aggregate,
            Parts { shape, spec, proctime, time_type, window_columns, keys, calls, grouping, lifetime },
        )
    }

    /// The sessions of a table function are formed by its PARTITION BY; they are the groups' own only when the keys are
    /// the same.
    fn check_session_keys(&self, pending: Option<&Pending>, shape: &Shape) -> Result<()> {
        let Some(Pending { spec: WindowSpec::Session { .. }, partition_by, .. }) = pending else { return Ok(()) };
        let names = |exprs: &[Expr]| {
            let names = exprs.iter().map(|e| super::as_column(e).map_or_else(|| e.to_string(), |c| c.name.clone()));
            names.collect::<std::collections::BTreeSet<String>>()
        };
        if names(partition_by) == names(&shape.keys) {
            return Ok(());
        }
        Err(self.refuse_text(
            "the keys of the GROUP BY differ from the PARTITION BY of the session",
            if partition_by.is_empty() { "SESSION" } else { "PARTITION BY" },
            "Group by window_start, window_end and exactly the columns of the session's PARTITION BY.",
        ))
    }

    /// Adds the projection (or, for grouping sets, the expansion) before the aggregation. Returns the key columns, and
    /// the one that holds the grouping id.
    fn prepare(
        &mut self,
        input: Relation,
        mut columns: Columns,
        shape: &Shape,
        group: &[Expr],
        sets: Option<&GroupingSet>,
    ) -> Result<(Relation, Vec<usize>, Option<GroupingId>)> {
        let mut keys = std::mem::take(&mut columns.keys);
        let Some(sets) = sets else {
            let schema: SchemaRef = Arc::new(Schema::new(columns.fields));
            let stage = Stage::Project { exprs: columns.exprs, schema: Arc::clone(&schema) };
            let node = self.add_stage(&input, stage, schema);
            return Ok((Relation { node, exclusive: true, ..input }, keys, None));
        };
        let sets = match enumerate_grouping_sets(vec![Expr::GroupingSet(sets.clone())]).map_err(internal)?.as_slice() {
            [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => sets.clone(),
            _ => return Err(Error::internal("grouping sets of unknown form")),
        };
        // A set that is written twice gives its rows twice: the id tells them apart above the bits of the columns.
        let before = |at: usize| sets.iter().take(at).filter(|s| Some(*s) == sets.get(at)).count();
        let id_type = Aggregate::grouping_id_type(group.len(), (0..sets.len()).map(before).max().unwrap_or(0));
        let id_column = columns.exprs.len();
        columns.fields.push(Field::new("grouping_id", id_type.clone(), true));
        let mut copies = vec![];
        let mut totals = vec![];
        for (at, set) in sets.iter().enumerate() {
            let mut exprs = columns.exprs.clone();
            let mut id = 0u64;
            for (expr, slot) in group.iter().zip(&shape.slots) {
                let absent = !set.contains(expr);
                id = (id << 1) | u64::from(absent);
                match (absent, slot) {
                    (false, _) => {}
                    (true, Slot::Key(key)) => {
                        if let Some(column) = keys.get(*key) {
                            let null = ScalarValue::try_from(columns.fields[*column].data_type()).map_err(internal)?;
                            exprs[*column] = Arc::new(Literal::new(null));
                        }
                    }
                    (true, _) => {
                        return Err(self.refuse_text(
                            "the window must be part of every grouping set",
                            "GROUPING",
                            "Write GROUP BY window_start, window_end, GROUPING SETS (…).",
                        ));
                    }
                }
            }
            let id = if group.len() < 64 { id | ((before(at) as u64) << group.len()) } else { id };
            let id = ScalarValue::UInt64(Some(id)).cast_to(&id_type).map_err(internal)?;
            if set.is_empty() {
                totals.push(id.clone());
            }
            exprs.push(Arc::new(Literal::new(id)));
            copies.push(exprs);
        }
        let schema: SchemaRef = Arc::new(Schema::new(columns.fields));
        let node = self.add_stage(&input, Stage::Expand { copies, schema: Arc::clone(&schema) }, schema);
        keys.push(id_column);
        let id = GroupingId { key: keys.len() - 1, totals };
        Ok((Relation { node, exclusive: true, ..input }, keys, Some(id)))
    }

    fn add_aggregate(&mut self, input: Relation, aggregate: &Aggregate, parts: Parts) -> Result<Relation> {
        let Parts { shape, spec, proctime, time_type, window_columns, keys, calls, grouping, lifetime } = parts;
        let emission = self.emission_of(proctime);
        if !proctime && let Some(spec) = spec {
            self.note_late(input.lineage.as_ref(), &input.sources, spec, emission.lateness_ms)?;
        }
        let read = self.schema_of(input.node);
        let stamp = DataType::Timestamp(TimeUnit::Millisecond, None);
        let windowed = !matches!(shape.by, By::Nothing);
        let mut fields = vec![];
        if windowed {
            fields.push(Field::new("window_start", stamp.clone(), true));
            fields.push(Field::new("window_end", stamp, true));
            fields.push(Field::new("window_time", time_type.clone(), true));
        }
        fields.extend(keys.iter().map(|k| read.field(*k).clone().with_nullable(true)));
        fields.extend(calls.iter().map(|c| c.output.as_ref().clone().with_nullable(true)));
        let first = |columns: &[usize]| columns.first().copied().unwrap_or(0);
        let cascaded = input.cascaded;
        let key_width = keys.len();
        let distinct = calls.is_empty() && !windowed;
        let kind = match (spec, windowed) {
            (Some(WindowSpec::Session { gap_ms }), _) => NodeKind::SessionAggregate(SessionAggregate {
                time: first(&window_columns),
                gap_ms,
                keys,
                calls,
                proctime,
                cascaded,
                emission,
            }),
            (Some(window), _) => NodeKind::WindowAggregate(WindowAggregate {
                source: WindowSource::Time { window, column: first(&window_columns) },
                keys,
                calls,
                proctime,
                cascaded,
                emission,
            }),
            (None, true) => NodeKind::WindowAggregate(WindowAggregate {
                source: WindowSource::Columns {
                    start: first(&window_columns),
                    end: window_columns.get(1).copied().unwrap_or(0),
                },
                keys,
                calls,
                proctime,
                cascaded,
                emission,
            }),
            (None, false) => {
                let fields = keys.iter().map(|k| read.field(*k).clone()).collect::<Vec<_>>();
                let totals = grouping.as_ref().map_or(&[][..], |id| &id.totals);
                let totals = total_keys(fields, totals)?;
                let (every, ttl_ms) = (self.emission.updates, lifetime);
                NodeKind::GroupAggregate(GroupAggregate { keys, calls, totals, every, ttl_ms })
            }
        };
        let offset = if windowed { 3 } else { 0 };
        let final_window = windowed && emission.is_final();
        let mode = match final_window || (distinct && !input.changes()) {
            true => ChangelogMode::Append,
            false => ChangelogMode::Retract,
        };
        // No two windows of a key have the same end.
        let bound = windowed.then_some(1);
        let unique = (!final_window).then(|| bound.into_iter().chain(offset..offset + key_width).collect::<Vec<_>>());
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let sources = input.sources.clone();
        let node = self.plan.add(Node {
            kind,
            inputs: vec![input.node],
            schema: Arc::clone(&schema),
            mode: mode.clone(),
            key: unique.clone(),
            sources: sources.clone(),
        });
        // From (window, keys, results) to the logical order: group keys, grouping id, results.
        self.windows += 1;
        let id = self.windows;
        if proctime {
            self.clocked.insert(id);
        }
        if matches!(spec, None | Some(WindowSpec::Cumulate { .. })) {
            self.growing.insert(id);
        }
        let mut picks: Vec<(usize, Role)> = shape
            .slots
            .iter()
            .map(|slot| match slot {
                Slot::Start => (0, Role::WindowStart(id)),
                Slot::End => (1, Role::WindowEnd(id)),
                Slot::Time => (2, Role::WindowTime(id)),
                Slot::Key(key) => (offset + key, Role::Plain),
            })
            .collect();
        picks.extend(grouping.iter().map(|id| (offset + id.key, Role::Plain)));
        picks.extend((0..aggregate.aggr_expr.len()).map(|i| (offset + key_width + i, Role::Plain)));
        let relation = Relation {
            node,
            exclusive: false,
            schema: Arc::clone(&aggregate.schema),
            roles: vec![],
            pending: None,
            mode,
            key: unique,
            sources,
            exchanged: true,
            cascaded: windowed,
            lineage: None,
        };
        self.pick(relation, &picks, &aggregate.schema)
    }

    /// Picks output columns by place, with the names of a logical schema.
    pub(super) fn pick(&mut self, relation: Relation, picks: &[(usize, Role)], schema: &DFSchema) -> Result<Relation> {
        let from = self.schema_of(relation.node);
        let exprs: Vec<Arc<dyn PhysicalExpr>> = picks
            .iter()
            .map(|(column, _)| Arc::new(ColumnExpr::new(from.field(*column).name(), *column)) as _)
            .collect();
        let fields: Vec<Field> = picks
            .iter()
            .zip(schema.fields())
            .map(|((column, _), f)| Field::new(f.name(), from.field(*column).data_type().clone(), true))
            .collect();
        let arrow: SchemaRef = Arc::new(Schema::new(fields));
        let qualified = schema.iter().zip(arrow.fields()).map(|((q, _), f)| (q.cloned(), Arc::clone(f))).collect();
        let logical = DFSchema::new_with_metadata(qualified, HashMap::new()).map_err(internal)?;
        let key = relation.key.as_ref().and_then(|key| {
            key.iter().map(|k| picks.iter().position(|(column, _)| column == k)).collect::<Option<Vec<usize>>>()
        });
        let relation = Relation { key, ..relation };
        let node = self.add_stage(&relation, Stage::Project { exprs, schema: Arc::clone(&arrow) }, arrow);
        let roles = picks.iter().map(|(_, role)| *role).collect();
        Ok(Relation { node, exclusive: true, schema: Arc::new(logical), roles, ..relation })
    }
}

struct Parts {
    shape: Shape,
    spec: Option<WindowSpec>,
    proctime: bool,
    time_type: DataType,
    window_columns: Vec<usize>,
    keys: Vec<usize>,
    calls: Vec<AggregateCall>,
    grouping: Option<GroupingId>,
    lifetime: Option<i64>,
}

/// The key that tells grouping sets apart.
struct GroupingId {
    /// Its place among the keys.
    key: usize,
    /// Its values for the empty sets: their groups are there before any row is.
    totals: Vec<ScalarValue>,
}

/// The keys of the grand totals: NULL for every column, and the id of the set.
fn total_keys(fields: Vec<Field>, ids: &[ScalarValue]) -> Result<Option<RecordBatch>> {
    if ids.is_empty() {
        return Ok(None);
    }
    let fields: Vec<Field> = fields.into_iter().map(|f| f.with_nullable(true)).collect();
    let mut columns: Vec<ArrayRef> = fields.iter().map(|f| new_null_array(f.data_type(), ids.len())).collect();
    if let Some(last) = columns.last_mut() {
        *last = ScalarValue::iter_to_array(ids.iter().cloned()).map_err(internal)?;
    }
    Ok(Some(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?))
}

fn millis_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        other => other.clone(),
    }
}

pub(super) fn int_literal(expr: &Expr) -> Option<i64> {
    match strip_alias(expr) {
        Expr::Literal(ScalarValue::Int64(v), _) => *v,
        Expr::Literal(other, _) => match other.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(v)) => v,
            _ => None,
        },
        Expr::Cast(cast) => int_literal(&cast.expr),
        _ => None,
    }
}

fn text_literal(expr: &Expr) -> Option<String> {
    match strip_alias(expr) {
        Expr::Literal(ScalarValue::Utf8(v) | ScalarValue::Utf8View(v) | ScalarValue::LargeUtf8(v), _) => v.clone(),
        _ => None,
    }
}
