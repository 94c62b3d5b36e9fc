//! Lists that grow without moving: pages of equal size, one behind the other.
//!
//! State grows for as long as a job runs. A plain vector doubles: it copies all it has, touches fresh memory twice over, and
//! with many rows that is a pause. Here only the first page is ever copied, so that short lists stay short.

use std::ops::{Index, IndexMut};

/// Items of a page.
const PAGE: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 13;

/// A list by index.
#[derive(Clone, Debug)]
pub(crate) struct Paged<T> {
    /// All are full but the last.
    pages: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Paged { pages: vec![], len: 0 }
    }
}

impl<T: Copy> Paged<T> {
    /// Number of items.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// True when there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// An item.
    #[inline(always)]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.pages.get(at >> PAGE_BITS)?.get(at & (PAGE - 1))
    }

    /// An item, to be changed.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.pages.get_mut(at >> PAGE_BITS)?.get_mut(at & (PAGE - 1))
    }

    /// Puts an item behind the last.
    #[inline(always)]
    pub(crate) fn push(&mut self, item: T) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(item),
            _ => {
                let page = self.begin();
                page.push(item);
            }
        }
        self.len += 1;
    }

    #[cold]
    fn begin(&mut self) -> &mut Vec<T> {
        // Whoever has filled a page will fill another.
        let page = if self.pages.is_empty() { vec![] } else { Vec::with_capacity(PAGE) };
        self.pages.push_mut(page)
    }

    /// Makes the list at least `len` long.
    pub(crate) fn grow(&mut self, len: usize, item: T) {
        while self.len < len {
            let more = len - self.len;
            let page = match self.pages.last_mut() {
                Some(page) if page.len() < PAGE => page,
                _ => self.begin(),
            };
            let before = page.len();
            page.resize(PAGE.min(before + more), item);
            self.len += page.len() - before;
        }
    }

    /// Sets an item; `fill` stands where nothing has been set before it.
    #[inline(always)]
    pub(crate) fn set(&mut self, at: usize, item: T, fill: T) {
        if at == self.len {
            return self.push(item);
        }
        self.grow(at + 1, fill);
        self[at] = item;
    }

    /// All items in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }

    /// All items in order, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pages.iter_mut().flatten()
    }

    /// Takes all items out and keeps the room of the first page.
    pub(crate) fn clear(&mut self) {
        self.pages.truncate(1);
        self.pages.iter_mut().for_each(Vec::clear);
        self.len = 0;
    }

    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.iter().map(|page| page.capacity() * size_of::<T>()).sum()
    }
}

impl<T> Index<usize> for Paged<T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, at: usize) -> &T {
        &self.pages[at >> PAGE_BITS][at & (PAGE - 1)]
    }
}

impl<T> IndexMut<usize> for Paged<T> {
    #[inline(always)]
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.pages[at >> PAGE_BITS][at & (PAGE - 1)]
    }
}

#[cfg(test)]
mod tests {
    use sloth_types::rng::Rng;

    use super::*;

    /// As a vector, whatever is pushed, set and grown.
    #[test]
    fn a_list_is_what_a_vector_is() {
        let mut rng = Rng::new(11);
        for _ in 0..20 {
            let (mut list, mut twin) = (Paged::default(), vec![]);
            for step in 0..200u64 {
                match rng.below(4) {
                    0 => (0..rng.below(500)).for_each(|item| {
                        list.push(item);
                        twin.push(item);
                    }),
                    1 => {
                        let len = rng.below(30_000) as usize;
                        list.grow(len, step);
                        twin.resize(len.max(twin.len()), step);
                    }
                    2 => {
                        let at = rng.below(twin.len() as u64 + 2 * PAGE as u64) as usize;
                        list.set(at, step, 7);
                        twin.resize(twin.len().max(at + 1), 7);
                        twin[at] = step;
                    }
                    _ if rng.chance(0.05) => {
                        list.clear();
                        twin.clear();
                    }
                    _ => {}
                }
                assert_eq!((list.len(), list.is_empty()), (twin.len(), twin.is_empty()));
                assert_eq!(list.get(twin.len()), None);
                let at = rng.below(twin.len() as u64 + 1) as usize;
                assert_eq!(list.get(at), twin.get(at));
            }
            assert!(list.iter().eq(twin.iter()));
        }
    }
}
