//! `APPROX_TOP_K` and `APPROX_HEAVY_HITTERS`: the most frequent values, in room that does not grow with their number.
//!
//! Space-saving (Metwally, Agrawal and El Abbadi 2005): at most `m` values are counted; a value that is not among them takes
//! the place of the least frequent one, inherits its count, and remembers it as its error. After `n` values each count is
//! at most `n / m` too high and never too low, `count - error` is never too high, and every value that comes more than `n / m`
//! times is there.

mod counters;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Expr, Signature, Volatility};
use datafusion::physical_expr::expressions::Literal;

use self::counters::{Counter, Counters};

/// Which values are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// So many of the most frequent.
    TopK,
    /// Those that make up a share of all.
    HeavyHitters,
}

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Frequent {
    kind: Kind,
    signature: Signature,
}

/// Counters for each value that is asked for, and at least so many in all.
const COUNTERS_PER_VALUE: usize = 16;
const COUNTERS_MIN: usize = 256;
/// Values that can be asked for.
const VALUES_MAX: i64 = 10_000;

impl Frequent {
    pub(crate) fn new(kind: Kind) -> Self {
        Frequent { kind, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn title(&self) -> String {
        self.name().to_ascii_uppercase()
    }
}

fn entry_fields(value: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("value", value.clone(), true),
        Field::new("count", DataType::Int64, true),
        Field::new("error", DataType::Int64, true),
    ])
}

fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

impl AggregateUDFImpl for Frequent {
    fn name(&self) -> &str {
        match self.kind {
            Kind::TopK => "approx_top_k",
            Kind::HeavyHitters => "approx_heavy_hitters",
        }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (types, self.kind) {
            ([value, k], Kind::TopK) if k.is_integer() => Ok(vec![value.clone(), DataType::Int64]),
            ([value, share], Kind::HeavyHitters) if share.is_numeric() => Ok(vec![value.clone(), DataType::Float64]),
            _ => plan_err!("'{}' cannot take these arguments|{}", self.title(), usage_of(self.kind)),
        }
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(list_of(DataType::Struct(entry_fields(types.first().unwrap_or(&DataType::Null)))))
    }
    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let value = args.input_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
        let field = |name: &str, data_type| Arc::new(Field::new(format!("{}[{name}]", args.name), data_type, true));
        Ok(vec![
            field("values", list_of(value)),
            field("counts", list_of(DataType::Int64)),
            field("errors", list_of(DataType::Int64)),
            field("total", DataType::Int64),
        ])
    }
    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = args.expr_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
        let literal = args.exprs.get(1).and_then(|e| e.downcast_ref::<Literal>()).map(Literal::value);
        let wish = match wish_of(self.kind, literal) {
            Ok(wish) => wish,
            Err(usage) => return plan_err!("the second argument of '{}' is out of its range|{usage}", self.title()),
        };
        let wanted = match wish {
            Wish::TopK(k) => k,
            Wish::Share(share) => (1.0 / share).ceil() as usize,
        };
        let room = (wanted * COUNTERS_PER_VALUE).max(COUNTERS_MIN);
        Ok(Box::new(Sketch {
            wish,
            converter: RowConverter::new(vec![SortField::new(value.clone())])?,
            value,
            counters: Counters::new(room),
            total: 0,
        }))
    }
}

fn usage_of(kind: Kind) -> &'static str {
    match kind {
        Kind::TopK => "Write APPROX_TOP_K(value, k) with a number k from 1 to 10000.",
        Kind::HeavyHitters => "Write APPROX_HEAVY_HITTERS(value, share) with a share from 0.0001 to 1.",
    }
}

/// What the second argument asks for, or how it is to be written.
fn wish_of(kind: Kind, literal: Option<&ScalarValue>) -> std::result::Result<Wish, &'static str> {
    match (kind, literal) {
        (Kind::TopK, Some(ScalarValue::Int64(Some(k)))) if (1..=VALUES_MAX).contains(k) => Ok(Wish::TopK(*k as usize)),
        (Kind::HeavyHitters, Some(ScalarValue::Float64(Some(share)))) if (0.0001..=1.0).contains(share) => {
            Ok(Wish::Share(*share))
        }
        _ => Err(usage_of(kind)),
    }
}

