//! One file being written, in one of the formats.

use std::fs::File;
use std::io::{BufWriter, Write};

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use sloth_types::{ChangeBatch, Error, Options, Result, TableSpec};

use crate::format::{self, Encoder};

const BUFFER_BYTES: usize = 1 << 20;

/// How files are written.
pub(super) enum PartFormat {
    /// Records as lines.
    Lines { encoder: Box<dyn Encoder>, schema: SchemaRef, extension: String },
    /// Parquet.
    Parquet { schema: SchemaRef, properties: Box<WriterProperties> },
}

impl PartFormat {
    /// The format of the table.
    ///
    /// # Errors
    /// When an option is wrong.
    pub(super) fn new(table: &TableSpec, schema: &SchemaRef) -> Result<PartFormat> {
        let name = table.options.require("format")?;
        let schema = schema.clone();
        if name != "parquet" {
            let encoder = format::encoder(name, &table.options, table, schema.clone())?;
            let extension = if format::writes_changes(name) { "json" } else { name }.to_owned();
            return Ok(PartFormat::Lines { encoder, schema, extension });
        }
        let compression = compression(&table.options)?;
        let properties = Box::new(WriterProperties::builder().set_compression(compression).build());
        Ok(PartFormat::Parquet { schema, properties })
    }

    /// What file names end with.
    pub(super) fn extension(&self) -> &str {
        match self {
            PartFormat::Lines { extension, .. } => extension,
            PartFormat::Parquet { .. } => "parquet",
        }
    }

    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn begin(&self, file: File) -> Result<Part> {
        match self {
            PartFormat::Lines { encoder, schema, .. } => {
                let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
                let mut bytes = 0;
                if let Some(mut header) = encoder.header(schema) {
                    header.push(b'\n');
                    out.write_all(&header)?;
                    bytes = header.len() as u64;
                }
                Ok(Part::Lines { out, bytes })
            }
            PartFormat::Parquet { schema, properties } => {
                let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties.as_ref().clone()));
                Ok(Part::Parquet(Box::new(writer.map_err(parquet_error)?)))
            }
        }
    }
}

/// `sink.parquet.compression`, or Flink's `parquet.compression`.
fn compression(options: &Options) -> Result<Compression> {
    let key = ["sink.parquet.compression", "parquet.compression"].into_iter().find(|key| options.get(key).is_some());
    let Some(key) = key else { return Ok(Compression::SNAPPY) };
    let value = options.get(key).unwrap_or_default();
    match value.to_ascii_lowercase().as_str() {
        "none" | "uncompressed" => Ok(Compression::UNCOMPRESSED),
        "snappy" => Ok(Compression::SNAPPY),
        "gzip" => Ok(Compression::GZIP(GzipLevel::default())),
        "zstd" => Ok(Compression::ZSTD(ZstdLevel::default())),
        "lz4" | "lz4_raw" => Ok(Compression::LZ4_RAW),
        _ => Err(Error::invalid(format!("option '{key}' = '{value}': expected none, snappy, gzip, zstd or lz4"))),
    }
}

/// A file being written.
pub(super) enum Part {
    Lines { out: BufWriter<File>, bytes: u64 },
    Parquet(Box<ArrowWriter<File>>),
}

impl Part {
    /// Appends rows.
    pub(super) fn write(&mut self, format: &mut PartFormat, batch: &ChangeBatch) -> Result<()> {
        match (self, format) {
            (Part::Lines { out, bytes }, PartFormat::Lines { encoder, .. }) => encoder.encode(batch, &mut |record| {
                out.write_all(record)?;
                out.write_all(b"\n")?;
                *bytes += record.len() as u64 + 1;
                Ok(())
            }),
            (Part::Parquet(writer), _) => {
                format::refuse_retractions("parquet", batch)?;
                writer.write(&batch.rows).map_err(parquet_error)
            }
            (Part::Lines { .. }, PartFormat::Parquet { .. }) => Err(Error::internal("a part of another format")),
        }
    }

    /// Bytes so far (for Parquet with an estimate for what is still in memory).
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Part::Lines { bytes, .. } => *bytes,
            Part::Parquet(writer) => (writer.bytes_written() + writer.in_progress_size()) as u64,
        }
    }

    /// Hands everything to the operating system, as far as the format allows: Parquet writes whole row groups only.
    pub(super) fn flush(&mut self) -> Result<()> {
        match self {
            Part::Lines { out, .. } => Ok(out.flush()?),
            Part::Parquet(_) => Ok(()),
        }
    }

    /// Writes the end and makes the file durable.
    pub(super) fn finish(self) -> Result<()> {
        let file = match self {
            Part::Lines { out, .. } => out.into_inner().map_err(|e| Error::from(e.into_error()))?,
            Part::Parquet(writer) => writer.into_inner().map_err(parquet_error)?,
        };
        Ok(file.sync_all()?)
    }
}

fn parquet_error(error: parquet::errors::ParquetError) -> Error {
    Error::of_file("Parquet cannot be written", &error)
}
