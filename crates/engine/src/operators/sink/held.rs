//! The rows that a sink shows. Such a sink is empty when it is opened: a resumed job gives it all of them again, in the
//! first epoch after the checkpoint.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use crate::message::Batch;
use crate::operators::delta::Consolidator;
use crate::state::arrangement::{Arrangement, Written};
use crate::state::snapshot::{Owner, Section, batches_of, numbers, split, table};

const NEWEST: &str = "newest rows";
const ALL: &str = "rows";
const CHANGES: &str = "changes of rows";

/// What a sink shows.
pub(crate) struct Held {
    schema: SchemaRef,
    rows: Rows,
    /// From a checkpoint, not yet given to the sink.
    restored: Vec<Batch>,
}

enum Rows {
    /// Of a result that only grows, the newest, oldest first.
    Newest { batches: VecDeque<RecordBatch>, rows: usize, max: usize },
    /// Of one that changes, all.
    All(Box<Arrangement>, Consolidator),
}

impl Held {
    /// Nothing yet. `changes` tells that rows may be taken back; else the newest `max` are kept.
    pub(crate) fn new(schema: &SchemaRef, changes: bool, max: usize) -> Result<Self> {
        let rows = match changes {
            true => Rows::All(Box::new(Arrangement::new(schema, &[], true)?), Consolidator::new(schema)?),
            false => Rows::Newest { batches: VecDeque::new(), rows: 0, max },
        };
        Ok(Held { schema: Arc::clone(schema), rows, restored: vec![] })
    }

    /// The sink is given these changes, a net change a row.
    pub(super) fn add(&mut self, delta: &Batch) -> Result<()> {
        match &mut self.rows {
            Rows::Newest { batches, rows, max } => {
                let count = delta.rows.num_rows();
                // A copy, so that a few rows do not keep the memory of many.
                let newest = delta.rows.slice(count.saturating_sub(*max), count.min(*max));
                let newest = concat_batches(&self.schema, [&newest, &newest.slice(0, 0)])?;
                *rows += newest.num_rows();
                batches.push_back(newest);
                while let Some(first) = batches.front().map(RecordBatch::num_rows)
                    && *rows - first >= *max
                {
                    *rows -= first;
                    batches.pop_front();
                }
            }
            Rows::All(arrangement, consolidator) => {
                // Equal rows that only come are not yet one with a weight.
                let weighted = Batch { diffs: Some(weights_of(delta)), ..delta.clone() };
                let Some(net) = consolidator.run(&[weighted])? else { return Ok(()) };
                let keys = arrangement.encode(&net.rows)?;
                arrangement.apply(&net.rows, net.diffs.as_ref(), &keys, &mut vec![])?;
            }
        }
        Ok(())
    }

    /// What is to be given to the sink again, once.
    pub(super) fn take_restored(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.restored)
    }

    pub(super) fn save(&mut self) -> Result<Vec<Section>> {
        let (name, rows) = match &mut self.rows {
            Rows::Newest { batches, .. } => {
                (NEWEST, batches.iter().map(|b| table(b.columns().to_vec())).collect::<Result<_>>()?)
            }
            Rows::All(arrangement, _) => {
                arrangement.begin_changes();
                (ALL, arrangement.save(Written::Anyhow, |_| Ok(vec![]))?)
            }
        };
        Ok(vec![Section::new(name, Owner::Key(vec![]), rows)])
    }

    pub(super) fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        match &mut self.rows {
            Rows::All(arrangement, _) if arrangement.knows_changes() => {
                Ok(Some(vec![Section::new(CHANGES, Owner::Key(vec![]), arrangement.take_changes()?)]))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        let width = self.schema.fields().len();
        for name in [NEWEST, ALL, CHANGES] {
            for rows in batches_of(&mut state, name) {
                let (columns, _) = split(&rows, width)?;
                let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
                let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.to_vec(), &options)?;
                let diffs = if name == NEWEST { None } else { Some(numbers(&rows, width)?.clone()) };
                self.restored.push(Batch::changes(batch, diffs));
            }
        }
        Ok(())
    }
}

fn weights_of(delta: &Batch) -> arrow::array::Int64Array {
    delta.diffs.clone().unwrap_or_else(|| vec![1; delta.rows.num_rows()].into())
}
