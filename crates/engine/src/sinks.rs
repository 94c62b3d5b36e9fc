//! Opens the writers of all sinks.

use std::collections::HashMap;
use std::sync::Arc;

use sloth_plan::{JobPlan, NodeKind};
use sloth_types::sink::{DurableSink, Guarantee};
use sloth_types::{JobStore, OpenSink, Result, Sink};

use crate::io::writer::Opening;
use crate::job::name_table;

/// A sink with its writers.
pub(crate) struct OpenedSink {
    pub(crate) table: String,
    pub(crate) ordered: bool,
    /// Its writers have threads of their own.
    pub(crate) blocking: bool,
    /// Its rows are written only when a checkpoint has them.
    pub(crate) late: bool,
    pub(crate) writers: Vec<Opening>,
}

/// Opens the writers of all sinks; gives them and the number of those with threads. While another run is in charge only
/// sinks are opened that live with the job: the others belong to that run. Sinks of a job that has begun before and that
/// may keep the caller waiting are opened by their threads, while sources open and state is taken up.
///
/// # Errors
/// When a sink cannot be opened.
pub(crate) fn open_sinks(
    plan: &JobPlan,
    tables: Vec<Arc<dyn Sink>>,
    parallelism: usize,
    store: Option<&Arc<dyn JobStore>>,
    begun: bool,
) -> Result<(Vec<OpenedSink>, usize)> {
    let mut named_before: HashMap<&str, usize> = HashMap::new();
    let mut sinks = vec![];
    let mut blocking = 0;
    let nodes = plan.nodes.iter().enumerate();
    let nodes = nodes.filter_map(|(id, n)| if let NodeKind::Sink(s) = &n.kind { Some((id, n, s)) } else { None });
    for ((id, node, node_sink), sink) in nodes.zip(tables) {
        let late = store.is_some() && plan.commits_late(id).is_some();
        let table = &node_sink.table;
        let count = if sink.ordered() { 1 } else { parallelism };
        let before = named_before.entry(&table.name).or_default();
        let place = node_sink.place.unwrap_or(*before);
        let job = store.map(|store| (format!("{}-{}-{place}", store.job(), table.name), Arc::clone(store)));
        *before += 1;
        let own = matches!(sink.guarantee(), Guarantee::WithTheJob | Guarantee::Shown(_));
        let aside = begun && sink.blocking();
        let later = !own && store.is_some_and(|store| aside || !store.in_charge());
        let open = |writer| {
            let (sink, job, schema) = (Arc::clone(&sink), job.clone(), Arc::clone(&node.schema));
            let (mode, table) = (node_sink.mode.clone(), table.name.clone());
            move || {
                // The number of the run is known only when it is in charge.
                let durable = job.map(|(name, store)| {
                    let generation = store.generation();
                    DurableSink { name: format!("{name}-{writer}"), generation }
                });
                sink.open(OpenSink { schema, mode, writer, durable }).map_err(|e| name_table(e, &table))
            }
        };
        let opening = |number| match later {
            true => Ok(Opening::Later(Box::new(open(number)))),
            false => open(number)().map(Opening::Now),
        };
        let writers = (0..count).map(opening).collect::<Result<Vec<_>>>()?;
        let threaded = sink.blocking() || later || late;
        blocking += if threaded { count } else { 0 };
        let (table, ordered) = (table.name.clone(), sink.ordered());
        sinks.push(OpenedSink { table, ordered, blocking: threaded, late, writers });
    }
    Ok((sinks, blocking))
}
