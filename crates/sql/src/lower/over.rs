//! OVER: window functions that are not a mere filter on a rank.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Window, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition};
use datafusion::physical_expr::window::SlidingAggregateWindowExpr;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_planner::create_window_expr_with_name;
use sloth_plan::{Node, NodeKind, OrderColumn, Over, OverCall, OverEmission, Reach};
use sloth_types::{ChangelogMode, Error, Result};

use super::aggregate::int_literal;
use super::relation::{Relation, Role};
use super::{Lowering, internal, strip_alias};

impl Lowering<'_> {
    pub(super) fn over(&mut self, window: &Window) -> Result<Relation> {
        let input = self.relation(&window.input)?;
        let input = self.materialize(input)?;
        let functions: Vec<&WindowFunction> = window
            .window_expr
            .iter()
            .map(|expr| match strip_alias(expr) {
                Expr::WindowFunction(function) => Ok(function.as_ref()),
                other => Err(Error::internal(format!("no window function: {other}"))),
            })
            .collect::<Result<_>>()?;
        let Some(first) = functions.first() else { return Ok(input) };
        let WindowFunctionParams { partition_by, order_by, .. } = &first.params;
        if functions.iter().any(|f| f.params.partition_by != *partition_by || f.params.order_by != *order_by) {
            return Err(Error::internal("window functions of different orders in one step"));
        }
        let visible = Arc::clone(&input.schema);
        let exprs: Vec<Expr> = partition_by.iter().chain(order_by.iter().map(|s| &s.expr)).cloned().collect();
        let (input, columns) = self.with_keys(input, &exprs, "key")?;
        let (partition, order) = columns.split_at(partition_by.len());
        let order: Vec<OrderColumn> = order
            .iter()
            .zip(order_by)
            .map(|(column, sort)| OrderColumn { column: *column, descending: !sort.asc, nulls_first: sort.nulls_first })
            .collect();
        let time = order.first().filter(|o| !o.descending && !input.changes()).map(|o| o.column);
        let role = time.and_then(|column| input.roles.get(column).copied());
        let by_clock = role == Some(Role::Proctime);
        let calls: Vec<OverCall> =
            functions.iter().map(|f| self.over_call(&input, f, by_clock)).collect::<Result<_>>()?;
        let looks_back = calls.iter().all(|call| call.reach.looks_back());
        let emission = match (role, time) {
            (Some(Role::Proctime), _) if looks_back => OverEmission::Arrival { by_content: input.exchanged },
            (Some(Role::Rowtime | Role::WindowTime(_)), Some(time)) if looks_back => {
                match self.emission.waits_for_none {
                    true => OverEmission::Early { time, cascaded: input.cascaded },
                    false => OverEmission::Watermark { time, cascaded: input.cascaded },
                }
            }
            _ => OverEmission::Changes,
        };
        let over = Over { partition: partition.to_vec(), order, calls, emission };
        self.add_over(input, over, &visible, window)
    }

    fn add_over(&mut self, input: Relation, over: Over, visible: &DFSchema, window: &Window) -> Result<Relation> {
        let read = self.schema_of(input.node);
        let width = read.fields().len();
        let mut fields: Vec<Field> = read.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
        for (i, call) in over.calls.iter().enumerate() {
            let field = call.expr.field().map_err(internal)?;
            fields.push(Field::new(format!("over{i}"), field.data_type().clone(), true));
        }
        let plain = over.emission == OverEmission::Changes;
        let changes = plain || matches!(over.emission, OverEmission::Early { .. });
        let by_watermark = matches!(over.emission, OverEmission::Watermark { .. });
        let role = |role: &Role| match role {
            Role::Proctime => Role::Proctime,
            _ if plain => Role::Plain,
            role => *role,
        };
        let mut picks: Vec<(usize, Role)> =
            input.roles.iter().take(visible.fields().len()).enumerate().map(|(i, r)| (i, role(r))).collect();
        picks.extend((0..over.calls.len()).map(|i| (width + i, Role::Plain)));
        let mode = if changes { ChangelogMode::Retract } else { ChangelogMode::Append };
        let node = self.plan.add(Node {
            kind: NodeKind::Over(over),
            inputs: vec![input.node],
            schema: Arc::new(Schema::new(fields)),
            mode: mode.clone(),
            key: input.key.clone(),
            sources: input.sources.clone(),
        });
        let relation = Relation {
            node,
            exclusive: false,
            schema: Arc::clone(&window.schema),
            roles: vec![],
            pending: None,
            mode,
            exchanged: true,
            cascaded: by_watermark || input.cascaded,
            lineage: None,
            ..input
        };
        self.pick(relation, &picks, &window.schema)
    }

    fn over_call(&self, input: &Relation, function: &WindowFunction, by_clock: bool) -> Result<OverCall> {
        let mut function = function.clone();
        let frame = &mut function.params.window_frame;
        let whole_past = matches!((&frame.start_bound, &frame.end_bound),
            (WindowFrameBound::Preceding(start), WindowFrameBound::CurrentRow) if start.is_null());
        if by_clock && whole_past && frame.units == WindowFrameUnits::Range {
            // Rows of the same instant come one after the other.
            frame.units = WindowFrameUnits::Rows;
        }
        let reach = reach_of(&function);
        let schema = input.physical_schema()?;
        let filter = match &function.params.filter {
            Some(filter) => Some(self.compile(input, filter)?),
            None => None,
        };
        let sql = Expr::WindowFunction(Box::new(function.clone())).schema_name().to_string();
        let floats = function.params.args.iter().map(|arg| self.compile(input, arg)).any(|arg| {
            let float = |arg: Arc<dyn PhysicalExpr>| arg.data_type(schema.inner()).is_ok_and(|t| t.is_floating());
            arg.is_ok_and(float)
        });
        let state = self.session.state();
        let expr = create_window_expr_with_name(
            &Expr::WindowFunction(Box::new(function)),
            "over",
            &schema,
            state.execution_props(),
            &PhysicalPlanningContext::default(),
        )
        .map_err(|e| {
            self.refuse_text(&e.strip_backtrace(), "OVER", "Look the function's form up in the documentation.")
        })?;
        // What leaves a frame must be taken out exactly, so that the result depends on the frame alone.
        let fresh = expr.as_any().downcast_ref::<SlidingAggregateWindowExpr>().is_some_and(|sliding| {
            let aggregate = sliding.get_aggregate_expr();
            floats || aggregate.is_distinct() || aggregate.create_sliding_accumulator().is_err()
        });
        Ok(OverCall { expr, filter, fresh, reach, sql })
    }
}

