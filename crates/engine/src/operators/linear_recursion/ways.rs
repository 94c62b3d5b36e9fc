//! The ways from rows of a recursion to rows of its next round: joins with tables, both sides of which change.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema, SchemaRef};
use sloth_plan::recursive::{Hop, Linear, Met};
use sloth_types::Result;

use crate::message::Batch;
use crate::operators::delta::Consolidator;
use crate::operators::join::{null_keys, pick};
use crate::operators::stages;
use crate::operators::window::fit_rows;
use crate::state::arrangement::{Arrangement, Written};
use crate::state::keys::ABSENT;
use crate::state::snapshot::{Owner, Section, batches_of};

/// Rows that are made at once.
const PAIRS_MAX: usize = 16 * 1024;

/// The chains of a recursion with the rows that have come through them.
pub(super) struct Ways {
    linear: Arc<Linear>,
    tables: Vec<Side>,
    /// For each chain what has come to each of its joins.
    reached: Vec<Vec<Side>>,
    /// For each chain the rows that each of its joins gives.
    joined: Vec<Vec<SchemaRef>>,
}

/// One side of a join.
struct Side {
    waiting: Vec<Batch>,
    consolidator: Consolidator,
    rows: Arrangement,
    schema: SchemaRef,
    met: Met,
}

impl Side {
    fn new(schema: &SchemaRef, met: Met) -> Result<Side> {
        let (consolidator, rows) = (Consolidator::new(schema)?, Arrangement::new(schema, &met.keys, true)?);
        Ok(Side { waiting: vec![], consolidator, rows, schema: Arc::clone(schema), met })
    }

    /// What waits, as one net change a row, without what has no partner ever.
    fn take(&mut self) -> Result<Option<Batch>> {
        let mut waiting = std::mem::take(&mut self.waiting);
        weigh(&mut waiting);
        let Some(delta) = self.consolidator.run(&waiting)? else { return Ok(None) };
        let nulls = null_keys(&delta.rows, &self.met.keys).filter(|_| !self.met.null_equal);
        let delta = match nulls {
            Some(nulls) => pick(&delta, &BooleanArray::new(nulls.inner().clone(), None))?,
            None => delta,
        };
        Ok((delta.rows.num_rows() > 0).then_some(delta))
    }
}

/// Weights are told, so that equal rows are put together.
pub(super) fn weigh(batches: &mut [Batch]) {
    for batch in batches.iter_mut().filter(|batch| batch.diffs.is_none()) {
        batch.diffs = Some(Int64Array::from(vec![1; batch.rows.num_rows()]));
    }
}

impl Ways {
    /// No rows. `tables` are the schemas of the tables.
    pub(super) fn new(linear: Arc<Linear>, tables: &[SchemaRef]) -> Result<Self> {
        let sides = tables.iter().zip(&linear.tables).map(|(schema, met)| Side::new(schema, met.clone()));
        let tables = sides.collect::<Result<Vec<_>>>()?;
        let (mut reached, mut joined) = (vec![], vec![]);
        for chain in &linear.chains {
            let side = |hop: &Hop| {
                let null_equal = tables.get(hop.table).is_some_and(|table| table.met.null_equal);
                Side::new(&hop.schema, Met { keys: hop.keys.clone(), null_equal })
            };
            reached.push(chain.hops.iter().map(side).collect::<Result<Vec<_>>>()?);
            let pair = |hop: &Hop| tables.get(hop.table).map(|table| paired(hop, &table.schema));
            joined.push(chain.hops.iter().filter_map(pair).collect());
        }
        Ok(Ways { linear, tables, reached, joined })
    }

    /// Changes of a table come in.
    pub(super) fn take_in(&mut self, table: usize, batch: Batch) {
        if let Some(table) = self.tables.get_mut(table) {
            table.waiting.push(batch);
        }
    }

    /// True when tables have changes to be taken in.
    pub(super) fn waits(&self) -> bool {
        self.tables.iter().any(|table| !table.waiting.is_empty())
    }

