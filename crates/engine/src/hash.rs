//! Key hashing and the way from a key to its virtual node and worker. Ours and versioned, because checkpoints will
//! depend on it: it must never change under a running installation.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type};
use arrow::row::{RowConverter, SortField};

/// Number of virtual nodes that keys are spread over. State moves between workers in whole virtual nodes.
pub(crate) const VNODES: u64 = 4096;

/// The worker that owns a hash: contiguous ranges of virtual nodes.
#[inline]
pub(crate) fn worker_of(hash: u64, workers: usize) -> usize {
    let vnode = hash >> (64 - VNODES.trailing_zeros());
    ((vnode * workers as u64) / VNODES) as usize
}

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const MULTIPLIER: u64 = 0xD6E8_FEB8_6659_FD93;

/// Folds a word into a hash (folded 128-bit multiplication, as in wyhash).
#[inline(always)]
pub(crate) fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word).wrapping_mul(u128::from(MULTIPLIER));
    ((product >> 64) as u64) ^ (product as u64)
}

/// Hash of a byte string, eight bytes at a time.
#[inline]
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        hash = mix(
            hash,
            u64::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7]]),
        );
    }
    let tail = tail_word(chunks.remainder());
    mix(mix(hash, tail), SEED)
}

/// Up to seven bytes as a little-endian word, by two loads that may overlap instead of one a byte.
#[inline(always)]
fn tail_word(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>(), bytes.first_chunk::<2>(), bytes) {
        (Some(head), Some(rest), ..) => {
            let rest = u64::from(u32::from_le_bytes(*rest)) << (8 * (bytes.len() - 4));
            u64::from(u32::from_le_bytes(*head)) | rest
        }
        (.., Some(head), [.., last]) => {
            u64::from(u16::from_le_bytes(*head)) | u64::from(*last) << (8 * (bytes.len() - 1))
        }
        (.., [only]) => u64::from(*only),
        _ => 0,
    }
}

/// Equality of byte strings that are mostly short: without a call for up to 64 bytes.
#[inline(always)]
pub(crate) fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        0..8 => tail_word(a) == tail_word(b),
        8..=16 => a.first_chunk::<8>() == b.first_chunk::<8>() && a.last_chunk::<8>() == b.last_chunk::<8>(),
        17..=32 => a.first_chunk::<16>() == b.first_chunk::<16>() && a.last_chunk::<16>() == b.last_chunk::<16>(),
        33..=64 => a.first_chunk::<32>() == b.first_chunk::<32>() && a.last_chunk::<32>() == b.last_chunk::<32>(),
        _ => a == b,
    }
}

/// Hash of a single word.
#[inline(always)]
pub(crate) fn hash_word(word: u64) -> u64 {
    mix(mix(SEED, word), SEED)
}

/// Hash of a key of several words, and of the bits that say which of its columns are NULL.
#[inline(always)]
pub(crate) fn hash_words(words: &[u64], nulls: u8) -> u64 {
    let hash = words.iter().fold(SEED ^ u64::from(nulls), |hash, word| mix(hash, *word));
    mix(hash, SEED)
}

/// Hashes key columns, with buffers kept between batches.
#[derive(Default)]
pub(crate) struct KeyHasher {
    hashes: Vec<u64>,
    converter: Option<RowConverter>,
}

impl KeyHasher {
    /// One hash a row; equal keys have equal hashes (NULL equals NULL).
    pub(crate) fn hash(&mut self, columns: &[&ArrayRef], rows: usize) -> &[u64] {
        if columns.iter().any(|column| is_odd_dictionary(column)) {
            let plain: Vec<ArrayRef> = columns.iter().map(|column| without_dictionary(column)).collect();
            return self.hash_plain(&plain.iter().collect::<Vec<_>>(), rows);
        }
        self.hash_plain(columns, rows)
    }

    fn hash_plain(&mut self, columns: &[&ArrayRef], rows: usize) -> &[u64] {
        self.hashes.clear();
        self.hashes.resize(rows, SEED);
        if !columns.iter().all(|c| hash_column(c, &mut self.hashes)) {
            self.hash_rows(columns, rows);
        }
        for hash in &mut self.hashes {
            *hash = mix(*hash, SEED);
        }
        &self.hashes
    }

