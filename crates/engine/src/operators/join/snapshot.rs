//! The state of joins as rows for a checkpoint, and back.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use sloth_plan::{Join, JoinExchange};
use sloth_types::Result;

use super::{Alone, JoinOperator, Side};
use crate::message::Batch;
use crate::operators::arrange::take_up;
use crate::state::arrangement::{Arrangement, Written};
use crate::state::snapshot::{
    Owner, Section, batches_of, column_of, foreign_state, number, numbers, table, take_newest_number,
};

/// The tables of the two sides.
pub(crate) const SIDES: [&str; 2] = ["left", "right"];

/// What has changed in them.
pub(crate) const CHANGES: [&str; 2] = ["left changes", "right changes"];

/// What has changed in the numbers of partners.
const PARTNERS: [&str; 2] = ["left partners", "right partners"];

/// The clock up to which rows have been forgotten.
const CLOCK: &str = "clock";

/// Who owns the rows of each side, of so many columns: whoever is sent them.
pub(crate) fn owners(join: &Join, widths: [usize; 2]) -> [Owner; 2] {
    let whole = |side: usize| Owner::Key((0..widths[side]).collect());
    match join.exchange {
        JoinExchange::ByKey => [Owner::Key(join.left_keys.clone()), Owner::Key(join.right_keys.clone())],
        JoinExchange::CopyRight => [whole(0), Owner::Everyone],
        JoinExchange::CopyLeft => [Owner::Everyone, whole(1)],
    }
}

/// When changes were noted: their epoch, which stands behind the clock. Earlier releases told only the clock.
fn noted_at(rows: &RecordBatch, clock: usize) -> [Option<i64>; 2] {
    let first = |column| numbers(rows, column).ok()?.values().first().copied();
    match first(clock + 1) {
        None => [None, first(clock)],
        epoch => [epoch, None],
    }
}

impl JoinOperator {
    /// The sides whose rows are with the join.
    fn own_sides(&self) -> impl Iterator<Item = usize> + use<> {
        let elsewhere = self.sides.each_ref().map(|side| side.arrangement.is_elsewhere());
        [0, 1].into_iter().filter(move |which| !elsewhere[*which])
    }

    /// A side takes up the rows that it read with others when this state was written. `columns` say what its columns are.
    pub(crate) fn take_over(&mut self, which: usize, columns: &[u64], state: Vec<Section>) -> Result<()> {
        if let Some(side) = self.sides.get_mut(which) {
            take_up(&mut side.arrangement.write(), &side.schema, columns, state)?;
        }
        self.whole_next = true;
        Ok(())
    }

    /// Whether the partners of a side's rows are counted row by row.
    fn counts_partners(&self, which: usize) -> bool {
        self.join.counts_partners() && self.sides[which].alone != Alone::Never
    }

    pub(super) fn save_sides(&mut self) -> Result<Vec<Section>> {
        self.note_side_changes();
        self.whole_next = false;
        let owners = owners(&self.join, [0, 1].map(|which| self.sides[which].schema.fields().len()));
        let mut sections = vec![];
        for (which, owner) in owners.into_iter().enumerate() {
            let side = &self.sides[which];
            let counts = self.counts_partners(which);
            if side.arrangement.is_elsewhere() {
                continue;
            }
            let stored = side.arrangement.read();
            let rows = stored.save(Written::Anyhow, |slots| {
                let mut beside = if counts { vec![side.partners.counts_of(slots)] } else { vec![] };
                if let Some(ages) = &side.ages {
                    beside.push(column_of(slots.iter().map(|slot| ages.stamp(*slot))));
                }
                beside.extend(side.partners.epochs_of(slots).filter(|_| counts));
                Ok(beside)
            })?;
            // Where only the weights of keys are kept, the key is all there is.
            let owner = match owner {
                Owner::Key(_) if stored.is_bare() => Owner::Key((0..side.keys.len()).collect()),
                owner => owner,
            };
            sections.push(Section::new(SIDES[which], owner, rows));
        }
        self.save_held(&mut sections)?;
        sections.extend(self.save_clock()?);
        Ok(sections)
    }

