//! The key table against a naive map, for each encoding.

use std::collections::HashMap;

use arrow::array::{Int32Array, Int64Array, StringArray};
use sloth_types::rng::Rng;

use super::*;

fn columns(kind: usize, values: &[Option<i64>]) -> Vec<ArrayRef> {
    let words: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
    let texts: ArrayRef =
        Arc::new(StringArray::from(values.iter().map(|v| v.map(|v| format!("k{v}"))).collect::<Vec<_>>()));
    let narrow: ArrayRef = Arc::new(values.iter().map(|v| v.map(|v| v as i32)).collect::<Int32Array>());
    match kind {
        0 => vec![words],
        1 => vec![texts],
        2 => vec![narrow],
        _ => vec![words, texts],
    }
}

#[test]
fn interning_and_removing_equals_a_map() {
    for kind in 0..4 {
        let mut rng = Rng::new(kind as u64);
        let types = columns(kind, &[]).iter().map(|c| c.data_type().clone()).collect();
        let mut encoder = KeyEncoder::new(types).unwrap();
        let mut table = KeyTable::new(&encoder);
        let mut twin: HashMap<Option<i64>, u32> = HashMap::new();
        for _ in 0..200 {
            let values: Vec<Option<i64>> =
                (0..rng.below(50)).map(|_| (!rng.chance(0.1)).then(|| rng.between(-30, 30))).collect();
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
                assert_eq!(a.as_ref(), b.as_ref());
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
