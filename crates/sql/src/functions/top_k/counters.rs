//! The counters of space-saving: a bounded number of values, the least frequent of them at hand.

use std::cmp::Reverse;
use std::collections::HashMap;

/// A value and how often it came: `count - error` times at least, `count` times at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counter {
    /// The value in Arrow's row format, whose bytes are ordered as the values.
    pub(super) value: Box<[u8]>,
    pub(super) count: i64,
    pub(super) error: i64,
}

/// At most `room` counters in a heap, the smallest at its root. The order is by count, and by value among equal counts: which
/// counter goes does not depend on how the heap came about.
#[derive(Debug)]
pub(super) struct Counters {
    room: usize,
    heap: Vec<Counter>,
    places: HashMap<Box<[u8]>, usize>,
}

impl Counters {
    pub(super) fn new(room: usize) -> Self {
        Counters { room, heap: vec![], places: HashMap::new() }
    }

    /// Counts a value.
    pub(super) fn add(&mut self, value: &[u8], count: i64) {
        if let Some(place) = self.places.get(value).copied() {
            if let Some(counter) = self.heap.get_mut(place) {
                counter.count += count;
            }
            self.down(place);
        } else if self.heap.len() < self.room {
            self.places.insert(value.into(), self.heap.len());
            self.heap.push(Counter { value: value.into(), count, error: 0 });
            self.up(self.heap.len() - 1);
        } else if let Some(least) = self.heap.first_mut() {
            let error = least.count;
            let gone = std::mem::replace(least, Counter { value: value.into(), count: error + count, error });
            self.places.remove(&gone.value);
            self.places.insert(value.into(), 0);
            self.down(0);
        }
    }

    /// Adds the counters of another sketch of the same room. A value that one of them has dropped may have come there as
    /// often as its least frequent one.
    pub(super) fn merge(&mut self, other: Vec<Counter>) {
        let least = |counters: &[Counter]| match counters.len() < self.room {
            true => 0,
            false => counters.iter().map(|c| c.count).min().unwrap_or(0),
        };
        let (mine, theirs) = (least(&self.heap), least(&other));
        let mut all: HashMap<Box<[u8]>, Counter> = HashMap::new();
        for counter in std::mem::take(&mut self.heap) {
            let counter = Counter { count: counter.count + theirs, error: counter.error + theirs, ..counter };
            all.insert(counter.value.clone(), counter);
        }
        for counter in other {
            match all.get_mut(&counter.value) {
                Some(known) => {
                    known.count += counter.count - theirs;
                    known.error += counter.error - theirs;
                }
                None => {
                    let counter = Counter { count: counter.count + mine, error: counter.error + mine, ..counter };
                    all.insert(counter.value.clone(), counter);
                }
            }
        }
        let mut all: Vec<Counter> = all.into_values().collect();
        sort(&mut all);
        all.truncate(self.room);
        // Ascending counters are a heap.
        all.reverse();
        self.places = all.iter().enumerate().map(|(place, c)| (c.value.clone(), place)).collect();
        self.heap = all;
    }

    /// The counters, the most frequent first, by value among equal counts.
    pub(super) fn descending(&self) -> Vec<&Counter> {
        let mut all: Vec<&Counter> = self.heap.iter().collect();
        all.sort_by(|a, b| (Reverse(a.count), &a.value).cmp(&(Reverse(b.count), &b.value)));
        all
    }

    pub(super) fn bytes(&self) -> usize {
        let values: usize = self.heap.iter().map(|c| 2 * c.value.len()).sum();
        values + self.heap.capacity() * (size_of::<Counter>() + size_of::<(Box<[u8]>, usize)>())
    }

    /// Of two counters the one that goes first.
    fn goes_before(&self, a: usize, b: usize) -> bool {
        let of = |place: usize| self.heap.get(place).map(|c| (c.count, Reverse(&c.value)));
        of(a) < of(b)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        for place in [a, b] {
            if let Some(at) = self.heap.get(place).and_then(|c| self.places.get_mut(&c.value)) {
                *at = place;
            }
        }
    }

    fn up(&mut self, mut place: usize) {
        while place > 0 && self.goes_before(place, (place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    fn down(&mut self, mut place: usize) {
        loop {
            let children = (2 * place + 1..=2 * place + 2).filter(|c| *c < self.heap.len());
            let least = children.fold(place, |least, child| if self.goes_before(child, least) { child } else { least });
            if least == place {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }
}

/// The most frequent first, by value among equal counts.
fn sort(counters: &mut [Counter]) {
    counters.sort_by(|a, b| (Reverse(a.count), &a.value).cmp(&(Reverse(b.count), &b.value)));
}

#[cfg(test)]
mod tests {
    use sloth_types::rng::Rng;

    use super::*;

    /// Values drawn so that small ones are frequent, and how often each came.
    fn drawn(seed: u64, count: usize) -> (Vec<[u8; 2]>, HashMap<[u8; 2], i64>) {
        let mut rng = Rng::new(seed);
        let draw = |_| ((1.0 / (0.001 + rng.unit())) as u16).to_be_bytes();
        let values: Vec<[u8; 2]> = (0..count).map(draw).collect();
        let mut counts = HashMap::new();
        values.iter().for_each(|v| *counts.entry(*v).or_default() += 1);
        (values, counts)
    }

    fn check(counters: &Counters, truth: &HashMap<[u8; 2], i64>, bound: i64) {
        for counter in &counters.heap {
            let key: [u8; 2] = counter.value.as_ref().try_into().unwrap();
            let count = truth.get(&key).copied().unwrap_or(0);
            assert!(counter.count - counter.error <= count && count <= counter.count, "{counter:?}: {count}");
            assert!(counter.error <= bound, "{counter:?}");
        }
        for (value, count) in truth.iter().filter(|(_, count)| **count > bound) {
            assert!(counters.places.contains_key(value.as_slice()), "{value:?} came {count} times");
        }
        for (place, counter) in counters.heap.iter().enumerate() {
            assert_eq!(counters.places.get(&counter.value), Some(&place));
        }
        assert_eq!(counters.places.len(), counters.heap.len());
    }

    #[test]
    fn counts_are_within_their_errors_and_no_frequent_value_is_missed() {
        for seed in 0..20 {
            let (values, truth) = drawn(seed, 5000);
            let mut counters = Counters::new(50);
            values.iter().for_each(|v| counters.add(v, 1));
            check(&counters, &truth, 5000 / 50);
        }
    }

    #[test]
    fn merged_sketches_keep_the_bound() {
        for seed in 0..20 {
            let (values, truth) = drawn(seed, 6000);
            let mut parts: Vec<Counters> = (0..3).map(|_| Counters::new(50)).collect();
            values.iter().enumerate().for_each(|(i, v)| parts[i % 3].add(v, 1));
            let mut all = Counters::new(50);
            for part in parts {
                all.merge(part.descending().into_iter().cloned().collect());
            }
            check(&all, &truth, 6000 / 50 * 2);
        }
    }

    #[test]
    fn what_is_saved_and_restored_goes_on_as_if_nothing_had_been() {
        let (values, _) = drawn(9, 4000);
        let mut straight = Counters::new(20);
        let mut again = Counters::new(20);
        for (i, value) in values.iter().enumerate() {
            straight.add(value, 1);
            again.add(value, 1);
            if i % 97 == 0 {
                let saved = again.descending().into_iter().cloned().collect();
                again = Counters::new(20);
                again.merge(saved);
            }
        }
        assert_eq!(straight.descending(), again.descending());
    }
}
