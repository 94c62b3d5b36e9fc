//! A recursion that is computed anew: what is given are the differences.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use sloth_types::rng::Rng;

use super::*;
use crate::operators::restart::Restarting;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

fn numbers(rows: &RecordBatch) -> Vec<i64> {
    rows.column(0).as_primitive::<Int64Type>().values().to_vec()
}

fn batch(rows: &[i64]) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(rows.to_vec()));
    RecordBatch::try_new(schema(), vec![column]).unwrap()
}

/// All sums of two different numbers, and the numbers.
fn sums(numbers: &BTreeSet<i64>) -> BTreeSet<i64> {
    let pairs = numbers.iter().flat_map(|a| numbers.iter().filter(move |b| a < b).map(move |b| a + b));
    numbers.iter().copied().chain(pairs).collect()
}

#[derive(Debug)]
struct Sums;

impl Fixpoint for Sums {
    fn text(&self) -> String {
        "sums".to_owned()
    }

    fn compute(&self, tables: &[RecordBatch]) -> Result<RecordBatch> {
        Ok(batch(&sums(&numbers(&tables[0]).into_iter().collect()).into_iter().collect::<Vec<_>>()))
    }
}

#[test]
fn the_changes_given_are_those_of_the_result() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let mut operator = Restarting::by_key(seed, &[], |(worker, _)| {
            RecursiveOperator::new(Arc::new(Sums), vec![schema()], schema(), worker == 0, JobContext::alone()).unwrap()
        });
        let mut there = BTreeMap::<i64, i64>::new();
        let mut shown = BTreeMap::<i64, i64>::new();
        for number in 0..15 {
            let (mut rows, mut diffs) = (vec![], vec![]);
            for _ in 0..rng.below(5) {
                let row = rng.below(9) as i64;
                let have = there.entry(row).or_default();
                let diff = if *have > 0 && rng.chance(0.6) { -1 } else { 1 };
                *have += diff;
                rows.push(row);
                diffs.push(diff);
            }
            there.retain(|_, n| *n != 0);
            let mut out = vec![];
            let epoch = EpochInfo::alone(number);
            operator.on_batch(&epoch, Batch::changes(batch(&rows), Some(diffs.into())), &mut out).unwrap();
            operator.on_epoch_end(&epoch, &mut out).unwrap();
            for batch in &out {
                for (row, value) in numbers(&batch.rows).into_iter().enumerate() {
                    *shown.entry(value).or_default() += batch.diffs.as_ref().unwrap().value(row);
                }
            }
            shown.retain(|_, n| *n != 0);
            let expected = sums(&there.keys().copied().collect());
            assert_eq!(shown, expected.into_iter().map(|n| (n, 1)).collect(), "seed {seed}");
            assert_eq!(operator.workers[0].tables[0].rows.len(), there.len(), "seed {seed}");
            assert_eq!(operator.workers[0].result.len(), shown.len(), "seed {seed}: nothing else is kept");
        }
    }
}
