//! Inner joins that all compare one key, as a single operator: each input is kept once, and nothing that lies between.
//!
//! [`JobPlan::gathered`](crate::JobPlan::gathered) puts the nodes into a plan.

use std::sync::Arc;

use datafusion::physical_plan::PhysicalExpr;

use crate::node::{JobPlan, Node};

/// The rows of each key's product over all inputs.
#[derive(Clone, Debug)]
pub struct MultiJoin {
    /// For each input its key columns: the first of all inputs are equal, the second, and so on.
    pub keys: Vec<Vec<usize>>,
    /// For each column of the output its input and its column there.
    pub columns: Vec<(usize, usize)>,
    /// As [`Join::null_equal`](crate::Join::null_equal).
    pub null_equal: bool,
    /// What a row of the output must fulfil besides.
    pub residual: Option<Arc<dyn PhysicalExpr>>,
    /// That of the outermost of the joins: it is the same operator, whichever way it is carried out.
    pub identity: u64,
}

/// Joins that could be carried out as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathering {
    /// The identity of the outermost join.
    pub identity: u64,
    /// The identities of all of them.
    pub joins: Vec<u64>,
    /// Which rows they keep by which key, as arrangements are known by.
    pub sides: Vec<u64>,
}

/// How the state of such joins was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// There is none: the plan decides.
    Nowhere,
    /// Join by join.
    Apart,
    /// As one.
    Together,
}

/// EXPLAIN's lines.
pub(crate) fn details(plan: &JobPlan, node: &Node, multi: &MultiJoin, lines: &mut Vec<String>) {
    let names = |(input, keys): (&usize, &Vec<usize>)| {
        let schema = plan.nodes.get(*input).map(|n| n.schema.as_ref());
        crate::explain::names(schema, keys)
    };
    let keys: Vec<String> = node.inputs.iter().zip(&multi.keys).map(names).collect();
    let equal: Vec<String> = keys.iter().map(|k| format!("({k})")).collect();
    let nulls = if multi.null_equal { ", NULL equals NULL" } else { "" };
    lines.push(format!("on: {}{nulls}", equal.join(" = ")));
    lines.extend(multi.residual.iter().map(|r| format!("and: {r}")));
    lines.push(match plan.settings.parallelism {
        1 => "exchange: none (one worker)".to_owned(),
        _ => format!("exchange: by hash of {}", keys.join(" and of ")),
    });
    lines.push(
        "state: the rows of each input, none of what lies between, kept for ever (warning: grows with the input; \
         STATE_TTL bounds it)"
            .to_owned(),
    );
}
