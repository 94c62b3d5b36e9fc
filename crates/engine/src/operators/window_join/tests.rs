//! Window joins against the naive join of what was in time.

use sloth_plan::WindowJoin;
use sloth_types::rng::Rng;

use super::*;
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
        let window = WindowJoin { join: join.clone(), ends: [2, 2], proctime: false, cascaded: [false, false] };
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
}
