//! The idempotency keys that are remembered, with what came under them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::frame::Head;

/// What came under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) first: u64,
    pub(super) records: u32,
    /// Checksum of the records.
    pub(super) digest: u32,
}

/// The newest keys.
pub(super) struct Keys {
    known: HashMap<Arc<str>, Known>,
    /// The oldest first.
    order: VecDeque<Arc<str>>,
    max: usize,
}

impl Keys {
    /// Remembers up to `max`.
    pub(super) fn new(max: usize) -> Self {
        Keys { known: HashMap::new(), order: VecDeque::new(), max }
    }

    /// What came under a key; nothing comes under the empty one.
    pub(super) fn get(&self, key: &str) -> Option<Known> {
        self.known.get(key).copied()
    }

    /// Remembers the key of a frame, if it has one.
    pub(super) fn add(&mut self, head: &Head) {
        if self.put(head, VecDeque::push_back)
            && self.order.len() > self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Remembers the keys of frames (in their order) that are older than all known; false when there is no more room.
    pub(super) fn add_older(&mut self, heads: &[Head]) -> bool {
        for head in heads.iter().rev() {
            if self.order.len() >= self.max {
                return false;
            }
            self.put(head, VecDeque::push_front);
        }
        true
    }

    fn put(&mut self, head: &Head, end: fn(&mut VecDeque<Arc<str>>, Arc<str>)) -> bool {
        if head.key.is_empty() || self.known.contains_key(head.key.as_str()) {
            return false;
        }
        let key: Arc<str> = head.key.as_str().into();
        let known = Known { first: head.first, records: head.records, digest: head.digest };
        self.known.insert(Arc::clone(&key), known);
        end(&mut self.order, key);
        true
    }

    /// Forgets what came from this record on: it was not written.
    pub(super) fn forget_from(&mut self, record: u64) {
        while let Some(key) = self.order.back()
            && self.known.get(key).is_none_or(|known| known.first >= record)
        {
            self.known.remove(key);
            self.order.pop_back();
        }
    }
}
