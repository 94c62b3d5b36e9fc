//! What flows on the edges of the dataflow: batches of changes, and the ticks that open epochs.

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, UInt32Array};
use timely::dataflow::channels::ContainerBytes;
use timely::{Accountable, container::NoopBuilder};

use crate::epoch::EpochInfo;

/// Streams of messages are built by giving whole containers: one message is one container.
pub(crate) type Builder = NoopBuilder<Message>;

/// Place of a batch in the canonical order of its epoch: the split it was read from (source ordinal in the high half),
/// then its number within the epoch. Derived batches keep the place of the batch they were made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) split: u64,
    pub(crate) seq: u32,
}

/// Rows on their way.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) rows: RecordBatch,
    /// Weights; absent when all rows are inserts.
    pub(crate) diffs: Option<Int64Array>,
    pub(crate) place: Place,
    /// Which input of the operator it is for, where an operator has several.
    pub(crate) port: u8,
    /// True for partial aggregates on the edge between the two phases of an aggregation.
    pub(crate) partial: bool,
    /// The rows that are meant, where not all are: between a filter and the exchange behind it, which copies rows anyway.
    pub(crate) picked: Option<UInt32Array>,
}

impl Batch {
    /// Inserted rows at `place`.
    pub(crate) fn insert(rows: RecordBatch, place: Place) -> Self {
        Batch { rows, diffs: None, place, port: 0, partial: false, picked: None }
    }

    /// Changed rows at no place of their own: the output of an operator behind an exchange.
    pub(crate) fn changes(rows: RecordBatch, diffs: Option<Int64Array>) -> Self {
        Batch { rows, diffs, place: Place::default(), port: 0, partial: false, picked: None }
    }

    /// The same place and weights with other columns.
    pub(crate) fn with_rows(&self, rows: RecordBatch) -> Self {
        let (diffs, picked) = (self.diffs.clone(), self.picked.clone());
        Batch { rows, diffs, place: self.place, port: self.port, partial: self.partial, picked }
    }

    /// Number of rows.
    pub(crate) fn count(&self) -> usize {
        self.picked.as_ref().map_or(self.rows.num_rows(), |picked| picked.len())
    }
}

/// One container of the dataflow.
#[derive(Clone, Debug, Default)]
pub(crate) enum Message {
    #[default]
    Empty,
    Batch(Batch),
    /// Rows that stand before the epoch, told once more to operators that are new: all others overlook them.
    Standing(Batch),
    /// An epoch opens. `copies`: how many receivers it is still due to (timely counts records).
    Tick {
        info: Arc<EpochInfo>,
        copies: u32,
    },
}

impl Accountable for Message {
    fn record_count(&self) -> i64 {
        match self {
            Message::Empty => 0,
            Message::Batch(batch) | Message::Standing(batch) => batch.count() as i64,
            Message::Tick { copies, .. } => i64::from(*copies),
        }
    }
}

/// The wire form between processes. A job runs in one process today, where timely moves messages without it; batches are
/// written as an Arrow IPC stream so that the seam is real and tested. Ticks do not cross processes yet, nor does what stands.
impl ContainerBytes for Message {
    fn from_bytes(bytes: timely::bytes::arc::Bytes) -> Self {
        decode(&bytes).unwrap_or_default()
    }
    fn length_in_bytes(&self) -> usize {
        encode(self).len()
    }
    fn into_bytes<W: Write>(&self, writer: &mut W) {
        // A failed write to the peer is seen by timely as a lost connection.
        let _ = writer.write_all(&encode(self));
    }
}

/// `split u64 | seq u32 | port u8 | partial u8 | weights u64 | weight i64 … | Arrow IPC stream`, little-endian.
fn encode(message: &Message) -> Vec<u8> {
    let Message::Batch(batch) = message else { return Vec::new() };
    let batch = crate::pact::settled(batch.clone());
    let mut out = Vec::new();
    out.extend_from_slice(&batch.place.split.to_le_bytes());
    out.extend_from_slice(&batch.place.seq.to_le_bytes());
    out.push(batch.port);
    out.push(u8::from(batch.partial));
    let weights: &[i64] = batch.diffs.as_ref().map_or(&[], |d| d.values());
    out.extend_from_slice(&(weights.len() as u64).to_le_bytes());
    for weight in weights {
        out.extend_from_slice(&weight.to_le_bytes());
    }
    let written = arrow::ipc::writer::StreamWriter::try_new(&mut out, batch.rows.schema_ref())
        .and_then(|mut w| w.write(&batch.rows).and_then(|()| w.finish()));
    if written.is_err() { Vec::new() } else { out }
}

fn decode(bytes: &[u8]) -> Option<Message> {
    let mut rest = bytes;
    let mut take = |n: usize| -> Option<&[u8]> {
        let (head, tail) = rest.split_at_checked(n)?;
        rest = tail;
        Some(head)
    };
    let split = u64::from_le_bytes(take(8)?.try_into().ok()?);
    let seq = u32::from_le_bytes(take(4)?.try_into().ok()?);
    let port = *take(1)?.first()?;
    let partial = *take(1)?.first()? == 1;
    let weights = u64::from_le_bytes(take(8)?.try_into().ok()?) as usize;
    let weights: Vec<i64> = take(weights.checked_mul(8)?)?
        .chunks_exact(8)
        .filter_map(|c| Some(i64::from_le_bytes(c.try_into().ok()?)))
        .collect();
    let mut reader = arrow::ipc::reader::StreamReader::try_new(Cursor::new(rest), None).ok()?;
    let rows = reader.next()?.ok()?;
    let diffs = (!weights.is_empty()).then(|| Int64Array::from(weights));
    Some(Message::Batch(Batch { rows, diffs, place: Place { split, seq }, port, partial, picked: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, StringArray};

    #[test]
    fn a_batch_survives_the_wire_with_place_and_weights() {
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]));
        let rows = RecordBatch::try_from_iter(vec![("s", column)]).unwrap();
        for diffs in [None, Some(Int64Array::from(vec![1, -1, 1]))] {
            let batch = Batch {
                rows: rows.clone(),
                diffs,
                place: Place { split: 7 << 32 | 2, seq: 9 },
                port: 1,
                partial: true,
                picked: None,
            };
            let Some(Message::Batch(back)) = decode(&encode(&Message::Batch(batch.clone()))) else {
                panic!("no batch")
            };
            assert_eq!((back.rows, back.diffs, back.place), (batch.rows, batch.diffs, batch.place));
            assert_eq!((back.port, back.partial), (1, true));
        }
    }
}
