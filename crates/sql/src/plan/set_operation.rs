//! INTERSECT and EXCEPT as nodes of their own.
//!
//! DataFusion's planner makes semi and anti joins of them, on all columns with NULL equal to NULL. That is right for sets,
//! not for `ALL`, where it counts how often a row comes. Nothing else makes such joins before the optimiser has run, so
//! that they can be told from the user's own.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, DFSchemaRef, DataFusionError, JoinType, NullEquality, Result};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    Distinct, Expr, Extension, Join, LogicalPlan, LogicalPlanBuilder, UserDefinedLogicalNodeCore, cast,
};
use sloth_plan::SetOperation;
use sloth_types::Error;

/// A set operation. The columns of both inputs have the same types; the output has the left input's names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetOperationNode {
    /// Which.
    pub operation: SetOperation,
    /// The left input.
    pub left: LogicalPlan,
    /// The right input.
    pub right: LogicalPlan,
    /// The output.
    pub schema: DFSchemaRef,
}

/// Puts set operations in the place of the joins that stand for them.
pub(crate) fn with_set_operations(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if is_set_operation(&join) => set_operation(join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })
    .map(|t| t.data)
}

fn is_set_operation(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none()
        && join.on.len() == join.left.schema().fields().len()
}

fn set_operation(join: Join) -> Result<LogicalPlan> {
    // A DISTINCT that the user wrote on the left of ALL leaves each row once: then both forms are the same.
    let (left, distinct) = match join.left.as_ref() {
        LogicalPlan::Distinct(Distinct::All(input)) => (Arc::clone(input), true),
        _ => (Arc::clone(&join.left), false),
    };
    let operation = match (join.join_type, distinct) {
        (JoinType::LeftSemi, true) => SetOperation::Intersect,
        (JoinType::LeftSemi, false) => SetOperation::IntersectAll,
        (_, true) => SetOperation::Except,
        (_, false) => SetOperation::ExceptAll,
    };
    let types = left.schema().fields().iter().zip(join.right.schema().fields()).map(|(l, r)| {
        // Texts are not read as numbers in silence.
        let alike = l.data_type().is_string() == r.data_type().is_string()
            || l.data_type().is_null()
            || r.data_type().is_null();
        comparison_coercion(l.data_type(), r.data_type()).filter(|_| alike).ok_or_else(|| {
            let shown = |f: &Field| crate::types::SqlType::from_arrow(f.data_type()).to_string();
            let what = format!("{} and {} have no common type in INTERSECT or EXCEPT", shown(l), shown(r));
            DataFusionError::External(Box::new(Error::invalid(what).hint("Cast one of the columns.")))
        })
    });
    let types = types.collect::<Result<Vec<_>>>()?;
    let cast_to = |plan: &LogicalPlan| -> Result<LogicalPlan> {
        if plan.schema().fields().iter().zip(&types).all(|(f, t)| f.data_type() == t) {
            return Ok(plan.clone());
        }
        let exprs = plan.schema().iter().zip(&types).map(|((qualifier, field), data_type)| {
            let column = Expr::Column(Column::from((qualifier, field)));
            match field.data_type() == data_type {
                true => column,
                false => cast(column, data_type.clone()).alias_qualified(qualifier.cloned(), field.name()),
            }
        });
        LogicalPlanBuilder::from(plan.clone()).project(exprs.collect::<Vec<_>>())?.build()
    };
    let node = SetOperationNode::new(operation, cast_to(&left)?, cast_to(&join.right)?)?;
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

impl SetOperationNode {
    fn new(operation: SetOperation, left: LogicalPlan, right: LogicalPlan) -> Result<Self> {
        let fields = left.schema().iter().map(|(qualifier, field)| {
            (qualifier.cloned(), Arc::new(Field::new(field.name(), field.data_type().clone(), true)))
        });
        let schema = DFSchema::new_with_metadata(fields.collect(), left.schema().metadata().clone())?;
        Ok(SetOperationNode { operation, left, right, schema: Arc::new(schema) })
    }
}

impl PartialOrd for SetOperationNode {
    fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for SetOperationNode {
    fn name(&self) -> &str {
        "SetOperation"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.left, &self.right]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetOperation: {}", self.operation)
    }
    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[LogicalPlan; 2]>::try_from(inputs) {
            Ok([left, right]) => SetOperationNode::new(self.operation, left, right),
            Err(_) => Err(DataFusionError::External(Box::new(Error::internal("a set operation has two inputs")))),
        }
    }
    fn necessary_children_exprs(&self, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        // Rows are compared as a whole, whatever is shown of them.
        let all = |plan: &LogicalPlan| (0..plan.schema().fields().len()).collect();
        Some(vec![all(&self.left), all(&self.right)])
    }
}
