//! Arguments of a scalar function, read without expanding literals to columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, NullBufferBuilder, PrimitiveArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

/// A column of strings or one string for all rows.
pub(crate) enum Text<'a> {
    One(Option<&'a str>),
    Column(&'a StringArray),
}

impl<'a> Text<'a> {
    /// The argument at `index`; NULL when it was not given.
    pub(crate) fn of(args: &'a ScalarFunctionArgs, index: usize) -> Result<Self> {
        match args.args.get(index) {
            None | Some(ColumnarValue::Scalar(ScalarValue::Null)) => Ok(Text::One(None)),
            Some(ColumnarValue::Scalar(ScalarValue::Utf8(value))) => Ok(Text::One(value.as_deref())),
            Some(ColumnarValue::Array(array)) => match array.as_string_opt::<i32>() {
                Some(strings) => Ok(Text::Column(strings)),
                None => exec_err!("argument {} is no string", index + 1),
            },
            Some(_) => exec_err!("argument {} is no string", index + 1),
        }
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Text::One(value) => *value,
            Text::Column(column) => column.is_valid(row).then(|| column.value(row)),
        }
    }

    /// The value when it is the same in all rows.
    pub(crate) fn constant(&self) -> Option<Option<&'a str>> {
        match self {
            Text::One(value) => Some(*value),
            Text::Column(_) => None,
        }
    }
}

/// A column of whole numbers or one number for all rows.
pub(crate) enum Long<'a> {
    One(Option<i64>),
    Column(&'a PrimitiveArray<Int64Type>),
}

impl<'a> Long<'a> {
    /// The argument at `index`; NULL when it was not given.
    pub(crate) fn of(args: &'a ScalarFunctionArgs, index: usize) -> Result<Self> {
        match args.args.get(index) {
            None | Some(ColumnarValue::Scalar(ScalarValue::Null)) => Ok(Long::One(None)),
            Some(ColumnarValue::Scalar(ScalarValue::Int64(value))) => Ok(Long::One(*value)),
            Some(ColumnarValue::Array(array)) => match array.as_primitive_opt::<Int64Type>() {
                Some(numbers) => Ok(Long::Column(numbers)),
                None => exec_err!("argument {} is no whole number", index + 1),
            },
            Some(_) => exec_err!("argument {} is no whole number", index + 1),
        }
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<i64> {
        match self {
            Long::One(value) => *value,
            Long::Column(column) => column.is_valid(row).then(|| column.value(row)),
        }
    }
}

/// True when the argument was given.
pub(crate) fn has(args: &ScalarFunctionArgs, index: usize) -> bool {
    args.args.get(index).is_some()
}

/// The argument as a column.
pub(crate) fn column(args: &ScalarFunctionArgs, index: usize) -> Result<ArrayRef> {
    match args.args.get(index) {
        Some(value) => value.clone().into_array(args.number_rows),
        None => exec_err!("argument {} is missing", index + 1),
    }
}

/// Strings, one a row, end to end in one text; `write` adds one, or returns false for NULL.
pub(crate) fn strings(rows: usize, mut write: impl FnMut(usize, &mut String) -> Result<bool>) -> Result<ColumnarValue> {
    let mut values = String::with_capacity(rows * 16);
    let mut lengths = Vec::with_capacity(rows);
    let mut valid = NullBufferBuilder::new(rows);
    for row in 0..rows {
        let start = values.len();
        let there = write(row, &mut values)?;
        if !there {
            values.truncate(start);
        }
        valid.append(there);
        lengths.push(values.len() - start);
    }
    if i32::try_from(values.len()).is_err() {
        return exec_err!("the texts of one batch are longer than 2 GiB");
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(ColumnarValue::Array(Arc::new(StringArray::try_new(offsets, values.into_bytes().into(), valid.finish())?)))
}

/// Strings borrowed from the arguments, one a row.
pub(crate) fn borrowed<'a>(rows: usize, get: impl FnMut(usize) -> Option<&'a str>) -> ColumnarValue {
    ColumnarValue::Array(Arc::new((0..rows).map(get).collect::<StringArray>()))
}

/// Numbers, one a row.
pub(crate) fn numbers<T: ArrowPrimitiveType>(
    rows: usize,
    get: impl FnMut(usize) -> Option<T::Native>,
) -> PrimitiveArray<T> {
    (0..rows).map(get).collect()
}

/// Booleans, one a row.
pub(crate) fn booleans(rows: usize, get: impl FnMut(usize) -> Option<bool>) -> ColumnarValue {
    ColumnarValue::Array(Arc::new((0..rows).map(get).collect::<BooleanArray>()))
}

pub(crate) fn array(array: impl Array + 'static) -> ColumnarValue {
    ColumnarValue::Array(Arc::new(array))
}

/// True for strings, and for NULL, which can be one.
pub(crate) fn is_text(t: &DataType) -> bool {
    matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null)
}

/// True for whole numbers, and for NULL.
pub(crate) fn is_whole(t: &DataType) -> bool {
    t.is_integer() || *t == DataType::Null
}

/// Casts arguments by a pattern of letters: `s` string, `i` whole number, `n` any number (to DOUBLE), `t` timestamp, date
/// or a string that holds one, `.` anything. Upper case letters may be missing at the end.
pub(crate) fn coerce(pattern: &str, types: &[DataType]) -> Option<Vec<DataType>> {
    let required = pattern.chars().filter(|c| !c.is_ascii_uppercase()).count();
    if types.len() < required || types.len() > pattern.chars().count() {
        return None;
    }
    pattern.chars().zip(types).map(|(letter, t)| coerce_one(letter.to_ascii_lowercase(), t)).collect()
}

fn coerce_one(letter: char, t: &DataType) -> Option<DataType> {
    match letter {
        's' => is_text(t).then_some(DataType::Utf8),
        'i' => is_whole(t).then_some(DataType::Int64),
        'n' => (t.is_numeric() || *t == DataType::Null).then_some(DataType::Float64),
        't' => match t {
            DataType::Timestamp(..) | DataType::Date32 => Some(t.clone()),
            _ => is_text(t).then_some(DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None)),
        },
        _ => Some(t.clone()),
    }
}
