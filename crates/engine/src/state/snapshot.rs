//! An operator's state as rows: what a checkpoint keeps and what a restored operator is made from.
//!
//! An operator gives its state as a few tables ([`Section`]). Each says which worker owns a row, so that a checkpoint
//! taken by N workers can be restored by M: a worker is given the rows it owns, whoever wrote them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Field, Int64Type, Schema};
pub(crate) use sloth_types::journal::{Owner, Section};
use sloth_types::{Error, Result};

use crate::hash::{KeyHasher, worker_of};

/// Rows that go into one batch of a section: few enough for the 32-bit offsets of their texts.
pub(crate) const ROWS_MAX: usize = 1 << 16;
/// So many changed rows are always kept; more are when the state has more rows.
pub(crate) const CHANGES_MIN: usize = 1 << 14;

/// A number that every worker knows alike, as a section.
///
/// # Errors
/// Never for a number.
pub(crate) fn number(name: &str, number: i64) -> Result<Section> {
    Ok(Section::new(name, Owner::Everyone, vec![table(vec![column_of([number])])?]))
}

/// The rows of a section, taken out of an operator's state; none when the section is not there.
pub(crate) fn batches_of(state: &mut [Section], name: &str) -> Vec<RecordBatch> {
    state.iter_mut().find(|s| s.name == name).map(|s| std::mem::take(&mut s.rows)).unwrap_or_default()
}

/// Takes a number out of an operator's state, see [`number`].
///
/// # Errors
/// When it is not a number.
pub(crate) fn take_number(state: &mut [Section], name: &str) -> Result<Option<i64>> {
    match batches_of(state, name).first() {
        Some(rows) => Ok(numbers(rows, 0)?.values().first().copied()),
        None => Ok(None),
    }
}

/// As [`take_number`], where several checkpoints may have written it: the last of them counts.
///
/// # Errors
/// As there.
pub(crate) fn take_newest_number(state: &mut [Section], name: &str) -> Result<Option<i64>> {
    match batches_of(state, name).last() {
        Some(rows) => Ok(numbers(rows, 0)?.values().first().copied()),
        None => Ok(None),
    }
}

/// A batch of a section, its columns numbered.
///
/// # Errors
/// When the columns are not of one length.
pub(crate) fn table(columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let field = |(i, c): (usize, &ArrayRef)| Field::new(format!("c{i}"), c.data_type().clone(), true);
    let schema = Schema::new(columns.iter().enumerate().map(field).collect::<Vec<_>>());
    let options = RecordBatchOptions::new().with_row_count(Some(columns.first().map_or(0, |c| c.len())));
    Ok(RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)?)
}

/// A column of numbers of a section's batch.
///
/// # Errors
/// When the state is another one's.
pub(crate) fn numbers(rows: &RecordBatch, column: usize) -> Result<&Int64Array> {
    rows.columns().get(column).and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or_else(|| foreign_state(column))
}

/// The first columns of a section's batch, and the others.
///
/// # Errors
/// When there are not so many.
pub(crate) fn split(rows: &RecordBatch, at: usize) -> Result<(&[ArrayRef], &[ArrayRef])> {
    rows.columns().split_at_checked(at).ok_or_else(|| foreign_state(at))
}

/// Numbers as a column.
pub(crate) fn column_of(numbers: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(numbers))
}

/// The error for state that another kind of operator has written.
pub(crate) fn foreign_state(column: usize) -> Error {
    Error::internal(format!("column {column} of an operator's state is not what this operator writes"))
}

/// What all workers have in common, the first of them writes for all.
pub(crate) fn leave_to_first(sections: &mut [Section], worker: usize) {
    let common = sections.iter_mut().filter(|s| worker > 0 && s.owner == Owner::Everyone);
    common.for_each(|section| section.rows.clear());
}

/// What worker `worker.0` of `worker.1` is given of the sections that all workers of an earlier run have written, in the
/// order of those workers.
///
/// # Errors
/// When rows cannot be copied.
pub(crate) fn share_of(written: &[Vec<Section>], worker: (usize, usize)) -> Result<Vec<Section>> {
    shared_out(written, worker).map(|(share, _)| share)
}

/// As [`share_of`]; and whether that is what this worker itself has written, no more and no less. (What all have in common
/// is the first one's.)
///
/// # Errors
/// As there.
pub(crate) fn shared_out(written: &[Vec<Section>], worker: (usize, usize)) -> Result<(Vec<Section>, bool)> {
    let mut share: Vec<Section> = vec![];
    let mut own = true;
    // What all have in common comes from one of them: another may have written it whole where this one wrote changes.
    let teller = written.iter().position(|sections| sections.iter().any(|s| s.owner == Owner::Everyone));
    for (writer, sections) in written.iter().enumerate() {
        for section in sections {
            let rows = match &section.owner {
                Owner::Everyone if teller != Some(writer) => vec![],
                Owner::Everyone => {
                    own &= writer == 0;
                    section.rows.clone()
                }
                Owner::Key(columns) => {
                    let rows = owned(&section.rows, columns, worker)?;
                    own &= rows_in(&rows) == if writer == worker.0 { rows_in(&section.rows) } else { 0 };
                    rows
                }
            };
            match share.iter_mut().find(|s| s.name == section.name) {
                Some(mine) => mine.rows.extend(rows),
                None => share.push(Section { rows, ..section.clone() }),
            }
        }
    }
    Ok((share, own))
}

/// Number of rows in some batches.
pub(crate) fn rows_in(batches: &[RecordBatch]) -> usize {
    batches.iter().map(|batch| batch.num_rows()).sum()
}

fn owned(rows: &[RecordBatch], columns: &[usize], worker: (usize, usize)) -> Result<Vec<RecordBatch>> {
    if columns.is_empty() {
        return Ok(if worker.0 == 0 { rows.to_vec() } else { vec![] });
    }
    if worker.1 == 1 {
        return Ok(rows.to_vec());
    }
    // One for each section: it settles on the types that it first sees.
    let mut hasher = KeyHasher::default();
    let mut mine = vec![];
    for batch in rows {
        let keys: Vec<_> = columns.iter().map(|c| batch.column(*c)).collect();
        let hashes = hasher.hash(&keys, batch.num_rows());
        let chosen = hashes.iter().enumerate().filter(|(_, hash)| worker_of(**hash, worker.1) == worker.0);
        let chosen: UInt32Array = chosen.map(|(row, _)| row as u32).collect::<Vec<_>>().into();
        if chosen.len() == batch.num_rows() {
            mine.push(batch.clone());
        } else if !chosen.is_empty() {
            mine.push(take_record_batch(batch, &chosen)?);
        }
    }
    Ok(mine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, numbers: &[i64]) -> Section {
        let rows = numbers.iter().map(|n| table(vec![column_of([*n])]).unwrap()).collect();
        Section::new(name, Owner::Everyone, rows)
    }

    #[test]
    fn what_all_have_in_common_is_taken_from_one_worker() {
        // The first has just written its state whole, the second what has changed since.
        let written = [vec![section("rows", &[1, 2])], vec![section("rows", &[1]), section("changes", &[2])]];
        for worker in 0..3 {
            let share = share_of(&written, (worker, 3)).unwrap();
            let rows = |name: &str| share.iter().find(|s| s.name == name).map_or(0, |s| s.rows.len());
            assert_eq!((rows("rows"), rows("changes")), (2, 0));
        }
    }
}