    fn note_side_changes(&mut self) {
        for which in self.own_sides() {
            let counts = self.counts_partners(which);
            let side = &mut self.sides[which];
            side.arrangement.write().begin_changes();
            side.clocks.clear();
            if counts {
                side.partners.begin(side.arrangement.read().slots());
            }
        }
    }

    /// From now on changes are noted.
    pub(super) fn note_changes(&mut self) {
        self.note_side_changes();
        self.note_held();
    }

    /// Changes are enough for the next checkpoint.
    pub(super) fn knows_changes(&self) -> bool {
        !self.whole_next && self.knows_side_changes() && self.knows_held()
    }

    fn knows_side_changes(&self) -> bool {
        self.own_sides().all(|which| self.sides[which].arrangement.read().knows_changes())
    }

    pub(super) fn save_side_changes(&mut self) -> Result<Option<Vec<Section>>> {
        if !self.knows_changes() {
            return Ok(None);
        }
        let mut sections = self.side_changes(Arrangement::take_changes)?;
        sections.extend(self.partner_changes()?);
        self.save_held_changes(&mut sections)?;
        sections.extend(self.save_clock()?);
        Ok(Some(sections))
    }

    /// What has changed so far since the last checkpoint, ahead of the next one.
    pub(super) fn save_sides_ahead(&mut self) -> Result<Vec<Section>> {
        match self.knows_side_changes() {
            true => self.side_changes(Arrangement::take_changes_ahead),
            false => Ok(vec![]),
        }
    }

    fn side_changes(&mut self, take: impl Fn(&mut Arrangement) -> Result<Vec<RecordBatch>>) -> Result<Vec<Section>> {
        let owners = owners(&self.join, [0, 1].map(|which| self.sides[which].schema.fields().len()));
        let mut sections = vec![];
        for (which, owner) in owners.into_iter().enumerate() {
            let side = &mut self.sides[which];
            if side.arrangement.is_elsewhere() {
                continue;
            }
            let mut changes = take(&mut side.arrangement.write())?;
            let clocks = std::mem::take(&mut side.clocks);
            if side.tells_epochs() && self.windows.is_none() {
                // What is forgotten is no change of the rows: the clock tells it.
                for (changes, clock) in changes.iter_mut().zip(clocks) {
                    let own = clock.map(|number| column_of(std::iter::repeat_n(number, changes.num_rows())));
                    *changes = table(changes.columns().iter().cloned().chain(own).collect())?;
                }
            }
            sections.push(Section::new(CHANGES[which], owner, changes));
        }
        Ok(sections)
    }

    fn partner_changes(&mut self) -> Result<Vec<Section>> {
        let owners = owners(&self.join, [0, 1].map(|which| self.sides[which].schema.fields().len()));
        let mut sections = vec![];
        for (which, owner) in owners.into_iter().enumerate() {
            if !self.counts_partners(which) {
                continue;
            }
            let side = &mut self.sides[which];
            let changes = side.partners.take_changes(&side.arrangement.read())?;
            sections.push(Section::new(PARTNERS[which], owner, changes));
        }
        Ok(sections)
    }

    /// Until when rows have been forgotten, where they are.
    fn save_clock(&self) -> Result<Option<Section>> {
        let forgets = self.windows.is_none() && self.sides.iter().any(|side| side.ages.is_some());
        forgets.then(|| number(CLOCK, self.now[0])).transpose()
    }

