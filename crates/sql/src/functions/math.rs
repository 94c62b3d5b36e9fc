//! Numbers: rounding that keeps the type, and the functions that DataFusion lacks.

use std::cell::Cell;

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, Volatility};
use sloth_types::clock::epoch_now_ms;
use sloth_types::rng::Rng;

use super::args::{Long, array, column, has, is_whole, numbers, strings};
use super::define::Function;

/// How to round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    HalfUp,
    Truncate,
    Floor,
    Ceil,
}

/// Whole numbers and decimals stay what they are, other numbers become DOUBLE.
fn rounded(types: &[DataType]) -> Option<Vec<DataType>> {
    let value = types.first()?;
    if types.len() > 2 || types.get(1).is_some_and(|t| !is_whole(t)) {
        return None;
    }
    let value = match value {
        t if t.is_integer() => t.clone(),
        DataType::Decimal128(..) => value.clone(),
        t if t.is_numeric() || *t == DataType::Null => DataType::Float64,
        _ => return None,
    };
    Some(std::iter::once(value).chain(types.get(1).map(|_| DataType::Int64)).collect())
}

fn first(types: &[DataType]) -> DataType {
    types.first().cloned().unwrap_or(DataType::Null)
}

fn sign(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let values = column(args, 0)?;
    match values.data_type() {
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>();
            let of = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
            Ok(array(values.unary::<_, Float64Type>(of)))
        }
        DataType::Decimal128(precision, scale) => {
            let one = 10_i128.pow(u32::from(scale.unsigned_abs()));
            let signs = values.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(|x| x.signum() * one);
            Ok(array(signs.with_precision_and_scale(*precision, *scale)?))
        }
        other => {
            let longs = arrow::compute::cast(&values, &DataType::Int64)?;
            let signs = longs.as_primitive::<Int64Type>().unary::<_, Int64Type>(i64::signum);
            Ok(ColumnarValue::Array(arrow::compute::cast(&signs, other)?))
        }
    }
}

/// FLOOR and CEIL of a decimal have no scale.
fn without_scale(types: &[DataType]) -> DataType {
    match first(types) {
        DataType::Decimal128(p, _) => DataType::Decimal128(p, 0),
        other => other,
    }
}

/// The type of `ROUND(value, digits)` for digits that are known: decimals lose the digits, as in Flink.
pub(super) fn rounded_type(types: &[DataType], digits: Option<&ScalarValue>) -> DataType {
    match (types.first(), digits) {
        (Some(DataType::Decimal128(p, s)), Some(ScalarValue::Int64(Some(digits)))) if *digits < i64::from(*s) => {
            let kept = (*digits).max(0) as i8;
            // Rounding may need one digit more before the point.
            let precision = 1 + i16::from(*p) - i16::from(*s) + i16::from(kept);
            DataType::Decimal128(precision.clamp(1, 38) as u8, kept)
        }
        _ => first(types),
    }
}

fn one_rounded(types: &[DataType]) -> Option<Vec<DataType>> {
    rounded(types).filter(|t| t.len() == 1)
}