    /// What rows of a round make in the next one.
    pub(super) fn step(&mut self, rows: &Batch) -> Result<Vec<Batch>> {
        let mut out = vec![];
        for chain in 0..self.reached.len() {
            self.run(chain, 0, vec![rows.clone()], &mut out)?;
        }
        Ok(out)
    }

    /// What the changes of the tables make of all rows that have come by.
    pub(super) fn take_tables(&mut self) -> Result<Vec<Batch>> {
        let mut out = vec![];
        let linear = Arc::clone(&self.linear);
        for which in 0..self.tables.len() {
            let Some(delta) = self.tables[which].take()? else { continue };
            let keys = self.tables[which].rows.encode(&delta.rows)?;
            let mut begun = vec![];
            for (chain, hops) in linear.chains.iter().map(|chain| &chain.hops).enumerate() {
                for (at, hop) in hops.iter().enumerate().filter(|(_, hop)| hop.table == which) {
                    let reached = &self.reached[chain][at].rows;
                    let found = reached.find(&keys, delta.rows.num_rows());
                    let met = Meeting { hop, schema: &self.joined[chain][at], delta: &delta, other: reached };
                    begun.push((chain, at + 1, met.pairs(&found, true)?));
                }
            }
            self.tables[which].rows.apply(&delta.rows, delta.diffs.as_ref(), &keys, &mut vec![])?;
            for (chain, at, rows) in begun {
                self.run(chain, at, rows, &mut out)?;
            }
        }
        Ok(out)
    }

    /// Rows go through a chain, from one of its joins on.
    fn run(&mut self, chain: usize, from: usize, mut rows: Vec<Batch>, out: &mut Vec<Batch>) -> Result<()> {
        let linear = Arc::clone(&self.linear);
        let Some(way) = linear.chains.get(chain) else { return Ok(()) };
        for (at, hop) in way.hops.iter().enumerate().skip(from) {
            let side = &mut self.reached[chain][at];
            for batch in rows {
                stages::run(&hop.stages, batch, &mut side.waiting)?;
            }
            let Some(delta) = side.take()? else { return Ok(()) };
            let keys = side.rows.encode(&delta.rows)?;
            let table = &self.tables[hop.table].rows;
            let found = table.find(&keys, delta.rows.num_rows());
            side.rows.apply(&delta.rows, delta.diffs.as_ref(), &keys, &mut vec![])?;
            let met = Meeting { hop, schema: &self.joined[chain][at], delta: &delta, other: table };
            rows = met.pairs(&found, false)?;
        }
        rows.into_iter().try_for_each(|batch| stages::run(&way.stages, batch, out))
    }

    fn sides(&mut self) -> impl Iterator<Item = (String, &mut Side)> {
        let tables = self.tables.iter_mut().enumerate().map(|(i, side)| (format!("table {i}"), side));
        let reached = self.reached.iter_mut().enumerate().flat_map(|(chain, sides)| {
            sides.iter_mut().enumerate().map(move |(at, side)| (format!("reached {chain} {at}"), side))
        });
        tables.chain(reached)
    }

    fn all(&self) -> impl Iterator<Item = &Arrangement> {
        self.tables.iter().chain(self.reached.iter().flatten()).map(|side| &side.rows)
    }

