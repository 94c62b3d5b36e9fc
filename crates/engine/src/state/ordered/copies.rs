//! Equal rows that stand side by side, told apart by a number behind their bytes.

use super::{Located, OrderedRows, Spelled};

impl OrderedRows {
    /// The slots of the rows that equal a row, the last first: [`OrderedRows::change_copy`] would take that one away.
    pub(crate) fn copies(
        &self,
        (located, row): (&Located, usize),
        (spelled, at): (&Spelled, usize),
        buffer: &mut Vec<u8>,
    ) -> Vec<u32> {
        buffer.clear();
        buffer.extend_from_slice(located.prefix(row));
        if let Some(suffix) = &spelled.suffix {
            buffer.extend_from_slice(suffix.row(at).data());
        }
        let base = buffer.len();
        buffer.extend_from_slice(&u64::MAX.to_be_bytes());
        let run = self.run(located.partitions.get(row).copied().unwrap_or(0));
        let mut place = match run.find(|slot| self.bytes.get(slot).cmp(buffer.as_slice())) {
            Ok((_, place)) | Err(place) => place,
        };
        let mut copies = vec![];
        while let Some((slot, before)) = run.before(place) {
            let bytes = self.bytes.get(slot);
            if bytes.len() != base + 8 || bytes.get(..base) != buffer.get(..base) {
                break;
            }
            copies.push(slot);
            place = before;
        }
        copies
    }

    /// Adds a row beside its equals (layout [`Stamp::Copy`]), behind them, or takes the last of them away. Returns its
    /// slot; `None` when there is none to take away. A slot that went stays readable until [`OrderedRows::free`].
    pub(crate) fn change_copy(
        &mut self,
        (located, row): (&Located, usize),
        (spelled, at): (&Spelled, usize),
        comes: bool,
        buffer: &mut Vec<u8>,
    ) -> Option<u32> {
        buffer.clear();
        let prefix = located.prefix(row);
        buffer.extend_from_slice(prefix);
        if let Some(suffix) = &spelled.suffix {
            buffer.extend_from_slice(suffix.row(at).data());
        }
        let base = buffer.len();
        buffer.extend_from_slice(&u64::MAX.to_be_bytes());
        let partition = located.partitions.get(row).copied().unwrap_or(0);
        let run = self.run(partition);
        let place = match run.find(|slot| self.bytes.get(slot).cmp(buffer.as_slice())) {
            Ok((_, place)) | Err(place) => place,
        };
        let last = run.before(place).and_then(|(slot, at)| {
            let (content, copy) = self.bytes.get(slot).split_at_checked(base)?;
            (content == &buffer[..base] && copy.len() == 8).then_some((slot, at))
        });
        if !comes {
            let (slot, at) = last?;
            self.change_run(partition, |run| run.remove(at));
            return Some(slot);
        }
        let number =
            |slot: u32| self.bytes.get(slot).get(base..).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
        let copy = last.and_then(|(slot, _)| number(slot)).map_or(0, |n| n + 1);
        buffer.truncate(base);
        buffer.extend_from_slice(&copy.to_be_bytes());
        Some(self.insert(partition, place, buffer, prefix.len()))
    }
}
