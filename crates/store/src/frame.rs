//! What every object begins with: one line of text that says what it is, its version, its length and its checksum.
//!
//! ```text
//! sloth log 1 len=512 crc32=8a3f01bc
//! ```

use bytes::Bytes;
use sloth_types::{Error, Result};

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Job,
    Log,
    State,
    Manifest,
    Plan,
    Savepoint,
    Request,
    Answer,
}

/// The version of all formats. A reader takes this one only.
const VERSION: u32 = 1;

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Job => "job",
            Kind::Log => "log",
            Kind::State => "state",
            Kind::Manifest => "manifest",
            Kind::Plan => "plan",
            Kind::Savepoint => "savepoint",
            Kind::Request => "request",
            Kind::Answer => "answer",
        }
    }
}

fn head_of(kind: Kind, len: usize, crc32: u32) -> String {
    format!("sloth {} {VERSION} len={len} crc32={crc32:08x}\n", kind.name())
}

/// The first line of an object, of the same length whatever it says: it may be written last.
pub(crate) fn head_of_long(kind: Kind, len: usize, crc32: u32) -> String {
    format!("sloth {} {VERSION} len={len:020} crc32={crc32:08x}\n", kind.name())
}

/// An object whose payload is in pieces, as pieces.
pub(crate) fn wrap_pieces(kind: Kind, mut payload: Vec<Bytes>) -> Vec<Bytes> {
    let mut sum = crc32fast::Hasher::new();
    payload.iter().for_each(|piece| sum.update(piece));
    let len = payload.iter().map(Bytes::len).sum();
    payload.insert(0, head_of(kind, len, sum.finalize()).into());
    payload
}

/// An object with this payload.
pub(crate) fn wrap(kind: Kind, payload: &[u8]) -> Bytes {
    let head = head_of(kind, payload.len(), crc32fast::hash(payload));
    let mut out = Vec::with_capacity(head.len() + payload.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(payload);
    out.into()
}

/// The payload of an object.
///
/// # Errors
/// When it is of another kind or version, cut short, or altered.
pub(crate) fn unwrap(kind: Kind, object: &Bytes, name: &str) -> Result<Bytes> {
    let damaged = |what: String| {
        let hint = match kind {
            Kind::State | Kind::Manifest => {
                "Restore the file from a copy, or remove the checkpoint that it belongs to (`sloth checkpoint rm`)."
            }
            Kind::Savepoint => "Restore the file from a copy, or remove it (`sloth savepoint rm`).",
            _ => "Restore the file from a copy.",
        };
        Error::data(format!("'{name}' is damaged: {what}")).hint(hint)
    };
    let end = object.iter().take(200).position(|b| *b == b'\n');
    let head = end.and_then(|end| std::str::from_utf8(object.get(..end)?).ok());
    let Some((end, head)) = end.zip(head) else { return Err(damaged("it does not begin with a line of text".into())) };
    let words: Vec<&str> = head.split(' ').collect();
    let ["sloth", found, version, length, sum] = words[..] else {
        return Err(damaged(format!("it begins with '{head}'")));
    };
    if found != kind.name() {
        return Err(damaged(format!("it is a {found} object where a {} is expected", kind.name())));
    }
    if version != VERSION.to_string() {
        return Err(Error::unsupported(format!(
            "'{name}' has version {version}; this release reads version {VERSION}"
        ))
        .hint("Use the release that wrote it, or a newer one."));
    }
    let payload = object.slice(end + 1..);
    let length: Option<usize> = length.strip_prefix("len=").and_then(|n| n.parse().ok());
    if length != Some(payload.len()) {
        return Err(damaged(format!("it should have {} bytes and has {}", length.unwrap_or(0), payload.len())));
    }
    let sum = sum.strip_prefix("crc32=").and_then(|n| u32::from_str_radix(n, 16).ok());
    if sum != Some(crc32fast::hash(&payload)) {
        return Err(damaged("its checksum is wrong".into()));
    }
    Ok(payload)
}

/// The checksum that an object says it has, as it stands in its first line.
pub(crate) fn sum_of(object: &Bytes) -> String {
    let end = object.iter().take(200).position(|b| *b == b'\n').unwrap_or(0);
    let head = object.get(..end).map(String::from_utf8_lossy).unwrap_or_default();
    head.rsplit_once("crc32=").map(|(_, sum)| sum.to_owned()).unwrap_or_default()
}
