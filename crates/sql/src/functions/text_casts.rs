//! What CAST(value AS STRING) gives in Flink where DataFusion gives another text, or none; written by the analyser.

use std::fmt::{Display, LowerExp, Write as _};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type, TimeUnit};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::args::{Text, borrowed, column, strings};
use super::datetime::{local_times_of, unknown_pattern};
use super::define::Function;
use super::pattern::Pattern;

/// True for types whose text is ours to write.
pub(super) fn writes(from: &DataType) -> bool {
    use DataType as T;
    matches!(from, T::Timestamp(..) | T::Date32 | T::Time32(_) | T::Float32 | T::Float64)
        || matches!(from, T::Struct(_) | T::Map(..) | T::List(_))
}

fn text(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Array(Arc::new(texts(&column(args, 0)?, &args.config_options)?)))
}

/// The texts of a column; those of what is inside its values are made column by column, too.
fn texts(values: &ArrayRef, config: &ConfigOptions) -> Result<StringArray> {
    match values.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Time32(_) => times(values, config),
        DataType::Float32 => {
            let values = values.as_primitive::<Float32Type>();
            written(values, |row, out| number(values.value(row), f64::from(values.value(row)), out))
        }
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>();
            written(values, |row, out| number(values.value(row), values.value(row), out))
        }
        DataType::Boolean => {
            let values = values.as_boolean();
            written(values, |row, out| out.push_str(if values.value(row) { "TRUE" } else { "FALSE" }))
        }
        DataType::Struct(_) => {
            let rows = values.as_struct();
            let fields: Vec<StringArray> = rows.columns().iter().map(|c| texts(c, config)).collect::<Result<_>>()?;
            written(rows, |row, out| between("(", ")", fields.iter(), out, |field, out| push(field, row, out)))
        }
        DataType::List(_) => {
            let lists = values.as_list::<i32>();
            let items = texts(lists.values(), config)?;
            let bounds = lists.value_offsets();
            written(lists, |row, out| between("[", "]", range(bounds, row), out, |at, out| push(&items, at, out)))
        }
        DataType::Map(..) => {
            let maps = values.as_map();
            let (keys, items) = (texts(maps.keys(), config)?, texts(maps.values(), config)?);
            let bounds = maps.value_offsets();
            written(maps, |row, out| {
                between("{", "}", range(bounds, row), out, |at, out| {
                    push(&keys, at, out);
                    out.push('=');
                    push(&items, at, out);
                });
            })
        }
        _ => Ok(arrow::compute::cast(values, &DataType::Utf8)?.as_string::<i32>().clone()),
    }
}

/// The texts of the rows that are not NULL.
fn written(values: &dyn Array, mut write: impl FnMut(usize, &mut String)) -> Result<StringArray> {
    let texts = strings(values.len(), |row, out| {
        let there = values.is_valid(row);
        if there {
            write(row, out);
        }
        Ok(there)
    })?;
    Ok(texts.into_array(values.len())?.as_string::<i32>().clone())
}

fn range(bounds: &[i32], row: usize) -> std::ops::Range<usize> {
    match bounds.get(row..row + 2) {
        Some(&[from, to]) => from as usize..to as usize,
        _ => 0..0,
    }
}

fn between<T>(
    open: &str,
    close: &str,
    parts: impl Iterator<Item = T>,
    out: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    out.push_str(open);
    for (index, part) in parts.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(part, out);
    }
    out.push_str(close);
}

/// What is inside a value, where NULL has a name.
fn push(texts: &StringArray, row: usize, out: &mut String) {
    out.push_str(if texts.is_valid(row) { texts.value(row) } else { "NULL" });
}

/// A number as Java writes it: the fewest digits that tell it apart, with an exponent outside of 0.001 to 10,000,000.
fn number<T: Display + LowerExp>(value: T, wide: f64, out: &mut String) {
    let magnitude = wide.abs();
    if !wide.is_finite() {
        out.push_str(if wide.is_nan() {
            "NaN"
        } else if wide < 0.0 {
            "-Infinity"
        } else {
            "Infinity"
        });
        return;
    }
    let start = out.len();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        let _ = write!(out, "{value}");
        if !out[start..].contains('.') {
            out.push_str(".0");
        }
        return;
    }
    let _ = write!(out, "{value:e}");
    if let Some(exponent) = out[start..].find('e') {
        let exponent = start + exponent;
        let point = if out[start..exponent].contains('.') { "E" } else { ".0E" };
        out.replace_range(exponent..=exponent, point);
    }
}

/// Times as `2024-01-31 10:20:30.123`, with as many digits as the type has; a time of day with those that it needs.
fn times(values: &ArrayRef, config: &ConfigOptions) -> Result<StringArray> {
    let pattern = match values.data_type() {
        DataType::Date32 => "yyyy-MM-dd",
        DataType::Time32(_) => "HH:mm:ss",
        DataType::Timestamp(TimeUnit::Millisecond, _) => "yyyy-MM-dd HH:mm:ss.SSS",
        DataType::Timestamp(TimeUnit::Second, _) => "yyyy-MM-dd HH:mm:ss",
        // Smaller digits follow below.
        _ => "yyyy-MM-dd HH:mm:ss.",
    };
    let pattern = Pattern::compile(pattern).ok_or_else(|| unknown_pattern(pattern))?;
    let (times, zone) = local_times_of(values, config)?;
    let digits = match values.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => Some((1_000_000, 6)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Some((1_000_000_000, 9)),
        _ => None,
    };
    let raw = match digits {
        Some(_) => Some(arrow::compute::cast(values, &DataType::Int64)?),
        None => None,
    };
    let of_day = matches!(values.data_type(), DataType::Time32(_));
    written(&times, |row, out| {
        let time = times.value(row);
        pattern.write(time, zone.offset_ms(time), out);
        if let (Some((scale, width)), Some(raw)) = (digits, &raw) {
            let _ = write!(out, "{:0width$}", raw.as_primitive::<Int64Type>().value(row).rem_euclid(scale));
        }
        if of_day && time % 1000 != 0 {
            let _ = write!(out, ".{:03}", time.rem_euclid(1000));
            out.truncate(out.trim_end_matches('0').len());
        }
    })
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// `4` of `4.7`, which is a whole number to Flink: what follows the point must be digits and is dropped.
fn whole_part(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let text = Text::of(args, 0)?;
    Ok(borrowed(args.number_rows, |row| {
        let text = text.get(row)?.trim();
        Some(match text.split_once('.') {
            Some(("", fraction)) if !fraction.is_empty() && digits(fraction) => "0",
            Some((whole, fraction)) if digits(fraction) => whole,
            _ => text,
        })
    }))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::pure(
        &["$text"],
        "CAST(value AS STRING)",
        "A value as text.",
        |types| (types.len() == 1).then(|| types.to_vec()),
        |_| DataType::Utf8,
        text,
    ),
    Function::pure(
        &["$whole_part"],
        "CAST(text AS INT)",
        "The whole part of a number.",
        |types| (types.len() == 1).then(|| vec![DataType::Utf8]),
        |_| DataType::Utf8,
        whole_part,
    ),
];