fn round(args: &ScalarFunctionArgs, mode: Mode) -> Result<ColumnarValue> {
    let values = column(args, 0)?;
    let digits = Long::of(args, 1)?;
    let given = has(args, 1);
    let digits = |row: usize| if given { digits.get(row) } else { Some(0) };
    match values.data_type() {
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>();
            let out: PrimitiveArray<Float64Type> = numbers(args.number_rows, |row| {
                let digits = digits(row)?;
                values.is_valid(row).then(|| round_double(values.value(row), digits, mode))
            });
            Ok(array(out))
        }
        DataType::Decimal128(_, scale) => {
            let scale = i64::from(*scale);
            let values = values.as_primitive::<Decimal128Type>();
            let target = match args.return_field.data_type() {
                DataType::Decimal128(p, s) => (*p, *s),
                other => return exec_err!("{other} is no decimal"),
            };
            let out: PrimitiveArray<Decimal128Type> = numbers(args.number_rows, |row| {
                let drop = (scale - digits(row)?).clamp(0, 38);
                let step = 10_i128.checked_pow(drop as u32)?;
                values.is_valid(row).then(|| {
                    let rounded = round_whole(values.value(row), step, mode);
                    rounded / 10_i128.pow((scale - i64::from(target.1)).max(0) as u32)
                })
            });
            Ok(array(out.with_precision_and_scale(target.0, target.1)?))
        }
        other if other.is_integer() => {
            if !given {
                return Ok(ColumnarValue::Array(values));
            }
            let longs = arrow::compute::cast(&values, &DataType::Int64)?;
            let longs = longs.as_primitive::<Int64Type>();
            let out: PrimitiveArray<Int64Type> = numbers(args.number_rows, |row| {
                let drop = (-digits(row)?).clamp(0, 19);
                let step = 10_i128.checked_pow(drop as u32)?;
                longs.is_valid(row).then(|| round_whole(i128::from(longs.value(row)), step, mode) as i64)
            });
            Ok(ColumnarValue::Array(arrow::compute::cast(&out, other)?))
        }
        other => exec_err!("{other} is no number"),
    }
}

fn round_whole(value: i128, step: i128, mode: Mode) -> i128 {
    let down = value.div_euclid(step) * step;
    let rest = value - down;
    match mode {
        _ if rest == 0 => value,
        Mode::Floor => down,
        Mode::Ceil => down + step,
        Mode::Truncate => value / step * step,
        // Half up means away from zero, as BigDecimal does it.
        Mode::HalfUp if rest * 2 > step || (rest * 2 == step && value > 0) => down + step,
        Mode::HalfUp => down,
    }
}

fn round_double(value: f64, digits: i64, mode: Mode) -> f64 {
    let scale = 10_f64.powi(digits.clamp(-308, 308) as i32);
    let scaled = value * scale;
    if !scaled.is_finite() {
        return value;
    }
    let whole = match mode {
        Mode::HalfUp => scaled.round(),
        Mode::Truncate => scaled.trunc(),
        Mode::Floor => scaled.floor(),
        Mode::Ceil => scaled.ceil(),
    };
    whole / scale
}

thread_local! {
    static DRAWN: Cell<(i64, u64)> = const { Cell::new((0, 0)) };
}

/// A stream of random numbers: seeded by the epoch's clock, moved on by every draw of this thread in the epoch.
fn random_stream(seed: Option<i64>, draws: u64) -> Rng {
    let now = epoch_now_ms();
    let drawn = DRAWN.with(|cell| {
        let (epoch, drawn) = cell.get();
        let drawn = if epoch == now { drawn } else { 0 };
        cell.set((now, drawn + draws));
        drawn
    });
    Rng::at(seed.unwrap_or(0) as u64 ^ now as u64, drawn)
}

fn rand(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let mut rng = random_stream(Long::of(args, 0)?.get(0), args.number_rows as u64);
    let out: PrimitiveArray<Float64Type> = numbers(args.number_rows, |_| Some(rng.unit()));
    Ok(array(out))
}

/// Arguments: [seed,] bound.
fn rand_integer(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let last = args.args.len().saturating_sub(1);
    let seed = if last > 0 { Long::of(args, 0)?.get(0) } else { None };
    let bound = Long::of(args, last)?;
    let mut rng = random_stream(seed, args.number_rows as u64);
    let out: PrimitiveArray<Int32Type> = numbers(args.number_rows, |row| {
        let bound = u64::try_from(bound.get(row)?).ok().filter(|b| *b > 0)?;
        Some(rng.below(bound) as i32)
    });
    Ok(array(out))
}

fn uuid(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    use std::fmt::Write as _;
    let mut rng = random_stream(None, 2 * args.number_rows as u64);
    strings(args.number_rows, |_, out| {
        let (a, b) = (rng.next_u64(), rng.next_u64());
        // Version 4, variant 1 (RFC 9562).
        let (a, b) = (a & !0xF000 | 0x4000, b & !(0b11 << 62) | 0b10 << 62);
        let _ = write!(
            out,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            a >> 32,
            a >> 16 & 0xFFFF,
            a & 0xFFFF,
            b >> 48,
            b & 0xFFFF_FFFF_FFFF
        );
        Ok(true)
    })
}

