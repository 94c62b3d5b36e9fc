//! A job whose script has changed: which statements are kept, and what the others begin with.
//!
//! A statement is kept when its sink's identity is the same, which tells of everything below it. A kept statement goes on with
//! its state and its place in the sources. One that is not kept begins with its state in a savepoint, if one is given and
//! has it; with the operators that it has in common with the plan so far, where that is exact (see `part`); or with nothing
//! at the beginning of its sources. Statements that do not stand at the same place have sources of their own (see
//! [`JobPlan::apart`]).

mod compose;
mod diff;
mod part;

use std::collections::HashMap;

use sloth_engine::settle;
use sloth_plan::{JobPlan, NodeId, NodeKind, SinkPart, SourceOrigin};
use sloth_server::ScreenHub;
use sloth_store::{Manifest, Plan, PlanOperator, PlanSink, PlanSource};
use sloth_types::{Error, Result};

pub(crate) use self::compose::operator_of;
pub(crate) use self::diff::confirmed;
use self::part::Partly;
use crate::run::connectors;

/// What a statement begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Where it is: it was this sink of the plan so far.
    Kept(usize),
    /// Where it was at the savepoint: it was this sink then.
    Restored(usize),
    /// With what it has in common with the plan so far.
    Partly(Partly),
    /// With nothing.
    New,
}

/// A state that statements may go on from: a plan and a checkpoint of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    pub(crate) plan: Plan,
    pub(crate) at: Manifest,
}

/// A change of plans.
pub(crate) struct Change {
    /// The plan as the script gives it, and the identities of its nodes.
    script: (JobPlan, Vec<u64>),
    /// The plan so far, if statements may be kept.
    current: Option<Past>,
    /// The savepoint, if one is given.
    savepoint: Option<Past>,
    /// For each sink what it begins with.
    begins: Vec<Begin>,
    /// For each sink which part it is.
    parts: Vec<SinkPart>,
    /// The first instance that has not been used; and what it was before the change.
    instances: u32,
    used: u32,
    /// Places that statements which are not kept must not take.
    shunned: Vec<(String, usize)>,
}

/// What a script is changed from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The plan so far, if statements may be kept.
    pub(crate) current: Option<Past>,
    /// The savepoint, if one is given.
    pub(crate) savepoint: Option<Past>,
    /// The instances that are spoken for.
    pub(crate) used: u32,
    /// Tables whose statements begin anew, unless they are as they were.
    pub(crate) rebuild: Vec<String>,
}

/// The plan as its identities are taken: what each sink is given has been settled.
pub(crate) fn settled(plan: &JobPlan) -> Result<(JobPlan, Vec<u64>)> {
    let mut plan = plan.clone();
    settle(&mut plan, &connectors(&ScreenHub::new()?))?;
    let identities = plan.identities();
    Ok((plan, identities))
}

/// The parts of the sinks of a plan.
pub(crate) fn parts_of(plan: &Plan) -> Vec<SinkPart> {
    plan.sinks.iter().map(|sink| SinkPart { instance: sink.instance, place: sink.place }).collect()
}

/// The parts of the sinks of a job that begins.
pub(crate) fn first_parts(plan: &JobPlan) -> Vec<SinkPart> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let next = |table| {
        let place = places.entry(table).or_default();
        *place += 1;
        SinkPart { instance: 0, place: *place - 1 }
    };
    tables(plan).into_iter().map(next).collect()
}

/// The tables of the sinks.
pub(crate) fn tables(plan: &JobPlan) -> Vec<&str> {
    plan.nodes
        .iter()
        .filter_map(|n| if let NodeKind::Sink(s) = &n.kind { Some(s.table.name.as_str()) } else { None })
        .collect()
}

