//! Key columns of a batch as keys of a table, and back.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringArray, StringBuilder, make_array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, TimeUnit};
use arrow::row::{RowConverter, Rows, SortField};
use sloth_types::{Error, Result};

use super::stores::{WideForm, WideKeys};
use super::{KeyTable, Keys};
use crate::hash::{Words, unsigned_zeros, words_of};
use crate::state::records::Records;

/// Keys of one batch.
pub(crate) enum EncodedKeys {
    /// No key columns: all rows belong to slot 0.
    None,
    Words(ScalarBuffer<u64>, Option<NullBuffer>),
    /// A few words a key.
    Wide(WideKeys),
    Text(StringArray),
    /// Texts by their place in a dictionary; a NULL row has no place.
    Coded(ScalarBuffer<i32>, Option<NullBuffer>, StringArray),
    Rows(Rows),
}

/// How the keys of an operator are encoded, by their types. Dictionaries of texts count as texts.
pub(crate) struct KeyEncoder {
    pub(super) types: Vec<DataType>,
    converter: Option<RowConverter>,
    /// How many keys the last table had that is gone: the next one will have about as many.
    pub(super) expected: Rc<Cell<usize>>,
}

/// Room made beforehand is for at most so many keys.
const EXPECTED_MAX: usize = 1 << 18;

/// The type of a key column's values: a dictionary is only a way to write them.
pub(crate) fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

pub(super) fn is_word(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int64
            | DataType::UInt64
            | DataType::Int32
            | DataType::UInt32
            | DataType::Int16
            | DataType::Int8
            | DataType::Date32
            | DataType::Time32(_)
            | DataType::Timestamp(_, _)
            | DataType::Boolean
    )
}

/// What a table keeps of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    None,
    Word,
    /// So many words.
    Wide(usize),
    Bytes,
}

/// Keys of more words are better off as bytes.
const WORDS_MAX: usize = 4;

/// How many words a column takes in a key of several; `None` when it has no fixed width.
fn words_in_key(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Decimal128(..) => Some(2),
        DataType::Float64 => Some(1),
        other => is_word(other).then_some(1),
    }
}

fn form_of(types: &[DataType]) -> Form {
    match types {
        [] => Form::None,
        [one] if is_word(one) => Form::Word,
        [DataType::Utf8] => Form::Bytes,
        several => match several.iter().map(words_in_key).sum::<Option<usize>>() {
            Some(words) if words <= WORDS_MAX => Form::Wide(words),
            _ => Form::Bytes,
        },
    }
}

impl KeyEncoder {
    /// The encoder for keys of these types.
    pub(crate) fn new(types: Vec<DataType>) -> Result<Self> {
        let types: Vec<DataType> = types.iter().map(value_type).cloned().collect();
        let converter = match form_of(&types) {
            Form::Bytes if types != [DataType::Utf8] => {
                Some(RowConverter::new(types.iter().map(|t| SortField::new(t.clone())).collect())?)
            }
            _ => None,
        };
        Ok(KeyEncoder { types, converter, expected: Rc::default() })
    }

    /// An encoder whose encoded keys compare as bytes in the order of `fields`, which are of `types`.
    pub(crate) fn sorted(types: Vec<DataType>, fields: Vec<SortField>) -> Result<Self> {
        Ok(KeyEncoder { types, converter: Some(RowConverter::new(fields)?), expected: Rc::default() })
    }

    /// What a table keeps of a key: in order, keys of whatever type are rows of bytes.
    pub(super) fn form(&self) -> Form {
        if self.converter.is_some() { Form::Bytes } else { form_of(&self.types) }
    }

    /// Words of a table's records that are the key.
    pub(crate) fn key_words(&self) -> usize {
        match self.form() {
            Form::Word => 1,
            Form::Wide(width) => width,
            Form::None | Form::Bytes => 0,
        }
    }

    /// Number of key columns.
    pub(crate) fn width(&self) -> usize {
        self.types.len()
    }

    /// How many keys a new table makes room for.
    pub(crate) fn room(&self) -> usize {
        self.expected.get().min(EXPECTED_MAX)
    }