    /// Number of rows, and estimated bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.all().map(Arrangement::len).sum(), self.all().map(Arrangement::bytes).sum())
    }

    pub(super) fn save(&mut self) -> Result<Vec<Section>> {
        let save = |(name, side): (String, &mut Side)| {
            side.rows.begin_changes();
            Ok(Section::new(&name, Owner::Key(vec![]), side.rows.save(Written::Anyhow, |_| Ok(vec![]))?))
        };
        self.sides().map(save).collect()
    }

    /// Everything has been written: from now on changes are noted.
    pub(super) fn begin_changes(&mut self) {
        self.sides().for_each(|(_, side)| side.rows.begin_changes());
    }

    pub(super) fn knows_changes(&self) -> bool {
        self.all().all(Arrangement::knows_changes)
    }

    pub(super) fn save_changes(&mut self) -> Result<Vec<Section>> {
        let save = |(name, side): (String, &mut Side)| {
            Ok(Section::new(&format!("{name} changes"), Owner::Key(vec![]), side.rows.take_changes()?))
        };
        self.sides().map(save).collect()
    }

    pub(super) fn kept_rows(&self) -> usize {
        self.all().map(Arrangement::kept_rows).sum()
    }

    pub(super) fn restore(&mut self, state: &mut [Section]) -> Result<()> {
        for (name, side) in self.sides() {
            for rows in batches_of(state, &name) {
                side.rows.restore(&rows)?;
            }
            for rows in batches_of(state, &format!("{name} changes")) {
                side.rows.restore_changes(&side.schema, &rows)?;
            }
        }
        Ok(())
    }
}

/// The rows of a join: its sides' columns in the order of the query, then the number.
fn paired(hop: &Hop, table: &SchemaRef) -> SchemaRef {
    let own = hop.schema.fields().split_last();
    let (number, own) = own.map_or((None, vec![]), |(number, own)| (Some(number), own.to_vec()));
    let table = table.fields().to_vec();
    let both = if hop.table_first { [table, own] } else { [own, table] };
    let fields = both.concat().into_iter().chain(number.cloned());
    Arc::new(Schema::new(fields.map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<Field>>()))
}

/// Changes of one side of a join that meet the rows of the other.
struct Meeting<'a> {
    hop: &'a Hop,
    schema: &'a SchemaRef,
    delta: &'a Batch,
    other: &'a Arrangement,
}

impl Meeting<'_> {
    /// All pairs; `found` are the keys of the changes among the other side's. `of_table`: the changes are the table's.
    fn pairs(&self, found: &[u32], of_table: bool) -> Result<Vec<Batch>> {
        let mut out = vec![];
        let (mut rows, mut slots, mut weights) = (vec![], vec![], vec![]);
        for (row, key) in found.iter().enumerate().filter(|(_, key)| **key != ABSENT) {
            let diff = self.delta.diffs.as_ref().map_or(1, |d| d.value(row));
            for slot in self.other.rows_of(*key) {
                rows.push(row as u32);
                slots.push(slot);
                weights.push(diff * self.other.weight(slot));
                if rows.len() == PAIRS_MAX {
                    let (rows, weights) = (std::mem::take(&mut rows), std::mem::take(&mut weights));
                    out.push(self.made(rows, &std::mem::take(&mut slots), weights, of_table)?);
                }
            }
        }
        if !rows.is_empty() {
            out.push(self.made(rows, &slots, weights, of_table)?);
        }
        Ok(out)
    }

    fn made(&self, rows: Vec<u32>, slots: &[u32], weights: Vec<i64>, of_table: bool) -> Result<Batch> {
        let rows = UInt32Array::from(rows);
        let own = self.hop.schema.fields().len().saturating_sub(1);
        let tables = self.schema.fields().len().saturating_sub(own + 1);
        let column = |table: bool, at: usize| -> Result<ArrayRef> {
            if table == of_table {
                Ok(take(self.delta.rows.column(at), &rows, None)?)
            } else {
                self.other.gather(at, slots)
            }
        };
        let table = || (0..tables).map(|at| (true, at));
        let places: Vec<(bool, usize)> = match self.hop.table_first {
            true => table().chain((0..=own).map(|at| (false, at))).collect(),
            false => (0..own).map(|at| (false, at)).chain(table()).chain([(false, own)]).collect(),
        };
        let columns = places.into_iter().map(|(table, at)| column(table, at)).collect::<Result<_>>()?;
        let made = fit_rows(self.schema, columns, rows.len())?;
        Ok(Batch::changes(made, Some(Int64Array::from(weights))))
    }
}
