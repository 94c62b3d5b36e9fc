//! Batches that come with a schema of their own (Parquet files, Arrow streams) made into what is asked for.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    new_null_array,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, Fields, Int32Type, SchemaRef};
use sloth_types::{Error, Result};

/// What becomes of a value that the type asked for does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is NULL.
    Null,
    /// It is an error.
    Error,
}

/// The batch in the schema asked for: columns by name, in the types asked for; those that it does not have are NULL.
///
/// # Errors
/// When a column does not fit.
pub(crate) fn adapt_batch(batch: &RecordBatch, asked: &SchemaRef, unfit: Unfit) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let columns = adapt_fields(asked.fields(), batch.schema_ref().fields(), batch.columns(), (rows, unfit))?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(asked), columns, &options)
        .map_err(|e| Error::data(format!("the columns do not fit the table: {e}")))
}

/// Columns by name, in the types asked for; those that the file does not have are NULL.
fn adapt_fields(
    asked: &Fields,
    have: &Fields,
    columns: &[ArrayRef],
    (rows, unfit): (usize, Unfit),
) -> Result<Vec<ArrayRef>> {
    let adapt_field = |field: &FieldRef| {
        let found = have.iter().zip(columns).find(|(have, _)| have.name() == field.name());
        match found {
            Some((_, column)) => adapt(column, field.data_type(), unfit),
            None if field.is_nullable() => Ok(new_null_array(field.data_type(), rows)),
            None => Err(Error::data("the column is missing, but declared NOT NULL")),
        }
        .map_err(|e| e.context(format_args!("column '{}'", field.name())))
    };
    asked.iter().map(adapt_field).collect()
}

fn adapt(column: &ArrayRef, wanted: &DataType, unfit: Unfit) -> Result<ArrayRef> {
    if column.data_type() == wanted {
        return Ok(column.clone());
    }
    if let (DataType::Struct(have), DataType::Struct(asked)) = (column.data_type(), wanted) {
        let row = column.as_struct();
        let children = adapt_fields(asked, have, row.columns(), (row.len(), unfit))?;
        let nulls = row.nulls().cloned();
        let adapted = StructArray::try_new_with_length(asked.clone(), children, nulls, row.len());
        return Ok(Arc::new(adapted.map_err(|e| Error::data(e.to_string()))?));
    }
    let options = CastOptions { safe: unfit == Unfit::Null, ..CastOptions::default() };
    if let DataType::Dictionary(_, values) = wanted
        && **values == DataType::Utf8
    {
        return Ok(Arc::new(own_dictionary(cast_with_options(column, values, &options)?.as_string())?));
    }
    // Files often say INT96 or microseconds where the table says TIMESTAMP(3), and so on.
    cast_with_options(column, wanted, &options).map_err(|e| Error::data(format!("cannot be read as {wanted}: {e}")))
}

/// Texts that stand in the file one by one, each as its own entry of a dictionary: nothing is looked up or copied.
fn own_dictionary(texts: &StringArray) -> Result<DictionaryArray<Int32Type>> {
    let count = i32::try_from(texts.len()).map_err(|_| Error::internal("more than 2 billion rows in one batch"))?;
    let keys = Int32Array::new(ScalarBuffer::from_iter(0..count), texts.nulls().cloned());
    let entries = StringArray::new(texts.offsets().clone(), texts.values().clone(), None);
    Ok(DictionaryArray::try_new(keys, Arc::new(entries))?)
}
