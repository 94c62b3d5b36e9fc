//! Values that several lists refer to by number: a key table in which a value stays as long as it is used.

use super::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};

/// A key table with a count of uses.
pub(crate) struct Values {
    table: KeyTable,
    uses: Vec<u32>,
}

impl Values {
    /// No values.
    pub(crate) fn new(encoder: &KeyEncoder) -> Self {
        Values { table: KeyTable::new(encoder), uses: vec![] }
    }

    /// The numbers of the values of rows. Must be followed by [`Values::release`] of them.
    pub(crate) fn intern(&mut self, keys: &EncodedKeys, rows: usize, ids: &mut Vec<u32>) {
        self.table.intern(keys, &RowSet::Range(0..rows), ids);
        self.uses.resize(self.table.slots(), 0);
    }

    /// Someone refers to a value.
    #[inline]
    pub(crate) fn retain(&mut self, value: u32) {
        self.uses[value as usize] += 1;
    }

    /// Someone no longer refers to a value.
    #[inline]
    pub(crate) fn forget(&mut self, value: u32) {
        self.uses[value as usize] -= 1;
    }

    /// Drops those of the values that nobody refers to.
    pub(crate) fn release(&mut self, values: &[u32]) {
        for value in values {
            if self.uses[*value as usize] == 0 {
                // Marked, so that a value that comes twice is dropped once.
                self.uses[*value as usize] = ABSENT;
                self.table.remove(*value);
            }
        }
        for value in values {
            if self.uses[*value as usize] == ABSENT {
                self.uses[*value as usize] = 0;
            }
        }
    }

    /// The values by number.
    pub(crate) fn table(&self) -> &KeyTable {
        &self.table
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes() + self.uses.capacity() * 4
    }
}
