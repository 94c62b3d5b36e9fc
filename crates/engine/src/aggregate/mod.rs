//! Accumulators: what an aggregate function keeps for each slot of a key table.
//!
//! `count`, `sum`, `avg`, `min`, `max` and approximate percentiles have kernels of their own here; every other function runs through DataFusion's row
//! accumulators ([`foreign`]). `DISTINCT` wraps any of them ([`distinct`]).
//!
//! Counts and sums of integers are no accumulators of their own: they are words of a group's record ([`cell`]).
//!
//! Where rows may be taken back ([`retract`]), sums and counts add weights, the smallest and the largest come from a
//! sorted list of what is there, and every other function is computed again from the rows of a changed group
//! ([`replay`]).

mod avg;
pub(crate) mod cell;
mod count;
mod distinct;
mod exact;
mod extreme;
mod float_sum;
mod foreign;
pub(crate) mod moments;
mod packed;
mod quantile;
mod replay;
mod retract;
mod sliding;
mod sum;
mod text_extreme;

pub(crate) use self::sliding::SlidingCounts;
use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field};
use sloth_plan::AggregateCall;
use sloth_types::Result;

/// Rows given to one aggregate call.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The argument columns, behind them those of an `ORDER BY` inside the call.
    pub(crate) args: Vec<ArrayRef>,
    /// Rows that count: true of the `FILTER`, and the first argument is not NULL. `None` when all do.
    pub(crate) valid: Option<NullBuffer>,
    /// Number of rows.
    pub(crate) rows: usize,
    /// A weight for each row where rows may be taken back; only accumulators made for that look at it.
    pub(crate) weights: Option<Int64Array>,
}

impl Input {
    /// A column of partial results; those that are NULL do not count.
    pub(crate) fn of_state(state: &ArrayRef) -> Input {
        Input { args: vec![ArrayRef::clone(state)], valid: state.nulls().cloned(), rows: state.len(), weights: None }
    }

    /// A part of the rows.
    pub(crate) fn slice(&self, offset: usize, len: usize) -> Input {
        Input {
            args: self.args.iter().map(|a| a.slice(offset, len)).collect(),
            valid: self.valid.as_ref().map(|v| v.slice(offset, len)).filter(|v| v.null_count() > 0),
            rows: len,
            weights: self.weights.as_ref().map(|w| w.slice(offset, len)),
        }
    }
}

/// Where the rows of an [`Input`] go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    /// All to one slot.
    One(u32),
    /// Each to its own.
    Each(&'a [u32]),
}

impl Target<'_> {
    /// The slot of a row.
    #[inline(always)]
    pub(crate) fn slot(&self, row: usize) -> usize {
        match self {
            Target::One(slot) => *slot as usize,
            Target::Each(slots) => slots[row] as usize,
        }
    }
}

/// State of one aggregate call (or of several that share it) for all slots.
pub(crate) trait Accumulator {
    /// About so many slots will come.
    fn reserve(&mut self, slots: usize) {
        let _ = slots;
    }
    /// Makes room for slots `0..slots`; new ones are empty.
    fn resize(&mut self, slots: usize);
    /// Adds rows.
    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()>;
    /// Adds partial states made by [`Accumulator::state`] of an equal call.
    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()>;
    /// Types of the partial state, in order.
    fn state_types(&self) -> Vec<DataType>;
    /// The partial states of the slots, in columns of [`Accumulator::state_types`]. Leaves them as they are.
    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>>;
    /// The results of the slots. Leaves them as they are.
    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef>;
    /// The results of all calls that share the accumulator, see [`units`].
    fn finish_all(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(slots)?])
    }
    /// What counts the same over panes that come and go, where merging all panes of a window would cost much more. `keyed`
    /// tells that there are several slots.
    fn sliding(&self, keyed: bool) -> Result<Option<SlidingCounts>> {
        let _ = keyed;
        Ok(None)
    }
    /// Empties a slot.
    fn clear(&mut self, slot: u32);
    /// Empties all slots and keeps the room, where that is possible: says whether it was.
    fn empty(&mut self) -> bool {
        false
    }
    /// Values kept in all slots, where partial states carry them one by one.
    fn kept(&self) -> usize {
        0
    }
    /// Estimated bytes.
    fn bytes(&self) -> usize;
}

