//! The identity of operators: what their state is found by after a restart, and after a change of the script.
//!
//! An operator is what it does to what. Its identity is a hash of an explicit text: its kind, and all that decides what its
//! state holds. A column counts as what it is computed from, wherever it stands and whatever it is called, so the identity
//! does not depend on the place of a query in its script, on what other queries read of the same table, or on whether
//! a stage runs in the source or behind it. What only tunes (how often results are told, how long idle state is kept, the
//! address of a broker) is left out. The texts are pinned by tests: a change of any of them loses the state of all jobs.

mod arranged;
mod expr;
mod gathered;
mod kinds;
mod stages;
mod table;
mod types;

use std::collections::HashMap;

use crate::node::{JobPlan, Node, NodeKind};

/// What the output of a node is.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Which rows.
    rows: u64,
    /// For each column what it is computed from.
    columns: Vec<u64>,
}

impl Known {
    /// A column's text in a description.
    fn column(&self, index: usize) -> String {
        self.columns.get(index).map_or_else(|| "?".to_owned(), |id| format!("#{id:016x}"))
    }

    fn columns(&self, indexes: &[usize]) -> String {
        indexes.iter().map(|i| self.column(*i)).collect::<Vec<_>>().join(",")
    }

    /// All of it.
    fn text(&self) -> String {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        format!("{:016x}({})", self.rows, self.columns(&all))
    }

    /// Rows with so many columns of their own.
    fn fresh(rows: u64, columns: usize) -> Known {
        Known { rows, columns: (0..columns).map(|i| fnv(&format!("column {i} of {rows:016x}"))).collect() }
    }
}

impl JobPlan {
    /// For each node a number that is the same wherever the same query stands. Where something that has a state of its own
    /// stands twice, the second has another number.
    pub fn identities(&self) -> Vec<u64> {
        self.known().0
    }

    /// The identities of all nodes, and what their outputs are.
    fn known(&self) -> (Vec<u64>, Vec<Known>) {
        let mut known: Vec<Known> = vec![];
        let mut identities: Vec<u64> = vec![];
        let mut seen: HashMap<u64, u64> = HashMap::new();
        for node in &self.nodes {
            let inputs: Vec<&Known> = node.inputs.iter().filter_map(|input| known.get(*input)).collect();
            let (identity, output) = match (stages::passed(node, &inputs), &node.kind) {
                // What it holds is known by its rows and its key, whoever reads which of its columns.
                (Some(output), NodeKind::Arrange(held)) => (held.identity, output),
                (Some(output), _) => (fnv(&output.text()), output),
                (None, NodeKind::MultiJoin(multi)) => {
                    (multi.identity, Known::fresh(multi.identity, node.schema.fields().len()))
                }
                (None, _) => {
                    let (text, columns) = self.described(node, &inputs);
                    let mut identity = fnv(&text);
                    let times = seen.entry(identity).or_default();
                    if *times > 0 {
                        identity = fnv(&format!("{text} again {times}"));
                    }
                    *times += 1;
                    (identity, columns(identity))
                }
            };
            identities.push(identity);
            known.push(output);
        }
        (identities, known)
    }

    /// The text of a node that has a state or a place of its own, and what its output is, given its identity.
    fn described<'a>(&self, node: &'a Node, inputs: &[&Known]) -> (String, Box<dyn Fn(u64) -> Known + 'a>) {
        match &node.kind {
            NodeKind::Source(source) => {
                let (text, read) = table::source(source, &node.mode);
                (text, Box::new(move |identity| table::output(source, identity, &read)))
            }
            _ => {
                let schemas: Vec<_> =
                    node.inputs.iter().filter_map(|i| self.nodes.get(*i)).map(|n| n.schema.as_ref()).collect();
                let text = kinds::text(node, inputs, &schemas);
                let width = node.schema.fields().len();
                let passes = kinds::passes(&node.kind).then(|| inputs.first().map(|i| i.columns.clone())).flatten();
                (
                    text,
                    Box::new(move |identity| {
                        let mut known = Known::fresh(identity, width);
                        known
                            .columns
                            .iter_mut()
                            .zip(passes.iter().flatten())
                            .for_each(|(own, of_input)| *own = *of_input);
                        known
                    }),
                )
            }
        }
    }

    /// A text that is the same for plans that compute the same.
    pub fn fingerprint(&self) -> String {
        let all: String = self.identities().iter().map(|id| format!("{id:016x}")).collect();
        format!("{:016x}", fnv(&all))
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): a hash that will never change.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
