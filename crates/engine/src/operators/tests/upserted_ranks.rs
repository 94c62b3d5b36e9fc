//! Rankings whose reader replaces rows by their key: what is told makes the same table as exact changes do.

use std::collections::BTreeMap;

use super::*;
use crate::operators::rank::{RankOperator, RankParts};
use crate::operators::restart::Restarting;
use arrow::array::UInt32Array;
use sloth_plan::{OrderColumn, Rank, RankFunction, Ties};
use sloth_types::ChangelogMode;

/// A row with its rank (0 where the ranking does not give it).
type Told = (Row, i64);

fn ranking(from: u64, to: u64, output: bool, mode: ChangelogMode, retracts: bool) -> RankOperator {
    let rank = Rank {
        partition: vec![0],
        order: vec![OrderColumn { column: 1, descending: true, nulls_first: false }],
        ties: Ties::Content,
        function: RankFunction::RowNumber,
        from,
        to,
        output,
        window_end: None,
        emission: Default::default(),
        proctime: false,
        cascaded: false,
        ttl_ms: None,
    };
    assert!(rank.one_row_a_key());
    let mut fields: Vec<Field> = input_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.extend(output.then(|| Field::new("rank", DataType::Int64, true)));
    let (input, schema, time) = (input_schema(), Arc::new(Schema::new(fields)), domain());
    RankOperator::new(RankParts { rank, input, schema, mode, retracts, time }, context()).unwrap()
}

fn changes_of(out: &[Batch], output: bool) -> Vec<(Told, i64)> {
    let mut changes = vec![];
    for batch in out {
        let ints = |c: usize| batch.rows.column(c).as_primitive::<Int64Type>().values();
        let times = batch.rows.column(2).as_primitive::<TimestampMillisecondType>().values();
        for row in 0..batch.rows.num_rows() {
            let rank = if output { ints(3)[row] } else { 0 };
            let diff = batch.diffs.as_ref().map_or(1, |d| d.value(row));
            changes.push((((ints(0)[row], ints(1)[row], times[row]), rank), diff));
        }
    }
    changes
}

#[test]
fn upserts_make_the_table_that_exact_changes_make() {
    let mut spared = 0;
    for seed in 0..120 {
        let mut rng = Rng::new(seed);
        let (output, retracts) = (rng.chance(0.5), rng.chance(0.5));
        let from = rng.between(1, 2) as u64;
        let to = if output { from + rng.below(3) } else { from };
        let key: Vec<usize> = if output { vec![0, 3] } else { vec![0] };
        let upsert = move |_| ranking(from, to, output, ChangelogMode::Upsert { key: key.clone() }, retracts);
        let mut upserts = Restarting::by_key(seed, &[0], upsert);
        let mut exact = ranking(from, to, output, ChangelogMode::Retract, retracts);
        let mut there: Vec<Row> = vec![];
        let mut table: BTreeMap<(i64, i64), Told> = BTreeMap::new();
        let mut rows: BTreeMap<Told, i64> = BTreeMap::new();
        for number in 0..40 {
            let info = EpochInfo::alone(number);
            let mut net: BTreeMap<Row, i64> = BTreeMap::new();
            for _ in 0..rng.below(6) {
                if retracts && !there.is_empty() && rng.chance(0.45) {
                    *net.entry(there.swap_remove(rng.below(there.len() as u64) as usize)).or_default() -= 1;
                } else {
                    let row = (rng.below(3) as i64, rng.between(-3, 3), rng.between(0, 2));
                    there.push(row);
                    *net.entry(row).or_default() += 1;
                }
            }
            net.retain(|_, diff| *diff != 0);
            let input = batch(&net.into_iter().collect::<Vec<_>>());
            let input = if retracts { input } else { Batch { diffs: None, ..repeated(&input) } };
            let (mut told, mut out) = (vec![], vec![]);
            upserts.on_batch(&info, input.clone(), &mut told).unwrap();
            upserts.on_epoch_end(&info, &mut told).unwrap();
            exact.on_batch(&info, input, &mut out).unwrap();
            exact.on_epoch_end(&info, &mut out).unwrap();
            let (told, out) = (changes_of(&told, output), changes_of(&out, output));
            spared += out.len() - told.len();
            let mut seen = BTreeMap::new();
            for (row, diff) in told {
                let key = (row.0.0, row.1);
                assert!(seen.insert(key, diff).is_none(), "seed {seed}: two changes of a key in an epoch");
                match diff {
                    1 => drop(table.insert(key, row)),
                    _ => assert_eq!((diff, table.remove(&key)), (-1, Some(row)), "seed {seed}"),
                }
            }
            for (row, diff) in out {
                *rows.entry(row).or_default() += diff;
            }
            rows.retain(|_, count| *count != 0);
            let mut expected: Vec<Told> = rows.keys().copied().collect();
            expected.sort_unstable();
            let mut shown: Vec<Told> = table.values().copied().collect();
            shown.sort_unstable();
            assert_eq!(shown, expected, "seed {seed} epoch {number}");
        }
    }
    assert!(spared > 1000, "{spared}");
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

/// Each of several equal rows by itself.
fn repeated(input: &Batch) -> Batch {
    let weights = |row: usize| input.diffs.as_ref().map_or(1, |d| d.value(row));
    let rows: UInt32Array =
        (0..input.rows.num_rows()).flat_map(|row| std::iter::repeat_n(row as u32, weights(row) as usize)).collect();
    Batch::insert(arrow::compute::take_record_batch(&input.rows, &rows).unwrap(), input.place)
}