/// Runs `each(row, slot)` for the rows that count.
#[inline(always)]
pub(crate) fn for_each_valid(input: &Input, target: Target<'_>, mut each: impl FnMut(usize, usize)) {
    match (&input.valid, target) {
        (None, Target::Each(slots)) => {
            for (row, slot) in slots.iter().enumerate() {
                each(row, *slot as usize);
            }
        }
        (None, Target::One(slot)) => {
            for row in 0..input.rows {
                each(row, slot as usize);
            }
        }
        (Some(valid), _) => {
            for row in valid.valid_indices() {
                each(row, target.slot(row));
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    TextMin,
    TextMax,
    Quantile,
    Foreign,
}

/// Which kernel serves a call.
fn kernel(call: &AggregateCall) -> Kernel {
    let argument = call.arg_fields.first().map(Field::data_type);
    let number = argument.is_some_and(|t| {
        matches!(
            t,
            DataType::Int8
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::Float32
                | DataType::Float64
                | DataType::Decimal128(_, _)
        )
    });
    match call.function.name() {
        "count" if call.args.len() <= 1 => Kernel::Count,
        "sum" if number => Kernel::Sum,
        "avg" if number => Kernel::Avg,
        "min" if argument.is_some_and(|t| extreme::serves(t) && t == call.output_type()) => Kernel::Min,
        "max" if argument.is_some_and(|t| extreme::serves(t) && t == call.output_type()) => Kernel::Max,
        "min" if argument == Some(&DataType::Utf8) && !call.distinct => Kernel::TextMin,
        "max" if argument == Some(&DataType::Utf8) && !call.distinct => Kernel::TextMax,
        "approx_percentile_cont" | "approx_median" => Kernel::Quantile,
        _ => Kernel::Foreign,
    }
}

/// The accumulator of a call. `retracts` tells that rows may be taken back.
pub(crate) fn accumulator(call: &AggregateCall, retracts: bool) -> Result<Box<dyn Accumulator>> {
    if retracts {
        return retract::accumulator(call);
    }
    if call.sorts() {
        return replay::sorted(call);
    }
    if call.distinct {
        return Ok(Box::new(distinct::Distinct::new(&[call])?));
    }
    let argument = call.arg_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
    Ok(match kernel(call) {
        Kernel::Count => Box::new(count::Count::default()),
        Kernel::Sum => sum::sum(&argument, call.output_type()),
        Kernel::Avg => avg::avg(&argument, call.output_type()),
        Kernel::Min => extreme::extreme(&argument, false)?,
        Kernel::Max => extreme::extreme(&argument, true)?,
        Kernel::TextMin => Box::new(text_extreme::TextExtreme::new(false)),
        Kernel::TextMax => Box::new(text_extreme::TextExtreme::new(true)),
        Kernel::Quantile => Box::new(quantile::Quantile::new(call)?),
        Kernel::Foreign => Box::new(foreign::Foreign::new(call)?),
    })
}

/// Which calls share an accumulator: those with DISTINCT over the same arguments keep one set of values. Every unit is a
/// list of calls in their order.
pub(crate) fn units(calls: &[AggregateCall], retracts: bool) -> Vec<Vec<usize>> {
    let mut units: Vec<Vec<usize>> = vec![];
    for (index, call) in calls.iter().enumerate() {
        let shares = |unit: &&mut Vec<usize>| {
            let first = unit.first().and_then(|first| calls.get(*first));
            unit.len() < distinct::CALLS_MAX
                && first.is_some_and(|first| first.distinct && !first.sorts() && first.args == call.args)
        };
        let unit = units.iter_mut().find(shares).filter(|_| call.distinct && !call.sorts() && !retracts);
        match unit {
            Some(unit) => unit.push(index),
            None => units.push(vec![index]),
        }
    }
    units
}

/// The accumulator of a unit.
pub(crate) fn accumulator_of(calls: &[&AggregateCall], retracts: bool) -> Result<Box<dyn Accumulator>> {
    match calls {
        [call] => accumulator(call, retracts),
        several => Ok(Box::new(distinct::Distinct::new(several)?)),
    }
}

/// The input of calls that share an accumulator: the arguments, and behind them the calls that each row counts for, as
/// bits.
pub(crate) fn shared_input(inputs: Vec<Input>) -> Option<Input> {
    if inputs.len() <= 1 {
        return inputs.into_iter().next();
    }
    let rows = inputs.first().map_or(0, |input| input.rows);
    let mut masks = vec![0u32; rows];
    for (bit, input) in inputs.iter().enumerate() {
        match &input.valid {
            None => masks.iter_mut().for_each(|mask| *mask |= 1 << bit),
            Some(valid) => valid.valid_indices().for_each(|row| masks[row] |= 1 << bit),
        }
    }
    let valid = masks.contains(&0).then(|| masks.iter().map(|mask| *mask != 0).collect::<NullBuffer>());
    let mut shared = inputs.into_iter().next()?;
    shared.valid = valid;
    shared.args.push(std::sync::Arc::new(arrow::array::UInt32Array::from(masks)));
    Some(shared)
}

/// Rows that count for a call: `filter` is true, and the argument is not NULL (functions of several arguments and
/// foreign ones look at NULLs themselves).
pub(crate) fn valid_rows(call: &AggregateCall, args: &[ArrayRef], filter: Option<&ArrayRef>) -> Option<NullBuffer> {
    use arrow::array::AsArray;
    let filter = filter.and_then(|f| f.as_boolean_opt()).map(|f| {
        let kept = match f.nulls() {
            Some(nulls) => f.values() & nulls.inner(),
            None => f.values().clone(),
        };
        NullBuffer::new(kept)
    });
    let skip_nulls = match kernel(call) {
        Kernel::Foreign if matches!(call.function.name(), "min" | "max") => true,
        // Distinct lists have a NULL, too.
        Kernel::Foreign => call.ignore_nulls || (call.distinct && !call.order_matters()),
        _ => true,
    };
    let argument = args.first().filter(|_| skip_nulls).and_then(|a| a.logical_nulls());
    NullBuffer::union(filter.as_ref(), argument.as_ref()).filter(|v| v.null_count() > 0)
}

#[cfg(test)]
mod restore_tests;