fn bin(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    use std::fmt::Write as _;
    let values = Long::of(args, 0)?;
    strings(args.number_rows, |row, out| {
        let Some(value) = values.get(row) else { return Ok(false) };
        let _ = write!(out, "{value:b}");
        Ok(true)
    })
}

/// Decimal division with Flink's result type.
fn decimal_div(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (left, right) = (column(args, 0)?, column(args, 1)?);
    let (DataType::Decimal128(_, s1), DataType::Decimal128(_, s2), DataType::Decimal128(p, s)) =
        (left.data_type(), right.data_type(), args.return_field.data_type())
    else {
        return exec_err!("decimal division needs decimals");
    };
    let shift = u32::try_from(i32::from(*s) - i32::from(*s1) + i32::from(*s2)).unwrap_or(0);
    let (a, b) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
    let mut failed = false;
    let out: PrimitiveArray<Decimal128Type> = numbers(args.number_rows, |row| {
        if a.is_null(row) || b.is_null(row) {
            return None;
        }
        if b.value(row) == 0 {
            failed = true;
            return None;
        }
        divide(a.value(row), shift, b.value(row))
    });
    if failed {
        return exec_err!("division by zero");
    }
    Ok(array(out.with_precision_and_scale(*p, *s)?))
}

/// `a * 10^shift / b`, half up; NULL on overflow, as in Flink.
fn divide(a: i128, shift: u32, b: i128) -> Option<i128> {
    let ten = arrow::datatypes::i256::from_i128(10);
    let scaled = arrow::datatypes::i256::from_i128(a).checked_mul(ten.checked_pow(shift)?)?;
    let b = arrow::datatypes::i256::from_i128(b);
    let (quotient, rest) = (scaled.checked_div(b)?, scaled.checked_rem(b)?);
    let two = arrow::datatypes::i256::from_i128(2);
    let quotient = quotient.to_i128()?;
    let round = rest.checked_mul(two)?.checked_abs()? >= b.checked_abs()?;
    let negative = (a < 0) != b.is_negative();
    let step = match (round, negative) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => -1,
    };
    quotient.checked_add(step)
}

/// Flink's type of a decimal quotient.
pub(crate) fn division_type(left: (u8, i8), right: (u8, i8)) -> DataType {
    let ((p1, s1), (p2, s2)) = ((i32::from(left.0), i32::from(left.1)), (i32::from(right.0), i32::from(right.1)));
    let scale = (s1 + p2 + 1).max(6);
    let precision = p1 - s1 + s2 + scale;
    match precision > 38 {
        true => {
            let whole = precision - scale;
            let scale = (38 - whole).max(scale.min(6));
            DataType::Decimal128(38, scale as i8)
        }
        false => DataType::Decimal128(precision as u8, scale as i8),
    }
}

