//! Window joins against the naive join of what was in time.

use sloth_plan::{Emission, Every, WindowJoin};
use sloth_types::rng::Rng;

use super::*;
use crate::operators::join::JoinOperator;
use crate::operators::join::tests::timed::{batch_of, output, schema};
use crate::operators::join::tests::{Answer, Bag, KINDS, Row, absorb, epoch, join_of, naive, random_row};
use crate::operators::restart::Restarting;
use crate::pact::Route;

/// The naive model writes times as numbers.
fn as_numbers(answer: Answer) -> Answer {
    let number = |text: String| match text.strip_prefix("1970-01-01T00:00:") {
        Some(rest) => ((rest.parse::<f64>().unwrap() * 1000.0).round() as i64).to_string(),
        None => text,
    };
    answer.into_iter().map(|(row, weight)| (row.into_iter().map(number).collect(), weight)).collect()
}

#[test]
fn windows_are_joined_when_they_close_and_late_rows_are_counted() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let kind = KINDS[(seed % 9) as usize];
        let join = join_of(kind, &[0, 2], false, false);
        let what = format!("seed {seed}: {kind:?}");
        let context = JobContext::alone();
        let times = [false, false].map(|cascaded| TimeDomain { sources: vec![0], clock: false, cascaded, lag_ms: 0 });
        let window = WindowJoin {
            join: join.clone(),
            ends: [2, 2],
            proctime: false,
            cascaded: [false, false],
            emission: Default::default(),
        };
        let of = Arc::clone(&context);
        let mut operator = Restarting::new(seed, vec![Route::Key(vec![0, 2]); 2], move |_| {
            let schemas = [schema(), schema()];
            WindowJoinOperator::new(&window, schemas, times.clone(), output(kind), Arc::clone(&of)).unwrap()
        });
        let mut in_time = [Bag::new(), Bag::new()];
        let (mut answer, mut late, mut watermark) = (Answer::new(), 0, 0);
        for number in 0..10 {
            let before = watermark;
            watermark = if number == 9 { i64::MAX } else { before + rng.between(0, 4) };
            let info = epoch(number, before, watermark);
            let mut out = vec![];
            for port in 0..2u8 {
                let rows: Vec<Row> = (0..rng.below(12))
                    .map(|_| {
                        let row = random_row(&mut rng);
                        [row[0], row[1], Some(watermark.clamp(0, 20) + rng.between(0, 5))]
                    })
                    .filter(|_| number < 9)
                    .collect();
                for row in &rows {
                    match row[2].is_some_and(|end| end - 1 <= watermark) {
                        true => late += 1,
                        false => *in_time[usize::from(port)].entry(*row).or_default() += 1,
                    }
                }
                let batch = Batch { port, ..Batch::changes(batch_of(&rows), None) };
                operator.on_batch(&info, batch, &mut out).unwrap();
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            absorb(&mut answer, &out, &what);
            let closed = in_time.clone().map(|bag| {
                bag.into_iter().filter(|(row, _)| row[2].is_some_and(|e| e - 1 <= watermark)).collect::<Bag>()
            });
            assert_eq!(as_numbers(answer.clone()), naive(&join, &closed[0], &closed[1]), "{what}, epoch {number}");
        }
        // The workers together, and the undisturbed one.
        assert_eq!(context.figures.late_rows.get(), 2 * late, "{what}");
        assert_eq!(
            operator.workers.iter().flat_map(|w| &w.waiting).map(TimedRows::len).sum::<usize>(),
            0,
            "{what}: state is left"
        );
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

#[test]
fn windows_that_are_told_early_or_corrected_are_those_of_the_rows_in_time() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let kind = KINDS[(seed % 9) as usize];
        let residual = rng.chance(0.3) && kind.pairs();
        let join = join_of(kind, &[0, 2], residual, false);
        let (early, retracts) = (rng.chance(0.5).then_some(Every::Epoch), rng.chance(0.5));
        let lateness = rng.between(0, 3);
        let what = format!("seed {seed}: {kind:?}, early {early:?}, lateness {lateness}");
        let times = [false, false].map(|cascaded| TimeDomain { sources: vec![0], clock: false, cascaded, lag_ms: 0 });
        let emission = Emission { early, lateness_ms: lateness, ..Emission::default() };
        let window =
            WindowJoin { join: join.clone(), ends: [2, 2], proctime: false, cascaded: [false, false], emission };
        let mut operator = Restarting::new(seed, vec![Route::Key(vec![0, 2]); 2], move |_| {
            let (schemas, context) = ([schema(), schema()], JobContext::alone());
            let join = JoinOperator::new(&window.join, schemas, [retracts; 2], output(kind), Arc::clone(&context));
            join.unwrap().within_windows(&window, times.clone(), context).unwrap()
        });
        let mut in_time = [Bag::new(), Bag::new()];
        let (mut answer, mut watermark) = (Answer::new(), 0);
        for number in 0..10 {
            let before = watermark;
            watermark = if number == 9 { i64::MAX } else { before + rng.between(0, 4) };
            let over = if watermark == i64::MAX { watermark } else { watermark - lateness };
            let info = epoch(number, before, watermark);
            let mut out = vec![];
            for port in 0..2u8 {
                let bag = &mut in_time[usize::from(port)];
                let mut changes: Vec<(Row, i64)> = vec![];
                for _ in 0..rng.below(12) {
                    let there: Vec<Row> = bag.iter().filter(|(_, n)| **n > 0).map(|(row, _)| *row).collect();
                    let back = (retracts && rng.chance(0.4)).then(|| there.get(rng.below(20) as usize)).flatten();
                    let (row, diff) = match back {
                        Some(row) => (*row, -1),
                        None => {
                            let row = random_row(&mut rng);
                            ([row[0], row[1], Some(watermark.clamp(0, 20) + rng.between(-3, 5))], 1)
                        }
                    };
                    if row[2].is_some_and(|end| end - 1 > over) {
                        *bag.entry(row).or_default() += diff;
                    }
                    changes.push((row, diff));
                }
                let rows: Vec<Row> = changes.iter().map(|c| c.0).collect();
                let diffs = retracts.then(|| changes.iter().map(|c| Some(c.1)).collect());
                let batch = Batch { port, ..Batch::changes(batch_of(&rows), diffs) };
                operator.on_batch(&info, batch, &mut out).unwrap();
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            absorb(&mut answer, &out, &what);
            let shown = in_time.clone().map(|bag| {
                let told = |row: &Row| early.is_some() || row[2].is_some_and(|e| e - 1 <= watermark);
                bag.into_iter().filter(|(row, n)| *n != 0 && told(row)).collect::<Bag>()
            });
            assert_eq!(as_numbers(answer.clone()), naive(&join, &shown[0], &shown[1]), "{what}, epoch {number}");
        }
        let left: usize = operator.workers.iter().map(|w| w.kept_rows().unwrap().1).sum();
        assert_eq!(left, 0, "{what}: state is left");
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}
