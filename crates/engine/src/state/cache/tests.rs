//! The cache against what was put in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use sloth_types::rng::Rng;

use super::*;

struct Twin {
    cache: Cache,
    encoder: KeyEncoder,
    schema: SchemaRef,
}

impl Twin {
    fn new(settings: LookupCache) -> Self {
        let encoder = KeyEncoder::new(vec![DataType::Int64]).unwrap();
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, true)]));
        Twin { cache: Cache::new(settings, &encoder, Arc::clone(&schema)).unwrap(), encoder, schema }
    }

    /// The values of each key, `None` where the cache does not know.
    fn find(&mut self, keys: &[i64], now_ms: i64) -> Vec<Option<Vec<i64>>> {
        let column: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
        let encoded = self.encoder.encode(&[column]).unwrap();
        let places = self.cache.find(&self.encoder, &encoded, keys.len(), now_ms).unwrap();
        let values = |place: u32| {
            let rows: Vec<u32> = self.cache.rows_of(place).collect();
            self.cache.gather(0, &rows).unwrap().as_primitive::<Int64Type>().values().to_vec()
        };
        places.into_iter().map(|p| (p != ABSENT).then(|| values(p))).collect()
    }

    fn keep(&mut self, keys: &[i64], values: &[Vec<i64>], now_ms: i64) {
        let column: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
        let encoded = self.encoder.encode(&[column]).unwrap();
        let all: ArrayRef = Arc::new(Int64Array::from(values.concat()));
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), vec![all]).unwrap();
        let mut starts = vec![0];
        for list in values {
            starts.push(starts.last().unwrap() + list.len() as u32);
        }
        self.cache.keep(&encoded, &Found { rows, of: vec![] }, &starts, now_ms).unwrap();
    }
}

fn settings(rows_max: Option<usize>, write_ms: Option<u64>, access_ms: Option<u64>) -> LookupCache {
    LookupCache {
        rows_max,
        after_write: write_ms.map(Duration::from_millis),
        after_access: access_ms.map(Duration::from_millis),
        missing: true,
    }
}

#[test]
fn what_is_kept_is_found_until_its_time_is_over() {
    let mut twin = Twin::new(settings(None, Some(100), None));
    assert_eq!(twin.find(&[1, 2], 1000), [None, None]);
    twin.keep(&[1, 2], &[vec![10, 11], vec![]], 1000);
    assert_eq!(twin.find(&[2, 1, 3, 1], 1099), [Some(vec![]), Some(vec![10, 11]), None, Some(vec![10, 11])]);
    assert_eq!(twin.find(&[1], 1100), [None]);
    twin.keep(&[1], &[vec![12]], 1100);
    assert_eq!(twin.find(&[1, 2], 1150), [Some(vec![12]), None]);
}

#[test]
fn what_is_used_stays_and_the_rest_goes() {
    let mut twin = Twin::new(settings(None, None, Some(100)));
    twin.find(&[1], 0);
    twin.keep(&[1, 2], &[vec![10], vec![20]], 0);
    for now in (50..500).step_by(50) {
        assert_eq!(twin.find(&[1], now), [Some(vec![10])]);
    }
    assert_eq!(twin.find(&[2], 500), [None]);
}

#[test]
fn keys_without_rows_are_not_kept_where_that_is_not_wanted() {
    let mut twin = Twin::new(LookupCache { missing: false, ..settings(Some(10), None, None) });
    twin.keep(&[1, 2], &[vec![], vec![20]], 0);
    assert_eq!(twin.find(&[1, 2], 0), [None, Some(vec![20])]);
}

#[test]
fn random_use_never_finds_anything_wrong_and_keeps_within_its_bound() {
    let mut rng = Rng::new(7);
    let mut twin = Twin::new(settings(Some(200), Some(1000), None));
    let mut model: HashMap<i64, (Vec<i64>, i64)> = HashMap::new();
    let (mut hits, mut now) = (0, 0);
    for round in 0..2000_i64 {
        now += rng.between(0, 20);
        let keys: Vec<i64> = (0..rng.between(1, 30)).map(|_| rng.between(0, 99)).collect();
        let mut missed = vec![];
        for (key, found) in keys.iter().zip(twin.find(&keys, now)) {
            match found {
                Some(values) => {
                    hits += 1;
                    let (expected, written) = &model[key];
                    assert_eq!(&values, expected);
                    assert!(now - written < 1000);
                }
                None => missed.push(*key),
            }
        }
        missed.sort_unstable();
        missed.dedup();
        let answers: Vec<Vec<i64>> =
            missed.iter().map(|k| (0..rng.between(0, 3)).map(|i| k * 10 + i + round * 1000).collect()).collect();
        twin.keep(&missed, &answers, now);
        model.extend(missed.into_iter().zip(answers.into_iter().map(|a| (a, now))));
        assert!(twin.cache.len() <= 200 + 2 * 90, "{}", twin.cache.len());
    }
    assert!(hits > 10_000, "{hits}");
}