    fn restore_changes(&mut self, state: &mut [Section]) -> Result<()> {
        for (which, name) in CHANGES.into_iter().enumerate() {
            let side = &self.sides[which];
            let (forgets, width) = (side.tells_epochs() && self.windows.is_none(), side.schema.fields().len());
            let mut changes = batches_of(state, name);
            if forgets {
                // Those of several workers as they have come: none may forget what another one has not yet changed.
                changes.sort_by_key(|rows| noted_at(rows, width + 1));
            }
            for rows in changes {
                let side = &mut self.sides[which];
                let clock = match forgets {
                    true => numbers(&rows, width + 1)?.values().first().copied(),
                    false => None,
                };
                let [epoch, _] = noted_at(&rows, width + 1);
                if let Some(clock) = clock {
                    side.forget(clock);
                }
                let slots = side.arrangement.write().restore_changes(&side.schema, &rows)?;
                match (clock, &self.windows) {
                    (Some(clock), _) => {
                        side.stamp(&slots, [clock, 0]);
                        side.partners.came_in(&slots, std::iter::repeat(epoch.unwrap_or(0)));
                    }
                    (None, Some(windows)) => side.stamp_ends(&slots, &rows, windows.ends[which])?,
                    (None, None) => {}
                }
            }
        }
        if let Some(clock) = take_newest_number(state, CLOCK)? {
            self.sides.iter_mut().for_each(|side| _ = side.forget(clock));
        }
        for (which, name) in PARTNERS.into_iter().enumerate() {
            self.sides[which].restore_partners(&batches_of(state, name))?;
        }
        Ok(())
    }

    /// All that a join makes which is given the rows of both sides at once. Rows with a NULL key are not there: the planner
    /// asks only where they come to nothing.
    pub(super) fn joined_anew(&self) -> Result<Option<Vec<Batch>>> {
        let bare = |side: &Side| side.arrangement.read().is_bare() || side.ages.is_some();
        if self.windows.is_some() || self.sides.iter().any(bare) {
            return Ok(None);
        }
        let schemas = self.sides.each_ref().map(|side| Arc::clone(&side.schema));
        let retracts = self.sides.each_ref().map(|side| side.arrangement.read().retracts());
        let mut anew =
            JoinOperator::new(&self.join, schemas, retracts, Arc::clone(&self.schema), self.gauge.context())?;
        let mut out = vec![];
        for (which, side) in self.sides.iter().enumerate() {
            for rows in side.arrangement.read().save(Written::Anyhow, |_| Ok(vec![]))? {
                let weights = numbers(&rows, rows.num_columns().saturating_sub(1))?.clone();
                let columns = side.arrangement.own_columns(rows.columns(), side.schema.fields().len());
                let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
                let rows = RecordBatch::try_new_with_options(Arc::clone(&side.schema), columns, &options)?;
                let diffs = side.arrangement.read().retracts().then_some(weights);
                anew.take_in(which, &Batch::changes(rows, diffs), &mut out)?;
            }
        }
        if !self.appends {
            return Ok(Some(anew.netted.run(&out)?.into_iter().collect()));
        }
        out.iter_mut().for_each(|batch| batch.diffs = None);
        Ok(Some(out))
    }

    pub(super) fn restore_sides(&mut self, mut state: Vec<Section>) -> Result<()> {
        for (which, name) in SIDES.into_iter().enumerate() {
            let counts = self.counts_partners(which);
            for rows in batches_of(&mut state, name) {
                let side = &mut self.sides[which];
                let (slots, beside) = side.arrangement.write().restore(&rows)?;
                if let (Some(ages), Some(stamps)) = (&mut side.ages, beside.get(usize::from(counts))) {
                    let stamps = crate::operators::stages::weights(stamps);
                    let mut order: Vec<(i64, u32)> =
                        stamps.values().iter().copied().zip(slots.iter().copied()).collect();
                    order.sort_unstable();
                    order.iter().for_each(|(at, slot)| ages.touch(*slot, *at));
                }
                if !counts {
                    continue;
                }
                let partners = beside.first().ok_or_else(|| foreign_state(rows.num_columns()))?;
                let partners = crate::operators::stages::weights(partners);
                side.partners.set(&slots, partners.values(), side.arrangement.read().slots());
                match beside.get(1 + usize::from(side.ages.is_some())) {
                    Some(epochs) => {
                        let epochs = crate::operators::stages::weights(epochs);
                        side.partners.came_in(&slots, epochs.values().iter().copied());
                    }
                    // Earlier releases did not write what tells equal rows apart.
                    None => self.whole_next |= side.partners.by_epoch(),
                }
            }
        }
        self.restore_changes(&mut state)?;
        self.restore_held(&mut state)?;
        self.measure();
        Ok(())
    }
}
