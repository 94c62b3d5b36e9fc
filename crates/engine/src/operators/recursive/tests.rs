//! Reachability in a graph whose edges come and go, against a naive twin.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use sloth_plan::recursive::Fixpoint;
use sloth_types::rng::Rng;

use super::*;
use crate::operators::restart::Restarting;

type Edges = BTreeMap<(i64, i64), i64>;

fn schema() -> SchemaRef {
    let field = |name| Field::new(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![field("a"), field("b")]))
}

fn pairs(rows: &RecordBatch) -> Vec<(i64, i64)> {
    let column = |c: usize| rows.column(c).as_primitive::<Int64Type>().values().to_vec();
    column(0).into_iter().zip(column(1)).collect()
}

fn batch(rows: &[(i64, i64)]) -> RecordBatch {
    let column =
        |pick: fn(&(i64, i64)) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.iter().map(pick))) };
    RecordBatch::try_new(schema(), vec![column(|r| r.0), column(|r| r.1)]).unwrap()
}

fn reachable(edges: &BTreeSet<(i64, i64)>) -> BTreeSet<(i64, i64)> {
    let mut all = edges.clone();
    loop {
        let more: Vec<_> = all
            .iter()
            .flat_map(|(a, b)| edges.iter().filter(move |(c, _)| c == b).map(move |(_, d)| (*a, *d)))
            .filter(|pair| !all.contains(pair))
            .collect();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

#[derive(Debug)]
struct Reachability;

impl Fixpoint for Reachability {
    fn text(&self) -> String {
        "reachability".to_owned()
    }

    fn compute(&self, tables: &[RecordBatch]) -> Result<RecordBatch> {
        let edges = pairs(&tables[0]).into_iter().collect();
        Ok(batch(&reachable(&edges).into_iter().collect::<Vec<_>>()))
    }

    fn growth(&self) -> Option<&dyn Growth> {
        Some(self)
    }
}

/// Longer ways by one edge.
fn longer(ways: &[(i64, i64)], edges: &[(i64, i64)]) -> Vec<(i64, i64)> {
    ways.iter().flat_map(|(a, b)| edges.iter().filter(move |(c, _)| c == b).map(move |(_, d)| (*a, *d))).collect()
}

impl Growth for Reachability {
    fn begin(&self, _: &[RecordBatch], added: &[RecordBatch], known: &RecordBatch) -> Result<RecordBatch> {
        let new = pairs(&added[0]);
        Ok(batch(&[new.clone(), longer(&pairs(known), &new)].concat()))
    }

    fn again(&self, tables: &[RecordBatch], known: &RecordBatch, lost: &RecordBatch) -> Result<RecordBatch> {
        let edges = pairs(&tables[0]);
        let lost: BTreeSet<(i64, i64)> = pairs(lost).into_iter().collect();
        let again = [edges.clone(), longer(&pairs(known), &edges)].concat();
        Ok(batch(&again.into_iter().filter(|pair| lost.contains(pair)).collect::<Vec<_>>()))
    }

    fn step(&self, tables: &[RecordBatch], work: &RecordBatch) -> Result<RecordBatch> {
        Ok(batch(&longer(&pairs(work), &pairs(&tables[0]))))
    }

    fn endless(&self) -> (usize, sloth_types::Error) {
        (100, sloth_types::Error::data("endless"))
    }
}

#[test]
fn the_changes_given_are_those_of_the_result() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let mut operator = Restarting::by_key(seed, &[], |(worker, _)| {
            let recursive = Recursive { name: "reach".into(), fixpoint: Arc::new(Reachability) };
            let context = JobContext::alone();
            RecursiveOperator::new(recursive, vec![schema()], schema(), worker == 0, context).unwrap()
        });
        let mut edges = Edges::new();
        let mut shown = Edges::new();
        for number in 0..15 {
            let (mut rows, mut diffs) = (vec![], vec![]);
            for _ in 0..rng.below(5) {
                let edge = (rng.below(6) as i64, rng.below(6) as i64);
                let have = edges.entry(edge).or_default();
                // Some epochs only bring edges.
                let diff = if *have > 0 && number % 3 != 1 && rng.chance(0.6) { -1 } else { 1 };
                *have += diff;
                rows.push(edge);
                diffs.push(diff);
            }
            edges.retain(|_, n| *n != 0);
            let mut out = vec![];
            operator
                .on_batch(&EpochInfo::alone(number), Batch::changes(batch(&rows), Some(diffs.into())), &mut out)
                .unwrap();
            operator.on_epoch_end(&EpochInfo::alone(number), &mut out).unwrap();
            for batch in &out {
                for (row, pair) in pairs(&batch.rows).into_iter().enumerate() {
                    *shown.entry(pair).or_default() += batch.diffs.as_ref().unwrap().value(row);
                }
            }
            shown.retain(|_, n| *n != 0);
            let expected = reachable(&edges.keys().copied().collect());
            assert_eq!(shown, expected.into_iter().map(|pair| (pair, 1)).collect(), "seed {seed}");
            assert_eq!(operator.workers[0].tables[0].rows.len(), edges.len(), "seed {seed}");
            assert_eq!(operator.workers[0].result.len(), shown.len(), "seed {seed}: nothing else is kept");
        }
    }
}
