//! Versions against a naive list of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type};
use sloth_types::rng::Rng;

use super::*;

#[test]
fn the_version_of_an_instant_is_found_and_old_ones_are_forgotten() {
    let schema = Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]);
    for seed in 0..100 {
        let mut rng = Rng::new(seed);
        let mut versions = Versions::new(&schema, &[0]).unwrap();
        let mut twin: BTreeMap<(i64, i64), Option<i64>> = BTreeMap::new();
        let mut watermark = 0;
        for round in 0..20 {
            let count = rng.below(6) as usize;
            let keys: Vec<i64> = (0..count).map(|_| rng.below(3) as i64).collect();
            let values: Vec<i64> = (0..count).map(|i| round * 100 + i as i64).collect();
            let times: Vec<i64> = (0..count).map(|_| watermark + rng.between(1, 6)).collect();
            let gone: Vec<bool> = (0..count).map(|_| rng.chance(0.3)).collect();
            let columns: Vec<ArrayRef> =
                vec![Arc::new(Int64Array::from(keys.clone())), Arc::new(Int64Array::from(values.clone()))];
            let batch = RecordBatch::try_new(Arc::new(schema.clone()), columns).unwrap();
            versions.add(&batch, &times, &gone).unwrap();
            for i in 0..count {
                twin.insert((keys[i], times[i]), (!gone[i]).then_some(values[i]));
            }
            versions.prune(watermark);
            for key in 0..3 {
                for time in watermark + 1..watermark + 9 {
                    let expected = twin.range((key, i64::MIN)..=(key, time)).next_back().and_then(|(_, v)| *v);
                    let slot = versions.at(&EncodedKeys::Words(vec![key as u64].into(), None), &[time])[0];
                    let found = (slot != ABSENT)
                        .then(|| versions.gather(1, &[slot]).unwrap().as_primitive::<Int64Type>().value(0));
                    assert_eq!(found, expected, "seed {seed}, key {key} at {time}");
                }
            }
            watermark += rng.between(0, 4);
        }
        versions.prune(i64::MAX);
        assert!(versions.len() <= 3, "seed {seed}: {} versions of three keys are left", versions.len());
    }
}
