//! Functions without a form that follows changes: the rows of each group are kept, and the result of a group that has
//! changed is computed from them again.
//!
//! The rows are given to DataFusion's accumulator in the order in which they came, or (where they have no order, or the
//! call has an `ORDER BY`) sorted.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;
use sloth_plan::AggregateCall;
use sloth_types::{Error, Result};

use super::foreign::{expression, failed, to_array, wrap};
use super::packed::{pack, state_type, unpack};
use super::retract::edge;
use super::{Accumulator, Input, Target, for_each_valid};
use crate::state::bags::Bags;
use crate::state::keys::KeyEncoder;

/// The accumulator of a call whose rows have to be sorted.
pub(super) fn sorted(call: &AggregateCall) -> Result<Box<dyn Accumulator>> {
    match edge::Edge::of(call, false)? {
        Some(edge) => Ok(Box::new(edge)),
        None => Ok(Box::new(Replay::new(call)?)),
    }
}

/// Which of a call's columns are kept, in the order by which rows are sorted: `ORDER BY` first, then the arguments.
pub(super) struct Layout {
    /// For each kept column its place in [`Input::args`].
    pub(super) kept: Vec<usize>,
    pub(super) encoder: KeyEncoder,
    pub(super) types: Vec<DataType>,
}

impl Layout {
    /// The layout for a call; `None` when a type has no order of bytes.
    pub(super) fn of(call: &AggregateCall) -> Result<Option<Layout>> {
        let args = call.arg_fields.len();
        let constant = |i: &usize| call.arg_exprs.get(*i).is_some_and(|e| e.downcast_ref::<Literal>().is_some());
        let mut kept: Vec<usize> = (0..call.order.len()).map(|i| args + i).collect();
        kept.extend((0..args).filter(|i| !constant(i)));
        if kept.is_empty() && args > 0 {
            kept.push(0);
        }
        let (types, fields): (Vec<DataType>, Vec<SortField>) = kept
            .iter()
            .map(|place| match place.checked_sub(args).and_then(|i| call.order.get(i)) {
                Some(order) => {
                    let options = SortOptions { descending: order.descending, nulls_first: order.nulls_first };
                    (order.data_type.clone(), SortField::new_with_options(order.data_type.clone(), options))
                }
                None => {
                    let data_type = call.arg_fields.get(*place).map_or(DataType::Null, |f| f.data_type().clone());
                    (data_type.clone(), SortField::new(data_type))
                }
            })
            .unzip();
        if fields.is_empty() || !RowConverter::supports_fields(&fields) {
            return Ok(None);
        }
        Ok(Some(Layout { kept, encoder: KeyEncoder::sorted(types.clone(), fields)?, types }))
    }

    /// The kept ones of a batch's columns.
    pub(super) fn columns(&self, input: &Input) -> Vec<ArrayRef> {
        self.kept.iter().filter_map(|place| input.args.get(*place)).map(ArrayRef::clone).collect()
    }
}

/// The rows of each slot, and how a result is made of them.
pub(super) struct Replay {
    expr: AggregateFunctionExpr,
    layout: Layout,
    /// For each argument where it is kept, or its constant.
    args: Vec<Source>,
    bags: Bags,
    sorted: bool,
    distinct: bool,
    output: DataType,
    ids: Vec<u32>,
}

enum Source {
    Kept(usize),
    Constant(ScalarValue),
}

impl Replay {
    /// No rows yet.
    pub(super) fn new(call: &AggregateCall) -> Result<Self> {
        let expr = expression(call)?;
        expr.create_accumulator().map_err(|e| failed(call, &e))?;
        let Some(layout) = Layout::of(call)? else {
            let types: Vec<String> = call.arg_fields.iter().map(|f: &Field| f.data_type().to_string()).collect();
            let what = format!("{} over rows that change: its rows are of type {}", call.sql, types.join(", "));
            return Err(Error::unsupported(what).hint("Cast the argument to text first."));
        };
        let constant = |i: usize| call.arg_exprs.get(i).and_then(|e| e.downcast_ref::<Literal>());
        let args = (0..call.arg_fields.len())
            .map(|i| match (layout.kept.iter().position(|kept| *kept == i), constant(i)) {
                (Some(place), _) => Source::Kept(place),
                (None, Some(literal)) => Source::Constant(literal.value().clone()),
                (None, None) => Source::Constant(ScalarValue::Null),
            })
            .collect();
        let bags = Bags::new(&layout.encoder, call.order_sensitive());
        let (sorted, output) = (call.sorts(), call.output_type().clone());
        Ok(Replay { expr, layout, args, bags, sorted, distinct: call.distinct, output, ids: vec![] })
    }

