//! Rows by slot, column by column.
//!
//! A row gets a slot when it is stored and keeps it until it is removed; slots of removed rows are used again. Each
//! column is a vector of machine words of its width, an arena for text, or (nested and rare types) an arena of Arrow's row
//! format. Nothing is kept per row but its values.

use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, AsArray, BinaryArray, BooleanArray, StringArray, make_array};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowNativeType, DataType, Schema};
use arrow::row::{RowConverter, SortField};
use sloth_types::{Error, Result};

use super::arena::Arena;
use super::paged::Paged;
use crate::hash::same_bytes;

/// Stored rows.
pub(crate) struct Rows {
    columns: Vec<Column>,
    slots: u32,
    free: Vec<u32>,
}

struct Column {
    data_type: DataType,
    values: Values,
    /// Slots whose value is NULL; grows only as far as the last NULL.
    nulls: Paged<bool>,
}

enum Values {
    W8(Paged<u8>),
    W16(Paged<u16>),
    W32(Paged<u32>),
    W64(Paged<u64>),
    W128(Paged<u128>),
    Bool(Paged<bool>),
    Text(Arena),
    /// Bytes of the row format of a single column.
    Encoded(Arena, Box<RowConverter>),
}

fn width_of(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Boolean | DataType::Utf8 | DataType::Binary => None,
        DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano) => Some(16),
        other => other.primitive_width(),
    }
}

impl Column {
    fn new(data_type: &DataType) -> Result<Self> {
        let values = match (data_type, width_of(data_type)) {
            (DataType::Boolean, _) => Values::Bool(Paged::default()),
            (DataType::Utf8 | DataType::Binary, _) => Values::Text(Arena::default()),
            (_, Some(1)) => Values::W8(Paged::default()),
            (_, Some(2)) => Values::W16(Paged::default()),
            (_, Some(4)) => Values::W32(Paged::default()),
            (_, Some(8)) => Values::W64(Paged::default()),
            (_, Some(16)) => Values::W128(Paged::default()),
            _ => {
                let converter = RowConverter::new(vec![SortField::new(data_type.clone())])
                    .map_err(|e| Error::unsupported(format!("rows with a column of type {data_type} in state: {e}")))?;
                Values::Encoded(Arena::default(), Box::new(converter))
            }
        };
        Ok(Column { data_type: data_type.clone(), values, nulls: Paged::default() })
    }

    fn store(&mut self, array: &ArrayRef, rows: &[u32], slots: &[u32]) -> Result<()> {
        let nulls = array.logical_nulls().filter(|n| n.null_count() > 0);
        match &mut self.values {
            Values::W8(v) => store_words(v, array, rows, slots),
            Values::W16(v) => store_words(v, array, rows, slots),
            Values::W32(v) => store_words(v, array, rows, slots),
            Values::W64(v) => store_words(v, array, rows, slots),
            Values::W128(v) => store_words(v, array, rows, slots),
            Values::Bool(v) => {
                let bits = array.as_boolean().values();
                store_each(v, rows, slots, |row| bits.value(row));
            }
            Values::Text(arena) => {
                let is_text = self.data_type == DataType::Utf8;
                let (offsets, bytes) = match is_text {
                    true => (array.as_string::<i32>().value_offsets(), array.as_string::<i32>().values()),
                    false => (array.as_binary::<i32>().value_offsets(), array.as_binary::<i32>().values()),
                };
                let string = |(row, slot): (&u32, &u32)| {
                    let row = *row as usize;
                    let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                    let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                    (*slot, start, if null { 0 } else { end - start })
                };
                arena.set_all(bytes, rows.iter().zip(slots).map(string));
            }
            Values::Encoded(arena, converter) => {
                let encoded = converter.convert_columns(std::slice::from_ref(array))?;
                for (row, slot) in rows.iter().zip(slots) {
                    arena.set(*slot, encoded.row(*row as usize).as_ref());
                }
            }
        }
        if nulls.is_none() && self.nulls.is_empty() {
            return Ok(());
        }
        for (row, slot) in rows.iter().zip(slots) {
            let null = nulls.as_ref().is_some_and(|n| n.is_null(*row as usize));
            let slot = *slot as usize;
            if null {
                self.nulls.grow(slot + 1, false);
            }
            if let Some(mark) = self.nulls.get_mut(slot) {
                *mark = null;
            }
        }
        Ok(())
    }

    fn is_null(&self, slot: u32) -> bool {
        self.nulls.get(slot as usize).copied().unwrap_or(false)
    }

