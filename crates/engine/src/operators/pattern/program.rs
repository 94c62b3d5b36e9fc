//! Patterns as programs for a backtracking-free matcher, and the matcher.
//!
//! A pattern becomes a small program (Thompson's construction; see Cox, "Regular Expression Matching: the Virtual Machine
//! Approach", 2009). The matcher steps all threads of one attempt through the rows side by side, in the order in which
//! SQL prefers them; so rows may come as late as they like, and no row is looked at twice in an attempt.

use sloth_plan::pattern::Pattern;

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Takes a row as this variable.
    Row { variable: usize, excluded: bool },
    /// Goes on at both places; the first is preferred.
    Split(usize, usize),
    /// Goes on there.
    Jump(usize),
    /// A match.
    Accept,
}

/// A compiled pattern.
pub(super) struct Program {
    ops: Vec<Op>,
    /// No condition looks at rows matched before: of threads at the same place only the most preferred one can win.
    memoryless: bool,
}

/// No row before.
pub(super) const NONE: u32 = u32::MAX;

/// A row mapped to a variable, and what was mapped before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) before: u32,
    /// Place of the row in the partition.
    pub(super) row: u64,
    pub(super) variable: usize,
    pub(super) excluded: bool,
}

#[derive(Clone, Copy, Debug)]
struct Thread {
    at: usize,
    last: u32,
}

/// One attempt to match from a certain row on.
#[derive(Default)]
pub(super) struct Attempt {
    threads: Vec<Thread>,
    history: Vec<Mapped>,
    best: Option<u32>,
    /// So many of the mapped rows are in checkpoints.
    written: usize,
}

impl Program {
    /// Compiles a pattern.
    pub(super) fn new(pattern: &Pattern, memoryless: bool) -> Program {
        let mut ops = vec![];
        compile(pattern, &mut ops);
        ops.push(Op::Accept);
        Program { ops, memoryless }
    }

    /// An attempt that has seen no row yet.
    pub(super) fn start(&self) -> Attempt {
        let mut attempt = Attempt::default();
        let mut seen = vec![false; self.ops.len()];
        let mut threads = vec![];
        self.follow(0, NONE, &mut seen, &mut threads);
        attempt.threads = threads;
        attempt
    }

    /// Adds the threads that a place leads to without a row; true when one of them is a match.
    fn follow(&self, at: usize, last: u32, seen: &mut [bool], threads: &mut Vec<Thread>) -> bool {
        let mut stack = vec![at];
        while let Some(at) = stack.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            match self.ops[at] {
                Op::Jump(to) => stack.push(to),
                Op::Split(first, second) => stack.extend([second, first]),
                Op::Accept => return true,
                Op::Row { .. } => threads.push(Thread { at, last }),
            }
        }
        false
    }
}

impl Attempt {
    /// Takes the next row in. `holds(variable, history, last)` says whether the row may be mapped to a variable by a
    /// thread whose last mapped row is `last`.
    pub(super) fn step<E>(
        &mut self,
        program: &Program,
        row: u64,
        mut holds: impl FnMut(usize, &[Mapped], u32) -> Result<bool, E>,
    ) -> Result<(), E> {
        let threads = std::mem::take(&mut self.threads);
        let mut next = Vec::with_capacity(threads.len());
        let mut seen = vec![false; program.ops.len()];
        for thread in threads {
            let Op::Row { variable, excluded } = program.ops[thread.at] else { continue };
            if !holds(variable, &self.history, thread.last)? {
                continue;
            }
            let last = self.history.len() as u32;
            self.history.push(Mapped { before: thread.last, row, variable, excluded });
            if !program.memoryless {
                seen.fill(false);
            }
            if program.follow(thread.at + 1, last, &mut seen, &mut next) {
                // Whatever is preferred less cannot win any more.
                self.best = Some(last);
                break;
            }
        }
        self.threads = next;
        Ok(())
    }

