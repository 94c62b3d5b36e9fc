//! Versions against a naive list of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type};
use sloth_types::rng::Rng;

use super::*;

/// The versions of a key, one change after the other.
#[derive(Default)]
struct Twin {
    live: BTreeMap<i64, BTreeMap<i64, i64>>,
    past: BTreeMap<i64, i64>,
}

impl Twin {
    fn change(&mut self, time: i64, value: i64, diff: i64) {
        if diff > 0 {
            *self.live.entry(time).or_default().entry(value).or_default() += diff;
            self.past.retain(|since, _| *since < time);
            return;
        }
        let Some(rows) = self.live.get_mut(&time) else { return };
        let Some(weight) = rows.get_mut(&value) else { return };
        *weight += diff;
        if *weight <= 0 {
            rows.remove(&value);
        }
        if rows.is_empty() {
            self.live.remove(&time);
            self.past.insert(time, value);
        }
    }

    fn at(&self, time: i64) -> Option<i64> {
        let live = self.live.range(..=time).next_back().and_then(|(t, rows)| Some((*t, *rows.last_key_value()?.0)));
        let past = self.past.range(..=time).next_back().map(|(t, value)| (*t, *value));
        // No time is in both.
        live.into_iter().chain(past).max_by_key(|(time, _)| *time).map(|(_, value)| value)
    }
}

#[test]
fn the_version_of_an_instant_is_found_and_old_ones_are_forgotten() {
    let fields = ["k", "t", "v"].map(|name| Field::new(name, DataType::Int64, true));
    let schema = Schema::new(fields.to_vec());
    let column = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut versions = Versions::new(&schema, &[0]).unwrap();
        let mut twins: BTreeMap<i64, Twin> = BTreeMap::new();
        let (mut watermark, mut given) = (0, vec![]);
        for _ in 0..20 {
            let mut changes = vec![];
            for _ in 0..rng.below(8) {
                let (key, time) = (rng.below(3) as i64, watermark + rng.between(1, 6));
                let change = (key, time, rng.between(0, 4), 1);
                match given.is_empty() || rng.chance(0.6) {
                    true => {
                        given.push(change);
                        changes.push(change);
                    }
                    // Rows of all ages are taken back.
                    false => {
                        let (key, time, value, _) = given.swap_remove(rng.below(given.len() as u64) as usize);
                        changes.push((key, time, value, -1));
                    }
                }
            }
            for (key, time, value, diff) in &changes {
                twins.entry(*key).or_default().change(*time, *value, *diff);
            }
            let of = |pick: fn(&(i64, i64, i64, i64)) -> i64| changes.iter().map(pick).collect::<Vec<i64>>();
            let columns = vec![column(of(|c| c.0)), column(of(|c| c.1)), column(of(|c| c.2))];
            let batch = RecordBatch::try_new(Arc::new(schema.clone()), columns).unwrap();
            versions.change(&batch, &of(|c| c.1), &of(|c| c.3)).unwrap();
            if rng.chance(0.2) {
                let saved = versions.save().unwrap();
                versions = Versions::new(&schema, &[0]).unwrap();
                saved.iter().for_each(|rows| versions.restore(rows).unwrap());
            }
            versions.prune(watermark);
            for key in 0..3 {
                for time in watermark + 1..watermark + 9 {
                    let expected = twins.get(&key).and_then(|twin| twin.at(time));
                    let slot = versions.at(&EncodedKeys::Words(vec![key as u64].into(), None), &[time])[0];
                    let found = (slot != ABSENT)
                        .then(|| versions.gather(2, &[slot]).unwrap().as_primitive::<Int64Type>().value(0));
                    assert_eq!(found, expected, "seed {seed}, key {key} at {time}");
                }
            }
            watermark += rng.between(0, 4);
        }
        let most = versions.len();
        versions.prune(i64::MAX);
        assert!(versions.len() < most.max(9), "seed {seed}: {} versions of three keys are left", versions.len());
    }
}

/// As earlier releases wrote them: rows, since when, and whether they end the one before.
#[test]
fn versions_with_flags_are_taken_up() {
    let schema = Schema::new(["key", "time", "value"].map(|name| Field::new(name, DataType::Int64, true)).to_vec());
    let mut versions = Versions::new(&schema, &[0]).unwrap();
    let columns = [[1, 1, 1], [10, 20, 30], [5, 0, 6], [10, 20, 30], [0, 1, 0]];
    versions.restore_flagged(&table(columns.map(column_of).to_vec()).unwrap()).unwrap();
    let slots = versions.at(&EncodedKeys::Words(vec![1; 3].into(), None), &[9, 25, 30]);
    assert_eq!(slots[0], ABSENT);
    let found = versions.gather(2, &slots[1..]).unwrap();
    assert_eq!(found.as_primitive::<Int64Type>().values(), &[5, 6]);
}
