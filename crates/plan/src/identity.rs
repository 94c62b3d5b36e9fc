//! The identity of operators: what their state is found by after a restart.
//!
//! An operator is what it does to what: its identity is a hash of its own description and of the identities of its
//! inputs. So it does not depend on the place of a query in its script, and an operator whose query has changed is another
//! one.

use std::collections::HashMap;
use std::fmt::Write;

use crate::node::{JobPlan, Node, NodeKind, SourceOrigin};

impl JobPlan {
    /// For each node a number that is the same wherever the same query stands. Where the same query stands twice, the
    /// second has another number.
    pub fn identities(&self) -> Vec<u64> {
        let mut identities: Vec<u64> = vec![];
        let mut seen: HashMap<u64, u64> = HashMap::new();
        for node in &self.nodes {
            let mut text = description(node);
            for input in &node.inputs {
                let _ = write!(text, " {:016x}", identities.get(*input).copied().unwrap_or_default());
            }
            let identity = fnv(&text);
            let times = seen.entry(identity).or_default();
            identities.push(if *times == 0 { identity } else { fnv(&format!("{text} {times}")) });
            *times += 1;
        }
        identities
    }
}

impl JobPlan {
    /// A text that is the same for plans that compute the same.
    pub fn fingerprint(&self) -> String {
        let all: String = self.identities().iter().map(|id| format!("{id:016x}")).collect();
        format!("{:016x}", fnv(&all))
    }
}

/// What a node does, as text. Addresses in memory, which some functions print of themselves, are left out.
fn description(node: &Node) -> String {
    let kind = match &node.kind {
        // Its options may change (another broker, another password): the rows stay those of the table.
        NodeKind::Source(source) => match &source.origin {
            SourceOrigin::Table(table) => {
                let columns: Vec<&String> = source.read_schema.fields().iter().map(|f| f.name()).collect();
                format!("source {} {columns:?} {:?} {:?}", table.name, source.compute, source.stages)
            }
            SourceOrigin::Rows(rows) => format!("rows {rows:?}"),
        },
        NodeKind::Sink(sink) => format!("sink {} {:?}", sink.table.name, sink.mode),
        kind => format!("{kind:?}"),
    };
    let types: Vec<String> = node.schema.fields().iter().map(|f| f.data_type().to_string()).collect();
    without_addresses(&format!("{kind} {types:?} {:?}", node.mode))
}

fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    out
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): a hash that will never change.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
