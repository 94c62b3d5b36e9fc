//! Inner joins one behind the other that all compare the same key are carried out as one operator.
//!
//! A join of a join would keep the inner one's pairs, which may be many more than the rows they are made of. Where both
//! compare the same key, a change meets the product of the other inputs' rows of its key just as well. The plan is changed
//! when a job starts, so its fingerprint does not know it, and all other operators keep their identities.

use std::collections::HashSet;

use datafusion::physical_expr::expressions::Column;

use crate::multi_join::{Gathering, Kept, MultiJoin};
use crate::node::{JobPlan, Join, JoinExchange, JoinKind, Node, NodeId, NodeKind, Stage};

/// More inputs than a batch can name would be too many.
const INPUTS_MAX: usize = 64;

/// Joins by one key as far as they are gathered.
#[derive(Clone, Debug)]
struct Chain {
    inputs: Vec<NodeId>,
    /// For each input its key columns.
    keys: Vec<Vec<usize>>,
    /// For each column of the output its input and its column there.
    columns: Vec<(usize, usize)>,
    /// The joins and what lies between them.
    inner: Vec<NodeId>,
}

impl JobPlan {
    /// The plan in which inner joins by one key are one operator. `kept` says how the state of such joins was written.
    pub fn gathered(&self, kept: &dyn Fn(&Gathering) -> Kept) -> JobPlan {
        let users = self.users();
        let (identities, known) = self.known();
        let sides = self.sides(&known);
        let shared: HashSet<NodeId> = match self.settings.share_join_state {
            true => self.grouped(sides.clone()).into_iter().flatten().map(|side| side.join).collect(),
            false => HashSet::new(),
        };
        let mut gone: HashSet<NodeId> = HashSet::new();
        let mut plan = self.clone();
        for id in (0..self.nodes.len()).rev() {
            if gone.contains(&id) {
                continue;
            }
            let Some(chain) = self.chain(id, &users).filter(|chain| chain.inputs.len() > 2) else { continue };
            let joins = || chain.inner.iter().copied().chain([id]);
            let Some(identity) = identities.get(id).copied() else { continue };
            let gathering = Gathering {
                identity,
                joins: joins().filter_map(|join| identities.get(join).copied()).collect(),
                sides: sides.iter().filter(|s| joins().any(|join| join == s.join)).map(|s| s.identity).collect(),
            };
            let together = match kept(&gathering) {
                Kept::Together => true,
                Kept::Apart => false,
                // Rows that are kept once for several joins are kept no more often here.
                Kept::Nowhere => self.settings.gather_joins && !joins().any(|join| shared.contains(&join)),
            };
            let (true, Some(NodeKind::Join(join)), Some(node)) =
                (together, self.nodes.get(id).map(|n| &n.kind), plan.nodes.get_mut(id))
            else {
                continue;
            };
            node.kind = NodeKind::MultiJoin(Box::new(MultiJoin {
                keys: chain.keys.clone(),
                columns: chain.columns.clone(),
                null_equal: join.null_equal,
                residual: join.residual.clone(),
                identity,
            }));
            node.inputs.clone_from(&chain.inputs);
            gone.extend(&chain.inner);
        }
        if gone.is_empty() {
            return plan;
        }
        let (plan, places) = plan.without(&gone);
        // The same join may stand elsewhere, too, and be numbered after one that is gone: then all stays as it is.
        let now = plan.identities();
        let same = places.iter().enumerate().all(|(id, place)| match place {
            Some(place) => now.get(*place) == identities.get(id),
            None => true,
        });
        if same { plan } else { self.clone() }
    }

    /// What lies within the join `id`, where it is carried out with others as one: nobody else can read it.
    pub fn within_gathered(&self, id: NodeId) -> Vec<NodeId> {
        let alone = vec![1; self.nodes.len()];
        self.chain(id, &alone).map(|chain| chain.inner).unwrap_or_default()
    }

    /// How often the output of each node is read.
    fn users(&self) -> Vec<usize> {
        let mut users = vec![0; self.nodes.len()];
        for input in self.nodes.iter().flat_map(|n| &n.inputs) {
            if let Some(count) = users.get_mut(*input) {
                *count += 1;
            }
        }
        users
    }

