//! The orders: 10 categories, a million users, amounts in cents, event times over two hours with up to two seconds of
//! disorder.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use sloth_types::rng::Rng;

use crate::Outcome;

const CATEGORIES: [&str; 10] =
    ["books", "electronics", "fashion", "food", "home", "beauty", "sports", "toys", "garden", "travel"];
const USERS: u64 = 1_000_000;
/// 2026-11-11 00:00:00 UTC.
const FIRST_MS: i64 = 1_794_355_200_000;
const SPAN_MS: i64 = 2 * 3_600_000;
const DISORDER_MS: u64 = 2_000;
const BATCH: usize = 16_384;

/// Columns of the files.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("order_id", DataType::Int64, true),
        Field::new("category", DataType::Utf8, true),
        Field::new("user_id", DataType::Int64, true),
        Field::new("amount", DataType::Decimal128(10, 2), true),
        Field::new("event_time", DataType::Timestamp(TimeUnit::Millisecond, None), true),
    ]))
}

fn rows(from: usize, count: usize, total: usize) -> Outcome<RecordBatch> {
    let draws = |index: usize| Rng::at(11, index as u64);
    let range = from..from + count;
    let ids = Int64Array::from_iter_values(range.clone().map(|i| i as i64));
    let category = range.clone().map(|i| CATEGORIES[draws(i).below(10) as usize]);
    let user = range.clone().map(|i| draws(i ^ (1 << 40)).below(USERS) as i64);
    let amount = range.clone().map(|i| i128::from(draws(i ^ (1 << 41)).below(100_000)));
    let time =
        range.map(|i| FIRST_MS + (i as i64 * SPAN_MS) / total as i64 + draws(i ^ (1 << 42)).below(DISORDER_MS) as i64);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids),
        Arc::new(StringArray::from_iter_values(category)),
        Arc::new(Int64Array::from_iter_values(user)),
        Arc::new(Decimal128Array::from_iter_values(amount).with_precision_and_scale(10, 2)?),
        Arc::new(TimestampMillisecondArray::from_iter_values(time)),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// Writes `total` orders as a Parquet file.
pub(crate) fn write(total: usize, path: &str) -> Outcome<()> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(1 << 20))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema(), Some(properties))?;
    for from in (0..total).step_by(BATCH) {
        writer.write(&rows(from, BATCH.min(total - from), total)?)?;
    }
    writer.close()?;
    Ok(())
}

/// A Parquet file of orders in memory, batch by batch in turn on `splits` lists. `amount` comes as DOUBLE too.
pub(crate) fn load(path: &str, splits: usize) -> Outcome<(SchemaRef, Vec<Vec<RecordBatch>>)> {
    let mut fields: Vec<Field> = schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Field::new("amount_double", DataType::Float64, true));
    let schema = Arc::new(Schema::new(fields));
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.with_batch_size(BATCH).build()?;
    let mut lists = vec![vec![]; splits];
    for (index, batch) in reader.enumerate() {
        let batch = batch?;
        let cents = batch.column(3).as_primitive::<Decimal128Type>();
        let double: Float64Array = cents.iter().map(|v| v.map(|v| v as f64 / 100.0)).collect();
        // Buffers of their own size: a reader's may be shared and larger.
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        columns.push(Arc::new(double));
        if let Some(list) = lists.get_mut(index % splits) {
            list.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
        }
    }
    Ok((schema, lists))
}