    fn gather(&self, slots: &[u32]) -> Result<ArrayRef> {
        let nulls = (!self.nulls.is_empty())
            .then(|| slots.iter().map(|s| !self.is_null(*s)).collect::<NullBuffer>())
            .filter(|n| n.null_count() > 0);
        Ok(match &self.values {
            Values::W8(v) => gather_words(v, slots, &self.data_type, nulls)?,
            Values::W16(v) => gather_words(v, slots, &self.data_type, nulls)?,
            Values::W32(v) => gather_words(v, slots, &self.data_type, nulls)?,
            Values::W64(v) => gather_words(v, slots, &self.data_type, nulls)?,
            Values::W128(v) => {
                let words: Vec<i128> = slots.iter().map(|s| v[*s as usize] as i128).collect();
                array_of(Buffer::from_vec(words), slots.len(), &self.data_type, nulls)?
            }
            Values::Bool(v) => {
                Arc::new(BooleanArray::new(slots.iter().map(|s| v[*s as usize]).collect(), nulls)) as ArrayRef
            }
            Values::Text(arena) => {
                let mut data = Vec::with_capacity(slots.iter().map(|s| arena.get(*s).len()).sum());
                for slot in slots {
                    data.extend_from_slice(arena.get(*slot));
                }
                let offsets = OffsetBuffer::from_lengths(slots.iter().map(|s| arena.get(*s).len()));
                if self.data_type == DataType::Utf8 {
                    Arc::new(StringArray::try_new(offsets, Buffer::from_vec(data), nulls)?)
                } else {
                    Arc::new(BinaryArray::try_new(offsets, Buffer::from_vec(data), nulls)?)
                }
            }
            Values::Encoded(arena, converter) => {
                let parser = converter.parser();
                let mut columns = converter.convert_rows(slots.iter().map(|s| parser.parse(arena.get(*s))))?;
                columns.pop().ok_or_else(|| Error::internal("the row format gave no column"))?
            }
        })
    }

    fn same(&self, slot: u32, probe: &Probe, index: usize, row: usize) -> bool {
        let null = probe.nulls[index].as_ref().is_some_and(|n| n.is_null(row));
        if null || self.is_null(slot) {
            return null && self.is_null(slot);
        }
        let data = &probe.data[index];
        let at = data.offset() + row;
        let place = slot as usize;
        match &self.values {
            Values::W8(v) => data.buffer::<i8>(0)[row] as u8 == v[place],
            Values::W16(v) => data.buffer::<i16>(0)[row] as u16 == v[place],
            Values::W32(v) => data.buffer::<i32>(0)[row] as u32 == v[place],
            Values::W64(v) => data.buffer::<i64>(0)[row] as u64 == v[place],
            Values::W128(v) => data.buffer::<i128>(0)[row] as u128 == v[place],
            Values::Bool(v) => arrow::util::bit_util::get_bit(data.buffers()[0].as_slice(), at) == v[place],
            Values::Text(arena) => {
                let offsets = data.buffer::<i32>(0);
                let bytes = data.buffers()[1].as_slice().get(offsets[row] as usize..offsets[row + 1] as usize);
                bytes.is_some_and(|b| same_bytes(b, arena.get(slot)))
            }
            Values::Encoded(arena, _) => {
                probe.encoded[index].as_ref().is_some_and(|rows| rows.row(row).as_ref() == arena.get(slot))
            }
        }
    }

    fn clear(&mut self, slot: u32) {
        match &mut self.values {
            Values::Text(arena) | Values::Encoded(arena, _) => arena.clear(slot),
            _ => {}
        }
    }

    fn bytes(&self) -> usize {
        self.nulls.bytes()
            + match &self.values {
                Values::W8(v) => v.bytes(),
                Values::Bool(v) => v.bytes(),
                Values::W16(v) => v.bytes(),
                Values::W32(v) => v.bytes(),
                Values::W64(v) => v.bytes(),
                Values::W128(v) => v.bytes(),
                Values::Text(arena) | Values::Encoded(arena, _) => arena.bytes(),
            }
    }
}

/// Rows of a batch, ready to be compared with stored ones.
pub(crate) struct Probe {
    data: Vec<ArrayData>,
    nulls: Vec<Option<NullBuffer>>,
    encoded: Vec<Option<arrow::row::Rows>>,
}

/// Values as unsigned words of their width, whatever they mean.
trait Word: Copy + Default + 'static {
    type Native: ArrowNativeType;
    fn from_native(native: Self::Native) -> Self;
    fn to_native(self) -> Self::Native;
}

macro_rules! word {
    ($unsigned:ty, $native:ty) => {
        impl Word for $unsigned {
            type Native = $native;
            #[inline(always)]
            fn from_native(native: $native) -> Self {
                native as $unsigned
            }
            #[inline(always)]
            fn to_native(self) -> $native {
                self as $native
            }
        }
    };
}
word!(u8, i8);
word!(u16, i16);
word!(u32, i32);
word!(u64, i64);
word!(u128, i128);

fn store_words<W: Word>(values: &mut Paged<W>, array: &ArrayRef, rows: &[u32], slots: &[u32]) {
    let data = array.to_data();
    let Some(buffer) = data.buffers().first() else { return };
    let typed: &[W::Native] = buffer.typed_data();
    let typed = typed.get(data.offset()..).unwrap_or_default();
    store_each(values, rows, slots, |row| W::from_native(typed[row]));
}