    /// The hash of a row of the last call.
    pub(crate) fn last(&self, row: usize) -> u64 {
        self.hashes.get(row).copied().unwrap_or(0)
    }

    /// Nested and unusual types go through Arrow's row format.
    fn hash_rows(&mut self, columns: &[&ArrayRef], rows: usize) {
        self.hashes.clear();
        self.hashes.resize(rows, SEED);
        let owned: Vec<ArrayRef> = columns.iter().map(|column| without_dictionary(column)).collect();
        if self.converter.is_none() {
            self.converter =
                RowConverter::new(owned.iter().map(|c| SortField::new(c.data_type().clone())).collect()).ok();
        }
        if let Some(rows) = self.converter.as_mut().and_then(|c| c.convert_columns(&owned).ok()) {
            for (hash, row) in self.hashes.iter_mut().zip(rows.iter()) {
                *hash = hash_bytes(row.as_ref());
            }
        }
    }
}

/// A dictionary is only another way to write the same keys.
fn without_dictionary(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        // Taking values by their codes cannot fail.
        DataType::Dictionary(_, values) => cast(column, values).unwrap_or_else(|_| ArrayRef::clone(column)),
        _ => unsigned_zeros(column),
    }
}

/// A column of doubles with 0 in the place of -0, which are the same key.
pub(crate) fn unsigned_zeros(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            match values.values().iter().any(|v| v.to_bits() == (-0.0_f64).to_bits()) {
                true => Arc::new(values.unary::<_, Float64Type>(|v| v + 0.0)),
                false => ArrayRef::clone(column),
            }
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>();
            match values.values().iter().any(|v| v.to_bits() == (-0.0_f32).to_bits()) {
                true => Arc::new(values.unary::<_, Float32Type>(|v| v + 0.0)),
                false => ArrayRef::clone(column),
            }
        }
        _ => ArrayRef::clone(column),
    }
}

/// True for dictionaries that are not hashed value by value.
fn is_odd_dictionary(column: &ArrayRef) -> bool {
    matches!(column.data_type(), DataType::Dictionary(..)) && texts_by_code(column).is_none()
}

/// Codes and texts of a dictionary without NULL among the texts.
fn texts_by_code(column: &ArrayRef) -> Option<(&[i32], &StringArray)> {
    let coded = column.as_dictionary_opt::<Int32Type>()?;
    let texts = coded.values().as_string_opt::<i32>().filter(|texts| texts.null_count() == 0)?;
    Some((coded.keys().values(), texts))
}

/// Folds a column into the hashes; false when its type is not handled here.
fn hash_column(column: &ArrayRef, hashes: &mut [u64]) -> bool {
    if let Some(words) = words_of(column) {
        fold(column, hashes, |hash, row| mix(hash, words.get(row)));
        return true;
    }
    match column.data_type() {
        DataType::Utf8 => {
            let strings = column.as_string::<i32>();
            fold(column, hashes, |hash, row| mix(hash, hash_bytes(strings.value(row).as_bytes())));
        }
        DataType::Binary => {
            let bytes = column.as_binary::<i32>();
            fold(column, hashes, |hash, row| mix(hash, hash_bytes(bytes.value(row))));
        }
        DataType::Dictionary(_, _) => {
            let Some((codes, texts)) = texts_by_code(column) else { return false };
            let of_text: Vec<u64> = texts.iter().map(|text| hash_bytes(text.unwrap_or_default().as_bytes())).collect();
            fold(column, hashes, |hash, row| mix(hash, of_text[codes[row] as usize]));
        }
        _ => return false,
    }
    true
}

#[inline(always)]
fn fold(column: &ArrayRef, hashes: &mut [u64], next: impl Fn(u64, usize) -> u64) {
    match column.nulls().filter(|n| n.null_count() > 0) {
        None => {
            for (row, hash) in hashes.iter_mut().enumerate() {
                *hash = next(*hash, row);
            }
        }
        Some(nulls) => {
            for (row, hash) in hashes.iter_mut().enumerate() {
                *hash = if nulls.is_valid(row) { next(*hash, row) } else { mix(*hash, SEED) };
            }
        }
    }
}

