//! Partial states that are lists of rows with weights: a struct column a slot.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type};
use sloth_types::Result;

use super::Target;
use crate::operators::stages::weights;

/// The struct's fields: the columns of a row, and its weight.
fn fields_of(types: &[DataType]) -> Fields {
    let columns = types.iter().enumerate().map(|(i, t)| Field::new(format!("c{i}"), t.clone(), true));
    columns.chain([Field::new("weight", DataType::Int64, false)]).collect()
}

/// The type of the state of rows with columns of `types`.
pub(super) fn state_type(types: &[DataType]) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(fields_of(types)), true)))
}

/// The state of slots that have `lengths` rows; `columns` and `weights` hold the rows one slot behind the other.
pub(super) fn pack(lengths: &[usize], mut columns: Vec<ArrayRef>, weights: Vec<i64>) -> Result<ArrayRef> {
    let types: Vec<DataType> = columns.iter().map(|c| c.data_type().clone()).collect();
    let fields = fields_of(&types);
    columns.push(Arc::new(Int64Array::from(weights)));
    let rows = StructArray::try_new(fields.clone(), columns, None)?;
    let item = Arc::new(Field::new_list_field(DataType::Struct(fields), true));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(rows), None)?))
}

/// Rows of partial states.
pub(super) struct Unpacked {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) weights: Int64Array,
    /// The slot of each row.
    pub(super) slots: Vec<u32>,
}

/// The rows of a state made by [`pack`].
pub(super) fn unpack(state: &ArrayRef, target: Target<'_>) -> Unpacked {
    let lists = state.as_list::<i32>();
    let offsets = lists.value_offsets();
    let (start, end) = (offsets[0] as usize, offsets[lists.len()] as usize);
    let slots = (0..lists.len())
        .flat_map(|row| std::iter::repeat_n(target.slot(row) as u32, (offsets[row + 1] - offsets[row]) as usize))
        .collect();
    let rows = lists.values().slice(start, end - start);
    let mut columns = rows.as_struct().columns().to_vec();
    let weights = columns.pop().map_or_else(|| Int64Array::from(Vec::<i64>::new()), |w| weights(&w));
    debug_assert_eq!(weights.data_type(), &<Int64Type as arrow::datatypes::ArrowPrimitiveType>::DATA_TYPE);
    Unpacked { columns, weights, slots }
}
