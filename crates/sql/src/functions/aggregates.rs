//! `SUM` and `AVG` with Flink's result types: the sum of INT is INT, the average of BIGINT is BIGINT, cut towards zero.
//!
//! The engine runs kernels of its own; these serve the planner (types) and the batch side (values).

use std::collections::HashSet;
use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Sum,
    Avg,
}

/// `SUM` or `AVG`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlinkAggregate {
    kind: Kind,
    signature: Signature,
    aliases: Vec<String>,
}

impl FlinkAggregate {
    /// The function that takes the place of DataFusion's own.
    pub(crate) fn new(kind: Kind) -> Self {
        let aliases = if kind == Kind::Avg { vec!["mean".to_owned()] } else { Vec::new() };
        FlinkAggregate { kind, signature: Signature::user_defined(Volatility::Immutable), aliases }
    }
}

/// The type in which sums are kept: wide enough, and the same in states as in results.
fn sum_type(value: &DataType) -> DataType {
    match value {
        DataType::Decimal128(_, scale) => DataType::Decimal128(38, *scale),
        DataType::Float32 | DataType::Float64 => DataType::Float64,
        _ => DataType::Int64,
    }
}

impl AggregateUDFImpl for FlinkAggregate {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Sum => "sum",
            Kind::Avg => "avg",
        }
    }
    fn aliases(&self) -> &[String] {
        &self.aliases
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = match types {
            [t @ (DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64)] => t.clone(),
            [t @ (DataType::Float32 | DataType::Float64 | DataType::Decimal128(..))] => t.clone(),
            [t] if t.is_unsigned_integer() || *t == DataType::Null => DataType::Int64,
            [DataType::Float16] => DataType::Float32,
            [DataType::Decimal32(p, s) | DataType::Decimal64(p, s)] => DataType::Decimal128(*p, *s),
            _ => {
                let shown: Vec<String> =
                    types.iter().map(|t| crate::types::SqlType::from_arrow(t).to_string()).collect();
                let name = self.name().to_ascii_uppercase();
                return plan_err!("'{name}' cannot take ({})|Write {name}(number).", shown.join(", "));
            }
        };
        Ok(vec![coerced])
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match (self.kind, types.first()) {
            (Kind::Sum, Some(DataType::Decimal128(_, s))) => DataType::Decimal128(38, *s),
            (Kind::Avg, Some(DataType::Decimal128(_, s))) => DataType::Decimal128(38, (*s).max(6)),
            (_, Some(t)) => t.clone(),
            (_, None) => DataType::Int64,
        })
    }
    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let value = args.input_fields.first().map_or(DataType::Int64, |f| f.data_type().clone());
        if args.is_distinct {
            let item = Field::new_list_field(value, true);
            return Ok(vec![Arc::new(Field::new(
                format!("{}[values]", args.name),
                DataType::List(Arc::new(item)),
                true,
            ))]);
        }
        Ok(vec![
            Arc::new(Field::new(format!("{}[sum]", args.name), sum_type(&value), true)),
            Arc::new(Field::new(format!("{}[count]", args.name), DataType::Int64, false)),
        ])
    }
    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = args.expr_fields.first().map_or(DataType::Int64, |f| f.data_type().clone());
        let total = Total::new(&value);
        let plain = Plain { kind: self.kind, total, count: 0, value, returns: args.return_type().clone() };
        Ok(match args.is_distinct {
            true => Box::new(Distinct { seen: HashSet::new(), plain }),
            false => Box::new(plain),
        })
    }
    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.accumulator(args)
    }
}

/// A running total.
#[derive(Clone, Debug)]
enum Total {
    Long(i64),
    Decimal(i128),
    Double(f64),
}

impl Total {
    fn new(value: &DataType) -> Self {
        match sum_type(value) {
            DataType::Decimal128(..) => Total::Decimal(0),
            DataType::Float64 => Total::Double(0.0),
            _ => Total::Long(0),
        }
    }
}

#[derive(Debug)]
struct Plain {
    kind: Kind,
    total: Total,
    count: i64,
    value: DataType,
    returns: DataType,
}

impl Plain {
    /// Adds (`sign` 1) or takes back (-1) the values of a column that is of the sum's type.
    fn add(&mut self, values: &ArrayRef, sign: i64) -> Result<()> {
        self.count += sign * (values.len() - values.null_count()) as i64;
        match &mut self.total {
            // Whole numbers wrap, as in Java.
            Total::Long(total) => {
                let sum = values.as_primitive::<Int64Type>().iter().flatten().fold(0_i64, i64::wrapping_add);
                *total = total.wrapping_add(sign.wrapping_mul(sum));
            }
            Total::Decimal(total) => {
                for value in values.as_primitive::<Decimal128Type>().iter().flatten() {
                    match total.checked_add(i128::from(sign) * value) {
                        Some(sum) => *total = sum,
                        None => return exec_err!("SUM of decimals overflows"),
                    }
                }
            }
            Total::Double(total) => {
                *total += sign as f64 * values.as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
            }
        }
        Ok(())
    }