macro_rules! math_function {
    ($names:expr, $usage:expr, $about:expr, $volatility:ident, $coerce:expr, $returns:expr, $invoke:expr) => {
        Function {
            names: $names,
            usage: $usage,
            about: $about,
            volatility: Volatility::$volatility,
            coerce: $coerce,
            returns: $returns,
            invoke: $invoke,
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    math_function!(
        &["round"],
        "ROUND(number [, digits])",
        "Rounded half up; decimals lose the digits, whole numbers keep their type.",
        Immutable,
        rounded,
        first,
        |args| round(args, Mode::HalfUp)
    ),
    math_function!(
        &["truncate", "trunc"],
        "TRUNCATE(number [, digits])",
        "Cut to a number of digits.",
        Immutable,
        rounded,
        first,
        |args| round(args, Mode::Truncate)
    ),
    math_function!(
        &["$round"],
        "ROUND(number [, digits])",
        "Rounding to digits that are known; internal.",
        Immutable,
        rounded,
        first,
        |args| round(args, Mode::HalfUp)
    ),
    math_function!(
        &["$truncate"],
        "TRUNCATE(number [, digits])",
        "Cutting to digits that are known; internal.",
        Immutable,
        rounded,
        first,
        |args| round(args, Mode::Truncate)
    ),
    math_function!(
        &["floor"],
        "FLOOR(number) or FLOOR(time TO unit)",
        "The largest whole number below.",
        Immutable,
        one_rounded,
        without_scale,
        |args| round(args, Mode::Floor)
    ),
    math_function!(
        &["ceil", "ceiling"],
        "CEIL(number) or CEIL(time TO unit)",
        "The smallest whole number above.",
        Immutable,
        one_rounded,
        without_scale,
        |args| round(args, Mode::Ceil)
    ),
    math_function!(
        &["sign", "signum"],
        "SIGN(number)",
        "1, 0 or -1, of the number's own type.",
        Immutable,
        one_rounded,
        first,
        sign
    ),
    math_function!(
        &["sqrt"],
        "SQRT(number)",
        "The square root; of a negative number NaN.",
        Immutable,
        |types| super::args::coerce("n", types),
        |_| DataType::Float64,
        |args| {
            let values = column(args, 0)?;
            let values = values.as_primitive::<Float64Type>();
            Ok(array(numbers::<Float64Type>(args.number_rows, |row| {
                values.is_valid(row).then(|| values.value(row).sqrt())
            })))
        }
    ),
    math_function!(
        &["power", "pow"],
        "POWER(number, exponent)",
        "A power; of 0 with a negative exponent infinity.",
        Immutable,
        |types| super::args::coerce("nn", types),
        |_| DataType::Float64,
        |args| {
            let (bases, exponents) = (column(args, 0)?, column(args, 1)?);
            let (bases, exponents) = (bases.as_primitive::<Float64Type>(), exponents.as_primitive::<Float64Type>());
            Ok(array(arrow::compute::binary::<_, _, _, Float64Type>(bases, exponents, f64::powf)?))
        }
    ),
    math_function!(
        &["rand"],
        "RAND([seed])",
        "A random DOUBLE in [0, 1). Not the same in a replay at another parallelism.",
        Volatile,
        |types| match types {
            [] => Some(vec![]),
            [t] if is_whole(t) => Some(vec![DataType::Int64]),
            _ => None,
        },
        |_| DataType::Float64,
        rand
    ),
    math_function!(
        &["rand_integer"],
        "RAND_INTEGER([seed,] bound)",
        "A random whole number in [0, bound).",
        Volatile,
        |types| (matches!(types.len(), 1 | 2) && types.iter().all(is_whole))
            .then(|| vec![DataType::Int64; types.len()]),
        |_| DataType::Int32,
        rand_integer
    ),
    math_function!(
        &["uuid"],
        "UUID()",
        "A random UUID. Not the same in a replay at another parallelism.",
        Volatile,
        |types| types.is_empty().then(Vec::new),
        |_| DataType::Utf8,
        uuid
    ),
    math_function!(
        &["bin"],
        "BIN(number)",
        "Binary digits.",
        Immutable,
        |types| super::args::coerce("i", types),
        |_| DataType::Utf8,
        bin
    ),
    math_function!(
        &["e"],
        "E()",
        "Euler's number.",
        Immutable,
        |types| types.is_empty().then(Vec::new),
        |_| DataType::Float64,
        |_| Ok(ColumnarValue::Scalar(ScalarValue::Float64(Some(std::f64::consts::E))))
    ),
    math_function!(
        &["$decimal_div"],
        "a / b",
        "Decimal division with Flink's scale.",
        Immutable,
        |types| Some(types.to_vec()),
        |types| match types {
            [DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)] => division_type((*p1, *s1), (*p2, *s2)),
            _ => DataType::Decimal128(38, 6),
        },
        decimal_div
    ),
];

/// Functions whose results differ between runs on the same epoch log: the planner must know them.
pub const NONDETERMINISTIC: [&str; 4] = ["rand", "rand_integer", "uuid", "random"];
