//! Key tables: from key columns to dense slots.
//!
//! Keys are encoded once per batch ([`KeyEncoder`]) and then interned ([`KeyTable`]): a fixed-width key is its 64-bit
//! word, a text key its bytes, anything else Arrow's row format. The table holds keys column-wise (a vector of words, or
//! one arena of bytes), and a hash index of slot numbers beside them.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringBuilder, make_array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::row::{RowConverter, Rows, SortField};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use sloth_types::{Error, Result};

use super::arena::Arena;
use crate::hash::{Words, hash_bytes, hash_word, same_bytes, words_of};

/// Which rows of a batch are meant.
#[derive(Clone, Debug)]
pub(crate) enum RowSet<'a> {
    Range(Range<usize>),
    List(&'a [u32]),
}

impl RowSet<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            RowSet::Range(range) => range.len(),
            RowSet::List(rows) => rows.len(),
        }
    }
}

/// Keys of one batch.
pub(crate) enum EncodedKeys {
    /// No key columns: all rows belong to slot 0.
    None,
    Words(ScalarBuffer<u64>, Option<NullBuffer>),
    Text(arrow::array::StringArray),
    Rows(Rows),
}

/// How the keys of an operator are encoded, by their types.
pub(crate) struct KeyEncoder {
    types: Vec<DataType>,
    converter: Option<RowConverter>,
}

