//! Byte strings by slot, in chunks.
//!
//! A chunk once begun stays where it is: growing copies nothing, and no memory has to be cleared a second time. The bytes of a
//! batch's column may be a chunk as they are.

use arrow::buffer::Buffer;

use super::paged::Paged;

/// The largest usual chunk; a longer string has a chunk of its own.
const CHUNK_BYTES_MAX: usize = 1 << 20;
const CHUNK_BYTES_MIN: usize = 1 << 10;
/// Columns with fewer bytes are copied: chunks shall be few.
const KEPT_BYTES_MIN: usize = 1 << 15;

/// Byte strings in one arena; a removed string leaves a hole until its whole chunk is dead or the arena is rebuilt.
#[derive(Default)]
pub(crate) struct Arena {
    chunks: Chunks,
    places: Paged<Place>,
}

#[derive(Default)]
struct Chunks {
    chunks: Vec<Chunk>,
    /// The one that is written to, and those that are empty.
    current: usize,
    empty: Vec<usize>,
    /// Bytes in all chunks, those of removed strings among them.
    used: usize,
    dead: usize,
}

#[derive(Default)]
struct Chunk {
    bytes: Bytes,
    /// Bytes of removed strings.
    dead: usize,
}

/// Bytes that are written one behind the other, or those of a column.
enum Bytes {
    Written(Vec<u8>),
    Kept(Buffer),
}

impl Default for Bytes {
    fn default() -> Self {
        Bytes::Written(vec![])
    }
}

impl Bytes {
    #[inline(always)]
    fn all(&self) -> &[u8] {
        match self {
            Bytes::Written(bytes) => bytes,
            Bytes::Kept(buffer) => buffer,
        }
    }

    fn len(&self) -> usize {
        self.all().len()
    }

    fn capacity(&self) -> usize {
        match self {
            Bytes::Written(bytes) => bytes.capacity(),
            Bytes::Kept(buffer) => buffer.capacity(),
        }
    }
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
        self.chunks.get(place)
    }

    pub(crate) fn set(&mut self, slot: u32, bytes: &[u8]) {
        let place = self.chunks.append(bytes);
        match self.places.get_mut(slot as usize) {
            Some(old) => {
                let old = std::mem::replace(old, place);
                self.bury(old);
            }
            None => self.places.set(slot as usize, place, Place::default()),
        }
    }

    /// Sets many strings that lie in `bytes`: slot, start and length of each. The bytes are kept as they are, unless so much of them
    /// belongs to none of the strings that copying is better.
    pub(crate) fn set_all(&mut self, bytes: &Buffer, strings: impl Iterator<Item = (u32, usize, usize)> + Clone) {
        let living: usize = strings.clone().map(|(_, _, len)| len).sum();
        if living < KEPT_BYTES_MIN || living * 4 < bytes.capacity() * 3 {
            for (slot, start, len) in strings {
                self.set(slot, bytes.get(start..start + len).unwrap_or_default());
            }
            return;
        }
        // What was there goes first: leaving out what is dead moves the chunks.
        strings.clone().for_each(|(slot, ..)| self.clear(slot));
        let chunk = self.chunks.keep(bytes, living);
        for (slot, start, len) in strings {
            let place = Place { chunk, start: start as u32, len: len as u32 };
            self.places.set(slot as usize, if len == 0 { Place::default() } else { place }, Place::default());
        }
    }

    pub(crate) fn clear(&mut self, slot: u32) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            let old = std::mem::take(place);
            self.bury(old);
        }
    }

    /// The string of a place is dead. Leaves out what is dead, once that is more than what lives.
    #[inline]
    fn bury(&mut self, place: Place) {
        self.chunks.bury(place);
        let Chunks { used, dead, .. } = self.chunks;
        if dead <= 4096 || dead * 2 <= used {
            return;
        }
        let old = std::mem::take(&mut self.chunks);
        for place in self.places.iter_mut() {
            *place = self.chunks.append(old.get(*place));
        }
    }

    /// Takes all strings out and keeps the room.
    pub(crate) fn empty(&mut self) {
        self.chunks.empty();
        self.places.clear();
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        let Chunks { chunks, current, .. } = &self.chunks;
        let room = |(number, chunk): (usize, &Chunk)| match &chunk.bytes {
            Bytes::Written(bytes) if number != *current => bytes.len(),
            bytes => bytes.capacity(),
        };
        chunks.iter().enumerate().map(room).sum::<usize>() + self.places.bytes()
    }
}

impl Chunks {
    #[inline]
    fn get(&self, place: Place) -> &[u8] {
        let (start, len) = (place.start as usize, place.len as usize);
        let chunk = self.chunks.get(place.chunk as usize);
        chunk.and_then(|chunk| chunk.bytes.all().get(start..start + len)).unwrap_or_default()
    }