/// How far a function looks.
fn reach_of(function: &WindowFunction) -> Reach {
    let frame = &function.params.window_frame;
    let aggregate = matches!(function.fun, WindowFunctionDefinition::AggregateUDF(_));
    if let WindowFunctionDefinition::WindowUDF(udf) = &function.fun {
        match udf.name() {
            "row_number" | "rank" | "dense_rank" => return Reach::Running,
            "lag" | "lead" => return shift(function, udf.name() == "lag"),
            "first_value" if whole_past(function) => return Reach::Running,
            // The last row of such a frame is the row itself.
            "last_value" if whole_past(function) && frame.units == WindowFrameUnits::Rows => {
                return Reach::Rows { before: 0, after: 0 };
            }
            "first_value" | "last_value" | "nth_value" => {}
            _ => return Reach::Partition,
        }
    }
    let rows = |value: &ScalarValue| match value.cast_to(&DataType::UInt64) {
        Ok(ScalarValue::UInt64(rows)) => rows,
        _ => None,
    };
    match (frame.units, &frame.start_bound, &frame.end_bound) {
        (_, WindowFrameBound::Preceding(start), end) if start.is_null() => match end {
            WindowFrameBound::CurrentRow if aggregate => Reach::Running,
            WindowFrameBound::CurrentRow => Reach::Back,
            WindowFrameBound::Preceding(end) if !end.is_null() => Reach::Back,
            _ => Reach::Partition,
        },
        (WindowFrameUnits::Rows, start, end) => {
            let before = match start {
                WindowFrameBound::Preceding(n) => rows(n),
                _ => Some(0),
            };
            let after = match end {
                WindowFrameBound::Following(n) => rows(n),
                _ => Some(0),
            };
            match (before, after) {
                (Some(before), Some(after)) => Reach::Rows { before, after },
                (Some(_), None) | (None, Some(1..) | None) => Reach::Partition,
                (None, Some(0)) => Reach::Back,
            }
        }
        (
            WindowFrameUnits::Range,
            WindowFrameBound::Preceding(start),
            WindowFrameBound::CurrentRow | WindowFrameBound::Preceding(_),
        ) => interval_ms(start).map_or(Reach::Back, Reach::Millis),
        (WindowFrameUnits::Range, WindowFrameBound::CurrentRow, WindowFrameBound::CurrentRow) => Reach::Millis(0),
        _ => Reach::Partition,
    }
}

/// From the first row of the partition to the row itself, with NULL a value like others.
fn whole_past(function: &WindowFunction) -> bool {
    let frame = &function.params.window_frame;
    matches!(&frame.start_bound, WindowFrameBound::Preceding(start) if start.is_null())
        && matches!(frame.end_bound, WindowFrameBound::CurrentRow)
        && !ignores_nulls(function)
}

fn ignores_nulls(function: &WindowFunction) -> bool {
    function.params.null_treatment == Some(datafusion::logical_expr::expr::NullTreatment::IgnoreNulls)
}

/// The reach of LAG and LEAD.
fn shift(function: &WindowFunction, back: bool) -> Reach {
    let by = match function.params.args.get(1) {
        None => Some(1),
        Some(by) => int_literal(by),
    };
    match by {
        Some(by) if !ignores_nulls(function) => {
            let by = if back { by } else { by.saturating_neg() };
            Reach::Rows { before: by.max(0).unsigned_abs(), after: by.min(0).unsigned_abs() }
        }
        _ => Reach::Partition,
    }
}

fn interval_ms(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.months == 0 => {
            // Rounded up: a little more is kept than is looked at.
            let up = v.nanoseconds.div_euclid(1_000_000) + i64::from(v.nanoseconds.rem_euclid(1_000_000) > 0);
            i64::from(v.days).checked_mul(86_400_000)?.checked_add(up)
        }
        ScalarValue::IntervalDayTime(Some(v)) => {
            i64::from(v.days).checked_mul(86_400_000)?.checked_add(i64::from(v.milliseconds))
        }
        _ => None,
    }
}
