//! Which rows have which ranks, and the difference that makes.

use sloth_plan::{Rank, RankFunction};

use super::{Entry, Output};
use crate::state::ordered::OrderedRows;

/// The rows of a partition whose ranks are in the range. Returns how many different rows stand up to the range's end.
pub(super) fn range(rows: &OrderedRows, rank: &Rank, partition: u32, out: &mut Vec<Entry>) -> usize {
    let (mut passed, mut place, mut last, mut kept) = (0u64, 0u64, None, 0);
    for slot in rows.rows_of(partition) {
        let weight = rows.weight(slot);
        if weight <= 0 {
            // Taken back more often than it came: it counts once it has come.
            kept += 1;
            continue;
        }
        if rank.function == RankFunction::RowNumber {
            if passed >= rank.to {
                break;
            }
            let (first, end) = ((passed + 1).max(rank.from), (passed + weight as u64).min(rank.to));
            if first <= end {
                out.push(Entry { slot, rank: first, count: (end - first + 1) as i64 });
            }
        } else {
            if last.is_none_or(|last| !rows.peers(last, slot)) {
                place = if rank.function == RankFunction::Rank { passed + 1 } else { place + 1 };
            }
            if place > rank.to {
                break;
            }
            if place >= rank.from {
                out.push(Entry { slot, rank: place, count: weight });
            }
            last = Some(slot);
        }
        passed += weight as u64;
        kept += 1;
    }
    kept
}

/// The difference rank by rank, where each rank is a row's own. `upserts`: what is replaced is not taken back.
pub(super) fn by_place(partition: u32, before: &[Entry], after: &[Entry], upserts: bool, out: &mut Output) {
    let at = |entries: &[Entry], index: &mut usize, rank: u64| {
        while entries.get(*index).is_some_and(|e| e.rank + e.count as u64 <= rank) {
            *index += 1;
        }
        entries.get(*index).filter(|e| e.rank <= rank).map(|e| e.slot)
    };
    let ranks = before.iter().chain(after);
    let first = ranks.clone().map(|e| e.rank).min().unwrap_or(1);
    let end = ranks.map(|e| e.rank + e.count as u64).max().unwrap_or(1);
    let (mut b, mut a) = (0, 0);
    for rank in first..end {
        let (old, new) = (at(before, &mut b, rank), at(after, &mut a, rank));
        if old == new {
            continue;
        }
        let old = old.filter(|_| !upserts || new.is_none());
        for (slot, sign) in [(old, -1), (new, 1)] {
            if let Some(slot) = slot {
                out.push(partition, Entry { slot, rank, count: 1 }, sign);
            }
        }
    }
}

/// Each of several equal rows by itself.
pub(super) fn repeated(changes: Output) -> Output {
    if changes.diffs.iter().all(|d| *d == 1) {
        return changes;
    }
    let mut out = Output::default();
    for (i, count) in changes.diffs.iter().enumerate() {
        for _ in 0..*count {
            let entry = Entry { slot: changes.slots[i], rank: changes.ranks[i] as u64, count: 1 };
            out.push(changes.partitions[i], entry, 1);
        }
    }
    out
}
