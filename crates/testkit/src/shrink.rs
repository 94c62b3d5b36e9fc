//! From a failing case to a small one: fewer epochs, rows and operators, as long as it still fails.

use std::sync::Arc;

use crate::changes::{Change, Row, Table};
use crate::differential::{Asked, Verdict, Ways, examine};
use crate::queries::{Dialect, Rel};

/// A query over tables.
#[derive(Clone, Debug)]
pub struct Failing {
    /// The tables.
    pub tables: Vec<Table>,
    /// The query.
    pub query: Rel,
    /// How it was run.
    pub ways: Ways,
}

/// Attempts in all; each runs the engine twice.
const ATTEMPTS: usize = 400;

impl Failing {
    /// The query in both dialects.
    pub fn asked(&self) -> Asked {
        asked(&self.query, &self.tables)
    }

    /// What is wrong with it.
    pub fn wrong(&self) -> Option<String> {
        let verdicts = examine(&Arc::new(self.tables.clone()), &[self.asked()], self.ways);
        verdicts.into_iter().find_map(|v| if let Verdict::Wrong(why) = v { Some(why) } else { None })
    }

    /// A smaller one that fails too, with what is wrong with it.
    pub fn shrunken(self) -> (Failing, String) {
        let mut why = match self.wrong() {
            Some(why) => why,
            None => return (self, "it fails only among others".to_owned()),
        };
        let mut best = self;
        let mut attempts = 0;
        let mut progress = true;
        while progress && attempts < ATTEMPTS {
            progress = false;
            for way in [fewer_epochs, smaller_queries, fewer_rows, merged_epochs] {
                let mut index = 0;
                // The candidates of the best so far; after a success they are made anew.
                let mut candidates = way(&best);
                while index < candidates.len() && attempts < ATTEMPTS {
                    attempts += 1;
                    if let Some(still) = candidates[index].wrong() {
                        (best, why) = (candidates.swap_remove(index), still);
                        candidates = way(&best);
                        progress = true;
                        // What was tried before has failed to fail: go on from there.
                        index = index.min(candidates.len());
                    } else {
                        index += 1;
                    }
                }
            }
        }
        (best, why)
    }

    /// As a script for `tests/sql` (whose runner cuts the epochs in its own way).
    pub fn script(&self) -> String {
        let tables: String = self.tables.iter().map(|t| t.inline() + "\n").collect();
        format!("{tables}{}", self.asked().engine)
    }

    /// Everything that a reader needs to see.
    pub fn report(&self, why: &str) -> String {
        let mut out = format!("{why}\n\n{}\n-- batch: {}\n", self.script(), self.asked().batch);
        for table in &self.tables {
            for (number, epoch) in table.epochs.iter().enumerate() {
                let change = |c: &Change| {
                    let cells: Vec<&str> = c.row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
                    format!("{}[{}]", if c.diff > 0 { "+" } else { "-" }, cells.join(", "))
                };
                let changes: Vec<String> = epoch.iter().map(change).collect();
                out.push_str(&format!("-- {} epoch {number}: {}\n", table.name, changes.join(" ")));
            }
        }
        out
    }
}

/// A query in both dialects.
pub fn asked(query: &Rel, tables: &[Table]) -> Asked {
    Asked {
        engine: format!("{};", query.sql(tables, Dialect::Engine)),
        batch: query.sql(tables, Dialect::Batch),
        kinds: query.kinds(),
    }
}

fn smaller_queries(of: &Failing) -> Vec<Failing> {
    of.query.smaller().into_iter().map(|query| Failing { query, ..of.clone() }).collect()
}

fn fewer_epochs(of: &Failing) -> Vec<Failing> {
    let epochs = of.tables.iter().map(|t| t.epochs.len()).max().unwrap_or(0);
    let cut = |n: usize| {
        let tables = of.tables.iter().cloned();
        let tables = tables.map(|mut t| {
            t.epochs.truncate(n);
            t
        });
        Failing { tables: tables.collect(), ..of.clone() }
    };
    [1, epochs / 2, epochs.saturating_sub(1)].into_iter().filter(|n| *n > 0 && *n < epochs).map(cut).collect()
}

fn merged_epochs(of: &Failing) -> Vec<Failing> {
    let epochs = of.tables.iter().map(|t| t.epochs.len()).max().unwrap_or(0);
    let merge = |at: usize| {
        let mut tables = of.tables.clone();
        for table in &mut tables {
            if at + 1 < table.epochs.len() {
                let later = table.epochs.remove(at + 1);
                table.epochs[at].extend(later);
            }
        }
        Failing { tables, ..of.clone() }
    };
    (0..epochs.saturating_sub(1)).map(merge).collect()
}

/// Without some of the rows, each with all its changes, so that what is taken back was there.
fn fewer_rows(of: &Failing) -> Vec<Failing> {
    let mut all: Vec<(usize, Row)> = vec![];
    for (index, table) in of.tables.iter().enumerate() {
        for change in table.epochs.iter().flatten() {
            let row = (index, change.row.clone());
            if !all.contains(&row) {
                all.push(row);
            }
        }
    }
    let mut candidates = vec![];
    let mut size = all.len().div_ceil(2);
    while size > 0 {
        for out in all.chunks(size) {
            let mut tables = of.tables.clone();
            for (index, table) in tables.iter_mut().enumerate() {
                for epoch in &mut table.epochs {
                    epoch.retain(|c| !out.iter().any(|(of, row)| *of == index && *row == c.row));
                }
            }
            candidates.push(Failing { tables, ..of.clone() });
        }
        size = if size == 1 { 0 } else { size / 2 };
    }
    candidates
}
