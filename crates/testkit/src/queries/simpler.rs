//! What can be taken away from a query: for finding out what makes it fail.

use super::expr::Expr;
use super::rel::{Asks, Rel};

impl Rel {
    /// Queries with something left out; their columns may be others.
    pub fn smaller(&self) -> Vec<Rel> {
        let mut smaller: Vec<Rel> = self.inputs().into_iter().cloned().collect();
        if let Rel::Group { from, keys, sets, calls, having: None } = self
            && calls.len() > 1
        {
            for index in 0..calls.len() {
                let mut calls = calls.clone();
                calls.remove(index);
                let (from, keys) = (from.clone(), keys.clone());
                smaller.push(Rel::Group { from, keys, sets, calls, having: None });
            }
        }
        if let Rel::Select { from, items, filter, distinct } = self
            && items.len() > 1
        {
            for index in 0..items.len() {
                let mut items = items.clone();
                items.remove(index);
                smaller.push(Rel::Select { from: from.clone(), items, filter: filter.clone(), distinct: *distinct });
            }
        }
        smaller.extend(self.with_same_columns());
        smaller
    }

    fn inputs(&self) -> Vec<&Rel> {
        match self {
            Rel::Table(..) => vec![],
            Rel::Join { left, right, .. } | Rel::Set { left, right, .. } => vec![left, right],
            Rel::Sub { from, inner, .. } => vec![from, inner],
            Rel::Select { from, .. }
            | Rel::Group { from, .. }
            | Rel::Top { from, .. }
            | Rel::Limit { from, .. }
            | Rel::Over { from, .. } => vec![from],
        }
    }

    fn inputs_mut(&mut self) -> Vec<&mut Box<Rel>> {
        match self {
            Rel::Table(..) => vec![],
            Rel::Join { left, right, .. } | Rel::Set { left, right, .. } => vec![left, right],
            Rel::Sub { from, inner, .. } => vec![from, inner],
            Rel::Select { from, .. }
            | Rel::Group { from, .. }
            | Rel::Top { from, .. }
            | Rel::Limit { from, .. }
            | Rel::Over { from, .. } => vec![from],
        }
    }

    /// Queries with something left out that have the same columns.
    fn with_same_columns(&self) -> Vec<Rel> {
        let kinds = self.kinds();
        let mut smaller: Vec<Rel> = self.inputs().into_iter().filter(|r| r.kinds() == kinds).cloned().collect();
        for index in 0..self.inputs().len() {
            for less in self.inputs()[index].with_same_columns() {
                let mut rel = self.clone();
                if let Some(input) = rel.inputs_mut().into_iter().nth(index) {
                    **input = less;
                }
                smaller.push(rel);
            }
        }
        let mut change = |change: &dyn Fn(&mut Rel)| {
            let mut rel = self.clone();
            change(&mut rel);
            if rel != *self {
                smaller.push(rel);
            }
        };
        change(&|rel| {
            if let Some(condition) = rel.condition() {
                *condition = None;
            }
        });
        change(&|rel| match rel {
            Rel::Select { distinct, .. } => *distinct = false,
            Rel::Group { sets, .. } => *sets = "",
            Rel::Join { on, .. } => on.truncate(1),
            Rel::Sub { or, .. } => *or = None,
            Rel::Limit { offset, .. } => *offset = 0,
            Rel::Top { by, .. } | Rel::Over { by, .. } => by.clear(),
            Rel::Table(..) | Rel::Set { .. } => {}
        });
        change(&|rel| match rel {
            Rel::Join { on, .. } => on.iter_mut().for_each(|pair| pair.2 = false),
            Rel::Sub { on, .. } => on.clear(),
            _ => {}
        });
        let mut own = self.clone();
        let conditions: Vec<Expr> = own.condition().into_iter().flatten().flat_map(|c| c.simpler()).collect();
        for simpler in conditions {
            change(&|rel| {
                if let Some(condition) = rel.condition() {
                    *condition = Some(simpler.clone());
                }
            });
        }
        smaller.extend(self.with_simpler_parts());
        smaller
    }

    fn condition(&mut self) -> Option<&mut Option<Expr>> {
        match self {
            Rel::Select { filter, .. } => Some(filter),
            Rel::Group { having, .. } => Some(having),
            Rel::Join { on, residual, .. } if !on.is_empty() => Some(residual),
            Rel::Sub { residual, .. } => Some(residual),
            _ => None,
        }
    }

    fn with_simpler_parts(&self) -> Vec<Rel> {
        let mut simpler = vec![];
        match self {
            Rel::Select { items, .. } => {
                for (index, (expr, _)) in items.iter().enumerate() {
                    for less in expr.simpler() {
                        let mut rel = self.clone();
                        if let Rel::Select { items, .. } = &mut rel {
                            items[index].0 = less;
                        }
                        simpler.push(rel);
                    }
                }
            }
            Rel::Group { calls, .. } => {
                for (index, call) in calls.iter().enumerate() {
                    for less in call.simpler() {
                        let mut rel = self.clone();
                        if let Rel::Group { calls, .. } = &mut rel {
                            calls[index] = less;
                        }
                        simpler.push(rel);
                    }
                }
            }
            Rel::Sub { asks: Asks::Compare(_, _, call) | Asks::Value(call), .. } | Rel::Over { call, .. } => {
                for less in call.simpler() {
                    let mut rel = self.clone();
                    if let Rel::Sub { asks: Asks::Compare(_, _, call) | Asks::Value(call), .. }
                    | Rel::Over { call, .. } = &mut rel
                    {
                        *call = less;
                    }
                    simpler.push(rel);
                }
            }
            _ => {}
        }
        simpler
    }
}
