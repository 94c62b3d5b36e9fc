//! Which rows of a partition a change reaches, and what these look at.

use std::ops::Range;

use arrow::array::{Array, ArrayRef};
use arrow::compute::kernels::numeric::{add, sub};
use arrow::compute::{CastOptions, cast_with_options, concat};
use arrow::datatypes::Schema;
use datafusion::scalar::ScalarValue;
use sloth_plan::{Over, Scope};
use sloth_types::Result;

use super::{OverOperator, frames};
use crate::operators::window::fit;
use crate::state::marks::joined;

/// Rows of a partition to be looked at, by place. The results of calls that go on from row to row are here already.
pub(super) struct Piece {
    pub(super) rows: Range<usize>,
    pub(super) running: Vec<Option<Vec<ArrayRef>>>,
}

/// A scope by values needs one order column whose values can be reckoned with exactly.
pub(super) fn ordered(scope: Scope, over: &Over, input: &Schema) -> Scope {
    match (&scope, over.order.as_slice()) {
        (Scope::Values { .. }, [order])
            if !over.partition.contains(&order.column) && !input.field(order.column).data_type().is_floating() =>
        {
            scope
        }
        (Scope::Values { .. }, _) => Scope::Partition,
        _ => scope,
    }
}

impl OverOperator {
    /// What the changes of a partition reach.
    pub(super) fn reached(&mut self, partition: u32, changes: &[u32]) -> Result<Vec<Piece>> {
        let len = self.rows.len_of(partition);
        let Some(scopes) = &self.scopes else {
            return Ok(vec![Piece { rows: 0..len, running: vec![] }]);
        };
        let mut changes = changes.to_vec();
        changes.sort_unstable_by(|a, b| self.rows.row(*a).cmp(self.rows.row(*b)));
        let mut reached = vec![];
        for scope in scopes {
            reached.extend(self.around(partition, scope, &changes)?);
        }
        let reached = joined(reached.into_iter().map(|r| r.start.min(len)..r.end.min(len)).collect());
        if scopes.iter().any(|scope| matches!(scope, Scope::On { .. })) {
            return self.go_on(partition, &changes, &reached);
        }
        Ok(reached.into_iter().map(|rows| Piece { rows, running: vec![] }).collect())
    }

    /// The rows that see one of the changed rows.
    fn around(&self, partition: u32, scope: &Scope, changes: &[u32]) -> Result<Vec<Range<usize>>> {
        Ok(match scope {
            Scope::Rows { before, after } => {
                let places = changes.iter().map(|slot| self.rows.place_of(partition, self.rows.row(*slot)));
                let around =
                    |place: usize| place.saturating_sub(*after)..place.saturating_add(*before).saturating_add(1);
                places.map(around).collect()
            }
            Scope::Groups { before, after } => {
                changes.iter().map(|slot| self.groups(partition, self.rows.prefix(*slot), *after, *before)).collect()
            }
            Scope::Values { before, after } => self.values(partition, changes, [after, before])?,
            Scope::On { .. } | Scope::Partition => vec![],
        })
    }

    /// So many groups of equal rows around the one with these order columns, which may be gone.
    fn groups(&self, partition: u32, prefix: &[u8], before: usize, after: usize) -> Range<usize> {
        let len = self.rows.len_of(partition);
        let at = |place: usize| self.rows.rows_of(partition).nth(place);
        let mut start = self.rows.bound(partition, prefix, false);
        let mut end = self.rows.bound(partition, prefix, true);
        for _ in 0..before {
            let Some(slot) = start.checked_sub(1).and_then(at) else { break };
            start = self.rows.bound(partition, self.rows.prefix(slot), false);
        }
        for _ in 0..after {
            if end >= len {
                break;
            }
            let Some(slot) = at(end) else { break };
            end = self.rows.bound(partition, self.rows.prefix(slot), true);
        }
        start..end
    }

