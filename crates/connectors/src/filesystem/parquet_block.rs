//! Reading a row group of a Parquet file: only the leaves asked for, types adapted to the table's.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Encoding;
use parquet::file::metadata::RowGroupMetaData;
use parquet::schema::types::SchemaDescriptor;
use sloth_types::{Error, Result, Rows};

use super::input::InputFile;
use super::text_block::Batch;
use crate::format::{Unfit, adapt_batch};

/// Rows decoded at once.
const BATCH_ROWS: usize = 32 << 10;

/// A row group being read; the position counts its rows.
pub(super) struct ParquetBlock {
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    path: String,
    rows: u64,
    position: u64,
    /// Decoded rows that were not returned yet.
    left: Option<RecordBatch>,
}

impl ParquetBlock {
    /// Opens a row group at row `position`.
    pub(super) fn open(file: &InputFile, group: usize, schema: &SchemaRef, position: u64) -> Result<Self> {
        let path = file.found.path.display().to_string();
        let metadata = file.footer()?.clone();
        let groups = metadata.metadata().num_row_groups();
        if groups as u64 != file.blocks {
            return Err(Error::invalid(format!(
                "file '{path}' had {} row groups when it was found, and now has {groups}",
                file.blocks
            ))
            .hint("Not all of it has been read: put it back as it was."));
        }
        let rows = metadata.metadata().row_group(group).num_rows();
        let mask = projection(metadata.parquet_schema(), schema.fields());
        let metadata =
            with_dictionaries(metadata, group, schema).map_err(|e| e.context(format_args!("file '{path}'")))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.open()?, metadata)
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .with_offset(position as usize)
            .build()
            .map_err(|e| Error::data(format!("file '{path}': {e}")))?;
        let rows = u64::try_from(rows).unwrap_or(0);
        Ok(ParquetBlock { reader, schema: schema.clone(), path, rows, position, left: None })
    }

    /// Rows returned so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// True when there is nothing more.
    pub(super) fn is_finished(&self) -> bool {
        self.position >= self.rows
    }

    /// Reads up to `rows` rows, none at `stop` or later.
    pub(super) fn read(&mut self, rows: usize, stop: Option<u64>) -> Result<Batch> {
        let allowed = stop.unwrap_or(u64::MAX).min(self.rows).saturating_sub(self.position);
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).min(rows);
        if allowed == 0 {
            return Ok(None);
        }
        let batch = match self.left.take() {
            Some(batch) => batch,
            None => match self.reader.next() {
                Some(batch) => {
                    let file_batch = batch.map_err(|e| Error::data(format!("file '{}': {e}", self.path)))?;
                    adapt_batch(&file_batch, &self.schema, Unfit::Null)
                        .map_err(|e| e.context(format_args!("file '{}'", self.path)))?
                }
                None => {
                    return Err(Error::data(format!("file '{}' has fewer rows than its footer says", self.path)));
                }
            },
        };
        let taken = batch.num_rows().min(allowed);
        self.position += taken as u64;
        if taken == batch.num_rows() {
            return Ok(Some(rows_of(batch)));
        }
        self.left = Some(batch.slice(taken, batch.num_rows() - taken));
        Ok(Some(rows_of(batch.slice(0, taken))))
    }
}

/// Has the texts that are asked for as dictionaries read as such, where the row group holds them so.
fn with_dictionaries(metadata: ArrowReaderMetadata, group: usize, asked: &SchemaRef) -> Result<ArrowReaderMetadata> {
    let chunks = metadata.metadata().row_group(group);
    let read_as = |field: &FieldRef| -> FieldRef {
        let wanted = asked.fields().iter().find(|asked| asked.name() == field.name()).map(|asked| asked.data_type());
        match wanted {
            Some(wanted @ DataType::Dictionary(..)) if is_text(field.data_type()) && is_coded(chunks, field.name()) => {
                Arc::new(field.as_ref().clone().with_data_type(wanted.clone()))
            }
            _ => Arc::clone(field),
        }
    };
    let file = metadata.schema();
    let fields: Vec<FieldRef> = file.fields().iter().map(read_as).collect();
    if fields.as_slice() == file.fields().as_ref() {
        return Ok(metadata);
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, file.metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).map_err(|e| Error::data(e.to_string()))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// True when all values of the column in this row group stand in its dictionary.
fn is_coded(group: &RowGroupMetaData, name: &str) -> bool {
    let chunk = group.columns().iter().find(|chunk| chunk.column_path().parts() == [name]);
    chunk.and_then(|chunk| chunk.page_encoding_stats_mask()).is_some_and(|encodings| {
        encodings.is_only(Encoding::RLE_DICTIONARY) || encodings.is_only(Encoding::PLAIN_DICTIONARY)
    })
}

fn rows_of(batch: RecordBatch) -> Rows {
    Rows { batch, diffs: None, bad: Vec::new(), bytes: 0 }
}

/// The leaves that lie under the columns asked for.
fn projection(file: &SchemaDescriptor, asked: &Fields) -> ProjectionMask {
    let wanted = file.columns().iter().enumerate().filter(|(_, leaf)| is_asked(asked, leaf.path().parts()));
    ProjectionMask::leaves(file, wanted.map(|(index, _)| index))
}

fn is_asked(fields: &Fields, path: &[String]) -> bool {
    let Some((name, rest)) = path.split_first() else { return true };
    match fields.iter().find(|field| field.name() == name).map(|field| field.data_type()) {
        Some(DataType::Struct(children)) if !rest.is_empty() => {
            // A ROW of which nothing but its being NULL is asked still needs a leaf.
            children.is_empty() || is_asked(children, rest)
        }
        Some(_) => true,
        None => false,
    }
}
