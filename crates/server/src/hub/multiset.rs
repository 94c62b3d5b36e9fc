//! A table without a key: rows that may come several times and are taken back one by one.
//!
//! Clients know rows by key. Here each copy of a row gets a number, which is sent behind the row's last column as its key;
//! the number is in no list of columns, so that no tile shows it.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Int64Array, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use sloth_types::{ChangeBatch, Result};

use super::ScreenTable;
use super::json;
use super::table::write_changes;

/// The copies of all rows.
pub(crate) struct Multiset {
    /// Rows as clients get them, by their numbers.
    pub(crate) rows: BTreeMap<u64, Box<str>>,
    /// The numbers of the copies of a row, the newest last.
    copies: HashMap<Box<str>, Vec<u64>>,
    next: u64,
    /// Rows that were not kept because the table is full.
    pub(crate) overflow: u64,
}

impl Multiset {
    pub(crate) fn new() -> Self {
        Multiset { rows: BTreeMap::new(), copies: HashMap::new(), next: 0, overflow: 0 }
    }

    /// Applies changes and appends what differs to `out`; false when nothing does.
    pub(crate) fn apply(&mut self, changes: &[ChangeBatch], table: &ScreenTable, out: &mut String) -> bool {
        // A client takes the deletes of a frame first: what comes and goes within it must not be told.
        let mut added: BTreeMap<u64, Box<str>> = BTreeMap::new();
        let mut deletes: Vec<Box<str>> = Vec::new();
        let before = self.overflow;
        for batch in changes {
            for row in 0..batch.len() {
                let text = json::row(batch.rows.columns(), row);
                if batch.diff(row) < 0 {
                    if let Some(number) = self.remove(&text)
                        && added.remove(&number).is_none()
                    {
                        deletes.push(format!("[{number}]").into());
                    }
                } else if self.rows.len() >= table.keys_max {
                    self.overflow += 1;
                } else {
                    let number = self.insert(text);
                    added.insert(number, self.rows.get(&number).cloned().unwrap_or_default());
                }
            }
        }
        if before == 0 && self.overflow > 0 {
            tracing::warn!(
                table = table.name,
                "screen table '{}' has more than {} rows; further rows are not shown. Set 'screen.max-keys' higher, or \
                 select fewer rows",
                table.name,
                table.keys_max
            );
        }
        write_changes(out, added.values(), &deletes, self.overflow)
    }

    fn insert(&mut self, text: Box<str>) -> u64 {
        let number = self.next;
        self.next += 1;
        let columns = text.strip_suffix(']').unwrap_or(&text);
        let comma = if columns.len() > 1 { "," } else { "" };
        self.rows.insert(number, format!("{columns}{comma}{number}]").into());
        self.copies.entry(text).or_default().push(number);
        number
    }

    fn remove(&mut self, text: &str) -> Option<u64> {
        let numbers = self.copies.get_mut(text)?;
        let number = numbers.pop();
        if numbers.is_empty() {
            self.copies.remove(text);
        }
        self.rows.remove(&number?);
        number
    }
}

/// What is left of changes when rows and their retractions cancel out.
///
/// # Errors
/// Only when a column has a type that rows cannot be compared by.
pub(crate) fn net(schema: &SchemaRef, changes: &[ChangeBatch]) -> Result<ChangeBatch> {
    let fields = schema.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let mut net: HashMap<Box<[u8]>, (usize, i64)> = HashMap::new();
    let mut firsts: Vec<(usize, usize)> = Vec::new();
    for (index, batch) in changes.iter().enumerate() {
        let rows = converter.convert_columns(batch.rows.columns())?;
        for row in 0..batch.len() {
            let entry = net.entry(rows.row(row).as_ref().into()).or_insert_with(|| {
                firsts.push((index, row));
                (firsts.len() - 1, 0)
            });
            entry.1 += batch.diff(row);
        }
    }
    let mut left: Vec<(usize, i64)> = net.into_values().filter(|(_, n)| *n != 0).collect();
    left.sort_unstable();
    let times = |(at, n): &(usize, i64)| std::iter::repeat_n(firsts.get(*at).copied(), n.unsigned_abs() as usize);
    let picks: Vec<(usize, usize)> = left.iter().flat_map(times).flatten().collect();
    let signs = left.iter().flat_map(|(_, n)| std::iter::repeat_n(n.signum(), n.unsigned_abs() as usize));
    let diffs = Int64Array::from_iter_values(signs);
    let batches: Vec<&RecordBatch> = changes.iter().map(|c| &c.rows).collect();
    let rows = if batches.is_empty() {
        RecordBatch::new_empty(SchemaRef::clone(schema))
    } else {
        interleave_record_batch(&batches, &picks)?
    };
    Ok(ChangeBatch::changes(rows, Some(diffs)))
}
