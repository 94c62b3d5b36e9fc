//! Joins of windowed inputs on their window: nothing is kept of a window that is over.

use std::sync::Arc;

use datafusion::common::DFSchema;
use sloth_plan::{Join, JoinKind, NodeKind, WindowJoin};
use sloth_types::{ChangelogMode, Result};

use super::super::Lowering;
use super::super::relation::{Relation, Role};
use super::Inputs;

/// The window that both sides of a join share.
#[derive(Clone, Copy)]
pub(super) struct SharedWindow {
    /// Its number on either side.
    ids: [usize; 2],
    ends: [usize; 2],
}

impl Lowering<'_> {
    /// The window whose start and end are both among the keys of a join.
    pub(super) fn shared_window(&self, join: &Join, inputs: &Inputs) -> Option<SharedWindow> {
        let Inputs { left, right, .. } = inputs;
        if join.null_equal {
            return None;
        }
        let role = |side: &Relation, column: usize| side.roles.get(column).copied().unwrap_or(Role::Plain);
        let pairs = || join.left_keys.iter().copied().zip(join.right_keys.iter().copied());
        pairs().find_map(|(l, r)| {
            let (Role::WindowEnd(a), Role::WindowEnd(b)) = (role(left, l), role(right, r)) else { return None };
            let starts = |(l, r)| role(left, l) == Role::WindowStart(a) && role(right, r) == Role::WindowStart(b);
            let clocks = self.clocked.contains(&a) == self.clocked.contains(&b);
            (clocks && pairs().any(starts)).then_some(SharedWindow { ids: [a, b], ends: [l, r] })
        })
    }

    pub(super) fn window_join(
        &mut self,
        join: Join,
        inputs: Inputs,
        window: SharedWindow,
        schema: &Arc<DFSchema>,
    ) -> Result<Relation> {
        let SharedWindow { ids, ends } = window;
        let cascaded = [inputs.left.cascaded, inputs.right.cascaded];
        let proctime = self.clocked.contains(&ids[0]);
        // The bounds stay those of a window where they are never padded with NULL; both sides have the same window.
        let kept = match join.kind {
            JoinKind::Inner => [true, true],
            JoinKind::Left | JoinKind::LeftSemi | JoinKind::LeftAnti | JoinKind::LeftMark => [true, false],
            JoinKind::Right | JoinKind::RightSemi | JoinKind::RightAnti => [false, true],
            JoinKind::Full => [false, false],
        };
        let of_side = [inputs.left.roles.clone(), inputs.right.roles.clone()];
        self.windows += 1;
        let id = self.windows;
        if proctime {
            self.clocked.insert(id);
        }
        let roles = move |side: usize, column: usize| {
            let role = of_side[side].get(column).copied().unwrap_or(Role::Plain);
            match role {
                _ if !kept[side] => Role::Plain,
                Role::WindowStart(own) if own == ids[side] => Role::WindowStart(id),
                Role::WindowEnd(own) if own == ids[side] => Role::WindowEnd(id),
                Role::WindowTime(own) if own == ids[side] => Role::WindowTime(id),
                _ => Role::Plain,
            }
        };
        let emission = self.emission_of(proctime);
        let changes = inputs.left.changes() || inputs.right.changes();
        let grows = matches!(join.kind, JoinKind::Inner | JoinKind::LeftSemi | JoinKind::RightSemi);
        let mode = match changes || !(emission.is_final() || grows) {
            true => ChangelogMode::Retract,
            false => ChangelogMode::Append,
        };
        let node = WindowJoin { join: join.clone(), ends, proctime, cascaded, emission };
        let kind = NodeKind::WindowJoin(Box::new(node));
        let relation = self.add_join(kind, &join, inputs, mode, schema, roles)?;
        // Its rows are made by a window, like those of an aggregation.
        Ok(Relation { cascaded: true, ..relation })
    }
}