fn store_each<T: Copy + Default>(values: &mut Paged<T>, rows: &[u32], slots: &[u32], value: impl Fn(usize) -> T) {
    for (row, slot) in rows.iter().zip(slots) {
        values.set(*slot as usize, value(*row as usize), T::default());
    }
}

fn gather_words<W: Word>(
    values: &Paged<W>,
    slots: &[u32],
    data_type: &DataType,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let words: Vec<W::Native> = slots.iter().map(|s| values[*s as usize].to_native()).collect();
    array_of(Buffer::from_vec(words), slots.len(), data_type, nulls)
}

fn array_of(buffer: Buffer, len: usize, data_type: &DataType, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    Ok(make_array(ArrayData::builder(data_type.clone()).len(len).add_buffer(buffer).nulls(nulls).build()?))
}

impl Rows {
    /// No rows of these columns.
    pub(crate) fn new(schema: &Schema) -> Result<Self> {
        let columns = schema.fields().iter().map(|f| Column::new(f.data_type())).collect::<Result<_>>()?;
        Ok(Rows { columns, slots: 0, free: vec![] })
    }

    /// Slots ever used at the same time.
    pub(crate) fn slots(&self) -> usize {
        self.slots as usize
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.slots as usize - self.free.len()
    }

    /// A slot for a row that [`Rows::store`] will be given.
    pub(crate) fn allot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    /// Stores rows of a batch into allotted slots.
    pub(crate) fn store(&mut self, columns: &[ArrayRef], rows: &[u32], slots: &[u32]) -> Result<()> {
        for (column, array) in self.columns.iter_mut().zip(columns) {
            column.store(array, rows, slots)?;
        }
        Ok(())
    }

    /// The value of a column of 64-bit words; none when it is NULL.
    pub(crate) fn word(&self, column: usize, slot: u32) -> Option<i64> {
        let column = self.columns.get(column).filter(|column| !column.is_null(slot))?;
        match &column.values {
            Values::W64(words) => words.get(slot as usize).map(|word| *word as i64),
            _ => None,
        }
    }

    /// A column of the given slots, in their order.
    pub(crate) fn gather(&self, column: usize, slots: &[u32]) -> Result<ArrayRef> {
        match self.columns.get(column) {
            Some(column) => column.gather(slots),
            None => Err(Error::internal(format!("no column {column} in state"))),
        }
    }

    /// Number of columns.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// All columns of the given slots.
    pub(crate) fn gather_all(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.columns.iter().map(|column| column.gather(slots)).collect()
    }

    /// Stores all rows of some columns in slots of their own, which are given back.
    pub(crate) fn store_all(&mut self, columns: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        let slots: Vec<u32> = (0..rows).map(|_| self.allot()).collect();
        let all: Vec<u32> = (0..rows as u32).collect();
        self.store(columns, &all, &slots)?;
        Ok(slots)
    }

    /// Makes rows of a batch comparable with stored ones.
    pub(crate) fn probe(&self, columns: &[ArrayRef]) -> Result<Probe> {
        let mut data = Vec::with_capacity(columns.len());
        let mut nulls = Vec::with_capacity(columns.len());
        let mut encoded = Vec::with_capacity(columns.len());
        for (column, array) in self.columns.iter().zip(columns) {
            data.push(array.to_data());
            nulls.push(array.logical_nulls().filter(|n| n.null_count() > 0));
            encoded.push(match &column.values {
                Values::Encoded(_, converter) => Some(converter.convert_columns(std::slice::from_ref(array))?),
                _ => None,
            });
        }
        Ok(Probe { data, nulls, encoded })
    }

    /// True when the stored row equals row `row` of the probe; NULL equals NULL, floats compare by their bits.
    pub(crate) fn same(&self, slot: u32, probe: &Probe, row: usize) -> bool {
        self.columns.iter().enumerate().all(|(i, column)| column.same(slot, probe, i, row))
    }

    /// Loads some of what [`Rows::same`] will read.
    #[inline(always)]
    pub(crate) fn touch(&self, slot: u32) -> u64 {
        match self.columns.first().map(|column| &column.values) {
            Some(Values::W64(words)) => words.get(slot as usize).copied().unwrap_or(0),
            Some(Values::Text(arena)) => u64::from(arena.get(slot).first().copied().unwrap_or(0)),
            _ => 0,
        }
    }

    /// Empties a slot that its user has numbered himself.
    pub(crate) fn clear(&mut self, slot: u32) {
        for column in &mut self.columns {
            column.clear(slot);
        }
    }

    /// Forgets a row.
    pub(crate) fn remove(&mut self, slot: u32) {
        for column in &mut self.columns {
            column.clear(slot);
        }
        self.free.push(slot);
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum::<usize>() + self.free.capacity() * 4
    }
}

#[cfg(test)]
#[path = "rows/tests.rs"]
mod tests;
