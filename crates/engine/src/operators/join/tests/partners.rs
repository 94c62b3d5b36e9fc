//! What a checkpoint writes of joins that count partners row by row: rows that have come, and those whose count has moved.

use super::*;
use crate::state::snapshot::rows_in;

fn rows_of(sections: &[Section]) -> Vec<(&str, usize)> {
    sections.iter().map(|section| (section.name.as_str(), rows_in(&section.rows))).collect()
}

/// A join with a thousand left rows without partners, in one batch.
fn joined(ttl_ms: [Option<i64>; 2], residual: bool, retracts: bool) -> JoinOperator {
    let join = Join { ttl_ms, ..join_of(JoinKind::Left, &[0], residual, false) };
    let schemas = [input_schema(), input_schema()];
    let mut operator =
        JoinOperator::new(&join, schemas, [retracts; 2], output_schema(JoinKind::Left), JobContext::alone()).unwrap();
    let rows: Vec<Row> = (0..1000).map(|key| [Some(key), Some(key), Some(1)]).collect();
    give(&mut operator, 0, 0, &rows);
    operator
}

fn give(operator: &mut JoinOperator, number: u64, port: u8, rows: &[Row]) -> usize {
    let (info, mut out) = (epoch(number, 0, 0), vec![]);
    let batch = Batch { port, ..Batch::changes(batch_of(rows), None) };
    operator.on_batch(&info, batch, &mut out).unwrap();
    operator.on_epoch_end(&info, &mut out).unwrap();
    out.iter().map(|batch| batch.rows.num_rows()).sum()
}

#[test]
fn one_partner_more_writes_its_row_and_the_count_that_it_has_moved() {
    for (ttl_ms, residual) in [([None; 2], true), ([None, Some(1000)], true), ([Some(1000); 2], false)] {
        for retracts in [false, true] {
            let what = format!("{ttl_ms:?} {residual} {retracts}");
            let mut operator = joined(ttl_ms, residual, retracts);
            let whole = rows_of(&operator.save().unwrap()).iter().map(|(_, rows)| rows).sum::<usize>();
            assert!(whole >= 1000, "{what}");
            assert_eq!(
                give(&mut operator, 1, 1, &[[Some(7), Some(0), Some(3)]]),
                2,
                "{what}: a pair for the row alone"
            );
            let changes = operator.save_changes().unwrap().expect(&what);
            let written: Vec<(&str, usize)> =
                rows_of(&changes).into_iter().filter(|(name, rows)| *rows > 0 && *name != "clock").collect();
            assert_eq!(written, [("right changes", 1), ("left partners", 1)], "{what}");
            // Nothing has changed since.
            assert!(
                rows_of(&operator.save_changes().unwrap().expect(&what)).iter().all(|(n, r)| *r == 0 || *n == "clock")
            );
        }
    }
}

/// Of two equal rows the first has met a partner that was forgotten before the second came.
#[test]
fn equal_rows_with_other_counts_are_told_apart() {
    let join = Join { ttl_ms: [None, Some(5)], ..join_of(JoinKind::Left, &[0], false, false) };
    let make = || {
        let schemas = [input_schema(), input_schema()];
        let schema = output_schema(JoinKind::Left);
        JoinOperator::new(&join, schemas, [false, true], schema, JobContext::alone()).unwrap()
    };
    let row = [Some(1), Some(1), Some(1)];
    let mut operator = make();
    let mut state = operator.begin_changes().unwrap().unwrap();
    let step = |operator: &mut JoinOperator, number: u64, now_ms: i64, port: u8, diff: i64| {
        let info = EpochInfo { now_ms, ..epoch(number, 0, 0) };
        let mut out = vec![];
        let batch = Batch::changes(batch_of(&[row]), (port == 1).then(|| Int64Array::from(vec![diff])));
        operator.on_batch(&info, Batch { port, ..batch }, &mut out).unwrap();
        operator.on_epoch_end(&info, &mut out).unwrap();
        let mut given = Answer::new();
        absorb(&mut given, &out, "");
        given.into_iter().map(|(row, weight)| (row[3].clone(), weight)).collect::<Vec<_>>()
    };
    let pair = |weight| ("1".to_owned(), weight);
    let alone = |weight| ("null".to_owned(), weight);
    assert_eq!(step(&mut operator, 0, 10, 1, 1), []);
    assert_eq!(step(&mut operator, 1, 14, 0, 1), [pair(1)]);
    assert_eq!(step(&mut operator, 2, 15, 1, 1), [pair(1)], "the first partner is forgotten");
    assert_eq!(step(&mut operator, 3, 30, 0, 1), [alone(1)]);
    let keep = |state: &mut Vec<Section>, more: Vec<Section>| {
        for section in more {
            match state.iter_mut().find(|s| s.name == section.name) {
                Some(known) => known.rows.extend(section.rows),
                None => state.push(section),
            }
        }
    };
    keep(&mut state, operator.save_changes().unwrap().unwrap());
    let mut restored = make();
    restored.restore(state).unwrap();
    for operator in [&mut operator, &mut restored] {
        // Only the second copy turns: the first has told a pair.
        assert_eq!(step(operator, 4, 31, 1, 1), [pair(2), alone(-1)]);
        assert_eq!(step(operator, 5, 32, 1, -1), [pair(-2), alone(1)]);
    }
}
