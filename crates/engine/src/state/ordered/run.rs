//! A sorted list of slots, in chunks once it is long. Most partitions have one row: it needs no list, but a word.

use std::cmp::Ordering;

/// Slots a chunk holds before it is split.
const CHUNK_MAX: usize = 256;

/// Slots in the order of their bytes, to be changed. It stands in one word, or (when it is long) is found by it: [`Runs`].
#[derive(Debug, Default)]
pub(super) enum Run {
    #[default]
    Empty,
    One(u32),
    Two(u32, u32),
    Short(Vec<u32>),
    Long(Vec<Vec<u32>>),
}

/// A place in a run: chunk, and index in it.
pub(super) type Place = (usize, usize);

/// A run to be read.
#[derive(Clone, Copy)]
pub(super) enum View<'r> {
    /// None, one or two slots.
    Few([u32; 2], usize),
    Many(&'r Run),
}

/// The runs that a word is too small for.
///
/// ```text
/// word:  0 │ 0              no slot          0 │ slot + 1        one
///        number + 1 │ 0     a run of here    slot + 1 │ slot + 1   two
/// ```
#[derive(Default)]
pub(super) struct Runs {
    many: Vec<Run>,
    free: Vec<u32>,
}

fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

fn word_of(high: u32, low: u32) -> u64 {
    (u64::from(high) << 32) | u64::from(low)
}

impl Runs {
    /// The run of a word.
    #[inline]
    pub(super) fn view(&self, word: u64) -> View<'_> {
        match halves(word) {
            (0, 0) => View::Few([0; 2], 0),
            (0, one) => View::Few([one - 1, 0], 1),
            (number, 0) => self.many.get(number as usize - 1).map_or(View::Few([0; 2], 0), View::Many),
            (second, first) => View::Few([first - 1, second - 1], 2),
        }
    }

    /// Changes the run of a word. Returns the word that it has then.
    pub(super) fn change(&mut self, word: u64, change: impl FnOnce(&mut Run)) -> u64 {
        let (high, low) = halves(word);
        let number = if low == 0 { high.checked_sub(1) } else { None };
        let mut run = match (number, low.checked_sub(1), high.checked_sub(1)) {
            (Some(number), ..) => self.many.get_mut(number as usize).map(std::mem::take).unwrap_or_default(),
            (None, Some(first), Some(second)) => Run::Two(first, second),
            (None, Some(one), None) => Run::One(one),
            (None, None, _) => Run::Empty,
        };
        change(&mut run);
        let many = matches!(run, Run::Short(_) | Run::Long(_));
        if let Some(number) = number.filter(|_| !many) {
            self.free.push(number);
        }
        match run {
            Run::Empty => 0,
            Run::One(one) => word_of(0, one + 1),
            Run::Two(first, second) => word_of(second + 1, first + 1),
            many => {
                let number = number.or_else(|| self.free.pop()).unwrap_or_else(|| {
                    self.many.push(Run::Empty);
                    self.many.len() as u32 - 1
                });
                self.many[number as usize] = many;
                word_of(number + 1, 0)
            }
        }
    }

    /// Estimated bytes, without what long runs hold.
    pub(super) fn bytes(&self) -> usize {
        self.many.capacity() * size_of::<Run>() + self.free.capacity() * 4
    }
}