/// A plan's description, to be kept with its state. `sql` is the script.
pub(crate) fn describe(script: &JobPlan, parts: &[SinkPart], instances: u32, sql: &str) -> Plan {
    let base = script.identities();
    let (plan, origins) = script.apart(parts);
    let identities = plan.identities();
    let query =
        |id: NodeId| origins.get(id).and_then(|o| base.get(*o)).map_or_else(String::new, |q| format!("{q:016x}"));
    let sinks = plan.sink_ids();
    let below: Vec<_> = sinks.iter().map(|sink| plan.below(*sink)).collect();
    let source = |id: NodeId| match plan.nodes.get(id).map(|n| &n.kind) {
        Some(NodeKind::Source(source)) => PlanSource {
            query: query(id),
            instance: source.instance,
            table: match &source.origin {
                SourceOrigin::Table(table) => table.name.clone(),
                SourceOrigin::Rows(_) => "VALUES".to_owned(),
            },
        },
        _ => PlanSource::default(),
    };
    let sink = |id: &NodeId| match plan.nodes.get(*id).map(|n| &n.kind) {
        Some(NodeKind::Sink(sink)) => PlanSink {
            query: query(*id),
            instance: plan.instance(*id).unwrap_or(0),
            table: sink.table.name.clone(),
            place: sink.place.unwrap_or(0),
            statement: match &sink.span {
                Some(span) => format!("line {}", sql.get(..span.start).map_or(0, |s| s.matches('\n').count()) + 1),
                None => "late rows or bad records".to_owned(),
            },
        },
        _ => PlanSink::default(),
    };
    let operator = |id: NodeId| PlanOperator {
        query: query(id),
        instance: plan.instance(id).unwrap_or(0),
        identity: identities.get(id).map_or_else(String::new, |i| format!("{i:016x}")),
        about: plan.headline(id),
        sinks: (0..sinks.len()).filter(|sink| below.get(*sink).is_some_and(|all| all.contains(&id))).collect(),
    };
    // Rows that joins may read together have a state of their own, wherever they do.
    let mut arrangements = vec![];
    let of_script = script.arrangements();
    for arranged in plan.arrangements() {
        let origin = origins.get(arranged.join);
        let Some(base) = of_script.iter().find(|s| Some(&s.join) == origin && s.side == arranged.side) else {
            continue;
        };
        let held = PlanOperator {
            query: format!("{:016x}", base.identity),
            identity: format!("{:016x}", arranged.identity),
            about: "Arrange".to_owned(),
            ..operator(arranged.join)
        };
        match arrangements.iter_mut().find(|a: &&mut PlanOperator| a.identity == held.identity) {
            Some(known) => {
                known.sinks.extend(held.sinks.iter().filter(|s| !known.sinks.contains(s)).collect::<Vec<_>>())
            }
            None => arrangements.push(held),
        }
    }
    Plan {
        fingerprint: script.fingerprint(),
        instances,
        sources: plan.source_ids().into_iter().map(source).collect(),
        sinks: sinks.iter().map(sink).collect(),
        operators: (0..plan.nodes.len()).map(operator).chain(arrangements).collect(),
        ..Plan::default()
    }
}

impl Change {
    /// From what there is to the plan of a script. Statements are kept from the plan so far, or else taken from the savepoint.
    pub(crate) fn new(script: (JobPlan, Vec<u64>), from: Origin) -> Result<Change> {
        let Origin { current, savepoint, used, rebuild } = from;
        let sinks = script.0.sink_ids();
        let mut begins = vec![];
        for id in &sinks {
            let identity = script.1.get(*id).ok_or_else(|| Error::internal("a sink without identity"))?;
            let identity = format!("{identity:016x}");
            let find = |past: &Option<Past>| past.as_ref()?.plan.sinks.iter().position(|s| s.query == identity);
            let kept = find(&current).map(Begin::Kept);
            begins.push(kept.or_else(|| find(&savepoint).map(Begin::Restored)).unwrap_or(Begin::New));
        }
        let (parts, shunned) = (vec![], vec![]);
        let mut change = Change { script, current, savepoint, begins, parts, instances: used, used, shunned };
        change.choose_begins(&rebuild);
        change.choose_parts();
        Ok(change)
    }

    /// What statements begin with that nobody has kept.
    fn choose_begins(&mut self, rebuild: &[String]) {
        let tables: Vec<String> = tables(&self.script.0).into_iter().map(str::to_owned).collect();
        for (at, (sink, table)) in self.script.0.sink_ids().into_iter().zip(&tables).enumerate() {
            if self.begins.get(at) != Some(&Begin::New) || rebuild.contains(table) {
                continue;
            }
            let goes = |sink: usize| {
                self.begins.iter().any(|begin| match begin {
                    Begin::Kept(kept) => *kept == sink,
                    Begin::Partly(part) => part.replaces == Some(sink),
                    _ => false,
                })
            };
            let sinks = self.current.iter().flat_map(|past| past.plan.sinks.iter().enumerate());
            let replaces = sinks.filter(|(_, sink)| sink.table == *table).map(|(at, _)| at).find(|at| !goes(*at));
            let begin = self.begin_of(sink, replaces);
            self.begins.iter_mut().skip(at).take(1).for_each(|known| *known = begin);
        }
    }

