//! What earlier records looked like: most records are the text of an earlier one with other values in it.
//!
//! ```text
//!   {"id":7,"bid":{"price":1.5}}  is   {"id":  number  ,"bid":{"price":  number  }}
//! ```
//!
//! The texts between the values and what they mean for the columns make a tree, since records of several layouts begin alike.
//! A record that follows a branch of it is compared with these texts and has only its values read; any other record is
//! parsed, and adds a branch when it is sound. A record that follows a branch is sound too: JSON stays JSON, and has the same
//! keys, when a value takes the place of a value.

use super::super::shred::{Leaf, Node, Values};
use super::rows::Lists;

/// Remembered values, branches after a value and bytes before a value: hostile records must not fill the memory.
const STEPS_MAX: usize = 4096;
const BRANCHES_MAX: usize = 8;
const LEAD_BYTES_MAX: usize = 1024;
/// When most of so many records follow no branch, the tree is given up: no two records look alike.
const TRIAL: u32 = 4096;

/// The tree of layouts.
#[derive(Debug)]
pub(super) struct Template {
    /// The first one is the start of a record.
    steps: Vec<Step>,
    marks: Vec<Mark>,
    /// Records that followed a branch and that did not, of the last [`TRIAL`].
    followed: u32,
    parsed: u32,
    given_up: bool,
}

/// A value of a record, and what may come after it.
#[derive(Debug)]
struct Step {
    what: What,
    /// How deep the value stands.
    depth: usize,
    /// What the text before the value says, in `marks`.
    marks: (usize, usize),
    /// The value before.
    before: usize,
    next: Vec<Branch>,
}

#[derive(Debug)]
struct Branch {
    lead: Lead,
    to: usize,
    taken: u64,
}

/// What stands between two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A value of this leaf.
    Leaf(usize),
    /// An ARRAY or MAP (or NULL), by its place in [`Values::flags`].
    List(usize),
    /// A value that nobody asked for.
    Skipped,
    /// Nothing: here the record starts or ends.
    Edge,
}

/// What the text between two values says of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A ROW is there, or NULL.
    Row(usize, bool),
    /// An ARRAY or MAP is NULL or missing.
    NoList(usize, usize),
    /// The value of a leaf is missing.
    Missing(usize),
}

/// What the parser saw, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) seen: Vec<Seen>,
    /// The record is not to be remembered.
    pub(super) odd: bool,
}

#[derive(Debug)]
pub(super) enum Seen {
    Mark(Mark),
    /// A value from one position to another, and how deep it stands.
    Value(What, usize, usize, usize),
}

impl Trace {
    /// A column gets NULL because its key is missing or its value is `null`.
    pub(super) fn null(&mut self, node: &Node) {
        self.seen.push(Seen::Mark(match node {
            Node::Leaf(leaf) => Mark::Missing(*leaf),
            Node::Struct { valid, .. } => Mark::Row(*valid, false),
            Node::List { valid, ends, .. } => Mark::NoList(*valid, *ends),
        }));
    }
}

impl Default for Template {
    fn default() -> Self {
        let start = Step { what: What::Edge, depth: 0, marks: (0, 0), before: 0, next: Vec::new() };
        Template { steps: vec![start], marks: Vec::new(), followed: 0, parsed: 0, given_up: false }
    }
}

impl Template {
    /// Where a record starts.
    pub(super) const START: usize = 0;

    /// False when it is not worth while to look.
    #[inline]
    pub(super) fn is_useful(&self) -> bool {
        !self.given_up
    }

    /// The value after the one at `step` when the text goes on as it did before: its step, and the length of the text before it.
    /// What that text says is done to `values`.
    #[inline(always)]
    pub(super) fn next(&mut self, step: usize, text: &[u8], values: &mut Values) -> Option<(usize, usize)> {
        let branches = &mut self.steps.get_mut(step)?.next;
        let index = branches.iter().position(|branch| branch.lead.begins(text))?;
        let branch = branches.get_mut(index)?;
        branch.taken += 1;
        let (to, length, taken) = (branch.to, branch.lead.bytes.len(), branch.taken);
        // The usual one is asked first.
        if index > 0 && branches.get(index - 1).is_some_and(|before| before.taken < taken) {
            branches.swap(index - 1, index);
        }
        let (from, end) = self.steps.get(to)?.marks;
        if from < end {
            self.marks.get(from..end)?.iter().for_each(|mark| mark.make(values));
        }
        Some((to, length))
    }

    /// What is to be read at a step, and how deep it stands.
    #[inline(always)]
    pub(super) fn what(&self, step: usize) -> (What, usize) {
        self.steps.get(step).map_or((What::Edge, 0), |step| (step.what, step.depth))
    }

