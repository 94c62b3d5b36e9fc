//! Consolidation against a naive multiset.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use sloth_types::rng::Rng;

use super::*;

#[test]
fn what_comes_out_is_the_net_of_what_went_in() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, true)]));
    let mut consolidator = Consolidator::new(&schema).unwrap();
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut twin: BTreeMap<Option<String>, i64> = BTreeMap::new();
        let mut batches = vec![];
        for _ in 0..rng.below(4) {
            let (mut rows, mut diffs) = (vec![], vec![]);
            for _ in 0..rng.below(10) {
                let row = rng.chance(0.8).then(|| format!("row {}", rng.below(4)));
                let diff = if rng.chance(0.5) { 1 } else { -1 };
                *twin.entry(row.clone()).or_default() += diff;
                rows.push(row);
                diffs.push(diff);
            }
            let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(StringArray::from(rows))]).unwrap();
            batches.push(Batch::changes(rows, Some(Int64Array::from(diffs))));
        }
        twin.retain(|_, w| *w != 0);
        let mut found = BTreeMap::new();
        if let Some(batch) = consolidator.run(&batches).unwrap() {
            let diffs = batch.diffs.unwrap();
            for (row, text) in batch.rows.column(0).as_string::<i32>().iter().enumerate() {
                let twice = found.insert(text.map(str::to_owned), diffs.value(row));
                assert_eq!(twice, None, "a row came twice, seed {seed}");
            }
        }
        assert_eq!(found, twin, "seed {seed}");
    }
}
