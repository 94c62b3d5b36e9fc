//! Columns that are the same on both sides of a pair: they need not be fetched from state.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;

use super::JoinOperator;

impl JoinOperator {
    /// The column of `rows`, which are side `which`'s, that has the value of the other side's column `at` in all pairs.
    pub(super) fn equal_column<'r>(&self, which: usize, at: usize, rows: &'r RecordBatch) -> Option<&'r ArrayRef> {
        let (mine, other) = (&self.sides[which], &self.sides[1 - which]);
        let nth = other.keys.iter().position(|key| *key == at)?;
        let column = rows.columns().get(*mine.keys.get(nth)?)?;
        let (own, wanted) = (column.data_type(), other.schema.field(at).data_type());
        // Zeros with and without a sign are equal, too.
        let exact = own.is_integer() || own.is_temporal() || matches!(own, DataType::Utf8 | DataType::Boolean);
        (exact && own == wanted).then_some(column)
    }
}
