//! The value of a subquery that may give one row for each row around it: the values are gathered, and two are an error
//! only where they are asked for.

use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, Signature, Volatility,
};

use super::args::column;
use super::define::Function;

/// The element of an array; two are an error.
const ONE: Function = Function {
    names: &["$one"],
    usage: "a subquery",
    about: "The value of a subquery; internal.",
    volatility: Volatility::Immutable,
    coerce: |types| match types {
        [DataType::List(_)] => Some(types.to_vec()),
        _ => None,
    },
    returns: |types| match types {
        [DataType::List(element)] => element.data_type().clone(),
        _ => DataType::Null,
    },
    invoke: one,
};

pub(super) static FUNCTIONS: &[Function] = &[ONE];

fn one(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let lists = column(args, 0)?;
    let lists = lists.as_list::<i32>();
    let mut places: Vec<Option<u32>> = Vec::with_capacity(lists.len());
    for row in 0..lists.len() {
        let many = if lists.is_null(row) { 0 } else { lists.value_length(row) };
        places.push(match (many, lists.value_offsets().get(row)) {
            (0, _) | (_, None) => None,
            (1, Some(at)) => Some(*at as u32),
            _ => {
                return exec_err!("a subquery that is used as a value has given more than one row for a row around it");
            }
        });
    }
    Ok(ColumnarValue::Array(take(lists.values(), &UInt32Array::from(places), None)?))
}

/// The first two values of a group as an array.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Single {
    signature: Signature,
}

impl Single {
    pub(crate) fn new() -> Self {
        Single { signature: Signature::any(1, Volatility::Immutable) }
    }
}

fn list_of(value: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(value, true)))
}

impl AggregateUDFImpl for Single {
    fn name(&self) -> &str {
        "$single"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(list_of(types.first().cloned().unwrap_or(DataType::Null)))
    }
    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let value = args.input_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
        Ok(vec![Arc::new(Field::new(format!("{}[values]", args.name), list_of(value), true))])
    }
    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = args.expr_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
        Ok(Box::new(Values { value, values: vec![] }))
    }
}

#[derive(Debug)]
struct Values {
    value: DataType,
    values: Vec<ScalarValue>,
}

impl Values {
    fn take(&mut self, values: &ArrayRef) -> Result<()> {
        for row in 0..values.len().min(2_usize.saturating_sub(self.values.len())) {
            self.values.push(ScalarValue::try_from_array(values, row)?);
        }
        Ok(())
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().try_for_each(|values| self.take(values))
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::List(ScalarValue::new_list_nullable(&self.values, &self.value)))
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.values.iter().map(ScalarValue::size).sum::<usize>()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.evaluate().map(|values| vec![values])
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for lists in states {
            lists.as_list::<i32>().iter().flatten().try_for_each(|values| self.take(&values))?;
        }
        Ok(())
    }
}
