//! A sorted list of slots, in chunks once it is long. Most partitions have one row: it needs no list.

use std::cmp::Ordering;

/// Slots a chunk holds before it is split.
const CHUNK_MAX: usize = 256;

/// Slots in the order of their bytes.
#[derive(Default)]
pub(super) enum Run {
    #[default]
    Empty,
    One(u32),
    Short(Vec<u32>),
    Long(Vec<Vec<u32>>),
}

/// A place in a run: chunk, and index in it.
pub(super) type Place = (usize, usize);

impl Run {
    /// The slots in order: those of the first list, then those of the others.
    pub(super) fn slices(&self) -> (&[u32], &[Vec<u32>]) {
        match self {
            Run::Empty => (&[], &[]),
            Run::One(slot) => (std::slice::from_ref(slot), &[]),
            Run::Short(slots) => (slots, &[]),
            Run::Long(chunks) => (&[], chunks),
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

    pub(super) fn insert(&mut self, (chunk, at): Place, slot: u32) {
        match self {
            Run::Empty => *self = Run::One(slot),
            Run::One(other) => *self = Run::Short(if at == 0 { vec![slot, *other] } else { vec![*other, slot] }),
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
            Run::Empty | Run::One(_) => {}
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
            Run::Empty | Run::One(_) => {}
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