impl<'r> View<'r> {
    /// The slots in order.
    #[inline]
    pub(super) fn slots(self) -> impl Iterator<Item = u32> + 'r {
        let (few, count, (short, long)) = match self {
            View::Few(few, count) => (few, count, (&[][..], &[][..])),
            View::Many(run) => ([0; 2], 0, run.slices()),
        };
        few.into_iter().take(count).chain(short.iter().copied()).chain(long.iter().flatten().copied())
    }

    /// The slots in order: those of the first list, then those of the others.
    #[inline]
    pub(super) fn slices(&self) -> (&[u32], &[Vec<u32>]) {
        match self {
            View::Few(slots, count) => (slots.get(..*count).unwrap_or_default(), &[]),
            View::Many(run) => run.slices(),
        }
    }

    fn chunk(&self, chunk: usize) -> Option<&[u32]> {
        match self.slices() {
            ([], chunks) => chunks.get(chunk).map(Vec::as_slice),
            (slots, _) => Some(slots),
        }
    }

    /// Number of slots.
    pub(super) fn len(&self) -> usize {
        let (short, long) = self.slices();
        short.len() + long.iter().map(Vec::len).sum::<usize>()
    }

    /// The last slot.
    pub(super) fn last(&self) -> Option<u32> {
        let (short, long) = self.slices();
        long.last().map_or(short, Vec::as_slice).last().copied()
    }

    /// How many slots stand before a place.
    pub(super) fn before_place(&self, (chunk, at): Place) -> usize {
        let (_, long) = self.slices();
        at + long.iter().take(chunk).map(Vec::len).sum::<usize>()
    }

    pub(super) fn find(&self, compare: impl Fn(u32) -> Ordering) -> std::result::Result<(u32, Place), Place> {
        let (short, long) = self.slices();
        // The first chunk whose last row is not before the one looked for, else the last chunk.
        let before = |c: &Vec<u32>| c.last().is_some_and(|last| compare(*last) == Ordering::Less);
        let chunk = long.partition_point(before).min(long.len().saturating_sub(1));
        let slots = long.get(chunk).map_or(short, Vec::as_slice);
        match slots.binary_search_by(|slot| compare(*slot)) {
            Ok(at) => Ok((slots.get(at).copied().unwrap_or(0), (chunk, at))),
            Err(at) => Err((chunk, at)),
        }
    }

    /// The place behind all.
    pub(super) fn end(&self) -> Place {
        let (short, long) = self.slices();
        (long.len().saturating_sub(1), long.last().map_or(short.len(), Vec::len))
    }

    /// What stands right before a place.
    pub(super) fn before(&self, (chunk, at): Place) -> Option<(u32, Place)> {
        match (at.checked_sub(1), chunk.checked_sub(1)) {
            (Some(at), _) => Some((*self.chunk(chunk)?.get(at)?, (chunk, at))),
            (None, Some(chunk)) => {
                let slots = self.chunk(chunk)?;
                Some((*slots.last()?, (chunk, slots.len() - 1)))
            }
            _ => None,
        }
    }
}

impl Run {
    fn slices(&self) -> (&[u32], &[Vec<u32>]) {
        match self {
            // These are no lists but words.
            Run::Empty | Run::One(_) | Run::Two(..) => (&[], &[]),
            Run::Short(slots) => (slots, &[]),
            Run::Long(chunks) => (&[], chunks),
        }
    }

