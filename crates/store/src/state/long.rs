//! A state file of one table that is written while its rows come. What stands before the table is written last, and filled up
//! with blanks.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamEncoder;
use object_store::path::Path;
use sloth_types::journal::{OperatorState, Section};
use sloth_types::{Error, Result};

use super::{Head, Table};
use crate::directory::{Directory, Growing};
use crate::frame::{self, Kind};
use crate::manifest::StateFile;

/// A state file that grows.
pub(crate) struct Long {
    path: Path,
    /// Its whole name.
    name: String,
    body: Body,
    schema: SchemaRef,
    encoder: StreamEncoder,
    /// Whose rows these are; it has none here.
    about: OperatorState,
    section: Section,
    rows: usize,
}

/// What stands behind the head.
struct Body {
    file: Growing,
    bytes: usize,
    sum: crc32fast::Hasher,
}

impl Body {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.sum.update(bytes);
        self.bytes += bytes.len();
        self.file.write(bytes)
    }
}

impl Long {
    /// A file for rows of `schema` of the table `section`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn new(
        directory: &Directory,
        path: Path,
        about: OperatorState,
        section: Section,
        schema: SchemaRef,
    ) -> Result<Long> {
        let longest = Head::new(&about, vec![Table::new(&section, usize::MAX, usize::MAX)]).line()?.len()
            + frame::head_of_long(Kind::State, 0, 0).len();
        let name = directory.whole_name(path.as_ref());
        let file = directory.grow(path.as_ref(), longest + 1).map_err(|error| failed(&name, &error))?;
        let encoder = StreamEncoder::try_new(&schema)?;
        let body = Body { file, bytes: 0, sum: crc32fast::Hasher::new() };
        Ok(Long { path, name, body, schema, encoder, about, section, rows: 0 })
    }

    /// True when rows of this schema can be written here.
    pub(crate) fn takes(&self, schema: &SchemaRef) -> bool {
        self.schema == *schema
    }

    /// Writes more rows.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows += rows.num_rows();
        let buffers = self.encoder.encode(rows)?;
        buffers.iter().try_for_each(|buffer| self.body.write(buffer)).map_err(|error| failed(&self.name, &error))
    }

    /// The file is complete: `None` when another one has its name.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn finish(self) -> Result<Option<StateFile>> {
        let Long { path, name, mut body, encoder, about, section, rows, .. } = self;
        let rest = encoder.finish()?;
        rest.iter().try_for_each(|buffer| body.write(buffer)).map_err(|error| failed(&name, &error))?;
        let Body { file, bytes, sum } = body;
        let mut line = Head::new(&about, vec![Table::new(&section, rows, bytes)]).line()?;
        let first = frame::head_of_long(Kind::State, 0, 0).len();
        line.resize(file.head() - first - 1, b' ');
        line.push(b'\n');
        let mut whole = crc32fast::Hasher::new();
        whole.update(&line);
        whole.combine(&sum);
        let crc32 = whole.finalize();
        let mut head = frame::head_of_long(Kind::State, line.len() + bytes, crc32).into_bytes();
        head.append(&mut line);
        let bytes = head.len() + bytes;
        let created = file.finish(&head).map_err(|error| failed(&name, &error))?;
        Ok(created.then(|| StateFile {
            path: path.to_string(),
            operator: format!("{:016x}", about.operator),
            name: about.name,
            worker: about.worker,
            rows,
            bytes,
            crc32: format!("{crc32:08x}"),
        }))
    }
}

fn failed(name: &str, error: &std::io::Error) -> Error {
    Error::of_file(format_args!("'{name}' cannot be written"), error)
}
