//! An operator's state as rows: what a checkpoint keeps and what a restored operator is made from.
//!
//! An operator gives its state as a few tables ([`Section`]). Each says which worker owns a row, so that a checkpoint
//! taken by N workers can be restored by M: a worker is given the rows it owns, whoever wrote them.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use sloth_types::Result;
pub(crate) use sloth_types::journal::{Owner, Section};

use crate::hash::{KeyHasher, worker_of};

/// What worker `worker.0` of `worker.1` is given of the sections that all workers of an earlier run have written, in the
/// order of those workers.
///
/// # Errors
/// When rows cannot be copied.
pub(crate) fn share_of(written: &[Vec<Section>], worker: (usize, usize)) -> Result<Vec<Section>> {
    let mut share: Vec<Section> = vec![];
    let mut hasher = KeyHasher::default();
    for sections in written {
        for section in sections {
            let known = share.iter().position(|s| s.name == section.name);
            let rows = match &section.owner {
                Owner::Everyone if known.is_some_and(|i| share.get(i).is_some_and(|s| !s.rows.is_empty())) => vec![],
                Owner::Everyone => section.rows.clone(),
                Owner::Key(columns) => owned(&section.rows, columns, worker, &mut hasher)?,
            };
            match known.and_then(|i| share.get_mut(i)) {
                Some(mine) => mine.rows.extend(rows),
                None => share.push(Section { rows, ..section.clone() }),
            }
        }
    }
    Ok(share)
}

fn owned(
    rows: &[RecordBatch],
    columns: &[usize],
    worker: (usize, usize),
    hasher: &mut KeyHasher,
) -> Result<Vec<RecordBatch>> {
    if columns.is_empty() {
        return Ok(if worker.0 == 0 { rows.to_vec() } else { vec![] });
    }
    if worker.1 == 1 {
        return Ok(rows.to_vec());
    }
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