    /// No further row can change the outcome.
    pub(super) fn decided(&self) -> bool {
        self.threads.is_empty()
    }

    /// What the attempt knows, as numbers: its threads (place, last mapped row), the rows mapped (row before, row,
    /// variable, whether it is excluded), and the last row of the best match.
    pub(super) fn facts(&self) -> (Vec<[i64; 2]>, impl Iterator<Item = [i64; 4]>, Option<u32>) {
        let threads = self.threads.iter().map(|t| [t.at as i64, i64::from(t.last)]).collect();
        let mapped = |m: &Mapped| [i64::from(m.before), m.row as i64, m.variable as i64, i64::from(m.excluded)];
        (threads, self.history.iter().map(mapped), self.best)
    }

    /// Mapped rows that checkpoints have; now they have all of them.
    pub(super) fn all_written(&mut self) -> usize {
        std::mem::replace(&mut self.written, self.history.len())
    }

    /// An attempt that goes on from a best match; its threads and its mapped rows are told to it.
    pub(super) fn going_on(best: Option<u32>) -> Attempt {
        Attempt { best, ..Attempt::default() }
    }

    /// Adds a thread, see [`Attempt::facts`].
    pub(super) fn add_thread(&mut self, [at, last]: [i64; 2]) {
        self.threads.push(Thread { at: at as usize, last: last as u32 });
    }

    /// Adds a mapped row, see [`Attempt::facts`].
    pub(super) fn add_mapped(&mut self, [before, row, variable, excluded]: [i64; 4]) {
        let (before, row, variable) = (before as u32, row as u64, variable as usize);
        self.history.push(Mapped { before, row, variable, excluded: excluded != 0 });
    }

    /// The match, first row first; empty when there is none.
    pub(super) fn outcome(&self) -> Vec<Mapped> {
        self.best.map(|last| chain(&self.history, last)).unwrap_or_default()
    }
}

/// The rows mapped up to `last`, first row first.
pub(super) fn chain(history: &[Mapped], last: u32) -> Vec<Mapped> {
    let mut rows = vec![];
    let mut at = last;
    while let Some(mapped) = history.get(at as usize) {
        rows.push(*mapped);
        at = mapped.before;
    }
    rows.reverse();
    rows
}

fn compile(pattern: &Pattern, ops: &mut Vec<Op>) {
    match pattern {
        Pattern::Variable { variable, excluded } => ops.push(Op::Row { variable: *variable, excluded: *excluded }),
        Pattern::Sequence(parts) => parts.iter().for_each(|p| compile(p, ops)),
        Pattern::Alternation(parts) => {
            let mut ends = vec![];
            for (i, part) in parts.iter().enumerate() {
                if i + 1 == parts.len() {
                    compile(part, ops);
                    break;
                }
                let split = ops.len();
                ops.push(Op::Accept);
                compile(part, ops);
                ends.push(ops.len());
                ops.push(Op::Accept);
                ops[split] = Op::Split(split + 1, ops.len());
            }
            let end = ops.len();
            ends.into_iter().for_each(|at| ops[at] = Op::Jump(end));
        }
        Pattern::Repetition { of, min, max, greedy } => {
            (0..*min).for_each(|_| compile(of, ops));
            let split_to = |inside: usize, behind: usize| match greedy {
                true => Op::Split(inside, behind),
                false => Op::Split(behind, inside),
            };
            match max {
                None => {
                    let split = ops.len();
                    ops.push(Op::Accept);
                    compile(of, ops);
                    ops.push(Op::Jump(split));
                    ops[split] = split_to(split + 1, ops.len());
                }
                Some(max) => {
                    let mut splits = vec![];
                    for _ in *min..*max {
                        splits.push(ops.len());
                        ops.push(Op::Accept);
                        compile(of, ops);
                    }
                    let end = ops.len();
                    splits.into_iter().for_each(|at| ops[at] = split_to(at + 1, end));
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
