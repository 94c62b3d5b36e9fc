//! Random changes against naive bags.

use std::collections::VecDeque;

use arrow::datatypes::DataType;
use sloth_types::rng::Rng;

use super::super::keys::EncodedKeys;
use super::*;

/// The naive bag: values in the order in which they came.
#[derive(Default)]
struct Twin(Vec<VecDeque<u64>>);

impl Twin {
    fn take(&mut self, slot: usize, value: u64) {
        let at = self.0[slot].iter().position(|v| *v == value).unwrap();
        self.0[slot].remove(at);
    }
}

fn contents(bags: &Bags, slot: u32) -> Vec<u64> {
    let encoder = KeyEncoder::new(vec![DataType::Int64]).unwrap();
    let entries: Vec<(u32, i64)> = bags.entries(slot).collect();
    let ids: Vec<u32> = entries.iter().map(|e| e.0).collect();
    let column = encoder.decode(bags.values.table(), &ids).unwrap().remove(0);
    let values = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&column).values().to_vec();
    values
        .iter()
        .zip(&entries)
        .flat_map(|(v, (_, n))| std::iter::repeat_n(*v as u64, usize::try_from(*n).unwrap()))
        .collect()
}

#[test]
fn random_changes_leave_what_the_naive_bag_has_in_its_order() {
    for seed in 0..150 {
        let mut rng = Rng::new(seed);
        let (arrival, slots) = (seed % 2 == 0, 1 + rng.below(4));
        let encoder = KeyEncoder::new(vec![DataType::Int64]).unwrap();
        let mut bags = Bags::new(&encoder, arrival);
        bags.resize(slots as usize);
        let mut twin = Twin(vec![VecDeque::new(); slots as usize]);
        for _ in 0..200 {
            let slot = rng.below(slots) as usize;
            if rng.below(60) == 0 {
                bags.clear(slot as u32);
                twin.0[slot].clear();
            }
            let value = rng.below(6);
            let have = twin.0[slot].iter().filter(|v| **v == value).count() as i64;
            let diff = if have > 0 && rng.chance(0.5) { -rng.between(1, have) } else { rng.between(1, 3) };
            let mut ids = vec![];
            bags.values.intern(&EncodedKeys::Words(vec![value].into(), None), 1, &mut ids);
            let (was, is) = bags.add(slot as u32, ids[0], diff);
            assert!(arrival || (was, is) == (have, have + diff));
            bags.values.release(&ids);
            for _ in 0..diff.abs() {
                if diff > 0 { twin.0[slot].push_back(value) } else { twin.take(slot, value) }
            }
        }
        for (slot, expected) in twin.0.iter().enumerate() {
            let (mut found, mut expected) = (contents(&bags, slot as u32), Vec::from(expected.clone()));
            if !arrival {
                found.sort_unstable();
                expected.sort_unstable();
            }
            assert_eq!(found, expected, "seed {seed}");
        }
        let distinct: std::collections::BTreeSet<u64> = twin.0.iter().flatten().copied().collect();
        assert_eq!(bags.values.table().len(), distinct.len(), "seed {seed}");
    }
}

#[test]
fn what_is_taken_back_before_it_comes_leaves_nothing() {
    for arrival in [true, false] {
        let mut bags = Bags::new(&KeyEncoder::new(vec![DataType::Int64]).unwrap(), arrival);
        bags.resize(1);
        let mut ids = vec![];
        bags.values.intern(&EncodedKeys::Words(vec![7].into(), None), 1, &mut ids);
        bags.add(0, ids[0], -2);
        bags.add(0, ids[0], 1);
        bags.add(0, ids[0], 1);
        bags.values.release(&ids);
        assert_eq!((bags.entries(0).count(), bags.values.table().len()), (0, 0));
    }
}