    /// Puts a string behind the last one, in a new chunk when the last is full. Chunks grow with the arena.
    #[inline]
    fn append(&mut self, bytes: &[u8]) -> Place {
        if bytes.is_empty() {
            return Place::default();
        }
        let room = match self.chunks.get(self.current).map(|chunk| &chunk.bytes) {
            Some(Bytes::Written(written)) => written.capacity() - written.len(),
            _ => 0,
        };
        if room < bytes.len() {
            self.begin(bytes.len());
        }
        let Some(Chunk { bytes: Bytes::Written(written), .. }) = self.chunks.get_mut(self.current) else {
            return Place::default();
        };
        self.used += bytes.len();
        let start = written.len();
        written.extend_from_slice(bytes);
        Place { chunk: self.current as u32, start: start as u32, len: bytes.len() as u32 }
    }

    #[cold]
    fn begin(&mut self, len: usize) {
        let bytes = Vec::with_capacity(self.used.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX).max(len));
        let full = self.current;
        self.current = self.put(Chunk { bytes: Bytes::Written(bytes), dead: 0 });
        if full != self.current {
            self.release(full);
        }
    }

    /// The number of a new chunk.
    fn put(&mut self, chunk: Chunk) -> usize {
        match self.empty.pop().and_then(|number| Some((number, self.chunks.get_mut(number)?))) {
            Some((number, place)) => {
                *place = chunk;
                number
            }
            None => {
                self.chunks.push(chunk);
                self.chunks.len() - 1
            }
        }
    }

    /// Takes a column's bytes, so many of them living, as a chunk. Its number.
    fn keep(&mut self, bytes: &Buffer, living: usize) -> u32 {
        let dead = bytes.len().saturating_sub(living);
        self.used += bytes.len();
        self.dead += dead;
        if self.chunks.is_empty() {
            // The current one is always one that is written to.
            self.begin(0);
        }
        self.put(Chunk { bytes: Bytes::Kept(bytes.clone()), dead }) as u32
    }

    /// What goes in the order in which it came frees chunk after chunk.
    #[inline]
    fn bury(&mut self, place: Place) {
        let (number, len) = (place.chunk as usize, place.len as usize);
        let Some(chunk) = self.chunks.get_mut(number).filter(|_| len > 0) else { return };
        chunk.dead += len;
        self.dead += len;
        if chunk.dead == chunk.bytes.len() && number != self.current {
            self.release(number);
        }
    }

    /// Frees a chunk if nothing in it lives.
    #[cold]
    fn release(&mut self, number: usize) {
        let dead = |chunk: &&mut Chunk| chunk.bytes.capacity() > 0 && chunk.dead == chunk.bytes.len();
        let Some(chunk) = self.chunks.get_mut(number).filter(dead) else { return };
        self.used -= chunk.dead;
        self.dead -= chunk.dead;
        *chunk = Chunk::default();
        self.empty.push(number);
    }

    fn empty(&mut self) {
        // One chunk that holds as much as all have held.
        match self.chunks.as_mut_slice() {
            [Chunk { bytes: Bytes::Written(bytes), dead }] => {
                bytes.clear();
                *dead = 0;
            }
            _ => {
                let bytes = Vec::with_capacity(self.used.min(u32::MAX as usize));
                self.chunks = vec![Chunk { bytes: Bytes::Written(bytes), dead: 0 }];
            }
        }
        self.empty.clear();
        (self.current, self.used, self.dead) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
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
            } else if rng.chance(0.01) {
                // Most of a column's strings, or all of them.
                let strings: Vec<Vec<u8>> =
                    (0..200u64).map(|i| (0..rng.below(1000)).map(|j| (i ^ j ^ step) as u8).collect()).collect();
                let starts: Vec<usize> =
                    strings.iter().scan(0, |end, s| Some(std::mem::replace(end, *end + s.len()))).collect();
                let first = rng.below(100) as usize;
                let taken = (0..200).filter(|i| i % 7 != 0 || step % 2 == 0);
                let all = taken.clone().map(|i| ((first + i) as u32, starts[i], strings[i].len()));
                arena.set_all(&Buffer::from_vec(strings.concat()), all);
                taken.for_each(|i| twin[first + i].clone_from(&strings[i]));
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

    /// What goes in the order in which it came leaves nothing behind.
    #[test]
    fn a_queue_stays_small() {
        let mut queue = Arena::default();
        for step in 0..200_000u32 {
            queue.set(step % 1000, &step.to_le_bytes().repeat(25));
        }
        for step in 199_000..200_000u32 {
            assert_eq!(queue.get(step % 1000), step.to_le_bytes().repeat(25));
        }
        assert!(queue.bytes() < 300_000, "{}", queue.bytes());
        assert!(queue.chunks.chunks.len() < 20, "{}", queue.chunks.chunks.len());
    }
}