/// Checks the second argument of a call; the error says how it is to be written.
pub(crate) fn frequent_wish(function: &str, argument: Option<&Expr>) -> std::result::Result<(), &'static str> {
    let kind = if function == "approx_top_k" { Kind::TopK } else { Kind::HeavyHitters };
    let literal = match argument {
        Some(Expr::Literal(value, _)) => Some(value),
        _ => None,
    };
    wish_of(kind, literal).map(|_| ())
}

#[derive(Clone, Copy, Debug)]
enum Wish {
    TopK(usize),
    Share(f64),
}

#[derive(Debug)]
struct Sketch {
    wish: Wish,
    value: DataType,
    converter: RowConverter,
    counters: Counters,
    /// Values seen, NULL not counted.
    total: i64,
}

impl Sketch {
    /// Values, counts and errors of some counters.
    fn columns(&self, counters: &[&Counter]) -> Result<[ArrayRef; 3]> {
        let parser = self.converter.parser();
        let rows = counters.iter().map(|c| parser.parse(&c.value));
        let mut values = self.converter.convert_rows(rows)?;
        let Some(values) = values.pop() else { return exec_err!("the row format gave no column") };
        let counts: Int64Array = counters.iter().map(|c| c.count).collect::<Vec<_>>().into();
        let errors: Int64Array = counters.iter().map(|c| c.error).collect::<Vec<_>>().into();
        Ok([values, Arc::new(counts), Arc::new(errors)])
    }
}

fn list(values: ArrayRef) -> Result<ScalarValue> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    Ok(ScalarValue::List(Arc::new(ListArray::try_new(field, offsets, values, None)?)))
}

impl Accumulator for Sketch {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return exec_err!("a sketch needs values") };
        let rows = self.converter.convert_columns(std::slice::from_ref(values))?;
        let nulls = values.logical_nulls();
        for row in 0..values.len() {
            if nulls.as_ref().is_none_or(|n| n.is_valid(row)) {
                self.counters.add(rows.row(row).as_ref(), 1);
                self.total += 1;
            }
        }
        Ok(())
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut counters = self.counters.descending();
        match self.wish {
            Wish::TopK(k) => counters.truncate(k),
            Wish::Share(share) => counters.retain(|c| c.count as f64 >= share * self.total as f64),
        }
        let columns = self.columns(&counters)?;
        let fields = entry_fields(&self.value);
        let columns = columns.iter().zip(&fields).map(|(c, f)| arrow::compute::cast(c, f.data_type()));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        list(Arc::new(StructArray::try_new(fields, columns, None)?))
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.counters.bytes()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let [values, counts, errors] = self.columns(&self.counters.descending())?;
        let values = arrow::compute::cast(&values, &self.value)?;
        Ok(vec![list(values)?, list(counts)?, list(errors)?, ScalarValue::Int64(Some(self.total))])
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts, errors, totals] = states else { return exec_err!("a state has four parts") };
        let (values, counts, errors) = (values.as_list::<i32>(), counts.as_list::<i32>(), errors.as_list::<i32>());
        let totals = totals.as_primitive::<Int64Type>();
        for row in 0..totals.len() {
            if totals.is_null(row) || values.is_null(row) {
                continue;
            }
            let (counts, errors) = (counts.value(row), errors.value(row));
            let (counts, errors) = (counts.as_primitive::<Int64Type>(), errors.as_primitive::<Int64Type>());
            let encoded = self.converter.convert_columns(&[values.value(row)])?;
            let other =
                encoded.iter().zip(counts.values().iter().zip(errors.values())).map(|(value, (count, error))| {
                    let value: OwnedRow = value.owned();
                    Counter { value: value.as_ref().into(), count: *count, error: *error }
                });
            self.counters.merge(other.collect());
            self.total += totals.value(row);
        }
        Ok(())
    }
}
