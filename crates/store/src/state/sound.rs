//! What the Arrow reader takes on trust, looked at before it reads: lengths and places in the messages of a stream. A file may
//! have been written wrong and have the right checksum all the same.

use arrow::ipc::{MessageHeader, RecordBatch, root_as_message};

/// Precedes the length of a message.
const CONTINUATION: u32 = u32::MAX;

type Wrong = &'static str;

/// Looks through a stream: what its messages say of their sizes is within the bytes that are there.
///
/// # Errors
/// What is wrong, in a few words.
pub(super) fn look_through(mut bytes: &[u8]) -> Result<(), Wrong> {
    while !bytes.is_empty() {
        let mut size = take_number(&mut bytes)?;
        if size == CONTINUATION {
            size = take_number(&mut bytes)?;
        }
        if size == 0 {
            return if bytes.is_empty() { Ok(()) } else { Err("something follows the end of a table") };
        }
        let message = take(&mut bytes, u64::from(size))?;
        let message = root_as_message(message).map_err(|_| "a message of a table has no form")?;
        let body = u64::try_from(message.bodyLength()).map_err(|_| "a message of a table has no length")?;
        take(&mut bytes, body)?;
        match message.header_type() {
            MessageHeader::RecordBatch => rows(message.header_as_record_batch().ok_or("rows are missing")?, body)?,
            MessageHeader::DictionaryBatch => {
                let values = message.header_as_dictionary_batch().and_then(|d| d.data());
                rows(values.ok_or("values are missing")?, body)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The lengths of some rows and of their columns. Every row takes a bit at least.
fn rows(batch: RecordBatch<'_>, body: u64) -> Result<(), Wrong> {
    if batch.compression().is_some() {
        return Err("a table is compressed");
    }
    let most = body.saturating_mul(8);
    let fits = |length: i64| u64::try_from(length).is_ok_and(|length| length <= most);
    if !fits(batch.length()) {
        return Err("a table has more rows than bytes");
    }
    for node in batch.nodes().into_iter().flatten() {
        if !fits(node.length()) || node.null_count() < 0 || node.null_count() > node.length() {
            return Err("a column has more rows than bytes");
        }
    }
    let buffers = batch.buffers();
    for buffer in buffers.into_iter().flatten() {
        let (from, length) = (u64::try_from(buffer.offset()), u64::try_from(buffer.length()));
        let end = from.ok().zip(length.ok()).and_then(|(from, length)| from.checked_add(length));
        if end.is_none_or(|end| end > body) {
            return Err("a column lies outside of its table");
        }
    }
    let most = buffers.map_or(0, |buffers| buffers.len() as i64);
    if batch.variadicBufferCounts().into_iter().flatten().any(|count| !(0..=most).contains(&count)) {
        return Err("a column has more parts than there are");
    }
    Ok(())
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], Wrong> {
    let at = usize::try_from(length).map_err(|_| "a table is cut short")?;
    let (taken, rest) = bytes.split_at_checked(at).ok_or("a table is cut short")?;
    *bytes = rest;
    Ok(taken)
}

fn take_number(bytes: &mut &[u8]) -> Result<u32, Wrong> {
    let number = take(bytes, 4)?;
    Ok(number.first_chunk().map_or(0, |number| u32::from_le_bytes(*number)))
}
