//! Rows that are derived from each other, each once, and what holds them up.
//!
//! Of each row is counted in how many ways it is derived, and how many of these are *firm*: from rows that were there
//! before it. So what is held up by firm ways alone stands on what was given in the end, never on a cycle that goes through
//! itself. A row whose last firm way goes must go; when other ways are left it comes back, as a new row.

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::Schema;
use sloth_types::Result;

use super::keys::{KeyEncoder, KeyTable, RowSet};
use super::snapshot::{CHANGES_MIN, ROWS_MAX, column_of, numbers, split, table};

/// A set of rows with what holds them up.
pub(crate) struct Derived {
    encoder: KeyEncoder,
    rows: KeyTable,
    facts: Vec<Fact>,
    /// The number of the last round in which rows came.
    stamp: i64,
    width: usize,
    /// The rows that have changed since the last checkpoint; absent when none was made or when they are too many.
    notes: Option<Notes>,
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Fact {
    /// Ways in which it is derived.
    ways: i64,
    /// Those of them that begin at a row which was there before it, or at none.
    firm: i64,
    /// The round in which it came; 0 when it is not there.
    since: i64,
    /// It was there at the end of the last epoch.
    told: bool,
}

#[derive(Default)]
struct Notes {
    batches: Vec<RecordBatch>,
    rows: usize,
    given: usize,
}

impl Derived {
    /// No rows of these columns.
    pub(crate) fn new(schema: &Schema) -> Result<Self> {
        let encoder = KeyEncoder::new(schema.fields().iter().map(|f| f.data_type().clone()).collect())?;
        let (rows, width) = (KeyTable::new(&encoder), schema.fields().len());
        Ok(Derived { encoder, rows, facts: vec![], stamp: 0, width, notes: None })
    }

    /// Rows are derived in so many more ways: each from a row that came in the round of `since`, or from none. The slots go
    /// to `touched`.
    pub(crate) fn add(
        &mut self,
        rows: &RecordBatch,
        diffs: Option<&Int64Array>,
        since: Option<&Int64Array>,
        touched: &mut Vec<u32>,
    ) -> Result<()> {
        for (row, slot) in self.intern(rows.columns(), rows.num_rows())?.into_iter().enumerate() {
            let diff = diffs.map_or(1, |d| d.value(row));
            if let Some(fact) = self.facts.get_mut(slot as usize) {
                fact.ways += diff;
                if since.is_none_or(|s| s.value(row) < fact.since) {
                    fact.firm += diff;
                }
            }
            touched.push(slot);
        }
        Ok(())
    }

    fn intern(&mut self, columns: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        let keys = self.encoder.encode(columns)?;
        let mut slots = vec![];
        self.rows.intern(&keys, &RowSet::Range(0..rows), &mut slots);
        self.facts.resize(self.rows.slots(), Fact::default());
        Ok(slots)
    }

    /// Takes out those of some rows that are there without a firm way. Returns them with the rounds in which they came.
    pub(crate) fn fall(&mut self, touched: &[u32]) -> (Vec<u32>, Vec<i64>) {
        let mut fallen = (vec![], vec![]);
        for slot in touched {
            let Some(fact) = self.facts.get_mut(*slot as usize).filter(|f| f.since > 0 && f.firm <= 0) else {
                continue;
            };
            fallen.0.push(*slot);
            fallen.1.push(std::mem::take(&mut fact.since));
            fact.firm = 0;
        }
        fallen
    }

    /// Puts those of some rows in that are derived and not there, in a new round. Returns them, and that round.
    pub(crate) fn rise(&mut self, touched: &[u32]) -> (Vec<u32>, i64) {
        let since = self.stamp + 1;
        let mut risen = vec![];
        for slot in touched {
            let Some(fact) = self.facts.get_mut(*slot as usize).filter(|f| f.since == 0 && f.ways > 0) else {
                continue;
            };
            // Whoever it is derived from came before.
            (fact.since, fact.firm) = (since, fact.ways);
            risen.push(*slot);
        }
        if !risen.is_empty() {
            self.stamp = since;
        }
        (risen, since)
    }

