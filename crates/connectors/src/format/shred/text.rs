//! Columns of text and bytes.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryViewArray, FixedSizeBinaryArray, GenericBinaryArray, GenericStringArray, OffsetSizeTrait,
    StringViewArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sloth_types::{Error, Result};

use super::convert::{Column, Fault};
use super::token::Kind;

/// The array of a text or bytes type.
pub(super) fn convert(column: &Column<'_>, data_type: &DataType, faults: &mut Vec<Fault>) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Utf8 => Arc::new(strings::<i32>(column, faults)?),
        DataType::LargeUtf8 => Arc::new(strings::<i64>(column, faults)?),
        DataType::Utf8View => Arc::new(StringViewArray::from(&strings::<i32>(column, faults)?)),
        DataType::Binary => Arc::new(bytes::<i32>(column, faults)?),
        DataType::LargeBinary => Arc::new(bytes::<i64>(column, faults)?),
        DataType::BinaryView => Arc::new(BinaryViewArray::from(&bytes::<i32>(column, faults)?)),
        DataType::FixedSizeBinary(width) => fixed_width(column, *width, faults)?,
        other => return Err(Error::internal(format!("{other} is not a scalar of text formats"))),
    })
}

/// Values end to end, with the ends.
struct Gathered<O: OffsetSizeTrait> {
    offsets: OffsetBuffer<O>,
    values: Vec<u8>,
    nulls: Option<NullBuffer>,
}

fn gather<'a, O: OffsetSizeTrait>(
    column: &Column<'a>,
    name: &str,
    faults: &mut Vec<Fault>,
    mut append: impl FnMut(&'a [u8], Kind, &mut Vec<u8>) -> bool,
) -> Result<Gathered<O>> {
    let count = column.len();
    let mut offsets = Vec::with_capacity(count + 1);
    offsets.push(O::usize_as(0));
    let mut values = Vec::with_capacity(column.bytes());
    let mut overflow = false;
    let nulls = column.walk(name, false, faults, |bytes, kind| {
        let start = values.len();
        let good = bytes.is_some_and(|b| append(b, kind, &mut values));
        if !good {
            values.truncate(start);
        }
        match O::from_usize(values.len()) {
            Some(end) => offsets.push(end),
            None => overflow = true,
        }
        good
    });
    if overflow {
        return Err(Error::internal("more than 2 GiB of text in one batch").hint("Read fewer records at a time."));
    }
    // The ends only grow, so this cannot panic.
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Gathered { offsets, values, nulls })
}

fn strings<O: OffsetSizeTrait>(column: &Column<'_>, faults: &mut Vec<Fault>) -> Result<GenericStringArray<O>> {
    let before = faults.len();
    let fast = gather::<O>(column, "STRING", faults, |bytes, _, out| {
        out.extend_from_slice(bytes);
        true
    })?;
    // One check over all bytes; offsets inside a character are found too.
    let array = GenericStringArray::try_new(fast.offsets, Buffer::from_vec(fast.values), fast.nulls);
    if let Ok(array) = array {
        return Ok(array);
    }
    faults.truncate(before);
    let slow = gather::<O>(column, "UTF-8 STRING", faults, |bytes, _, out| {
        out.extend_from_slice(bytes);
        std::str::from_utf8(bytes).is_ok()
    })?;
    Ok(GenericStringArray::try_new(slow.offsets, Buffer::from_vec(slow.values), slow.nulls)?)
}

/// Bytes are base64 in text formats, as in Flink.
fn bytes<O: OffsetSizeTrait>(column: &Column<'_>, faults: &mut Vec<Fault>) -> Result<GenericBinaryArray<O>> {
    let gathered = gather::<O>(column, "BYTES (base64)", faults, |bytes, kind, out| {
        kind != Kind::Nested && STANDARD.decode_vec(bytes, out).is_ok()
    })?;
    Ok(GenericBinaryArray::try_new(gathered.offsets, Buffer::from_vec(gathered.values), gathered.nulls)?)
}

fn fixed_width(column: &Column<'_>, width: i32, faults: &mut Vec<Fault>) -> Result<ArrayRef> {
    let size = usize::try_from(width).unwrap_or(0);
    let mut values = Vec::with_capacity(column.len() * size);
    let name = format!("BINARY({width}) (base64)");
    let nulls = column.walk(&name, false, faults, |bytes, _| {
        let start = values.len();
        let good = bytes.is_some_and(|b| STANDARD.decode_vec(b, &mut values).is_ok() && values.len() == start + size);
        values.truncate(if good { start + size } else { start });
        values.resize(start + size, 0);
        good
    });
    let array = FixedSizeBinaryArray::try_new_with_len(width, Buffer::from_vec(values), nulls, column.len())?;
    debug_assert_eq!(array.len(), column.len());
    Ok(Arc::new(array))
}
