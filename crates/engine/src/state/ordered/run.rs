//! A sorted list of slots, in chunks once it is long.

use std::cmp::Ordering;

/// Slots a chunk holds before it is split.
const CHUNK_MAX: usize = 256;

/// Slots in the order of their bytes.
pub(super) enum Run {
    Short(Vec<u32>),
    Long(Vec<Vec<u32>>),
}

/// A place in a run: chunk, and index in it.
pub(super) type Place = (usize, usize);

impl Run {
    pub(super) fn find(&self, compare: impl Fn(u32) -> Ordering) -> std::result::Result<(u32, Place), Place> {
        let (chunk, slots) = match self {
            Run::Short(slots) => (0, slots),
            Run::Long(chunks) => {
                // The first chunk whose last row is not before the one looked for, else the last chunk.
                let before = |c: &Vec<u32>| c.last().is_some_and(|last| compare(*last) == Ordering::Less);
                let chunk = chunks.partition_point(before).min(chunks.len().saturating_sub(1));
                match chunks.get(chunk) {
                    Some(slots) => (chunk, slots),
                    None => return Err((0, 0)),
                }
            }
        };
        match slots.binary_search_by(|slot| compare(*slot)) {
            Ok(at) => Ok((slots.get(at).copied().unwrap_or(0), (chunk, at))),
            Err(at) => Err((chunk, at)),
        }
    }

    /// The place behind all.
    pub(super) fn end(&self) -> Place {
        match self {
            Run::Short(slots) => (0, slots.len()),
            Run::Long(chunks) => (chunks.len().saturating_sub(1), chunks.last().map_or(0, Vec::len)),
        }
    }

    /// What stands right before a place.
    pub(super) fn before(&self, (chunk, at): Place) -> Option<(u32, Place)> {
        let slots = match self {
            Run::Short(slots) => slots,
            Run::Long(chunks) => chunks.get(chunk)?,
        };
        match (at.checked_sub(1), chunk.checked_sub(1), self) {
            (Some(at), ..) => Some((*slots.get(at)?, (chunk, at))),
            (None, Some(chunk), Run::Long(chunks)) => {
                let slots = chunks.get(chunk)?;
                Some((*slots.last()?, (chunk, slots.len() - 1)))
            }
            _ => None,
        }
    }

    pub(super) fn insert(&mut self, (chunk, at): Place, slot: u32) {
        match self {
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

    pub(super) fn truncate(&mut self, kept: usize, gone: &mut Vec<u32>) {
        match self {
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
    }
}
