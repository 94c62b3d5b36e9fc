//! The key table against a naive map, for each encoding.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use sloth_types::rng::Rng;

use super::*;

fn columns(kind: usize, values: &[Option<i64>]) -> Vec<ArrayRef> {
    let words: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
    // Of all lengths around what fits a word.
    let text = |v: i64| format!("{v}{}", "x".repeat(v.unsigned_abs() as usize % 20));
    let owned: Vec<Option<String>> = values.iter().map(|v| v.map(text)).collect();
    let texts: ArrayRef = Arc::new(StringArray::from(owned.clone()));
    let narrow: ArrayRef = Arc::new(values.iter().map(|v| v.map(|v| v as i32)).collect::<Int32Array>());
    match kind {
        0 => vec![words],
        1 => vec![texts],
        2 => vec![narrow],
        3 => vec![Arc::new(owned.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>())],
        4 => vec![columns(3, values)[0].clone(), words],
        _ => vec![words, texts],
    }
}

#[test]
fn interning_and_removing_equals_a_map() {
    for kind in 0..6 {
        let mut rng = Rng::new(kind as u64);
        let types = columns(kind, &[]).iter().map(|c| c.data_type().clone()).collect();
        let mut encoder = KeyEncoder::new(types).unwrap();
        let mut table = KeyTable::new(&encoder);
        let mut twin: HashMap<Option<i64>, u32> = HashMap::new();
        for _ in 0..200 {
            let most = if rng.chance(0.3) { 600 } else { 50 };
            let count = rng.below(most);
            let values: Vec<Option<i64>> =
                (0..count).map(|_| (!rng.chance(0.1)).then(|| rng.between(-30, 30))).collect();
            let cols = columns(kind, &values);
            let keys = encoder.encode(&cols).unwrap();
            let mut slots = vec![];
            table.intern(&keys, &RowSet::Range(0..values.len()), &mut slots);
            for (value, slot) in values.iter().zip(&slots) {
                assert_eq!(*twin.entry(*value).or_insert(*slot), *slot);
            }
            assert_eq!(table.len(), twin.len());
            let back = encoder.decode(&table, &slots).unwrap();
            assert_eq!(back.len(), cols.len());
            for (a, b) in back.iter().zip(&cols) {
                assert_eq!(a.as_ref(), cast(b, value_type(b.data_type())).unwrap().as_ref());
            }
            let gone: Vec<Option<i64>> = twin.keys().filter(|_| rng.chance(0.3)).copied().collect();
            for key in gone {
                table.remove(twin.remove(&key).unwrap());
            }
            assert_eq!(table.len(), twin.len());
        }
    }
}

#[test]
fn a_sliced_column_is_read_from_its_offset() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]).slice(2, 2));
    let mut encoder = KeyEncoder::new(vec![DataType::Int64]).unwrap();
    let keys = encoder.encode(&[column]).unwrap();
    let EncodedKeys::Words(words, None) = keys else { panic!("words") };
    assert_eq!(&words[..], &[3, 4]);
}

#[test]
fn many_words_are_found_again_after_growing_and_removing() {
    let mut rng = Rng::new(3);
    let mut encoder = KeyEncoder::new(vec![DataType::Int64]).unwrap();
    let mut room = 0;
    // The second table makes room for as many keys as the first had.
    for _ in 0..2 {
        let mut table = KeyTable::new(&encoder);
        assert_eq!(encoder.room(), room);
        let mut twin: HashMap<i64, u32> = HashMap::new();
        for round in 0..30 {
            let values: Vec<i64> = (0..3000).map(|_| rng.between(0, 40_000) * 0x1_0000_0001).collect();
            let column: ArrayRef = Arc::new(Int64Array::from(values.clone()));
            let keys = encoder.encode(&[column]).unwrap();
            let mut slots = vec![];
            table.intern(&keys, &RowSet::Range(0..values.len()), &mut slots);
            for (value, slot) in values.iter().zip(&slots) {
                assert_eq!(twin.entry(*value).or_insert(*slot), slot);
            }
            if round % 3 == 2 {
                let gone: Vec<i64> = twin.keys().filter(|_| rng.chance(0.5)).copied().collect();
                gone.iter().for_each(|value| table.remove(twin.remove(value).unwrap()));
                table.find(&keys, &mut slots, values.len());
                for (value, slot) in values.iter().zip(&slots) {
                    assert_eq!(twin.get(value).copied().unwrap_or(ABSENT), *slot);
                }
            }
        }
        assert_eq!(table.len(), twin.len());
        room = table.len();
    }
}
