//! `COLLECT`: a multiset of values, as a map from each value to how often it occurs. Its keys are in order, so that the
//! result does not depend on the order of the rows.

use std::collections::HashMap;
use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, MapArray, StructArray, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, cast, sort_to_indices, take};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use crate::types::{SqlType, SqlTypeKind};

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Collect {
    signature: Signature,
}

impl Collect {
    pub(crate) fn new() -> Self {
        Collect { signature: Signature::any(1, Volatility::Immutable) }
    }
}

fn multiset(value: &DataType) -> DataType {
    let key = SqlType { nullable: false, ..SqlType::from_arrow(value) };
    let count = SqlType { nullable: false, ..SqlType::new(SqlTypeKind::Int) };
    SqlType::new(SqlTypeKind::Map(Box::new(key), Box::new(count))).to_arrow()
}

impl AggregateUDFImpl for Collect {
    fn name(&self) -> &str {
        "collect"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(multiset(types.first().unwrap_or(&DataType::Null)))
    }
    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let value = args.input_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
        let list = |name: &str, element: DataType| {
            let list = DataType::List(Arc::new(Field::new_list_field(element, true)));
            Arc::new(Field::new(format!("{}[{name}]", args.name), list, true))
        };
        Ok(vec![list("values", value), list("counts", DataType::Int64)])
    }
    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = args.expr_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
        Ok(Box::new(Counts { value, counts: HashMap::new(), distinct: args.is_distinct }))
    }
}

#[derive(Debug)]
struct Counts {
    value: DataType,
    counts: HashMap<ScalarValue, i64>,
    distinct: bool,
}

impl Counts {
    fn add(&mut self, values: &ArrayRef, count: impl Fn(usize) -> i64) -> Result<()> {
        for row in 0..values.len() {
            if values.is_valid(row) {
                *self.counts.entry(ScalarValue::try_from_array(values, row)?).or_default() += count(row);
            }
        }
        Ok(())
    }

    /// Values in order, and their counts.
    fn sorted(&self) -> Result<(ArrayRef, Int64Array)> {
        if self.counts.is_empty() {
            return Ok((new_empty_array(&self.value), Int64Array::from(Vec::<i64>::new())));
        }
        let values = ScalarValue::iter_to_array(self.counts.keys().cloned())?;
        let counts: Int64Array = self.counts.values().map(|n| Some(if self.distinct { 1 } else { *n })).collect();
        let order = sort_to_indices(&values, Some(SortOptions::default()), None)?;
        let counts = take(&counts, &order, None)?;
        Ok((take(&values, &order, None)?, counts.as_primitive::<Int64Type>().clone()))
    }
}

impl Accumulator for Counts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match values {
            [values] => self.add(values, |_| 1),
            _ => exec_err!("COLLECT takes one argument"),
        }
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (values, counts) = self.sorted()?;
        let DataType::Map(entries, _) = multiset(&self.value) else { return exec_err!("COLLECT gives a map") };
        let DataType::Struct(fields) = entries.data_type().clone() else { return exec_err!("a map has entries") };
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        let columns: Vec<ArrayRef> = vec![values, Arc::new(counts)];
        let columns = columns.iter().zip(&fields).map(|(c, f)| cast(c, f.data_type()));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        let entry = StructArray::try_new(fields, columns, None)?;
        Ok(ScalarValue::Map(Arc::new(MapArray::try_new(entries, offsets, entry, None, false)?)))
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.counts.keys().map(|k| k.size() + size_of::<i64>()).sum::<usize>()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (values, counts) = self.sorted()?;
        let list = |values: ArrayRef| -> Result<ScalarValue> {
            let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
            let offsets = OffsetBuffer::from_lengths([values.len()]);
            Ok(ScalarValue::List(Arc::new(arrow::array::ListArray::try_new(field, offsets, values, None)?)))
        };
        Ok(vec![list(values)?, list(Arc::new(counts))?])
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts] = states else { return exec_err!("a state has values and counts") };
        let (values, counts) = (values.as_list::<i32>(), counts.as_list::<i32>());
        for (values, counts) in values.iter().zip(counts.iter()) {
            if let (Some(values), Some(counts)) = (values, counts) {
                let counts = counts.as_primitive::<Int64Type>();
                self.add(&values, |row| counts.value(row))?;
            }
        }
        Ok(())
    }
}
