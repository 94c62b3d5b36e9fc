//! A subquery used as a value may have one row: more is an error when it happens.

use sloth_types::{Error, Result};

use super::Operator;
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::snapshot::{Owner, Section, batches_of, column_of, numbers, table};

/// Passes changes on and counts the rows that they leave.
#[derive(Default)]
pub(crate) struct SingleRowOperator {
    rows: i64,
}

impl Operator for SingleRowOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, out: &mut Vec<Batch>) -> Result<()> {
        self.rows += match &batch.diffs {
            Some(diffs) => diffs.values().iter().sum(),
            None => batch.rows.num_rows() as i64,
        };
        out.push(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &EpochInfo, _: &mut Vec<Batch>) -> Result<()> {
        if self.rows <= 1 {
            return Ok(());
        }
        Err(Error::data(format!("a subquery that is used as a value has {} rows", self.rows))
            .hint("A value is one row: aggregate the subquery (MAX, COUNT, …), or write IN or EXISTS."))
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        Ok(vec![Section::new("rows", Owner::Key(vec![]), vec![table(vec![column_of([self.rows])])?])])
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in batches_of(&mut state, "rows") {
            // Workers that are sent nothing count nothing.
            self.rows += numbers(&rows, 0)?.values().iter().sum::<i64>();
        }
        Ok(())
    }
}
