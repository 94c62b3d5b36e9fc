//! The first rows of partitions that are forgotten after a time, against a naive model.

use std::collections::BTreeMap;

use super::*;
use crate::operators::rank::{RankOperator, RankParts};
use crate::operators::restart::Restarting;
use sloth_plan::{OrderColumn, Rank, RankFunction, Ties};
use sloth_types::ChangelogMode;

/// The first `to` rows of each partition, forgotten after `ttl` milliseconds without a change.
fn first_rows(ttl: i64, to: usize, retracts: bool) -> RankOperator {
    let rank = Rank {
        partition: vec![0],
        order: vec![OrderColumn { column: 1, descending: false, nulls_first: true }],
        ties: Ties::Content,
        function: RankFunction::RowNumber,
        from: 1,
        to: to as u64,
        output: false,
        window_end: None,
        emission: Default::default(),
        proctime: false,
        cascaded: false,
        ttl_ms: Some(ttl),
    };
    let (input, schema, time) = (input_schema(), input_schema(), domain());
    let mode = ChangelogMode::Retract;
    RankOperator::new(RankParts { rank, input, schema, mode, retracts, time }, context()).unwrap()
}

/// Adds changes to what has been told.
fn add_up(changes: &[Batch], told: &mut BTreeMap<Row, i64>) {
    for batch in changes {
        let ints = |c: usize| batch.rows.column(c).as_primitive::<Int64Type>().values();
        let times = batch.rows.column(2).as_primitive::<TimestampMillisecondType>().values();
        for row in 0..batch.rows.num_rows() {
            let diff: i64 = batch.diffs.as_ref().map_or(1, |d| d.value(row));
            *told.entry((ints(0)[row], ints(1)[row], times[row])).or_default() += diff;
        }
    }
    told.retain(|_, n: &mut i64| *n != 0);
}

#[test]
fn a_partition_is_forgotten_when_it_has_not_changed_for_the_time() {
    for seed in 0..80 {
        let mut rng = Rng::new(seed);
        let (ttl, to) = (rng.between(1, 25), rng.between(1, 3) as usize);
        let make = move |_| first_rows(ttl, to, false);
        let mut operator = Restarting::by_key(seed, &[0], make);
        let mut partitions: BTreeMap<i64, (Vec<Row>, i64)> = BTreeMap::new();
        let (mut now, mut told, mut expected) = (1000, BTreeMap::new(), BTreeMap::new());
        for number in 0..50 {
            now += rng.between(0, 6);
            let info = EpochInfo { now_ms: now, watermarks: vec![Watermark::NONE], ..EpochInfo::alone(number) };
            partitions.retain(|_, (_, changed)| *changed + ttl > now);
            let rows: Vec<Row> = (0..rng.below(5))
                .map(|i| (rng.below(8) as i64, rng.between(-9, 9), (number * 10 + i) as i64))
                .collect();
            let before = partitions.clone();
            for row in &rows {
                let first = before.get(&row.0).map(|(kept, _)| kept.as_slice()).unwrap_or_default();
                let (kept, changed) = partitions.entry(row.0).or_default();
                // A row behind the last one of a full range is no change.
                if first.len() < to || first.last().is_none_or(|last| row.1 <= last.1) {
                    *changed = now;
                }
                kept.push(*row);
                kept.sort_by_key(|r| (r.1, r.2));
                kept.truncate(to);
            }
            let mut out = vec![];
            let changes: Vec<(Row, i64)> = rows.iter().map(|row| (*row, 1)).collect();
            operator.on_batch(&info, Batch { diffs: None, ..batch(&changes) }, &mut out).unwrap();
            operator.on_epoch_end(&info, &mut out).unwrap();
            for (rows, sign) in [(&before, -1), (&partitions, 1)] {
                for row in rows.values().flat_map(|(kept, _)| kept) {
                    *expected.entry(*row).or_default() += sign;
                }
            }
            add_up(&out, &mut told);
            expected.retain(|_, n: &mut i64| *n != 0);
            assert_eq!(told, expected, "seed {seed} epoch {number}");
        }
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

#[test]
fn a_forgotten_partition_begins_anew_where_rows_are_taken_back() {
    for seed in 0..120 {
        let mut rng = Rng::new(seed);
        let (ttl, to) = (rng.between(1, 25), rng.between(1, 3) as usize);
        let make = move |_| first_rows(ttl, to, true);
        let mut operator = Restarting::by_key(seed, &[0], make);
        // Remembered rows of each partition with the time of the last change, and all rows that are there.
        let mut partitions: BTreeMap<i64, (Vec<Row>, i64)> = BTreeMap::new();
        let mut there: Vec<Row> = vec![];
        let (mut now, mut told, mut expected) = (1000, BTreeMap::new(), BTreeMap::new());
        for number in 0..50 {
            now += rng.between(0, 6);
            let info = EpochInfo { now_ms: now, watermarks: vec![Watermark::NONE], ..EpochInfo::alone(number) };
            partitions.retain(|_, (_, changed)| *changed + ttl > now);
            let before = partitions.clone();
            let mut net: BTreeMap<Row, i64> = BTreeMap::new();
            for _ in 0..rng.below(6) {
                if !there.is_empty() && rng.chance(0.45) {
                    *net.entry(there.swap_remove(rng.below(there.len() as u64) as usize)).or_default() -= 1;
                } else {
                    let row = (rng.below(5) as i64, rng.between(-3, 3), 0);
                    there.push(row);
                    *net.entry(row).or_default() += 1;
                }
            }
            net.retain(|_, diff| *diff != 0);
            let changes: Vec<(Row, i64)> = net.into_iter().collect();
            for (row, diff) in &changes {
                let (kept, changed) = partitions.entry(row.0).or_default();
                *changed = now;
                for _ in 0..diff.abs() {
                    match kept.iter().position(|r| r == row) {
                        _ if *diff > 0 => kept.push(*row),
                        Some(at) => drop(kept.remove(at)),
                        None => {}
                    }
                }
                kept.sort_by_key(|r| (r.1, r.2));
            }
            partitions.retain(|_, (rows, _)| !rows.is_empty());
            let mut out = vec![];
            operator.on_batch(&info, batch(&changes), &mut out).unwrap();
            operator.on_epoch_end(&info, &mut out).unwrap();
            for (rows, sign) in [(&before, -1), (&partitions, 1)] {
                for row in rows.values().flat_map(|(kept, _)| kept.iter().take(to)) {
                    *expected.entry(*row).or_default() += sign;
                }
            }
            add_up(&out, &mut told);
            expected.retain(|_, n: &mut i64| *n != 0);
            assert_eq!(told, expected, "seed {seed} epoch {number}");
            assert!(told.values().all(|n| *n > 0), "seed {seed} epoch {number}");
        }
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}