    /// The end of an epoch that has touched some rows: gives `each` those that have come (1) or gone (-1), and forgets the
    /// latter when it returns.
    pub(crate) fn settle(
        &mut self,
        mut touched: Vec<u32>,
        each: impl FnOnce(&Self, Vec<u32>, Vec<i64>) -> Result<()>,
    ) -> Result<()> {
        touched.sort_unstable();
        touched.dedup();
        self.note(&touched)?;
        let (mut slots, mut diffs, mut empty) = (vec![], vec![], vec![]);
        for slot in touched {
            let Some(fact) = self.facts.get_mut(slot as usize) else { continue };
            let there = fact.since > 0;
            if there != std::mem::replace(&mut fact.told, there) {
                slots.push(slot);
                diffs.push(if there { 1 } else { -1 });
            }
            if !there && fact.ways == 0 {
                empty.push(slot);
            }
        }
        each(self, slots, diffs)?;
        for slot in empty {
            self.facts[slot as usize] = Fact::default();
            self.rows.remove(slot);
        }
        Ok(())
    }

    /// The columns of some rows.
    pub(crate) fn gather(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.encoder.decode(&self.rows, slots)
    }

    /// The rows that are there.
    pub(crate) fn live(&self) -> Vec<u32> {
        self.rows.live()
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes() + self.facts.capacity() * size_of::<Fact>()
    }

    /// All rows with what is known of them, for a checkpoint. From now on changes are noted.
    pub(crate) fn save(&mut self) -> Result<Vec<RecordBatch>> {
        self.begin_changes();
        self.live().chunks(ROWS_MAX).map(|slots| self.saved(slots)).collect()
    }

    /// Everything is being written, or has been: from now on changes are noted.
    pub(crate) fn begin_changes(&mut self) {
        self.notes = Some(Notes { given: self.len(), ..Notes::default() });
    }

    fn saved(&self, slots: &[u32]) -> Result<RecordBatch> {
        let of = |what: fn(&Fact) -> i64| {
            column_of(slots.iter().map(move |slot| self.facts.get(*slot as usize).map_or(0, what)))
        };
        let mut columns = self.gather(slots)?;
        columns.extend([of(|f| f.ways), of(|f| f.firm), of(|f| f.since)]);
        table(columns)
    }

    /// Notes how rows are now. When they are more than all rows, all notes are forgotten: writing everything costs no more.
    fn note(&mut self, slots: &[u32]) -> Result<()> {
        let Some(mut notes) = self.notes.take() else { return Ok(()) };
        notes.rows += slots.len();
        if notes.rows <= CHANGES_MIN.max(self.len()) {
            for slots in slots.chunks(ROWS_MAX) {
                notes.batches.push(self.saved(slots)?);
            }
            self.notes = Some(notes);
        }
        Ok(())
    }

    /// The rows that have changed since the last call of this or of [`Derived::save`], to follow what that gave; `None` when
    /// they are not known.
    pub(crate) fn save_changes(&mut self) -> Option<Vec<RecordBatch>> {
        let notes = self.notes.take()?;
        self.notes = Some(Notes { given: notes.given + notes.rows, ..Notes::default() });
        Some(notes.batches)
    }

    /// True when all changes since [`Derived::save`] are noted.
    pub(crate) fn knows_changes(&self) -> bool {
        self.notes.is_some()
    }

    /// Rows in all that a checkpoint keeps with the changes.
    pub(crate) fn kept_rows(&self) -> usize {
        self.notes.as_ref().map_or(0, |notes| notes.given + notes.rows)
    }

    /// Takes up rows that [`Derived::save`] or, behind it, [`Derived::save_changes`] gave.
    pub(crate) fn restore(&mut self, rows: &RecordBatch) -> Result<()> {
        let (columns, _) = split(rows, self.width)?;
        let [ways, firm, since] =
            [numbers(rows, self.width)?, numbers(rows, self.width + 1)?, numbers(rows, self.width + 2)?];
        for (row, slot) in self.intern(columns, rows.num_rows())?.into_iter().enumerate() {
            let (ways, firm, since) = (ways.value(row), firm.value(row), since.value(row));
            self.facts[slot as usize] = Fact { ways, firm, since, told: since > 0 };
            self.stamp = self.stamp.max(since);
            if ways == 0 {
                self.rows.remove(slot);
            }
        }
        Ok(())
    }
}