    fn widened(&self, values: &[ArrayRef]) -> Result<ArrayRef> {
        match values.first() {
            Some(values) => Ok(arrow::compute::cast(values, &sum_type(&self.value))?),
            None => exec_err!("{:?} needs an argument", self.kind),
        }
    }

    fn total(&self) -> ScalarValue {
        let some = self.count > 0;
        match (&self.total, sum_type(&self.value)) {
            (Total::Decimal(total), DataType::Decimal128(p, s)) => {
                ScalarValue::Decimal128(some.then_some(*total), p, s)
            }
            (Total::Double(total), _) => ScalarValue::Float64(some.then_some(*total)),
            (Total::Long(total), _) => ScalarValue::Int64(some.then_some(*total)),
            (Total::Decimal(_), other) => ScalarValue::try_from(&other).unwrap_or(ScalarValue::Null),
        }
    }
}

/// `total / count` with `shift` more digits, half up.
fn average(total: i128, shift: u32, count: i64) -> Option<i128> {
    let scaled = total.checked_mul(10_i128.checked_pow(shift)?)?;
    let count = i128::from(count);
    let (quotient, rest) = (scaled / count, scaled % count);
    let round = if rest.abs() * 2 >= count { rest.signum() } else { 0 };
    Some(quotient + round)
}

impl Accumulator for Plain {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = self.widened(values)?;
        self.add(&values, 1)
    }
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = self.widened(values)?;
        self.add(&values, -1)
    }
    fn supports_retract_batch(&self) -> bool {
        true
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.count == 0 {
            return ScalarValue::try_from(&self.returns);
        }
        let value = match (self.kind, &self.total, &self.returns) {
            (Kind::Sum, _, _) => self.total(),
            (Kind::Avg, Total::Long(total), _) => ScalarValue::Int64(Some(total / self.count)),
            (Kind::Avg, Total::Double(total), _) => ScalarValue::Float64(Some(total / self.count as f64)),
            (Kind::Avg, Total::Decimal(total), DataType::Decimal128(p, s)) => {
                let scale = match sum_type(&self.value) {
                    DataType::Decimal128(_, scale) => scale,
                    _ => 0,
                };
                ScalarValue::Decimal128(average(*total, (s - scale).unsigned_abs().into(), self.count), *p, *s)
            }
            (Kind::Avg, Total::Decimal(_), _) => ScalarValue::Null,
        };
        value.cast_to(&self.returns).or_else(|_| wrapped(&value, &self.returns))
    }
    fn size(&self) -> usize {
        size_of_val(self)
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.total(), ScalarValue::Int64(Some(self.count))])
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [totals, counts] = states else { return exec_err!("a state has a sum and a count") };
        let before = self.count;
        self.add(totals, 1)?;
        self.count = before + counts.as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        Ok(())
    }
}

/// A sum that leaves its type wraps, as in Java.
fn wrapped(value: &ScalarValue, to: &DataType) -> Result<ScalarValue> {
    match (value, to) {
        (ScalarValue::Int64(Some(v)), DataType::Int8) => Ok(ScalarValue::Int8(Some(*v as i8))),
        (ScalarValue::Int64(Some(v)), DataType::Int16) => Ok(ScalarValue::Int16(Some(*v as i16))),
        (ScalarValue::Int64(Some(v)), DataType::Int32) => Ok(ScalarValue::Int32(Some(*v as i32))),
        _ => exec_err!("a sum does not fit {to}"),
    }
}

/// `SUM(DISTINCT …)`, `AVG(DISTINCT …)`: the values, each once.
#[derive(Debug)]
struct Distinct {
    seen: HashSet<ScalarValue>,
    plain: Plain,
}

impl Distinct {
    fn take(&mut self, values: &ArrayRef) -> Result<()> {
        for row in 0..values.len() {
            if values.is_valid(row) {
                self.seen.insert(ScalarValue::try_from_array(values, row)?);
            }
        }
        Ok(())
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().try_for_each(|v| self.take(v))
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        (self.plain.total, self.plain.count) = (Total::new(&self.plain.value), 0);
        if !self.seen.is_empty() {
            let values = ScalarValue::iter_to_array(self.seen.iter().cloned())?;
            self.plain.update_batch(&[values])?;
        }
        self.plain.evaluate()
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.seen.iter().map(ScalarValue::size).sum::<usize>()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Vec<ScalarValue> = self.seen.iter().cloned().collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&values, &self.plain.value))])
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for lists in states {
            for list in lists.as_list::<i32>().iter().flatten() {
                self.take(&list)?;
            }
        }
        Ok(())
    }
}