/// Values of a fixed-width column as 64-bit words.
pub(crate) enum Words<'a> {
    W64(&'a [i64]),
    W32(&'a [i32]),
    W16(&'a [i16]),
    W8(&'a [i8]),
    Bool(&'a arrow::buffer::BooleanBuffer),
}

impl Words<'_> {
    /// The word of a row.
    #[inline(always)]
    pub(crate) fn get(&self, row: usize) -> u64 {
        match self {
            Words::W64(v) => v[row] as u64,
            Words::W32(v) => i64::from(v[row]) as u64,
            Words::W16(v) => i64::from(v[row]) as u64,
            Words::W8(v) => i64::from(v[row]) as u64,
            Words::Bool(v) => u64::from(v.value(row)),
        }
    }
}

/// The words of a column whose values fit into 64 bits and compare by their bits (no floats), or `None`.
pub(crate) fn words_of(column: &ArrayRef) -> Option<Words<'_>> {
    use arrow::datatypes as t;
    macro_rules! words {
        ($width:ident, $type:ty) => {
            Some(Words::$width(column.as_primitive::<$type>().values().inner().typed_data()))
        };
    }
    match column.data_type() {
        DataType::Int64 => words!(W64, t::Int64Type),
        DataType::UInt64 => words!(W64, t::UInt64Type),
        DataType::Int32 => words!(W32, t::Int32Type),
        DataType::UInt32 => words!(W32, t::UInt32Type),
        DataType::Int16 => words!(W16, t::Int16Type),
        DataType::Int8 => words!(W8, t::Int8Type),
        DataType::Date32 => words!(W32, t::Date32Type),
        DataType::Time32(t::TimeUnit::Second) => words!(W32, t::Time32SecondType),
        DataType::Time32(_) => words!(W32, t::Time32MillisecondType),
        DataType::Timestamp(t::TimeUnit::Second, _) => words!(W64, t::TimestampSecondType),
        DataType::Timestamp(t::TimeUnit::Millisecond, _) => words!(W64, t::TimestampMillisecondType),
        DataType::Timestamp(t::TimeUnit::Microsecond, _) => words!(W64, t::TimestampMicrosecondType),
        DataType::Timestamp(t::TimeUnit::Nanosecond, _) => words!(W64, t::TimestampNanosecondType),
        DataType::Boolean => Some(Words::Bool(column.as_boolean().values())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_dictionary_hashes_as_its_texts() {
        use arrow::array::DictionaryArray;
        let values = [Some("a"), None, Some("a longer text than a word"), Some("a"), Some("")];
        let texts: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
        let coded: ArrayRef = Arc::new(values.into_iter().collect::<DictionaryArray<Int32Type>>());
        let nulls_inside = arrow::array::Int32Array::from(vec![0, 1, 2, 0, 3]);
        let entries = StringArray::from(vec![Some("a"), None, Some("a longer text than a word"), Some("")]);
        let odd: ArrayRef = Arc::new(DictionaryArray::new(nulls_inside, Arc::new(entries)));
        let expected = KeyHasher::default().hash(&[&texts], 5).to_vec();
        assert_eq!(KeyHasher::default().hash(&[&coded], 5), expected);
        assert_eq!(KeyHasher::default().hash(&[&odd], 5), expected);
    }

    /// The same hash, a byte at a time.
    fn naive(bytes: &[u8]) -> u64 {
        let word = |chunk: &[u8]| chunk.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        let chunks = bytes.chunks_exact(8);
        let tail = word(chunks.remainder());
        let hash = chunks.fold(SEED ^ (bytes.len() as u64), |hash, chunk| mix(hash, word(chunk)));
        mix(mix(hash, tail), SEED)
    }

    #[test]
    fn bytes_of_every_length_hash_and_compare_as_they_do_one_by_one() {
        let bytes: Vec<u8> = (0..40u8).map(|i| i.wrapping_mul(37).wrapping_add(129)).collect();
        for len in 0..bytes.len() {
            assert_eq!(hash_bytes(&bytes[..len]), naive(&bytes[..len]), "{len} bytes");
            assert!(same_bytes(&bytes[..len], &bytes[..len]));
            assert!(!same_bytes(&bytes[..len], &bytes[..len + 1]));
            for changed in 0..len {
                let mut other = bytes[..len].to_vec();
                other[changed] ^= 0x40;
                assert!(!same_bytes(&bytes[..len], &other), "{len} bytes, number {changed}");
            }
        }
    }
}
