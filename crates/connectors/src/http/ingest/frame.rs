//! A frame of the journal: the rows of one request.
//!
//! ```text
//! version 1 B │ kind 1 B │ key length 2 B │ records 4 B │ first record 8 B │ time 8 B │ body length 4 B │ body crc 4 B │
//! crc of all this and of the key 4 B │ key │ body
//! ```
//! Numbers are little-endian; the time is in milliseconds since 1970 (UTC).

/// Length of a frame's head without its key.
pub(super) const FIXED: usize = 36;
const VERSION: u8 = 1;

/// How the body holds its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// One a line, each line ended.
    Lines = 0,
    /// The body is the record.
    Whole = 1,
    /// An Arrow IPC stream; its rows are the records.
    Arrow = 2,
}

/// What stands before the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) records: u32,
    /// Number of the first record since the journal began.
    pub(super) first: u64,
    pub(super) at_ms: i64,
    pub(super) body: u32,
    /// Checksum of the body.
    pub(super) digest: u32,
    /// The client's `Idempotency-Key`; empty when it gave none.
    pub(super) key: String,
}

impl Head {
    /// Bytes of the head.
    pub(super) fn length(&self) -> usize {
        FIXED + self.key.len()
    }

    /// Bytes of the whole frame.
    pub(super) fn frame(&self) -> usize {
        self.length() + self.body as usize
    }

    /// Number of the record behind the last.
    pub(super) fn end(&self) -> u64 {
        self.first + u64::from(self.records)
    }

    /// Writes the head; the body is to follow.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let from = out.len();
        out.push(VERSION);
        out.push(self.kind as u8);
        out.extend_from_slice(&(self.key.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.records.to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.at_ms.to_le_bytes());
        out.extend_from_slice(&self.body.to_le_bytes());
        out.extend_from_slice(&self.digest.to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(out.get(from..).unwrap_or_default());
        crc.update(self.key.as_bytes());
        out.extend_from_slice(&crc.finalize().to_le_bytes());
        out.extend_from_slice(self.key.as_bytes());
    }

    /// Reads a head from the beginning of `bytes`: absent when it is not whole, or damaged.
    pub(super) fn read(bytes: &[u8]) -> Option<Head> {
        let fixed = bytes.get(..FIXED)?;
        let kind = match (fixed.first()?, fixed.get(1)?) {
            (&VERSION, 0) => Kind::Lines,
            (&VERSION, 1) => Kind::Whole,
            (&VERSION, 2) => Kind::Arrow,
            _ => return None,
        };
        let key = bytes.get(FIXED..FIXED + usize::from(u16::from_le_bytes(part(fixed, 2)?)))?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(fixed.get(..FIXED - 4)?);
        crc.update(key);
        if crc.finalize() != u32::from_le_bytes(part(fixed, FIXED - 4)?) {
            return None;
        }
        Some(Head {
            kind,
            records: u32::from_le_bytes(part(fixed, 4)?),
            first: u64::from_le_bytes(part(fixed, 8)?),
            at_ms: i64::from_le_bytes(part(fixed, 16)?),
            body: u32::from_le_bytes(part(fixed, 24)?),
            digest: u32::from_le_bytes(part(fixed, 28)?),
            key: String::from_utf8(key.to_vec()).ok()?,
        })
    }
}

/// The head and the body of the frame at the beginning of `bytes`: absent when it is not whole, or damaged.
pub(super) fn whole(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let head = Head::read(bytes)?;
    let body = bytes.get(head.length()..head.frame())?;
    (crc32fast::hash(body) == head.digest).then_some((head, body))
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