fn is_word(data_type: &DataType) -> bool {
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

impl KeyEncoder {
    /// The encoder for keys of these types.
    pub(crate) fn new(types: Vec<DataType>) -> Result<Self> {
        let simple = match types.as_slice() {
            [] => true,
            [one] => is_word(one) || *one == DataType::Utf8,
            _ => false,
        };
        let converter = if simple {
            None
        } else {
            Some(RowConverter::new(types.iter().map(|t| SortField::new(t.clone())).collect())?)
        };
        Ok(KeyEncoder { types, converter })
    }

    /// Encodes the key columns of a batch.
    pub(crate) fn encode(&mut self, columns: &[ArrayRef]) -> Result<EncodedKeys> {
        if let Some(converter) = &mut self.converter {
            return Ok(EncodedKeys::Rows(converter.convert_columns(columns)?));
        }
        let Some(column) = columns.first() else { return Ok(EncodedKeys::None) };
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
            Keys::Words(words) => {
                let data_type = self.types.first().cloned().unwrap_or(DataType::Int64);
                let valid = table.null_slot.map(|null| slots.iter().map(|s| *s != null).collect::<NullBuffer>());
                let values = slots.iter().map(|s| words.get(*s as usize).copied().unwrap_or(0));
                Ok(vec![words_to_array(values, &data_type, valid)?])
            }
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

enum Keys {
    None,
    Words(Vec<u64>),
    Bytes(Arena),
}

/// No slot.
pub(crate) const ABSENT: u32 = u32::MAX;

/// A set of keys, each with a dense slot. Slots of removed keys are used again.
pub(crate) struct KeyTable {
    index: HashTable<u32>,
    keys: Keys,
    null_slot: Option<u32>,
    slots: u32,
    free: Vec<u32>,
}

impl KeyTable {
    /// An empty table for keys of this encoder.
    pub(crate) fn new(encoder: &KeyEncoder) -> Self {
        let keys = match encoder.types.as_slice() {
            [] => Keys::None,
            [one] if is_word(one) => Keys::Words(Vec::new()),
            _ => Keys::Bytes(Arena::default()),
        };
        KeyTable { index: HashTable::new(), keys, null_slot: None, slots: 0, free: Vec::new() }
    }

    /// Number of slots ever used at the same time (removed ones included).
    pub(crate) fn slots(&self) -> usize {
        self.slots as usize
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.slots as usize - self.free.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        let keys = match &self.keys {
            Keys::None => 0,
            Keys::Words(words) => words.capacity() * 8,
            Keys::Bytes(arena) => arena.bytes(),
        };
        keys + self.index.capacity() * 5
    }

    /// Finds or makes the slot of each row's key; `slots` is filled with one slot a row.
    pub(crate) fn intern(&mut self, keys: &EncodedKeys, rows: &RowSet<'_>, slots: &mut Vec<u32>) {
        slots.clear();
        slots.reserve(rows.len());
        match rows {
            RowSet::Range(range) => self.intern_rows(keys, range.clone(), slots),
            RowSet::List(list) => self.intern_rows(keys, list.iter().map(|r| *r as usize), slots),
        }
    }

    fn intern_rows(&mut self, keys: &EncodedKeys, rows: impl Iterator<Item = usize>, slots: &mut Vec<u32>) {
        match keys {
            EncodedKeys::None => {
                self.slots = 1;
                slots.extend(rows.map(|_| 0));
            }
            EncodedKeys::Words(words, None) => slots.extend(rows.map(|row| self.intern_word(words[row]))),
            EncodedKeys::Words(words, Some(nulls)) => slots.extend(
                rows.map(|row| if nulls.is_valid(row) { self.intern_word(words[row]) } else { self.intern_null() }),
            ),
            EncodedKeys::Text(text) => slots.extend(rows.map(|row| {
                if text.is_valid(row) { self.intern_bytes(text.value(row).as_bytes()) } else { self.intern_null() }
            })),
            EncodedKeys::Rows(encoded) => {
                slots.extend(rows.map(|row| self.intern_bytes(encoded.row(row).as_ref())));
            }
        }
    }

    /// The slot of each row's key, [`ABSENT`] when the table does not have it.
    pub(crate) fn find(&self, keys: &EncodedKeys, slots: &mut Vec<u32>, rows: usize) {
        slots.clear();
        slots.extend((0..rows).map(|row| self.find_row(keys, row)));
    }

    fn find_row(&self, keys: &EncodedKeys, row: usize) -> u32 {
        let null = || self.null_slot.unwrap_or(ABSENT);
        match keys {
            EncodedKeys::None => {
                if self.slots == 0 {
                    ABSENT
                } else {
                    0
                }
            }
            EncodedKeys::Words(words, nulls) => match nulls {
                Some(nulls) if nulls.is_null(row) => null(),
                _ => self.find_word(words[row]),
            },
            EncodedKeys::Text(text) if text.is_null(row) => null(),
            EncodedKeys::Text(text) => self.find_bytes(text.value(row).as_bytes()),
            EncodedKeys::Rows(rows) => self.find_bytes(rows.row(row).as_ref()),
        }
    }

    fn find_word(&self, word: u64) -> u32 {
        let Keys::Words(words) = &self.keys else { return ABSENT };
        let null = self.null_slot;
        let same = |slot: &u32| words[*slot as usize] == word && null != Some(*slot);
        self.index.find(hash_word(word), same).copied().unwrap_or(ABSENT)
    }

    fn find_bytes(&self, bytes: &[u8]) -> u32 {
        let Keys::Bytes(arena) = &self.keys else { return ABSENT };
        self.index.find(hash_bytes(bytes), |slot| same_bytes(arena.get(*slot), bytes)).copied().unwrap_or(ABSENT)
    }

    #[inline(always)]
    fn intern_word(&mut self, word: u64) -> u32 {
        let Keys::Words(words) = &mut self.keys else { return 0 };
        let null = self.null_slot;
        match self.index.entry(
            hash_word(word),
            |slot| words[*slot as usize] == word && null != Some(*slot),
            |slot| hash_word(words[*slot as usize]),
        ) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let slot = self.free.pop().unwrap_or_else(|| {
                    self.slots += 1;
                    words.push(0);
                    self.slots - 1
                });
                words[slot as usize] = word;
                entry.insert(slot);
                slot
            }
        }
    }

    #[inline]
    fn intern_bytes(&mut self, bytes: &[u8]) -> u32 {
        let Keys::Bytes(arena) = &mut self.keys else { return 0 };
        match self.index.entry(
            hash_bytes(bytes),
            |slot| same_bytes(arena.get(*slot), bytes),
            |slot| hash_bytes(arena.get(*slot)),
        ) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let slot = self.free.pop().unwrap_or_else(|| {
                    self.slots += 1;
                    self.slots - 1
                });
                entry.insert(slot);
                arena.set(slot, bytes);
                slot
            }
        }
    }

    /// The NULL key of a single-column table has a slot of its own outside the index.
    fn intern_null(&mut self) -> u32 {
        if let Some(slot) = self.null_slot {
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        match &mut self.keys {
            Keys::None => {}
            Keys::Words(words) => {
                if words.len() <= slot as usize {
                    words.push(0);
                }
            }
            Keys::Bytes(arena) => arena.set(slot, &[]),
        }
        self.null_slot = Some(slot);
        slot
    }

    /// Removes the key of a slot; the slot will be used again.
    pub(crate) fn remove(&mut self, slot: u32) {
        if self.null_slot == Some(slot) {
            self.null_slot = None;
        } else {
            let hash = match &self.keys {
                Keys::None => return,
                Keys::Words(words) => hash_word(words[slot as usize]),
                Keys::Bytes(arena) => hash_bytes(arena.get(slot)),
            };
            if let Ok(entry) = self.index.find_entry(hash, |s| *s == slot) {
                entry.remove();
            }
        }
        if let Keys::Bytes(arena) = &mut self.keys {
            arena.clear(slot);
        }
        self.free.push(slot);
    }
}

#[cfg(test)]
#[path = "keys/tests.rs"]
mod tests;
