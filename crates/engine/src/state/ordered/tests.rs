//! Ordered rows against a sorted map.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use sloth_types::rng::Rng;

use super::*;

/// Partition, then number from the largest to the smallest (NULL last), then what decides between equals.
type Key = (i64, std::cmp::Reverse<Option<i64>>, (Option<i64>, String));

fn batch(schema: &Schema, rows: &[Key]) -> RecordBatch {
    let words: Int64Array = rows.iter().map(|k| k.2.0).collect();
    let texts: StringArray = rows.iter().map(|k| Some(k.2.1.as_str())).collect();
    let partitions: Int64Array = rows.iter().map(|k| Some(k.0)).collect();
    let numbers: Int64Array = rows.iter().map(|k| k.1.0).collect();
    RecordBatch::try_new(
        Arc::new(schema.clone()),
        vec![Arc::new(words), Arc::new(texts), Arc::new(partitions), Arc::new(numbers)],
    )
    .unwrap()
}

fn read(rows: &OrderedRows, partition: u32) -> Vec<(Key, i64)> {
    let slots: Vec<u32> = rows.rows_of(partition).collect();
    let columns = rows.decode(&slots, &vec![partition; slots.len()]).unwrap();
    let words = |column: usize, i: usize| {
        let words = columns[column].as_primitive::<Int64Type>();
        words.is_valid(i).then(|| words.value(i))
    };
    let texts = columns[1].as_string::<i32>();
    let key = |i: usize| {
        let rest = (words(0, i), texts.value(i).to_owned());
        (words(2, i).unwrap(), std::cmp::Reverse(words(3, i)), rest)
    };
    (0..slots.len()).map(|i| (key(i), rows.weight(slots[i]))).collect()
}

/// Random changes against a sorted map; with many rows a partition, so that chunks split and vanish.
#[test]
fn rows_stand_in_order_and_come_back_whole() {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let word = |name: &str| field(name, DataType::Int64);
    let schema = Schema::new(vec![word("w"), field("t", DataType::Utf8), word("p"), word("n")]);
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let options = SortOptions { descending: true, nulls_first: false };
        // As bytes, and column by column.
        let mut rows = match seed % 4 {
            0 | 1 => OrderedRows::new(&schema, &[2], &[(3, options)], Stamp::None).unwrap(),
            _ => OrderedRows::growing(&schema, &[2], &[(3, options)]).unwrap(),
        };
        let mut twin: BTreeMap<Key, i64> = BTreeMap::new();
        let spread = [3, 2000][seed as usize % 2];
        for _ in 0..40 {
            let mut changes: BTreeMap<Key, i64> = BTreeMap::new();
            for _ in 0..rng.below(200) {
                let number = (rng.below(10) > 0).then(|| rng.below(spread) as i64);
                let rest = ((!rng.chance(0.3)).then(|| rng.between(-1, 1)), format!("t{}", rng.below(3)));
                let key = (rng.below(3) as i64, std::cmp::Reverse(number), rest);
                *changes.entry(key).or_default() += 1;
            }
            let all: Vec<Key> = twin.keys().cloned().collect();
            for key in all {
                if rng.below(3) == 0 {
                    *changes.entry(key).or_default() -= 1;
                }
            }
            changes.retain(|_, w| *w != 0);
            let keys: Vec<Key> = changes.keys().cloned().collect();
            let batch = batch(&schema, &keys);
            let located = rows.locate(&batch).unwrap();
            let spelled = rows.spell(&batch, None).unwrap();
            let (mut gone, mut buffer) = (vec![], vec![]);
            for (row, diff) in changes.values().enumerate() {
                let (slot, moved) = rows.change((&located, row), (&spelled, row), 0, *diff, &mut buffer);
                if moved == Some(false) {
                    gone.push(slot);
                }
            }
            for (key, diff) in changes {
                *twin.entry(key).or_default() += diff;
            }
            twin.retain(|_, w| *w != 0);
            let mut partitions = located.partitions.clone();
            partitions.sort_unstable();
            partitions.dedup();
            for partition in partitions {
                let found = read(&rows, partition);
                assert_eq!(found.len(), rows.len_of(partition));
                if let Some(((p, ..), _)) = found.first() {
                    let expected: Vec<(Key, i64)> =
                        twin.iter().filter(|(k, _)| k.0 == *p).map(|(k, w)| (k.clone(), *w)).collect();
                    assert_eq!(found, expected, "seed {seed}");
                }
                rows.forget(partition);
            }
            rows.free(&mut gone);
            rows.settle().unwrap();
            assert_eq!(rows.len(), twin.len(), "seed {seed}");
        }
    }
}

#[test]
fn what_stands_behind_is_cut_off() {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    let mut rows = OrderedRows::new(&schema, &[], &[(0, SortOptions::default())], Stamp::None).unwrap();
    let numbers: Vec<i64> = (0..1000).map(|n| (n * 7919) % 1000).collect();
    let batch =
        RecordBatch::try_new(Arc::new(schema.clone()), vec![Arc::new(Int64Array::from(numbers.clone()))]).unwrap();
    let located = rows.locate(&batch).unwrap();
    let spelled = rows.spell(&batch, None).unwrap();
    let (mut gone, mut buffer) = (vec![], vec![]);
    for row in 0..numbers.len() {
        rows.change((&located, row), (&spelled, row), 0, 1, &mut buffer);
    }
    rows.truncate(0, 300, &mut gone);
    assert_eq!((gone.len(), rows.len_of(0)), (700, 300));
    rows.free(&mut gone);
    let slots: Vec<u32> = rows.rows_of(0).collect();
    let columns = rows.decode(&slots, &vec![0; 300]).unwrap();
    assert_eq!(columns[0].as_primitive::<Int64Type>().values().to_vec(), (0..300).collect::<Vec<i64>>());
}