    /// Encodes the key columns of a batch.
    pub(crate) fn encode(&mut self, columns: &[ArrayRef]) -> Result<EncodedKeys> {
        if let Some(converter) = &mut self.converter {
            let plain: Vec<ArrayRef> = columns.iter().map(plain).collect::<Result<_>>()?;
            return Ok(EncodedKeys::Rows(converter.convert_columns(&plain)?));
        }
        if let Form::Wide(width) = self.form() {
            return Ok(EncodedKeys::Wide(wide_keys(columns, width)?));
        }
        let Some(column) = columns.first() else { return Ok(EncodedKeys::None) };
        if let Some(coded) = column.as_dictionary_opt::<Int32Type>()
            && let Some(texts) = coded.values().as_string_opt::<i32>()
            && texts.null_count() == 0
        {
            let nulls = coded.nulls().filter(|n| n.null_count() > 0).cloned();
            return Ok(EncodedKeys::Coded(coded.keys().values().clone(), nulls, texts.clone()));
        }
        let column = &plain(column)?;
        if let Some(text) = column.as_string_opt::<i32>() {
            return Ok(EncodedKeys::Text(text.clone()));
        }
        let nulls = column.nulls().filter(|n| n.null_count() > 0).cloned();
        let words = match words_of(column) {
            Some(Words::W64(values)) => {
                // The same bits read as unsigned words, without a copy.
                let data = column.to_data();
                match data.buffers().first() {
                    Some(buffer) => ScalarBuffer::new(buffer.clone(), data.offset(), values.len()),
                    None => ScalarBuffer::from(Vec::new()),
                }
            }
            Some(words) => (0..column.len()).map(|row| words.get(row)).collect(),
            None => return Err(Error::internal(format!("no key encoding for {}", column.data_type()))),
        };
        Ok(EncodedKeys::Words(words, nulls))
    }

    /// The key columns of the given slots of a table.
    pub(crate) fn decode(&self, table: &KeyTable, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        match &table.keys {
            Keys::None => Ok(vec![]),
            Keys::Words => {
                let data_type = self.types.first().cloned().unwrap_or(DataType::Int64);
                let valid = table.null_slot.map(|null| slots.iter().map(|s| *s != null).collect::<NullBuffer>());
                let values = slots.iter().map(|s| table.records.get(*s, 0).unwrap_or(0));
                Ok(vec![words_to_array(values, &data_type, valid)?])
            }
            Keys::Wide(form) => wide_columns((&table.records, form), &self.types, slots),
            Keys::Bytes(bytes) => match &self.converter {
                None => {
                    let mut builder = StringBuilder::with_capacity(slots.len(), slots.len() * 8);
                    for slot in slots {
                        if table.null_slot == Some(*slot) {
                            builder.append_null();
                        } else {
                            builder.append_value(std::str::from_utf8(bytes.get(*slot)).unwrap_or_default());
                        }
                    }
                    Ok(vec![Arc::new(builder.finish())])
                }
                Some(converter) => {
                    let parser = converter.parser();
                    Ok(converter.convert_rows(slots.iter().map(|s| parser.parse(bytes.get(*s))))?)
                }
            },
        }
    }
}

/// Columns side by side, row by row.
fn wide_keys(columns: &[ArrayRef], width: usize) -> Result<WideKeys> {
    let rows = columns.first().map_or(0, |column| column.len());
    let mut words = vec![0; rows * width];
    let mut nulls = vec![];
    let mut start = 0;
    for (nth, column) in columns.iter().enumerate() {
        let column = &plain(column)?;
        let places = words.get_mut(start..).unwrap_or_default().chunks_mut(width);
        match column.data_type() {
            DataType::Decimal128(..) => {
                for (place, value) in places.zip(column.as_primitive::<Decimal128Type>().values()) {
                    place[0] = *value as u64;
                    place[1] = (*value >> 64) as u64;
                }
                start += 1;
            }
            DataType::Float64 => {
                let values = column.as_primitive::<Float64Type>().values();
                places.zip(values).for_each(|(place, value)| place[0] = value.to_bits());
            }
            _ => {
                let values = words_of(column)
                    .ok_or_else(|| Error::internal(format!("no key encoding for {}", column.data_type())))?;
                match values {
                    Words::W64(values) => places.zip(values).for_each(|(place, value)| place[0] = *value as u64),
                    other => places.enumerate().for_each(|(row, place)| place[0] = other.get(row)),
                }
            }
        }
        start += 1;
        let Some(null) = column.nulls().filter(|n| n.null_count() > 0) else { continue };
        nulls.resize(rows, 0u8);
        for row in (0..rows).filter(|row| null.is_null(*row)) {
            nulls[row] |= 1 << nth;
            // What stands under a NULL is anything.
            let end = row * width + start;
            let taken = words_in_key(column.data_type()).unwrap_or(1);
            words[end - taken..end].fill(0);
        }
    }
    Ok(WideKeys { width, words, nulls })
}

