//! Byte strings by slot, in one buffer.

/// Byte strings in one arena; a removed string leaves a hole until the arena is rebuilt.
#[derive(Default)]
pub(crate) struct Arena {
    data: Vec<u8>,
    places: Vec<(usize, u32)>,
    dead: usize,
}

impl Arena {
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &[u8] {
        let (start, len) = self.places.get(slot as usize).copied().unwrap_or_default();
        self.data.get(start..start + len as usize).unwrap_or_default()
    }

    pub(crate) fn set(&mut self, slot: u32, bytes: &[u8]) {
        let place = (self.data.len(), bytes.len() as u32);
        self.data.extend_from_slice(bytes);
        match self.places.get_mut(slot as usize) {
            Some(old) => *old = place,
            None => {
                self.places.resize(slot as usize, (0, 0));
                self.places.push(place);
            }
        }
    }

    pub(crate) fn clear(&mut self, slot: u32) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            self.dead += place.1 as usize;
            *place = (0, 0);
        }
        if self.dead > 4096 && self.dead * 2 > self.data.len() {
            let mut data = Vec::with_capacity(self.data.len() - self.dead);
            for (start, len) in &mut self.places {
                let at = data.len();
                data.extend_from_slice(self.data.get(*start..*start + *len as usize).unwrap_or_default());
                *start = at;
            }
            self.data = data;
            self.dead = 0;
        }
    }

    /// Takes all strings out and keeps the room.
    pub(crate) fn empty(&mut self) {
        self.data.clear();
        self.places.clear();
        self.dead = 0;
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.data.capacity() + self.places.capacity() * 16
    }
}
