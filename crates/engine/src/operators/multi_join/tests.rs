//! The join of several inputs against a naive one: random changes, epoch after epoch, saved and restored in between.

use datafusion::logical_expr::Operator as Op;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use sloth_types::rng::Rng;

use super::*;
use crate::operators::join::tests::{Answer, Bag, Row, absorb, changes, epoch, input_schema, texts};
use crate::operators::restart::Restarting;
use crate::pact::Route;

/// The inputs' columns side by side, in an order of their own; the residual compares a column of the first and of the last
/// input.
fn join_of(rng: &mut Rng, inputs: usize) -> MultiJoin {
    let by: &[usize] = [&[0][..], &[0, 1], &[1]][rng.below(3) as usize];
    let mut columns: Vec<(usize, usize)> = (0..inputs).flat_map(|input| (0..3).map(move |c| (input, c))).collect();
    if rng.chance(0.5) {
        columns.reverse();
    }
    let value = |input| columns.iter().position(|c| *c == (input, 2)).map(|at| Arc::new(Column::new("v", at)) as _);
    let (first, last) = (value(0).unwrap(), value(inputs - 1).unwrap());
    MultiJoin {
        keys: vec![by.to_vec(); inputs],
        null_equal: rng.chance(0.3),
        residual: rng.chance(0.4).then(|| Arc::new(BinaryExpr::new(first, Op::Lt, last)) as _),
        identity: 0,
        columns,
    }
}

fn output_schema(join: &MultiJoin) -> SchemaRef {
    let input = input_schema();
    let fields: Vec<_> = join.columns.iter().map(|(_, c)| input.field(*c).clone()).collect();
    Arc::new(arrow::datatypes::Schema::new(fields))
}

/// What SQL says.
fn naive(join: &MultiJoin, bags: &[Bag]) -> Answer {
    let mut products: Vec<(Vec<Row>, i64)> = vec![(vec![], 1)];
    for bag in bags {
        let mut longer = vec![];
        for (rows, weight) in &products {
            for (row, times) in bag {
                let same = |k: &usize| match (rows.first().unwrap_or(row)[*k], row[*k]) {
                    (None, None) => join.null_equal,
                    (a, b) => a.is_some() && a == b,
                };
                if join.keys[0].iter().all(same) {
                    longer.push(([rows.as_slice(), &[*row]].concat(), weight * times));
                }
            }
        }
        products = longer;
    }
    let mut out = Answer::new();
    for (rows, weight) in products {
        let (first, last) = (rows[0][2], rows[rows.len() - 1][2]);
        if join.residual.is_none() || first.zip(last).is_some_and(|(a, b)| a < b) {
            let row = join.columns.iter().map(|(input, column)| texts(&rows[*input])[*column].clone()).collect();
            *out.entry(row).or_default() += weight;
        }
    }
    out
}

#[test]
fn it_equals_the_naive_join_after_every_epoch() {
    let mut pairs = 0;
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let inputs = rng.between(2, 4) as usize;
        let join = join_of(&mut rng, inputs);
        let retracts: Vec<bool> = (0..inputs).map(|_| rng.chance(0.6)).collect();
        let what = format!("seed {seed}: {join:?} {retracts:?}");
        let routes = join.keys.iter().map(|keys| Route::Key(keys.clone())).collect();
        let (of, given) = (join.clone(), retracts.clone());
        let mut operator = Restarting::new(seed, routes, move |_| {
            let inputs: Vec<_> = given.iter().map(|retracts| (input_schema(), *retracts)).collect();
            MultiJoinOperator::new(&of, &inputs, output_schema(&of), JobContext::alone()).unwrap()
        })
        .knowing_all(true);
        let mut bags = vec![Bag::new(); inputs];
        let mut answer = Answer::new();
        for number in 0..10 {
            let info = epoch(number, 0, 0);
            let mut out = vec![];
            for (port, bag) in (0u8..).zip(&mut bags) {
                for batch in changes(&mut rng, bag, retracts[usize::from(port)], port) {
                    operator.on_batch(&info, batch, &mut out).unwrap();
                }
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            absorb(&mut answer, &out, &what);
            assert_eq!(answer, naive(&join, &bags), "{what}: epoch {number}");
            pairs += answer.len();
        }
    }
    assert!(pairs > 50_000, "{pairs} rows in all: too few to say anything");
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}
