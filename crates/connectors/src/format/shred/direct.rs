//! Columns whose values are known already to arrays: what is left is to see that they fit, and to spread them over the rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, PrimitiveArray, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, ArrowTimestampType, DataType, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use sloth_types::{Error, Result};

use super::convert::{Column, Fault, whole, whole_name};
use super::leaf::{Numbers, Texts};
use super::token::Kind;
use crate::format::value::number::narrow;

/// The array of a STRING. The texts are taken, and room for somewhat more is made.
pub(super) fn texts(column: &Column<'_>, texts: &mut Texts, faults: &mut Vec<Fault>) -> Result<ArrayRef> {
    if i32::try_from(texts.bytes.len()).is_err() {
        return Err(Error::internal("more than 2 GiB of text in one batch").hint("Read fewer records at a time."));
    }
    let Texts { bytes, mut ends, missing: nulls } = std::mem::replace(texts, Texts::with_room_for(texts));
    if let Some(within) = column.within {
        ends = spread_ends(&ends, within.there);
    }
    let mut missing = Vec::new();
    column.rows_of(&nulls).for_each(|row| column.null(row, &mut missing, faults));
    // The ends only grow, so this cannot panic.
    let (bytes, ends) = (Buffer::from_vec(bytes), OffsetBuffer::new(ScalarBuffer::from(ends)));
    // One check over all bytes; ends inside a character are found too.
    Ok(Arc::new(match StringArray::try_new(ends.clone(), bytes.clone(), column.validity(&missing)) {
        Ok(array) => array,
        Err(_) => without_broken(column, (&ends, &bytes), missing, faults)?,
    }))
}

/// The texts that are UTF-8; the rows of the others are wrong.
#[cold]
fn without_broken(
    column: &Column<'_>,
    (ends, bytes): (&[i32], &[u8]),
    mut missing: Vec<usize>,
    faults: &mut Vec<Fault>,
) -> Result<StringArray> {
    let (mut good, mut good_ends) = (Vec::with_capacity(bytes.len()), vec![0]);
    for (row, pair) in ends.windows(2).enumerate() {
        let range = pair.first().copied().unwrap_or(0) as usize..pair.last().copied().unwrap_or(0) as usize;
        let text = bytes.get(range).unwrap_or_default();
        match std::str::from_utf8(text) {
            Ok(_) => good.extend_from_slice(text),
            Err(_) => column.wrong(row, (text, Kind::Text), "UTF-8 STRING", &mut missing, faults),
        }
        good_ends.push(good.len() as i32);
    }
    let ends = OffsetBuffer::new(ScalarBuffer::from(good_ends));
    Ok(StringArray::try_new(ends, Buffer::from_vec(good), column.validity(&missing))?)
}

/// The ends of texts by row; rows without a text have an empty one.
fn spread_ends(ends: &[i32], within: &[bool]) -> Vec<i32> {
    let mut given = ends.iter().copied();
    let mut last = given.next().unwrap_or(0);
    let mut spread = Vec::with_capacity(within.len() + 1);
    spread.push(last);
    for there in within {
        if *there {
            last = given.next().unwrap_or(last);
        }
        spread.push(last);
    }
    spread
}

/// The array of a type of whole numbers.
pub(super) fn numbers(
    column: &Column<'_>,
    numbers: &Numbers,
    data_type: &DataType,
    faults: &mut Vec<Fault>,
) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Int8 => typed::<Int8Type>(column, numbers, faults),
        DataType::Int16 => typed::<Int16Type>(column, numbers, faults),
        DataType::Int32 => typed::<Int32Type>(column, numbers, faults),
        DataType::Int64 => typed::<Int64Type>(column, numbers, faults),
        DataType::UInt8 => typed::<UInt8Type>(column, numbers, faults),
        DataType::UInt16 => typed::<UInt16Type>(column, numbers, faults),
        DataType::UInt32 => typed::<UInt32Type>(column, numbers, faults),
        DataType::UInt64 => typed::<UInt64Type>(column, numbers, faults),
        other => return Err(Error::internal(format!("{other} is no type of whole numbers"))),
    })
}

fn typed<T>(column: &Column<'_>, numbers: &Numbers, faults: &mut Vec<Fault>) -> ArrayRef
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i64> + ArrowNativeType,
{
    let name = whole_name(&T::DATA_TYPE);
    let mut missing = Vec::new();
    let mut values: Vec<T::Native> = Vec::with_capacity(column.len());
    let mut push = |row: usize, value: i64| {
        let fits = narrow(value);
        values.push(fits.unwrap_or_default());
        if fits.is_none() {
            column.wrong(row, (value.to_string().as_bytes(), Kind::Plain), name, &mut missing, faults);
        }
    };
    match column.within {
        None => numbers.values.iter().enumerate().for_each(|(row, value)| push(row, *value)),
        Some(within) => {
            let mut given = numbers.values.iter().copied();
            let value = |there: &bool| if *there { given.next().unwrap_or(0) } else { 0 };
            within.there.iter().map(value).enumerate().for_each(|(row, value)| push(row, value));
        }
    }
    odd(column, numbers, &mut values, (name, whole::<T>), &mut missing, faults);
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), column.validity(&missing)))
}

/// The array of a TIMESTAMP.
pub(super) fn times(
    column: &Column<'_>,
    numbers: &Numbers,
    data_type: &DataType,
    faults: &mut Vec<Fault>,
) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Timestamp(TimeUnit::Second, _) => instants::<TimestampSecondType>(column, numbers, faults),
        DataType::Timestamp(TimeUnit::Millisecond, _) => instants::<TimestampMillisecondType>(column, numbers, faults),
        DataType::Timestamp(TimeUnit::Microsecond, _) => instants::<TimestampMicrosecondType>(column, numbers, faults),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => instants::<TimestampNanosecondType>(column, numbers, faults),
        other => return Err(Error::internal(format!("{other} is no TIMESTAMP"))),
    })
}

fn instants<T: ArrowTimestampType>(column: &Column<'_>, numbers: &Numbers, faults: &mut Vec<Fault>) -> ArrayRef {
    let mut values: Vec<i64> = match column.within {
        None => numbers.values.clone(),
        Some(within) => {
            let mut given = numbers.values.iter().copied();
            within.there.iter().map(|there| if *there { given.next().unwrap_or(0) } else { 0 }).collect()
        }
    };
    let mut missing = Vec::new();
    let (name, parse) = column.instant::<T>(true);
    odd(column, numbers, &mut values, (name, parse), &mut missing, faults);
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), column.validity(&missing)))
}

/// What is not written as usual, and NULL.
fn odd<T: Copy>(
    column: &Column<'_>,
    numbers: &Numbers,
    values: &mut [T],
    (name, mut parse): (&str, impl FnMut(&[u8], Kind) -> Option<T>),
    missing: &mut Vec<usize>,
    faults: &mut Vec<Fault>,
) {
    let odd: Vec<usize> = numbers.odd.iter().map(|(index, _)| *index).collect();
    for (row, (_, token)) in column.rows_of(&odd).zip(&numbers.odd) {
        let text = column.text.of(*token);
        if token.is_null() || (column.style.empty_is_null && text.is_empty()) {
            column.null(row, missing, faults);
            continue;
        }
        match (parse(text, token.kind()), values.get_mut(row)) {
            (Some(value), Some(place)) => *place = value,
            _ => column.wrong(row, (text, token.kind()), name, missing, faults),
        }
    }
}
