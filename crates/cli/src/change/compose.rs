//! What a changed plan begins with, as a checkpoint: put together from what its statements go on from.

use std::collections::{HashMap, HashSet};

use sloth_engine::operator_id;
use sloth_plan::NodeId;
use sloth_store::{Manifest, Plan, PlanOperator, PlanSource, Retold, StateFile};
use sloth_types::journal::{OpenedSplit, SourceNote};
use sloth_types::{Epoch, EpochEntry, Watermark};

use super::{Begin, Change, Past, describe};

/// Where the statements of an instance have been: in which state, and as which instance.
type Origins<'a> = HashMap<u32, (&'a Past, u32)>;

impl Change {
    /// The plan to be kept, with what it begins with at `epoch`. `sql` is the script.
    pub(crate) fn plan(&self, epoch: u64, generation: u64, sql: &str) -> Plan {
        let mut plan = describe(&self.script.0, &self.parts, self.instances, sql);
        let mut origins = Origins::new();
        for (begin, part) in self.begins.iter().zip(&self.parts) {
            if let Some(origin) = self.origin(*begin) {
                origins.insert(part.instance, origin);
            }
        }
        let all_kept = self.begins.iter().all(|begin| matches!(begin, Begin::Kept(_)));
        let pasts = || self.current.iter().chain(&self.savepoint).map(|past| &past.at);
        plan.begin = Some(Manifest {
            epoch,
            generation,
            plan: 0,
            workers: pasts().map(|at| at.workers).max().unwrap_or(1),
            now: pasts().map(|at| at.now).max().unwrap_or(0),
            ended: all_kept && self.current.as_ref().is_some_and(|past| past.at.ended),
            drained: false,
            ..self.sources(&plan, &origins)
        });
        let state = plan.operators.iter().flat_map(|operator| state_of(operator, &origins)).collect();
        let retold = self.retold(&plan, &origins);
        if let Some(begin) = &mut plan.begin {
            begin.state = state;
            begin.retold = retold;
        }
        plan
    }

    /// What is told once more in the first epoch: now, and where that was still to be done before.
    fn retold(&self, plan: &Plan, origins: &Origins<'_>) -> Retold {
        let all = |nodes: Vec<(NodeId, u32)>, before: &dyn Fn(&Retold) -> Vec<String>| -> Vec<String> {
            let queries: HashSet<(String, u32)> = nodes
                .into_iter()
                .filter_map(|(id, instance)| Some((format!("{:016x}", self.script.1.get(id)?), instance)))
                .collect();
            let told = |operator: &&PlanOperator| {
                queries.contains(&(operator.query.clone(), operator.instance))
                    || then(operator, origins)
                        .is_some_and(|(past, then)| before(&past.at.retold).contains(&then.identity))
            };
            plan.operators.iter().filter(told).map(|operator| operator.identity.clone()).collect()
        };
        Retold {
            by: all(self.tellers(), &|retold| retold.by.clone()),
            to: all(self.listeners(), &|retold| retold.to.clone()),
        }
    }

    /// Epochs that the plan so far has logged behind its newest checkpoint, as the sources of the changed plan see them: kept
    /// statements make them again, the others read nothing in them. The first is epoch `first`.
    pub(crate) fn carried(&self, plan: &Plan, first: u64, log: &[EpochEntry]) -> Vec<(Epoch, EpochEntry)> {
        let same = |source: &PlanSource| {
            let known = &self.current.as_ref()?.plan.sources;
            known.iter().position(|s| s.query == source.query && s.instance == source.instance)
        };
        let places: Vec<Option<usize>> = plan.sources.iter().map(same).collect();
        let carry = |entry: &EpochEntry| {
            let watermark = |place: &Option<usize>| place.and_then(|p| entry.watermarks.get(p)).copied();
            let ends = |place: &Option<usize>| place.and_then(|p| entry.ends.get(p)).cloned();
            let opened = entry.opened.iter().filter_map(|opened| {
                let source = places.iter().position(|place| *place == Some(opened.source))?;
                Some(OpenedSplit { source, ..opened.clone() })
            });
            let notes = entry.notes.iter().filter_map(|note| {
                let source = places.iter().position(|place| *place == Some(note.source))?;
                Some(SourceNote { source, ..note.clone() })
            });
            EpochEntry {
                now_ms: entry.now_ms,
                watermarks: places.iter().map(|p| watermark(p).unwrap_or(Watermark::NONE)).collect(),
                ends: places.iter().map(|p| ends(p).unwrap_or_default()).collect(),
                opened: opened.collect(),
                drained: entry.drained,
                notes: notes.collect(),
            }
        };
        (first..).map(Epoch).zip(log.iter().map(carry)).collect()
    }

    /// Where the sources stand.
    fn sources(&self, plan: &Plan, origins: &Origins<'_>) -> Manifest {
        let mut at = Manifest::default();
        for source in &plan.sources {
            let then = origins.get(&source.instance).and_then(|(past, instance)| {
                let same = |s: &PlanSource| s.query == source.query && s.instance == *instance;
                let place = past.plan.sources.iter().position(same)?;
                let notes = past.at.notes.get(place).cloned().unwrap_or_default();
                Some((past.at.splits.get(place)?.clone(), *past.at.watermarks.get(place)?, notes))
            });
            let (splits, watermark, notes) = then.unwrap_or((vec![], Watermark::NONE.0, vec![]));
            at.splits.push(splits);
            at.notes.push(notes);
            at.watermarks.push(watermark);
        }
        at
    }
}

/// What an operator was, and when.
fn then<'a>(operator: &PlanOperator, origins: &Origins<'a>) -> Option<(&'a Past, &'a PlanOperator)> {
    let (past, instance) = *origins.get(&operator.instance)?;
    let same = |o: &&PlanOperator| o.query == operator.query && o.instance == instance;
    past.plan.operators.iter().find(same).map(|then| (past, then))
}

/// The state of an operator, under the name that it has now.
fn state_of(operator: &PlanOperator, origins: &Origins<'_>) -> Vec<StateFile> {
    let Some((past, then)) = then(operator, origins) else { return vec![] };
    let id = |identity: &str, name: &str| {
        u64::from_str_radix(identity, 16).map(|i| format!("{:016x}", operator_id(i, name))).unwrap_or_default()
    };
    let files = past.at.state.iter().filter(|file| file.operator == id(&then.identity, &file.name));
    files.map(|file| StateFile { operator: id(&operator.identity, &file.name), ..file.clone() }).collect()
}

/// The operator that a state file is of.
pub(crate) fn operator_of<'p>(plan: &'p Plan, file: &StateFile) -> Option<&'p PlanOperator> {
    plan.operators.iter().find(|operator| {
        let identity = u64::from_str_radix(&operator.identity, 16);
        identity.is_ok_and(|i| file.operator == format!("{:016x}", operator_id(i, &file.name)))
    })
}
