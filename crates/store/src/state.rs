//! State files: the tables of one operator on one worker, one line of JSON about them and then Arrow IPC streams.

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamEncoder;
use bytes::{Buf, Bytes};
use serde::{Deserialize, Serialize};
use sloth_types::journal::{OperatorState, Owner, Section};
use sloth_types::{Error, Result};

use crate::frame::{self, Kind};

mod long;
mod sound;

pub(crate) use long::Long;

/// What stands before the tables.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    operator: String,
    name: String,
    worker: usize,
    #[serde(default)]
    continues: bool,
    sections: Vec<Table>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Table {
    name: String,
    /// Columns whose values say which worker owns a row; absent when every worker holds all rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Vec<usize>>,
    rows: usize,
    bytes: usize,
}

impl Head {
    fn new(state: &OperatorState, sections: Vec<Table>) -> Head {
        let (name, worker, continues) = (state.name.clone(), state.worker, state.continues);
        Head { operator: format!("{:016x}", state.operator), name, worker, continues, sections }
    }

    fn line(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::internal(format!("state cannot be written: {e}")))
    }
}

impl Table {
    fn new(section: &Section, rows: usize, bytes: usize) -> Table {
        let key = match &section.owner {
            Owner::Key(columns) => Some(columns.clone()),
            Owner::Everyone => None,
        };
        Table { name: section.name.clone(), key, rows, bytes }
    }
}

/// A buffer, as an owner of bytes.
struct Piece(Buffer);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// A state file as an object, in pieces: it may be large.
///
/// # Errors
/// When rows cannot be written as Arrow IPC.
pub fn encode(state: &OperatorState) -> Result<Vec<Bytes>> {
    let mut tables = vec![];
    let mut pieces = vec![];
    for section in &state.sections {
        // Columns are written from where they lie.
        let mut body: Vec<Buffer> = vec![];
        if let Some(first) = section.rows.first() {
            let mut encoder = StreamEncoder::try_new(&first.schema())?;
            for batch in &section.rows {
                body.extend(encoder.encode(batch)?);
            }
            body.extend(encoder.finish()?);
        }
        let rows = section.rows.iter().map(|b| b.num_rows()).sum();
        tables.push(Table::new(section, rows, body.iter().map(Buffer::len).sum()));
        pieces.extend(body.into_iter().map(|buffer| Bytes::from_owner(Piece(buffer))));
    }
    let mut line = Head::new(state, tables).line()?;
    line.push(b'\n');
    pieces.insert(0, line.into());
    Ok(frame::wrap_pieces(Kind::State, pieces))
}

/// An object as a state file.
///
/// # Errors
/// When it is damaged.
pub fn decode(object: &Bytes, name: &str) -> Result<OperatorState> {
    let mut payload = frame::unwrap(Kind::State, object, name)?;
    let damaged = |what: &str| Error::data(format!("'{name}' is damaged: {what}"));
    let end = payload.iter().position(|b| *b == b'\n').ok_or_else(|| damaged("it has no head"))?;
    let head: Head = serde_json::from_slice(&payload.split_to(end)).map_err(|e| damaged(&e.to_string()))?;
    payload.advance(1);
    let mut sections = vec![];
    for table in head.sections {
        if table.bytes > payload.len() {
            return Err(damaged("a table is cut short"));
        }
        let bytes = payload.split_to(table.bytes);
        let rows = match bytes.is_empty() {
            true => vec![],
            false => batches(bytes).map_err(|what| damaged(&what))?,
        };
        if rows.iter().map(|b| b.num_rows()).sum::<usize>() != table.rows {
            return Err(damaged("rows of a table are missing"));
        }
        let has = |column: &usize| rows.iter().all(|batch| *column < batch.num_columns());
        if table.key.iter().flatten().any(|column| !has(column)) {
            return Err(damaged("a table has fewer columns than its key"));
        }
        let owner = table.key.map_or(Owner::Everyone, Owner::Key);
        sections.push(Section { name: table.name, owner, rows });
    }
    let operator = u64::from_str_radix(&head.operator, 16).map_err(|e| damaged(&e.to_string()))?;
    Ok(OperatorState { operator, name: head.name, worker: head.worker, continues: head.continues, sections })
}

/// The batches of a table; their texts stay where they are. The error says what is wrong with it.
fn batches(bytes: Bytes) -> std::result::Result<Vec<RecordBatch>, String> {
    sound::look_through(&bytes)?;
    let decode = || -> std::result::Result<Vec<RecordBatch>, ArrowError> {
        let (mut decoder, mut bytes, mut batches) = (StreamDecoder::new(), Buffer::from(bytes), vec![]);
        while let Some(batch) = decoder.decode(&mut bytes)? {
            batches.push(batch);
        }
        decoder.finish()?;
        Ok(batches)
    };
    // The reader panics at some schemas that nobody writes.
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)) {
        Ok(batches) => batches.map_err(|e| e.to_string()),
        Err(_) => Err("a table cannot be read".to_owned()),
    }
}
