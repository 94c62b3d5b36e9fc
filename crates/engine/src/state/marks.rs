//! What the rows of a partition have come to at places between them, so that what follows a change is found without what
//! is before it. Nothing here needs to be saved: it is made again from the rows.

use std::collections::BTreeSet;
use std::ops::Range;

use datafusion::scalar::ScalarValue;
use hashbrown::HashMap;

/// Rows between two marks, about. Few in tests, so that these see many.
pub(crate) const ROWS: usize = if cfg!(test) { 4 } else { 64 };

/// A place in a partition's order, and what the rows before it have come to: for each function its state.
pub(crate) struct Mark {
    /// Rows whose bytes are smaller stand before it.
    pub(crate) at: Vec<u8>,
    pub(crate) state: Vec<Vec<ScalarValue>>,
}

/// The marks of each partition, rising. Block `b` of a partition are the rows between mark `b - 1` and mark `b`.
#[derive(Default)]
pub(crate) struct Marks {
    of: HashMap<u32, Vec<Mark>>,
    count: usize,
    mark_bytes: usize,
}

impl Marks {
    /// Takes the marks of a partition out.
    pub(crate) fn take(&mut self, partition: u32) -> Vec<Mark> {
        let marks = self.of.remove(&partition).unwrap_or_default();
        self.count -= marks.len();
        marks
    }

    /// Puts the marks of a partition back.
    pub(crate) fn put(&mut self, partition: u32, marks: Vec<Mark>) {
        self.count += marks.len();
        if let Some(mark) = marks.first() {
            let values = mark.state.iter().flatten().map(ScalarValue::size).sum::<usize>();
            self.mark_bytes = size_of::<Mark>() + mark.at.len() + values;
            self.of.insert(partition, marks);
        }
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.count * self.mark_bytes
    }
}

/// The block of a row.
pub(crate) fn block_of(marks: &[Mark], row: &[u8]) -> usize {
    marks.partition_point(|mark| mark.at.as_slice() <= row)
}

/// Puts ranges in order and joins those that touch.
pub(crate) fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    let mut out: Vec<Range<usize>> = vec![];
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

/// Blocks to be looked at: those told of, and then what follows them as long as it differs.
pub(crate) struct Blocks {
    dirty: BTreeSet<usize>,
}

impl Blocks {
    /// These blocks have changed.
    pub(crate) fn of(dirty: impl Iterator<Item = usize>) -> Self {
        Blocks { dirty: dirty.collect() }
    }

    /// The next block that has changed, and is not before this one.
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        self.dirty.range(from..).next().copied()
    }

    /// True when a block has changed.
    pub(crate) fn contains(&self, block: usize) -> bool {
        self.dirty.contains(&block)
    }
}
