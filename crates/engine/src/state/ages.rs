//! When the things of slots were last changed, and which have not been for a time: the state's lifetime.

use std::collections::BTreeMap;

/// Nothing is there.
const NEVER: i64 = i64::MIN;

/// Times of last changes by slot, by the epochs' clock. What expires is found without a look at the rest: each slot stands
/// once in a queue, at a time not after its last change, and moves up when it is looked at.
pub(crate) struct Ages {
    ttl_ms: i64,
    stamps: Vec<i64>,
    queued: Vec<bool>,
    queue: BTreeMap<i64, Vec<u32>>,
}

impl Ages {
    /// Nothing yet; what has not changed for `ttl_ms` milliseconds expires.
    pub(crate) fn new(ttl_ms: i64) -> Self {
        Ages { ttl_ms, stamps: vec![], queued: vec![], queue: BTreeMap::new() }
    }

    /// The thing of a slot has changed.
    pub(crate) fn touch(&mut self, slot: u32, now_ms: i64) {
        let place = slot as usize;
        if self.stamps.len() <= place {
            self.stamps.resize(place + 1, NEVER);
            self.queued.resize(place + 1, false);
        }
        // A clock that is set back makes nothing older.
        self.stamps[place] = self.stamps[place].max(now_ms);
        if !std::mem::replace(&mut self.queued[place], true) {
            self.queue.entry(now_ms).or_default().push(slot);
        }
    }

    /// The thing of a slot is gone.
    pub(crate) fn forget(&mut self, slot: u32) {
        if let Some(stamp) = self.stamps.get_mut(slot as usize) {
            *stamp = NEVER;
        }
    }

    /// True when a slot has something.
    pub(crate) fn is_there(&self, slot: u32) -> bool {
        self.stamp(slot) != NEVER
    }

    /// When the thing of a slot was last changed.
    pub(crate) fn stamp(&self, slot: u32) -> i64 {
        self.stamps.get(slot as usize).copied().unwrap_or(NEVER)
    }

    /// Takes out the slots that have not changed for long enough, rising.
    pub(crate) fn expired(&mut self, now_ms: i64) -> Vec<u32> {
        let mut expired = vec![];
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().saturating_add(self.ttl_ms) > now_ms {
                break;
            }
            for slot in entry.remove() {
                let place = slot as usize;
                let stamp = self.stamps[place];
                if stamp == NEVER {
                    self.queued[place] = false;
                } else if stamp.saturating_add(self.ttl_ms) <= now_ms {
                    self.queued[place] = false;
                    self.stamps[place] = NEVER;
                    expired.push(slot);
                } else {
                    self.queue.entry(stamp).or_default().push(slot);
                }
            }
        }
        expired.sort_unstable();
        expired
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.stamps.capacity() * 13
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sloth_types::rng::Rng;

    #[test]
    fn expires_what_has_not_changed_for_the_time_and_nothing_else() {
        for seed in 0..100 {
            let mut rng = Rng::new(seed);
            let ttl = rng.between(1, 20);
            let (mut ages, mut naive) = (Ages::new(ttl), BTreeMap::<u32, i64>::new());
            let mut now = 0;
            for _ in 0..200 {
                now += rng.between(0, 4);
                let due: Vec<u32> = naive.iter().filter(|(_, at)| **at + ttl <= now).map(|(slot, _)| *slot).collect();
                naive.retain(|slot, _| !due.contains(slot));
                assert_eq!(ages.expired(now), due, "seed {seed}");
                for _ in 0..rng.below(4) {
                    let slot = rng.below(12) as u32;
                    match rng.chance(0.8) {
                        true => {
                            ages.touch(slot, now);
                            naive.insert(slot, now);
                        }
                        false => {
                            ages.forget(slot);
                            naive.remove(&slot);
                        }
                    }
                }
                assert!((0..12).all(|slot| ages.is_there(slot) == naive.contains_key(&slot)), "seed {seed}");
            }
            let entries: usize = ages.queue.values().map(Vec::len).sum();
            assert!(entries <= 12, "a slot stands in the queue once");
        }
    }
}