    /// The numbers of a slot's values, as often as they are there, in the order in which the function gets them.
    fn values_of(&self, slot: u32, ids: &mut Vec<u32>) {
        let start = ids.len();
        let mut seen = HashSet::new();
        let table = self.bags.values.table();
        for (value, weight) in self.bags.entries(slot) {
            let times = usize::try_from(weight).unwrap_or(0);
            match self.distinct {
                true if times > 0 && seen.insert(value) => ids.push(value),
                true => {}
                false => ids.extend(std::iter::repeat_n(value, times)),
            }
        }
        if self.sorted
            && let Some(part) = ids.get_mut(start..)
        {
            part.sort_unstable_by(|a, b| table.bytes_of(*a).cmp(table.bytes_of(*b)));
        }
    }

    fn result(&self, columns: &[ArrayRef], start: usize, rows: usize) -> Result<ScalarValue> {
        let mut accumulator = self.expr.create_accumulator().map_err(|e| wrap(&e))?;
        if rows > 0 {
            let args = self
                .args
                .iter()
                .map(|source| match source {
                    Source::Kept(place) => Ok(columns[*place].slice(start, rows)),
                    Source::Constant(value) => value.to_array_of_size(rows).map_err(|e| wrap(&e)),
                })
                .collect::<Result<Vec<_>>>()?;
            accumulator.update_batch(&args).map_err(|e| wrap(&e))?;
        }
        accumulator.evaluate().map_err(|e| wrap(&e))
    }
}

impl Accumulator for Replay {
    fn resize(&mut self, slots: usize) {
        self.bags.resize(slots);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let keys = self.layout.encoder.encode(&self.layout.columns(input))?;
        let mut ids = std::mem::take(&mut self.ids);
        self.bags.values.intern(&keys, input.rows, &mut ids);
        for_each_valid(input, target, |row, slot| {
            self.bags.add(slot as u32, ids[row], input.weights.as_ref().map_or(1, |w| w.value(row)));
        });
        self.bags.values.release(&ids);
        self.ids = ids;
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let rows = unpack(&states[0], target);
        let keys = self.layout.encoder.encode(&rows.columns)?;
        let mut ids = vec![];
        self.bags.values.intern(&keys, rows.slots.len(), &mut ids);
        for (row, slot) in rows.slots.iter().enumerate() {
            self.bags.add(*slot, ids[row], rows.weights.value(row));
        }
        self.bags.values.release(&ids);
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![state_type(&self.layout.types)]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let (mut ids, mut weights, mut lengths) = (vec![], vec![], vec![]);
        for slot in slots {
            let start = ids.len();
            self.bags.entries(*slot).for_each(|(value, weight)| {
                ids.push(value);
                weights.push(weight);
            });
            lengths.push(ids.len() - start);
        }
        let columns = self.layout.encoder.decode(self.bags.values.table(), &ids)?;
        Ok(vec![pack(&lengths, columns, weights)?])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let (mut ids, mut lengths) = (vec![], vec![]);
        for slot in slots {
            let start = ids.len();
            self.values_of(*slot, &mut ids);
            lengths.push(ids.len() - start);
        }
        let columns = self.layout.encoder.decode(self.bags.values.table(), &ids)?;
        let mut start = 0;
        let mut results = Vec::with_capacity(slots.len());
        for rows in lengths {
            results.push(self.result(&columns, start, rows)?);
            start += rows;
        }
        to_array(results, &self.output)
    }

    fn clear(&mut self, slot: u32) {
        self.bags.clear(slot);
    }

    fn bytes(&self) -> usize {
        self.bags.bytes()
    }
}
