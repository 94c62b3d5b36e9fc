//! A mark for each slot, a bit each: those of millions of slots stay in the caches.

/// Marks by slot; a slot beyond the last that was marked has none.
#[derive(Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// True when the slot is marked.
    #[inline(always)]
    pub(crate) fn has(&self, slot: u32) -> bool {
        self.0.get(slot as usize / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    /// Marks a slot. False when it was marked before.
    #[inline(always)]
    pub(crate) fn mark(&mut self, slot: u32) -> bool {
        let at = slot as usize / 64;
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        let (word, bit) = (&mut self.0[at], 1 << (slot % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Takes the mark of a slot away. False when it had none.
    #[inline(always)]
    pub(crate) fn unmark(&mut self, slot: u32) -> bool {
        let Some(word) = self.0.get_mut(slot as usize / 64) else { return false };
        let bit = 1 << (slot % 64);
        let was = *word & bit != 0;
        *word &= !bit;
        was
    }

    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sloth_types::rng::Rng;

    use super::*;

    #[test]
    fn marks_are_a_set() {
        let mut rng = Rng::new(3);
        let (mut bits, mut twin) = (Bits::default(), BTreeSet::new());
        for _ in 0..5000 {
            let slot = rng.below(300) as u32;
            match rng.below(3) {
                0 => assert_eq!(bits.mark(slot), twin.insert(slot)),
                1 => assert_eq!(bits.unmark(slot), twin.remove(&slot)),
                _ => assert_eq!(bits.has(slot), twin.contains(&slot)),
            }
        }
    }
}