    /// Takes back what a record that got as far as `step` has done; its value too, if it was `read`.
    #[cold]
    pub(super) fn undo(&self, mut step: usize, mut read: bool, values: &mut Values, lists: &Lists<'_>) {
        while step != Template::START {
            let Some(Step { what, marks, before, .. }) = self.steps.get(step) else { return };
            match what {
                What::Leaf(leaf) if read => {
                    if let Some(leaf) = values.leaves.get_mut(*leaf) {
                        leaf.pop();
                    }
                }
                What::List(list) if read => {
                    if let Some(list) = lists.get(*list).copied().flatten() {
                        values.truncate(list, values.len(list).saturating_sub(1));
                    }
                }
                _ => {}
            }
            self.marks.get(marks.0..marks.1).unwrap_or_default().iter().for_each(|mark| mark.unmake(values));
            (step, read) = (*before, true);
        }
    }

    /// A record followed a branch to its end, or did not.
    #[inline]
    pub(super) fn count(&mut self, followed: bool) {
        self.followed += u32::from(followed);
        self.parsed += u32::from(!followed);
        if self.followed + self.parsed >= TRIAL {
            self.given_up = self.parsed > self.followed;
            (self.followed, self.parsed) = (0, 0);
        }
    }

    /// Adds the branch of a record that was parsed: it stands in `text` from `start` to `end`.
    pub(super) fn learn(&mut self, text: &[u8], (start, end): (usize, usize), trace: &Trace) {
        if trace.odd || self.steps.len() + trace.seen.len() >= STEPS_MAX {
            return;
        }
        let (mut step, mut at, mut marks) = (Template::START, start, Vec::new());
        let edge = Seen::Value(What::Edge, end, end, 0);
        for seen in trace.seen.iter().chain([&edge]) {
            match seen {
                Seen::Mark(mark) => marks.push(*mark),
                Seen::Value(what, from, to, depth) => {
                    let lead = text.get(at..*from).unwrap_or_default();
                    match self.branch(step, lead, *what, *depth, &marks) {
                        Some(next) => step = next,
                        None => return,
                    }
                    marks.clear();
                    at = *to;
                }
            }
        }
    }

    /// The step after `step` behind `lead`, made if it is new and there is room.
    fn branch(&mut self, step: usize, lead: &[u8], what: What, depth: usize, marks: &[Mark]) -> Option<usize> {
        let steps = self.steps.len();
        let branches = &mut self.steps.get_mut(step)?.next;
        if let Some(known) = branches.iter().find(|branch| branch.lead.bytes == lead) {
            return Some(known.to);
        }
        // A text that goes on where another one ends would never be reached, or hide the other one.
        let hides = |known: &Branch| known.lead.bytes.starts_with(lead) || lead.starts_with(&known.lead.bytes);
        if lead.len() > LEAD_BYTES_MAX || branches.len() >= BRANCHES_MAX || branches.iter().any(hides) {
            return None;
        }
        branches.push(Branch { lead: Lead::new(lead), to: steps, taken: 0 });
        let from = self.marks.len();
        self.marks.extend_from_slice(marks);
        self.steps.push(Step { what, depth, marks: (from, self.marks.len()), before: step, next: Vec::new() });
        Some(steps)
    }
}

impl Mark {
    #[inline(always)]
    fn make(self, values: &mut Values) {
        match self {
            Mark::Row(valid, there) => values.push_flag(valid, there),
            Mark::NoList(valid, ends) => values.push_no_list(valid, ends),
            Mark::Missing(leaf) => values.push_missing(leaf),
        }
    }

    fn unmake(self, values: &mut Values) {
        let pop = |flags: Option<&mut Vec<bool>>| flags.map(Vec::pop);
        match self {
            Mark::Row(valid, _) => {
                pop(values.flags.get_mut(valid));
            }
            Mark::NoList(valid, ends) => {
                pop(values.flags.get_mut(valid));
                values.ends.get_mut(ends).map(Vec::pop);
            }
            Mark::Missing(leaf) => {
                values.leaves.get_mut(leaf).map(Leaf::pop);
            }
        }
    }
}

/// Some bytes, the first sixteen of which are compared at once.
#[derive(Debug)]
struct Lead {
    start: u128,
    mask: u128,
    bytes: Vec<u8>,
}

impl Lead {
    fn new(bytes: &[u8]) -> Lead {
        let mut first = [0; 16];
        first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let mask = u128::MAX.checked_shr(128 - 8 * bytes.len().min(16) as u32).unwrap_or(0);
        Lead { start: u128::from_le_bytes(first), mask, bytes: bytes.to_vec() }
    }

    /// True when `text` starts with the bytes.
    #[inline(always)]
    fn begins(&self, text: &[u8]) -> bool {
        match text.split_first_chunk::<16>() {
            Some((first, rest)) => {
                (u128::from_le_bytes(*first) ^ self.start) & self.mask == 0
                    && self.bytes.get(16..).is_none_or(|more| rest.starts_with(more))
            }
            None => text.starts_with(&self.bytes),
        }
    }
}