/// The columns of some keys of several words.
fn wide_columns((records, form): (&Records, &WideForm), types: &[DataType], slots: &[u32]) -> Result<Vec<ArrayRef>> {
    let mut start = 0;
    let mut columns = Vec::with_capacity(types.len());
    for (nth, data_type) in types.iter().enumerate() {
        let valid = (!form.nulls.is_empty())
            .then(|| slots.iter().map(|slot| form.nulls_of(*slot) & (1 << nth) == 0).collect::<NullBuffer>())
            .filter(|valid| valid.null_count() > 0);
        let word = |slot: &u32, at: usize| records.get(*slot, at).unwrap_or(0);
        columns.push(match data_type {
            DataType::Decimal128(..) => {
                let value = |slot| (i128::from(word(slot, start + 1) as i64) << 64) | i128::from(word(slot, start));
                let values: ScalarBuffer<i128> = slots.iter().map(value).collect();
                let array = PrimitiveArray::<Decimal128Type>::new(values, valid);
                Arc::new(array.with_data_type(data_type.clone())) as ArrayRef
            }
            DataType::Float64 => {
                let values: ScalarBuffer<f64> = slots.iter().map(|slot| f64::from_bits(word(slot, start))).collect();
                Arc::new(PrimitiveArray::<Float64Type>::new(values, valid))
            }
            _ => words_to_array(slots.iter().map(|slot| word(slot, start)), data_type, valid)?,
        });
        start += words_in_key(data_type).unwrap_or(1);
    }
    Ok(columns)
}

/// The column without a dictionary, and without a sign of zero.
fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Dictionary(_, values) => Ok(cast(column, values)?),
        _ => Ok(unsigned_zeros(column)),
    }
}

fn words_to_array(
    words: impl Iterator<Item = u64>,
    data_type: &DataType,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    use arrow::datatypes as t;
    macro_rules! primitive {
        ($type:ty) => {{
            let values: ScalarBuffer<<$type as t::ArrowPrimitiveType>::Native> = words.map(|w| w as _).collect();
            Arc::new(PrimitiveArray::<$type>::new(values, nulls).with_data_type(data_type.clone())) as ArrayRef
        }};
    }
    Ok(match data_type {
        DataType::Int64 => primitive!(t::Int64Type),
        DataType::UInt64 => primitive!(t::UInt64Type),
        DataType::Int32 => primitive!(t::Int32Type),
        DataType::UInt32 => primitive!(t::UInt32Type),
        DataType::Int16 => primitive!(t::Int16Type),
        DataType::Int8 => primitive!(t::Int8Type),
        DataType::Date32 => primitive!(t::Date32Type),
        DataType::Time32(TimeUnit::Second) => primitive!(t::Time32SecondType),
        DataType::Time32(_) => primitive!(t::Time32MillisecondType),
        DataType::Timestamp(TimeUnit::Second, _) => primitive!(t::TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => primitive!(t::TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => primitive!(t::TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => primitive!(t::TimestampNanosecondType),
        DataType::Boolean => {
            let array = BooleanArray::from(words.map(|w| w != 0).collect::<Vec<bool>>());
            make_array(array.into_data().into_builder().nulls(nulls).build()?)
        }
        other => return Err(Error::internal(format!("no key decoding for {other}"))),
    })
}
