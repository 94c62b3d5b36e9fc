//! Byte strings by slot, in chunks.
//!
//! A chunk once begun stays where it is: growing copies nothing, and no memory has to be cleared a second time.

/// The largest usual chunk; a longer string has a chunk of its own.
const CHUNK_BYTES_MAX: usize = 1 << 20;
const CHUNK_BYTES_MIN: usize = 1 << 10;

/// Byte strings in one arena; a removed string leaves a hole until the arena is rebuilt.
#[derive(Default)]
pub(crate) struct Arena {
    chunks: Vec<Vec<u8>>,
    places: Vec<Place>,
    /// Bytes in all chunks, those of removed strings among them.
    used: usize,
    dead: usize,
}

/// Where a string is.
#[derive(Clone, Copy, Default)]
struct Place {
    chunk: u32,
    start: u32,
    len: u32,
}

impl Arena {
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &[u8] {
        let place = self.places.get(slot as usize).copied().unwrap_or_default();
        bytes_at(&self.chunks, place)
    }

    pub(crate) fn set(&mut self, slot: u32, bytes: &[u8]) {
        let place = append(&mut self.chunks, self.used, bytes);
        self.used += bytes.len();
        match self.places.get_mut(slot as usize) {
            Some(old) => {
                self.dead += old.len as usize;
                *old = place;
                self.settle();
            }
            None => {
                self.places.resize(slot as usize, Place::default());
                self.places.push(place);
            }
        }
    }

    pub(crate) fn clear(&mut self, slot: u32) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            self.dead += place.len as usize;
            *place = Place::default();
            self.settle();
        }
    }

    /// Leaves out what is dead, once that is more than what lives.
    fn settle(&mut self) {
        if self.dead <= 4096 || self.dead * 2 <= self.used {
            return;
        }
        let chunks = std::mem::take(&mut self.chunks);
        self.used = 0;
        for place in &mut self.places {
            let bytes = bytes_at(&chunks, *place);
            *place = append(&mut self.chunks, self.used, bytes);
            self.used += bytes.len();
        }
        self.dead = 0;
    }

    /// Takes all strings out and keeps the room.
    pub(crate) fn empty(&mut self) {
        // One chunk that holds as much as all have held.
        match self.chunks.as_mut_slice() {
            [only] => only.clear(),
            _ => self.chunks = vec![Vec::with_capacity(self.used.min(u32::MAX as usize))],
        }
        self.places.clear();
        (self.used, self.dead) = (0, 0);
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        let chunks: usize = match self.chunks.split_last() {
            Some((last, full)) => full.iter().map(Vec::len).sum::<usize>() + last.capacity(),
            None => 0,
        };
        chunks + self.places.capacity() * size_of::<Place>()
    }
}

#[inline]
fn bytes_at(chunks: &[Vec<u8>], place: Place) -> &[u8] {
    let (start, len) = (place.start as usize, place.len as usize);
    chunks.get(place.chunk as usize).and_then(|chunk| chunk.get(start..start + len)).unwrap_or_default()
}

/// Puts a string behind the last one, in a new chunk when the last is full. Chunks grow with the arena.
#[inline]
fn append(chunks: &mut Vec<Vec<u8>>, used: usize, bytes: &[u8]) -> Place {
    if bytes.is_empty() {
        return Place::default();
    }
    let fits = chunks.last().is_some_and(|chunk| chunk.capacity() - chunk.len() >= bytes.len());
    if !fits {
        let room = used.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX).max(bytes.len());
        chunks.push(Vec::with_capacity(room));
    }
    let number = chunks.len().saturating_sub(1);
    let Some(chunk) = chunks.last_mut() else { return Place::default() };
    let start = chunk.len();
    chunk.extend_from_slice(bytes);
    Place { chunk: number as u32, start: start as u32, len: bytes.len() as u32 }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use sloth_types::rng::Rng;

    use super::*;

    /// As a list of strings, whatever is set, set again and cleared.
    #[test]
    fn strings_stay_what_they_are() {
        let mut rng = Rng::new(5);
        let (mut arena, mut twin) = (Arena::default(), vec![vec![]; 300]);
        for step in 0..60_000 {
            let slot = rng.below(300) as usize;
            if rng.chance(0.3) {
                arena.clear(slot as u32);
                twin[slot].clear();
            } else {
                let longest = if rng.chance(0.001) { 2_000_000 } else { 200 };
                twin[slot] = (0..rng.below(longest)).map(|i| (i ^ step) as u8).collect();
                arena.set(slot as u32, &twin[slot]);
            }
            if step % 500 == 0 {
                for (slot, bytes) in (0u32..).zip(&twin) {
                    assert_eq!(arena.get(slot), bytes.as_slice());
                }
            }
        }
        // Holes are found again: strings that were set over are no leak.
        let live: usize = twin.iter().map(Vec::len).sum();
        arena.clear(0);
        assert!(arena.bytes() < live * 3 + 4 * CHUNK_BYTES_MAX, "{} for {live}", arena.bytes());
        arena.empty();
        assert!(arena.get(u32::try_from(twin.len() - 1).unwrap()).is_empty());
    }
}