    /// The joins by one key that end with the join `id`.
    fn chain(&self, id: NodeId, users: &[usize]) -> Option<Chain> {
        let node = self.nodes.get(id)?;
        let NodeKind::Join(join) = &node.kind else { return None };
        let [left, right] = *node.inputs.as_slice() else { return None };
        if !gathers(join) {
            return None;
        }
        let left = self.part(left, join, &join.left_keys, users)?;
        let right = self.part(right, join, &join.right_keys, users)?;
        if left.inputs.len() + right.inputs.len() > INPUTS_MAX {
            return None;
        }
        let types = |chain: &Chain| -> Option<Vec<_>> {
            let (input, keys) = chain.inputs.first().zip(chain.keys.first())?;
            let schema = &self.nodes.get(*input)?.schema;
            Some(keys.iter().filter_map(|k| schema.fields().get(*k)).map(|f| f.data_type().clone()).collect())
        };
        if types(&left)? != types(&right)? {
            return None;
        }
        let behind = left.inputs.len();
        let columns = right.columns.into_iter().map(|(input, column)| (input + behind, column));
        Some(Chain {
            inputs: [left.inputs, right.inputs].concat(),
            keys: [left.keys, right.keys].concat(),
            columns: left.columns.into_iter().chain(columns).collect(),
            inner: [left.inner, right.inner].concat(),
        })
    }

    /// One input of a join that compares its columns `keys`: joins by the same key, or else an input by itself.
    fn part(&self, input: NodeId, join: &Join, keys: &[usize], users: &[usize]) -> Option<Chain> {
        let width = self.nodes.get(input)?.schema.fields().len();
        let alone = Chain {
            inputs: vec![input],
            keys: vec![keys.to_vec()],
            columns: (0..width).map(|column| (0, column)).collect(),
            inner: vec![],
        };
        let joined = || {
            let chain = self.joined_below(input, join, users)?;
            by_same_key(chain, keys)
        };
        Some(joined().unwrap_or(alone))
    }

    /// The joins that a join reads, through selections of their columns; nobody else reads them.
    fn joined_below(&self, input: NodeId, join: &Join, users: &[usize]) -> Option<Chain> {
        let node = self.nodes.get(input)?;
        if users.get(input) != Some(&1) {
            return None;
        }
        match &node.kind {
            NodeKind::Join(inner) if inner.residual.is_none() && inner.null_equal == join.null_equal => {
                let mut chain = self.chain(input, users)?;
                chain.inner.push(input);
                Some(chain)
            }
            NodeKind::Map(stages) => {
                let [below] = *node.inputs.as_slice() else { return None };
                let mut chain = self.joined_below(below, join, users)?;
                for stage in stages {
                    let Stage::Project { exprs, .. } = stage else { return None };
                    let columns = exprs.iter().map(|e| {
                        e.downcast_ref::<Column>().and_then(|column| chain.columns.get(column.index())).copied()
                    });
                    chain.columns = columns.collect::<Option<_>>()?;
                }
                chain.inner.push(input);
                Some(chain)
            }
            _ => None,
        }
    }

    /// Without some nodes that nobody reads; and where each node is now.
    fn without(&self, gone: &HashSet<NodeId>) -> (JobPlan, Vec<Option<NodeId>>) {
        let mut plan = JobPlan { nodes: vec![], settings: self.settings.clone() };
        let mut places: Vec<Option<NodeId>> = vec![];
        for (id, node) in self.nodes.iter().enumerate() {
            if gone.contains(&id) {
                places.push(None);
                continue;
            }
            let own = plan.nodes.len();
            let place = |other: &NodeId| places.get(*other).copied().flatten().unwrap_or(own);
            let node = Node {
                inputs: node.inputs.iter().map(place).collect(),
                sources: node.sources.iter().map(place).collect(),
                ..node.clone()
            };
            places.push(Some(plan.add(node)));
        }
        (plan, places)
    }
}

/// An inner join by a key whose rows are kept for ever.
fn gathers(join: &Join) -> bool {
    join.kind == JoinKind::Inner
        && join.exchange == JoinExchange::ByKey
        && !join.left_keys.is_empty()
        && join.ttl_ms == [None; 2]
}

/// The joins with the keys in the order in which `keys` of their output name them; `None` when these are not just the keys
/// that they compare.
fn by_same_key(chain: Chain, keys: &[usize]) -> Option<Chain> {
    let all = &chain.keys;
    let width = all.first()?.len();
    // Which of the keys each column is.
    let order: Option<Vec<usize>> = keys
        .iter()
        .map(|key| {
            let (input, column) = chain.columns.get(*key)?;
            all.get(*input)?.iter().position(|k| k == column)
        })
        .collect();
    let order = order?;
    let different: HashSet<usize> = order.iter().copied().collect();
    if order.len() != width || different.len() != width {
        return None;
    }
    let ordered = |keys: &Vec<usize>| order.iter().filter_map(|at| keys.get(*at)).copied().collect();
    let keys = all.iter().map(ordered).collect();
    Some(Chain { keys, ..chain })
}