    pub(super) fn insert(&mut self, (chunk, at): Place, slot: u32) {
        match self {
            Run::Empty => *self = Run::One(slot),
            Run::One(other) => *self = if at == 0 { Run::Two(slot, *other) } else { Run::Two(*other, slot) },
            Run::Two(first, second) => {
                let mut slots = vec![*first, *second];
                slots.insert(at.min(2), slot);
                *self = Run::Short(slots);
            }
            Run::Short(slots) => {
                slots.insert(at, slot);
                if slots.len() > CHUNK_MAX {
                    let second = slots.split_off(CHUNK_MAX / 2);
                    *self = Run::Long(vec![std::mem::take(slots), second]);
                }
            }
            Run::Long(chunks) => {
                let Some(slots) = chunks.get_mut(chunk) else { return chunks.push(vec![slot]) };
                slots.insert(at, slot);
                if slots.len() > CHUNK_MAX {
                    let second = slots.split_off(CHUNK_MAX / 2);
                    chunks.insert(chunk + 1, second);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, (chunk, at): Place) {
        match self {
            Run::Empty => {}
            Run::One(_) => *self = Run::Empty,
            Run::Two(first, second) => *self = Run::One(if at == 0 { *second } else { *first }),
            Run::Short(slots) => drop(slots.remove(at)),
            Run::Long(chunks) => {
                let Some(slots) = chunks.get_mut(chunk) else { return };
                slots.remove(at);
                if slots.is_empty() {
                    chunks.remove(chunk);
                }
            }
        }
    }

    /// Keeps the first `kept` slots; the others go to `gone`.
    pub(super) fn truncate(&mut self, kept: usize, gone: &mut Vec<u32>) {
        match self {
            Run::One(slot) if kept == 0 => {
                gone.push(*slot);
                *self = Run::Empty;
            }
            Run::Two(first, second) if kept == 1 => {
                gone.push(*second);
                *self = Run::One(*first);
            }
            Run::Two(first, second) if kept == 0 => {
                gone.extend([*first, *second]);
                *self = Run::Empty;
            }
            Run::Empty | Run::One(_) | Run::Two(..) => {}
            Run::Short(slots) if kept < slots.len() => gone.extend(slots.drain(kept..)),
            Run::Short(_) => {}
            Run::Long(chunks) => {
                let mut left = kept;
                for slots in chunks.iter_mut() {
                    let here = left.min(slots.len());
                    gone.extend(slots.drain(here..));
                    left -= here;
                }
                chunks.retain(|c| !c.is_empty());
            }
        }
        // What has shrunk to one row needs its list no longer.
        if let Run::Short(slots) = self
            && let [only] = slots.as_slice()
        {
            *self = Run::One(*only);
        }
    }

    /// Takes the first `count` slots away; they go to `gone`.
    pub(super) fn drop_first(&mut self, count: usize, gone: &mut Vec<u32>) {
        match self {
            Run::One(slot) if count > 0 => {
                gone.push(*slot);
                *self = Run::Empty;
            }
            Run::Two(first, second) if count == 1 => {
                gone.push(*first);
                *self = Run::One(*second);
            }
            Run::Two(first, second) if count > 1 => {
                gone.extend([*first, *second]);
                *self = Run::Empty;
            }
            Run::Empty | Run::One(_) | Run::Two(..) => {}
            Run::Short(slots) => gone.extend(slots.drain(..count.min(slots.len()))),
            Run::Long(chunks) => {
                let mut left = count;
                for slots in chunks.iter_mut() {
                    let here = left.min(slots.len());
                    gone.extend(slots.drain(..here));
                    left -= here;
                }
                chunks.retain(|c| !c.is_empty());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sloth_types::rng::Rng;

    use super::*;

    /// As vectors of slots, whatever is inserted, removed and cut off; words that are given back are used again.
    #[test]
    fn runs_are_lists() {
        let mut rng = Rng::new(8);
        let mut runs = Runs::default();
        let (mut words, mut twins) = ([0u64; 5], vec![vec![]; 5]);
        for step in 0..20_000u32 {
            let at = rng.below(5) as usize;
            let (word, twin): (&mut u64, &mut Vec<u32>) = (&mut words[at], &mut twins[at]);
            let (mut gone, mut taken) = (vec![], vec![]);
            let kept = rng.below(twin.len() as u64 + 2) as usize;
            match rng.below(if at == 0 { 400 } else { 8 }) {
                0 => {
                    *word = runs.change(*word, |run| run.truncate(kept, &mut gone));
                    taken = twin.split_off(kept.min(twin.len()));
                }
                1 => {
                    *word = runs.change(*word, |run| run.drop_first(kept, &mut gone));
                    taken = twin.drain(..kept.min(twin.len())).collect();
                }
                2 | 3 if !twin.is_empty() => {
                    let slot = twin[rng.below(twin.len() as u64) as usize];
                    let found = runs.view(*word).find(|other| other.cmp(&slot));
                    let (_, place) = found.unwrap();
                    *word = runs.change(*word, |run| run.remove(place));
                    twin.retain(|other| *other != slot);
                }
                _ => {
                    let slot = step.wrapping_mul(0x9E37_79B1) % 1_000_000;
                    if let Err(place) = runs.view(*word).find(|other| other.cmp(&slot)) {
                        *word = runs.change(*word, |run| run.insert(place, slot));
                        twin.push(slot);
                        twin.sort_unstable();
                    }
                }
            }
            assert_eq!(gone, taken);
            let view = runs.view(*word);
            let (short, long) = view.slices();
            assert!(short.iter().chain(long.iter().flatten()).eq(twin.iter()), "step {step}");
            assert_eq!((view.len(), view.last()), (twin.len(), twin.last().copied()));
        }
        assert!(runs.many.len() <= 5, "{}", runs.many.len());
    }
}
