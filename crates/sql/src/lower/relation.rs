//! What lowering knows of a logical node's output.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::Expr;
use sloth_plan::{NodeId, WindowSpec};
use sloth_types::{ChangelogMode, Options, Result, TableSpec};

use super::route::Lineage;
use super::{RESULT_TABLE, internal};

/// What a column means for time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing.
    Plain,
    /// Event time: the column that a watermark speaks of.
    Rowtime,
    /// Processing time.
    Proctime,
    /// Bound of the window with this number.
    WindowStart(usize),
    /// Bound of the window with this number.
    WindowEnd(usize),
    /// Last instant of the window with this number: event time of what the window gives.
    WindowTime(usize),
}

impl Role {
    pub(super) fn is_window(self) -> bool {
        matches!(self, Role::WindowStart(_) | Role::WindowEnd(_) | Role::WindowTime(_))
    }

    /// True for columns that a window can be built on.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Role::Rowtime | Role::Proctime | Role::WindowTime(_))
    }
}

/// A window table function that has not been carried out yet: its three columns are virtual.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// The window's number.
    pub(super) id: usize,
    /// Which windows.
    pub(super) spec: WindowSpec,
    /// The time column's place in the node's output.
    pub(super) time: usize,
    /// The time column carries processing time.
    pub(super) proctime: bool,
    /// Session windows: the key columns, by their place in the node's output when the window was met.
    pub(super) partition_by: Vec<Expr>,
}

/// The output of a logical node.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// The node of the streaming plan. Its columns are the logical ones without virtual ones, in order; while a window
    /// is pending its time column follows behind them.
    pub(super) node: NodeId,
    /// No other relation can refer to the node, so a stage may be added to it.
    pub(super) exclusive: bool,
    /// The logical columns.
    pub(super) schema: DFSchemaRef,
    /// What each logical column means.
    pub(super) roles: Vec<Role>,
    /// A window table function to be carried out.
    pub(super) pending: Option<Pending>,
    /// How changes are to be read: append-only or retract.
    pub(super) mode: ChangelogMode,
    /// Columns that tell the rows apart (places in the node's output), when some are known.
    pub(super) key: Option<Vec<usize>>,
    /// Source nodes below.
    pub(super) sources: Vec<NodeId>,
    /// Rows have gone through an exchange: their order is by content.
    pub(super) exchanged: bool,
    /// Rows are made by a window's firing.
    pub(super) cascaded: bool,
    /// The way from a single source, as long as late rows can be told beside the source.
    pub(super) lineage: Option<Lineage>,
}

impl Relation {
    /// True for columns that are not there as values yet.
    pub(super) fn is_virtual(&self, role: Role) -> bool {
        match (&self.pending, role) {
            (Some(p), Role::WindowStart(id) | Role::WindowEnd(id) | Role::WindowTime(id)) => p.id == id,
            _ => false,
        }
    }

    /// True when an expression refers to a virtual column.
    pub(super) fn touches_virtual(&self, expr: &Expr) -> bool {
        self.pending.is_some()
            && expr
                .exists(|e| {
                    Ok(match e {
                        Expr::Column(c) => self
                            .schema
                            .index_of_column(c)
                            .is_ok_and(|i| self.roles.get(i).is_some_and(|r| self.is_virtual(*r))),
                        _ => false,
                    })
                })
                .unwrap_or(true)
    }

    /// True when rows may be taken back.
    pub(super) fn changes(&self) -> bool {
        self.mode != ChangelogMode::Append
    }

    /// The columns that are there as values, in the order of the node's output.
    pub(super) fn physical_schema(&self) -> Result<DFSchema> {
        let fields = self
            .schema
            .iter()
            .zip(&self.roles)
            .filter(|(_, role)| !self.is_virtual(**role))
            .map(|((qualifier, field), _)| (qualifier.cloned(), Arc::clone(field)))
            .collect();
        DFSchema::new_with_metadata(fields, std::collections::HashMap::new()).map_err(internal)
    }

    /// The table that shows it.
    pub(super) fn shown(&self, time_zone: &str) -> TableSpec {
        TableSpec {
            name: RESULT_TABLE.to_owned(),
            schema: Arc::new(self.arrow_schema()),
            metadata: vec![],
            primary_key: vec![],
            options: Options::new([("connector".to_owned(), "print".to_owned())]),
            time_zone: time_zone.to_owned(),
            partition_by: vec![],
        }
    }

    /// Names and types for a table made of this relation.
    pub(super) fn arrow_schema(&self) -> Schema {
        Schema::new(
            self.schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect::<Vec<_>>(),
        )
    }
}
