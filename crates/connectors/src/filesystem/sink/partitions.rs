//! `PARTITIONED BY`: a directory for each combination of the partition columns, `dt=2026-11-11/hm=00:05/`. The columns
//! stand in the directory's name and not in the files, as in Hive and Flink.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use arrow::array::{Array, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sloth_types::{ChangeBatch, Epoch, Error, Result, SinkWriter, TableSpec};
use std::sync::Arc;

use super::commits::{Finished, Gathers};
use super::{FileSink, FileWriter, Whose, cannot};

/// The directory of NULL, as in Hive.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";
/// Marks a finished partition for readers that wait for it.
const SUCCESS_FILE: &str = "_SUCCESS";

/// Places of the partition columns in a schema, and of the others.
///
/// # Errors
/// When a partition column is not there, or no other column is left.
pub(super) fn columns(table: &TableSpec, schema: &Schema) -> Result<(Vec<usize>, Vec<usize>)> {
    let partition = table.partition_by.iter().map(|name| {
        schema.index_of(name).map_err(|_| Error::invalid(format!("PARTITIONED BY names '{name}', which is no column")))
    });
    let partition = partition.collect::<Result<Vec<_>>>()?;
    let rest: Vec<usize> = (0..schema.fields().len()).filter(|i| !partition.contains(i)).collect();
    if rest.is_empty() {
        return Err(Error::invalid("PARTITIONED BY takes all columns, so files would be empty")
            .hint("Leave at least one column out of it."));
    }
    Ok((partition, rest))
}

/// Writes each row into its partition's files.
pub(super) struct PartitionedWriter {
    sink: FileSink,
    names: Vec<String>,
    partition: Vec<usize>,
    rest: Vec<usize>,
    schema: SchemaRef,
    null_name: String,
    success: bool,
    /// Where they gather, files wait for a commit to get their names.
    whose: Whose,
    /// By the directory's name below the table's.
    open: BTreeMap<String, FileWriter>,
    /// Files that wait for that, of partitions that are not open.
    finished: Vec<Finished>,
}

impl PartitionedWriter {
    /// A writer for rows of `schema`.
    pub(super) fn new(sink: &FileSink, schema: &SchemaRef, whose: Whose) -> Result<Self> {
        let (partition, rest) = columns(&sink.table, schema)?;
        let options = &sink.table.options;
        Ok(PartitionedWriter {
            names: sink.table.partition_by.clone(),
            schema: Arc::new(schema.project(&rest)?),
            null_name: options.get("partition.default-name").unwrap_or(NULL_PARTITION).to_owned(),
            success: options.get("sink.partition-commit.policy.kind").is_some_and(|k| k.contains("success-file")),
            sink: FileSink { table: sink.table.clone(), directory: sink.directory.clone(), rolling: sink.rolling },
            partition,
            rest,
            whose,
            open: BTreeMap::new(),
            finished: vec![],
        })
    }

    /// The rows of each partition of a batch.
    fn rows_of(&self, batch: &ChangeBatch) -> Result<BTreeMap<String, Vec<u32>>> {
        let options = FormatOptions::default();
        let columns: Vec<_> = self.partition.iter().map(|c| batch.rows.column(*c)).collect();
        let formats =
            columns.iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options)).collect::<Result<Vec<_>, _>>()?;
        let mut rows: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut directory = String::new();
        for row in 0..batch.len() {
            directory.clear();
            for ((name, column), format) in self.names.iter().zip(&columns).zip(&formats) {
                let value = if column.is_null(row) { self.null_name.clone() } else { format.value(row).to_string() };
                let _ = write!(directory, "{name}={}/", escape(&value));
            }
            match rows.get_mut(&directory) {
                Some(list) => list.push(row as u32),
                None => {
                    rows.insert(directory.clone(), vec![row as u32]);
                }
            }
        }
        Ok(rows)
    }
}

/// A value as a file name: what a path gives a meaning to is written as %XX, as in Hive.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_control() || matches!(c, '/' | '\\' | '%' | '=' | '"' | '*' | '?' | '#') {
            let _ = write!(out, "%{:02X}", c as u32);
        } else {
            out.push(c);
        }
    }
    if out.starts_with('.') { out.replacen('.', "%2E", 1) } else { out }
}

impl Gathers for PartitionedWriter {
    fn gather(&mut self) -> Result<Vec<Finished>> {
        let mut files = std::mem::take(&mut self.finished);
        for (_, mut writer) in std::mem::take(&mut self.open) {
            files.extend(writer.gather()?);
        }
        Ok(files)
    }
}

impl SinkWriter for PartitionedWriter {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        let rows = batch.rows.project(&self.rest)?;
        for (directory, list) in self.rows_of(batch)? {
            let list = UInt32Array::from(list);
            let part = ChangeBatch {
                rows: take_record_batch(&rows, &list)?,
                diffs: batch.diffs.as_ref().map(|d| list.values().iter().map(|r| Some(d.value(*r as usize))).collect()),
                updates: None,
            };
            if !self.open.contains_key(&directory) {
                let path = self.sink.directory.join(&directory);
                self.open.insert(directory.clone(), self.sink.writer(path, &self.schema, &self.whose)?);
            }
            if let Some(writer) = self.open.get_mut(&directory) {
                writer.write(epoch, &part)?;
            }
        }
        Ok(())
    }

    fn end_epoch(&mut self, epoch: Epoch) -> Result<()> {
        for writer in self.open.values_mut() {
            writer.end_epoch(epoch)?;
        }
        for writer in self.open.values_mut() {
            self.finished.extend(writer.finished.iter_mut().flat_map(std::mem::take));
        }
        // A partition whose file has been finished needs no writer until a row comes for it.
        self.open.retain(|_, writer| writer.open.is_some());
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        for (directory, mut writer) in std::mem::take(&mut self.open) {
            writer.close()?;
            if self.success {
                let path = self.sink.directory.join(directory).join(SUCCESS_FILE);
                fs::write(&path, b"").map_err(cannot("written", &path))?;
            }
        }
        Ok(())
    }
}