    /// The rows whose values are at most so far before and behind those of some rows.
    fn values(&self, partition: u32, slots: &[u32], by: [&Option<ScalarValue>; 2]) -> Result<Vec<Range<usize>>> {
        let columns = self.rows.decode_order(slots)?;
        let Some(values) = columns.first() else { return Ok(vec![]) };
        let descending = self.over.order.first().is_some_and(|o| o.descending);
        let [before, after] = by;
        let low = moved(values, before.as_ref(), descending);
        let high = moved(values, after.as_ref(), !descending);
        let low = low.map(|low| self.rows.encode_order(&[low])).transpose()?;
        let high = high.map(|high| self.rows.encode_order(&[high])).transpose()?;
        let range = |row: usize| {
            // What cannot be reckoned is beyond all values.
            let start = low.as_ref().map_or(0, |low| self.rows.bound(partition, low.row(row).data(), false));
            let end = high.as_ref().map_or_else(
                || self.rows.len_of(partition),
                |high| self.rows.bound(partition, high.row(row).data(), true),
            );
            start..end
        };
        Ok((0..slots.len()).map(range).collect())
    }

    /// The results of a piece's rows, call by call.
    pub(super) fn results_of(&self, partition: u32, piece: Piece, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let len = self.rows.len_of(partition);
        let mut seen = piece.rows.clone();
        for scope in self.scopes.iter().flatten() {
            for range in self.seen(partition, scope, &piece.rows, slots)? {
                seen = seen.start.min(range.start)..seen.end.max(range.end).min(len);
            }
        }
        let evaluated = || piece.running.iter().filter(|running| running.is_some()).count() < self.over.calls.len();
        let rows = match evaluated() {
            true => {
                let read: Vec<u32> = self.rows.rows_of(partition).skip(seen.start).take(seen.len()).collect();
                Some(fit(&self.input, self.rows.decode(&read, &vec![partition; read.len()])?)?)
            }
            false => None,
        };
        let mut results = Vec::with_capacity(self.over.calls.len());
        for (i, (call, data_type)) in self.over.calls.iter().zip(&self.types).enumerate() {
            let running = piece.running.get(i).and_then(Option::as_ref);
            results.push(match (running, &rows) {
                (Some(pieces), _) => {
                    let pieces: Vec<&dyn Array> = pieces.iter().map(|p| p.as_ref()).collect();
                    concat(&pieces)?
                }
                (None, Some(rows)) => {
                    let at = piece.rows.start - seen.start;
                    frames::evaluate(call, rows, data_type)?.slice(at, piece.rows.len())
                }
                (None, None) => arrow::array::new_null_array(data_type, piece.rows.len()),
            });
        }
        Ok(results)
    }

    /// What a stretch of rows looks at: from where its first row sees, to where its last one does.
    fn seen(&self, partition: u32, scope: &Scope, rows: &Range<usize>, slots: &[u32]) -> Result<Vec<Range<usize>>> {
        let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return Ok(vec![]) };
        Ok(match scope {
            Scope::Rows { before, after } => {
                let (start, end) = (rows.start.saturating_sub(*before), rows.end.saturating_add(*after));
                std::iter::once(start..end).collect()
            }
            Scope::Groups { before, after } => {
                [first, last].map(|slot| self.groups(partition, self.rows.prefix(*slot), *before, *after)).to_vec()
            }
            Scope::Values { before, after } => self.values(partition, &[*first, *last], [before, after])?,
            Scope::On { .. } | Scope::Partition => vec![],
        })
    }
}

/// Values moved up or down; `None` where that leaves their type.
fn moved(values: &ArrayRef, by: Option<&ScalarValue>, up: bool) -> Option<ArrayRef> {
    let Some(by) = by else { return Some(ArrayRef::clone(values)) };
    let by = by.to_scalar().ok()?;
    let moved = if up { add(values, &by) } else { sub(values, &by) }.ok()?;
    match moved.data_type() == values.data_type() {
        true => Some(moved),
        false => cast_with_options(&moved, values.data_type(), &CastOptions { safe: false, ..Default::default() }).ok(),
    }
}
