//! What follows from all rows before: a change is followed from the mark before it, and no further than it makes a
//! difference to what the rows have come to.

use std::ops::Range;

use arrow::array::ArrayRef;
use sloth_plan::{OverCall, Scope};
use sloth_types::Result;

use super::OverOperator;
use super::running::{Running, peers};
use super::stretches::Piece;
use crate::operators::window::fit;
use crate::state::marks::{Blocks, Mark, ROWS, block_of};

/// A walk over neighbouring blocks.
struct Walk {
    place: usize,
    /// By call; absent for those that look at rows near by.
    running: Vec<Option<Running>>,
    results: Vec<Option<Vec<ArrayRef>>>,
    /// Rows since the last mark that stays.
    since: usize,
}

impl OverOperator {
    /// Follows changes, and what else has been reached, block by block.
    pub(super) fn go_on(&mut self, partition: u32, changes: &[u32], reached: &[Range<usize>]) -> Result<Vec<Piece>> {
        let marks = self.marks.take(partition);
        let at = |place: usize| self.rows.rows_of(partition).nth(place);
        let blocks_of = |range: &Range<usize>| {
            let ends = [at(range.start), range.end.checked_sub(1).and_then(at)];
            let [first, last] = ends.map(|slot| slot.map_or(marks.len(), |slot| block_of(&marks, self.rows.row(slot))));
            first..last + 1
        };
        let changed = changes.iter().map(|slot| block_of(&marks, self.rows.row(*slot)));
        let blocks = Blocks::of(changed.chain(reached.iter().flat_map(blocks_of)));
        let (mut kept, mut pieces) = (Vec::with_capacity(marks.len() + 1), vec![]);
        let mut marks = marks.into_iter().map(Some).collect::<Vec<_>>();
        let mut done = 0;
        while let Some(block) = blocks.next(done) {
            kept.extend(marks.get_mut(done..block).into_iter().flatten().filter_map(Option::take));
            let mut walk = self.begin(partition, kept.last())?;
            let start = walk.place;
            done = block;
            loop {
                let end = marks.get_mut(done).and_then(Option::take);
                self.walk(partition, &mut walk, end.as_ref(), &mut kept)?;
                done += 1;
                let Some(end) = end else { break };
                let state = self.known(&mut walk.running)?;
                let same = state == end.state;
                // A short block is one with the next.
                if walk.since >= ROWS / 4 {
                    kept.push(Mark { at: end.at, state });
                    walk.since = 0;
                }
                if same && !blocks.contains(done) {
                    break;
                }
            }
            if walk.place > start {
                pieces.push(Piece { rows: start..walk.place, running: walk.results });
            }
        }
        kept.extend(marks.into_iter().flatten());
        self.marks.put(partition, kept);
        Ok(pieces)
    }

    /// What the rows before a mark have come to, or without one those that are forgotten.
    fn begin(&self, partition: u32, mark: Option<&Mark>) -> Result<Walk> {
        let forgotten = || self.early.as_ref().and_then(|early| early.states(partition));
        let before = mark.map(|mark| &mark.state).or_else(forgotten);
        let mut states = before.into_iter().flatten();
        let mut running = Vec::with_capacity(self.over.calls.len());
        for (call, scope) in self.calls() {
            running.push(match (scope, before) {
                (Scope::On { .. }, None) => Some(Running::new(call)?),
                (Scope::On { .. }, Some(_)) => states.next().map(|known| Running::taken_up(call, known)).transpose()?,
                _ => None,
            });
        }
        let results = running.iter().map(|running| running.as_ref().map(|_| vec![])).collect();
        let place = mark.map_or(0, |mark| self.rows.place_of(partition, &mark.at));
        Ok(Walk { place, running, results, since: 0 })
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = (&OverCall, &Scope)> {
        self.over.calls.iter().zip(self.scopes.iter().flatten())
    }

    fn known(&self, running: &mut [Option<Running>]) -> Result<Vec<Vec<datafusion::scalar::ScalarValue>>> {
        let calls = self.over.calls.iter().zip(running);
        calls.filter_map(|(call, running)| running.as_mut().map(|running| running.known(call))).collect()
    }

    /// Goes over a block, up to a mark or to the partition's end, and sets marks in it when it is long.
    fn walk(&self, partition: u32, walk: &mut Walk, end: Option<&Mark>, marks: &mut Vec<Mark>) -> Result<()> {
        let equals = self.calls().any(|(_, scope)| *scope == Scope::On { peers: true });
        let before_end = |slot: &u32| end.is_none_or(|end| self.rows.row(*slot) < end.at.as_slice());
        let slots: Vec<u32> = self.rows.rows_of(partition).skip(walk.place).take_while(before_end).collect();
        let mut left = slots.as_slice();
        while !left.is_empty() {
            let mut take = if left.len() < 2 * ROWS { left.len() } else { ROWS };
            while equals && take < left.len() && self.rows.peers(left[take - 1], left[take]) {
                take += 1;
            }
            let (block, rest) = left.split_at(take);
            self.take_in_block(partition, walk, block)?;
            if let Some(next) = rest.first() {
                let at = if equals { self.rows.prefix(*next) } else { self.rows.row(*next) };
                marks.push(Mark { at: at.to_vec(), state: self.known(&mut walk.running)? });
                walk.since = 0;
            }
            left = rest;
        }
        Ok(())
    }

    fn take_in_block(&self, partition: u32, walk: &mut Walk, slots: &[u32]) -> Result<()> {
        let rows = fit(&self.input, self.rows.decode(slots, &vec![partition; slots.len()])?)?;
        let peers = peers(&self.rows, slots);
        let parts = walk.running.iter_mut().zip(&mut walk.results);
        for ((call, data_type), (running, results)) in self.over.calls.iter().zip(&self.types).zip(parts) {
            if let (Some(running), Some(results)) = (running, results) {
                results.push(running.advance(call, &rows, &peers, data_type)?);
            }
        }
        walk.place += slots.len();
        walk.since += slots.len();
        Ok(())
    }
}
