//! The rows that are left out, against counting those before each row.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use sloth_plan::{Emission, OrderColumn, RankFunction, Ties};
use sloth_types::rng::Rng;

use super::*;
use crate::message::Place;

fn rank(partition: &[usize], descending: bool, to: u64) -> Rank {
    Rank {
        partition: partition.to_vec(),
        order: vec![OrderColumn { column: 1, descending, nulls_first: descending }],
        ties: Ties::Content,
        function: RankFunction::RowNumber,
        from: 1,
        to,
        output: false,
        window_end: None,
        emission: Emission::default(),
        proctime: false,
        cascaded: false,
        ttl_ms: None,
    }
}

#[test]
fn just_the_rows_are_left_out_that_enough_others_are_before() {
    let schema = Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]);
    let schema = Arc::new(schema);
    let mut left_out = 0;
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let (descending, to) = (rng.chance(0.5), rng.between(1, 4) as usize);
        let partition: &[usize] = if rng.chance(0.8) { &[0] } else { &[] };
        let mut prune = Prune::new(&rank(partition, descending, to as u64), &schema).unwrap().unwrap();
        let column = |rng: &mut Rng, n: u64| -> Vec<Option<i64>> {
            (0..100).map(|_| (!rng.chance(0.1)).then(|| rng.below(n) as i64)).collect()
        };
        let (keys, values) = (column(&mut rng, 9), column(&mut rng, 30));
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(keys.clone())), Arc::new(Int64Array::from(values.clone()))];
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let given: Vec<u32> = (0..100).filter(|_| rng.chance(0.7)).collect();
        let picked = rng.chance(0.5).then(|| UInt32Array::from(given.clone()));
        let given = if picked.is_some() { given } else { (0..100).collect() };
        let pruned = prune.run(Batch { picked, ..Batch::insert(rows, Place::default()) }).unwrap();
        // NULL is the first when the order falls, and the last when it rises.
        let order = |row: u32| values[row as usize].map(|v| if descending { -v } else { v });
        let place = |row: u32| if descending { order(row) } else { order(row).or(Some(i64::MAX)) };
        let before = |row: &u32| {
            let same = |other: &&u32| partition.is_empty() || keys[**other as usize] == keys[*row as usize];
            given.iter().filter(same).filter(|other| place(**other) < place(*row)).count()
        };
        let expected: Vec<u32> = given.iter().copied().filter(|row| before(row) < to).collect();
        let worth = expected.len() * 100 <= given.len() * (100 - WORTH_PERCENT);
        let found: Vec<u32> = match &pruned.picked {
            Some(picked) => picked.values().to_vec(),
            None => (0..100).collect(),
        };
        assert_eq!(found, if worth { expected } else { given.clone() }, "seed {seed}");
        left_out += given.len() - found.len();
    }
    assert!(left_out > 10_000, "{left_out}");
}
