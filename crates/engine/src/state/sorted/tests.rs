//! Random changes against a sorted map.

use std::collections::BTreeMap;

use sloth_types::rng::Rng;

use super::*;

fn check(list: &Sorted<i64>, twin: &BTreeMap<(u32, i64), i64>, slots: u32) {
    assert_eq!(list.chunks.iter().map(|c| c.keys.len()).sum::<usize>(), twin.len());
    for slot in 0..=slots {
        let expected: Vec<(i64, i64)> =
            twin.range((slot, i64::MIN)..(slot + 1, i64::MIN)).map(|(k, w)| (k.1, *w)).collect();
        assert_eq!(list.entries(slot).collect::<Vec<_>>(), expected, "slot {slot}");
        for from in [-1, 0, 1, 2, 40, 4999, 5000] {
            let expected: Vec<(i64, i64)> = expected.iter().filter(|(v, _)| *v >= from).copied().collect();
            assert_eq!(list.entries_from(slot, from, &|a, b| a.cmp(b)).collect::<Vec<_>>(), expected, "slot {slot}");
        }
        let there = || expected.iter().filter(|(_, w)| *w > 0).map(|(v, _)| *v);
        assert_eq!((list.first(slot), list.last(slot)), (there().next(), there().next_back()), "slot {slot}");
    }
    assert!(list.firsts.iter().zip(&list.chunks).all(|(first, chunk)| chunk.keys.first() == Some(first)));
    assert!(list.chunks.iter().all(|chunk| chunk.keys.len() <= CHUNK && chunk.keys.len() == chunk.weights.len()));
}

#[test]
fn random_changes_leave_what_a_sorted_map_has() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let (slots, values) = (1 + rng.below(6), [3, 50, 5000][rng.below(3) as usize]);
        let grow = rng.unit();
        let mut list = Sorted::default();
        let mut twin: BTreeMap<(u32, i64), i64> = BTreeMap::new();
        for step in 0..4000 {
            if rng.below(500) == 0 {
                let slot = rng.below(slots) as u32;
                list.clear(slot);
                twin.retain(|key, _| key.0 != slot);
            }
            let key = (rng.below(slots) as u32, rng.below(values) as i64);
            let diff = if rng.chance(0.5 + grow / 2.0) { 1 } else { -1 };
            let weight = twin.entry(key).or_default();
            *weight += diff;
            assert_eq!(list.add(key, diff, &|a, b| a.cmp(b)), *weight, "seed {seed}");
            if *weight == 0 {
                twin.remove(&key);
            }
            if step % 1000 == 999 {
                check(&list, &twin, slots as u32);
            }
        }
        // Everything goes again.
        for (key, weight) in std::mem::take(&mut twin) {
            list.add(key, -weight, &|a, b| a.cmp(b));
        }
        check(&list, &twin, slots as u32);
        assert!(list.chunks.is_empty());
    }
}

#[test]
fn rising_values_fill_their_chunks() {
    let mut list = Sorted::default();
    for value in 0..5000 {
        list.add((value, value), 1, &|a: &u32, b| a.cmp(b));
    }
    assert_eq!(list.chunks.len(), 5000_usize.div_ceil(CHUNK));
    assert_eq!((list.first(4999), list.last(5000)), (Some(4999), None));
}