    /// The job was not stopped: what it has dropped may have told the outside of epochs that are made again. No statement
    /// takes the place of one that is dropped, as it would be taken to have told what that one has.
    pub(crate) fn shun_places(&mut self) {
        let all = self.current.iter().flat_map(|past| &past.plan.sinks);
        self.shunned = all.map(|sink| (sink.table.clone(), sink.place)).collect();
        (self.parts, self.instances) = (vec![], self.used);
        self.choose_parts();
    }

    /// Kept statements stay with their instance and place. Others get instances of their own: one for each that they had at
    /// the savepoint, one for all that are new.
    fn choose_parts(&mut self) {
        let mut fresh: HashMap<Option<u32>, u32> = HashMap::new();
        let mut taken: Vec<(String, usize)> = vec![];
        let kept = |begin: &Begin| match begin {
            Begin::Kept(sink) => self.current.as_ref().and_then(|past| past.plan.sinks.get(*sink)),
            // It tells what the one in whose stead it stands has not told yet.
            Begin::Partly(Partly { replaces: Some(sink), told: false, .. }) => {
                self.current.as_ref().and_then(|past| past.plan.sinks.get(*sink))
            }
            _ => None,
        };
        taken.extend(self.shunned.iter().cloned());
        taken.extend(self.begins.iter().filter_map(kept).map(|sink| (sink.table.clone(), sink.place)));
        for (begin, table) in self.begins.iter().zip(tables(&self.script.0)) {
            let of_part = if let Begin::Partly(part) = begin { Some(part.instance) } else { None };
            if let Some(sink) = kept(begin) {
                self.parts.push(SinkPart { instance: of_part.unwrap_or(sink.instance), place: sink.place });
                continue;
            }
            let then = match begin {
                Begin::Restored(sink) => self.savepoint.as_ref().and_then(|past| past.plan.sinks.get(*sink)),
                Begin::Partly(part) => {
                    part.replaces.and_then(|sink| self.current.as_ref().and_then(|past| past.plan.sinks.get(sink)))
                }
                _ => None,
            };
            let instance = of_part.unwrap_or_else(|| {
                *fresh.entry(then.map(|sink| sink.instance)).or_insert_with(|| {
                    self.instances += 1;
                    self.instances - 1
                })
            });
            let is_free = |place: &usize| !taken.contains(&(table.to_owned(), *place));
            let place = then.map(|sink| sink.place).filter(is_free).or_else(|| (0..).find(is_free)).unwrap_or(0);
            taken.push((table.to_owned(), place));
            self.parts.push(SinkPart { instance, place });
        }
    }

    /// True when every statement of the script goes on, and none is dropped.
    pub(crate) fn keeps_all(&self) -> bool {
        self.begins.iter().all(|begin| matches!(begin, Begin::Kept(_))) && self.dropped().is_empty()
    }

    /// True when no statement is dropped or begins anew in place of one.
    pub(crate) fn drops_none(&self) -> bool {
        self.dropped().is_empty()
    }

    /// True when some statement goes on where it is, or a part of it does.
    pub(crate) fn keeps_some(&self) -> bool {
        self.begins.iter().any(|begin| matches!(begin, Begin::Kept(_) | Begin::Partly(_)))
    }

    /// True when some statement begins with nothing.
    pub(crate) fn has_new(&self) -> bool {
        self.begins.contains(&Begin::New)
    }

    /// The sinks of the plan so far that the script does not have any more.
    fn dropped(&self) -> Vec<&PlanSink> {
        let Some(current) = &self.current else { return vec![] };
        let gone = |(sink, _): &(usize, &PlanSink)| !self.begins.contains(&Begin::Kept(*sink));
        current.plan.sinks.iter().enumerate().filter(gone).map(|(_, sink)| sink).collect()
    }

    /// What a sink was, and what it had.
    fn past(&self, begin: Begin) -> Option<(&Past, &PlanSink)> {
        let (past, sink) = match begin {
            Begin::Kept(sink) => (self.current.as_ref()?, sink),
            Begin::Restored(sink) => (self.savepoint.as_ref()?, sink),
            Begin::Partly(part) => (self.current.as_ref()?, part.replaces?),
            Begin::New => return None,
        };
        past.plan.sinks.get(sink).map(|sink| (past, sink))
    }

    /// Where operators of a statement have their state from: which past, and which instance there.
    fn origin(&self, begin: Begin) -> Option<(&Past, u32)> {
        match begin {
            Begin::Partly(part) => Some((self.current.as_ref()?, part.instance)),
            _ => self.past(begin).map(|(past, sink)| (past, sink.instance)),
        }
    }
}
