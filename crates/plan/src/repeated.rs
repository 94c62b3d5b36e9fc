//! Conditions in which a computed value stands several times: `f(x) BETWEEN 1 AND 5` is `f(x) >= 1 AND f(x) <= 5`.
//!
//! The planner lifts repeated expressions out of a condition only where both stand on the same side of an AND. Here they are
//! computed once for a batch, whichever conditions they stand in, when they cannot fail or are asked for every row anyway.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::{BinaryExpr, CaseExpr, Column, Literal};
use datafusion::physical_plan::PhysicalExpr;

use crate::guard::{Guard, can_fail};
use crate::inputs::{Expr, Inputs, evaluate, is_column};

/// The condition with what stands in it several times computed once.
///
/// # Errors
/// When the expression does not fit the schema.
pub fn computed_once(condition: Expr, schema: &Schema) -> Result<Expr> {
    if branches(&condition).is_none() {
        return Ok(condition);
    }
    let mut found = Vec::new();
    find(&condition, true, &mut found);
    let mut parts: Vec<Expr> = Vec::new();
    for (at, candidate) in found.iter().enumerate() {
        let mut same = found.iter().filter(|other| other.expr.eq(&candidate.expr));
        let first = found.iter().position(|other| other.expr.eq(&candidate.expr)) == Some(at);
        if !first || same.clone().count() < 2 {
            continue;
        }
        if same.any(|other| other.always) || !can_fail(&candidate.expr, schema)? {
            parts.push(Arc::clone(&candidate.expr));
        }
    }
    if parts.is_empty() {
        return Ok(condition);
    }
    Ok(Arc::new(Repeated::new(condition, parts)?))
}

/// The sides of AND or OR.
fn branches(expr: &Expr) -> Option<(&Expr, &Expr)> {
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        return matches!(binary.op(), Operator::And | Operator::Or).then(|| (binary.left(), binary.right()));
    }
    expr.downcast_ref::<Guard>().map(Guard::sides)
}

/// A computed value in a condition.
struct Found {
    expr: Expr,
    /// It is asked for every row.
    always: bool,
}

/// Computed values, outer ones first. What stands in a CASE may be asked for few rows only.
fn find(expr: &Expr, always: bool, found: &mut Vec<Found>) {
    if let Some((left, right)) = branches(expr) {
        find(left, always, found);
        find(right, false, found);
        return;
    }
    let plain =
        is_column(expr) || expr.downcast_ref::<Literal>().is_some() || expr.downcast_ref::<CaseExpr>().is_some();
    if plain || expr.is_volatile_node() {
        return;
    }
    let known = found.iter().any(|other| other.expr.eq(expr));
    if !expr.children().is_empty() {
        found.push(Found { expr: Arc::clone(expr), always });
    }
    // What is in a repeated value is computed with it.
    if !known {
        expr.children().into_iter().for_each(|child| find(child, always, found));
    }
}

/// A condition over what it reads and over values that are computed before it.
#[derive(Debug)]
pub struct Repeated {
    whole: Expr,
    parts: Vec<Expr>,
    inputs: Inputs,
    /// The parts, over the inputs.
    computed: Vec<Expr>,
    /// The condition, over the inputs and the parts behind them.
    inner: Expr,
}

impl Repeated {
    fn new(whole: Expr, parts: Vec<Expr>) -> Result<Repeated> {
        let mut inputs = Inputs::default();
        // All inputs come first, so that the places behind them are known.
        inputs.read_by(&whole);
        let computed: Vec<Expr> = parts.iter().map(|part| inputs.read_by(part)).collect();
        let first = inputs.len();
        let inner = inputs.read_by(&whole).transform_down(|e| {
            let column = |at: usize| Arc::new(Column::new(&e.to_string(), first + at)) as Expr;
            Ok(match computed.iter().position(|part| part.eq(&e)) {
                Some(at) => Transformed::new(column(at), true, TreeNodeRecursion::Jump),
                None => Transformed::no(e),
            })
        });
        Ok(Repeated { whole, parts, inputs, inner: inner.data()?, computed })
    }

    /// The condition as it was written.
    pub fn whole(&self) -> &Expr {
        &self.whole
    }
}

impl PhysicalExpr for Repeated {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let read = self.inputs.of(batch)?;
        let computed = evaluate(&self.computed, &read)?;
        let fields: Vec<FieldRef> = [&read, &computed].iter().flat_map(|b| b.schema_ref().fields().to_vec()).collect();
        let columns: Vec<ArrayRef> = [&read, &computed].iter().flat_map(|b| b.columns().to_vec()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let all = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?;
        self.inner.evaluate(&all)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.whole.return_field(schema)
    }

    fn children(&self) -> Vec<&Expr> {
        [&self.whole].into_iter().chain(&self.parts).collect()
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Expr>) -> Result<Expr> {
        match children.split_first() {
            Some((whole, parts)) => Ok(Arc::new(Repeated::new(Arc::clone(whole), parts.to_vec())?)),
            None => exec_err!("a condition is missing"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole.fmt_sql(f)
    }
}

/// As it was written.
impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole.fmt(f)
    }
}

impl PartialEq for Repeated {
    fn eq(&self, other: &Repeated) -> bool {
        self.whole.eq(&other.whole)
    }
}

impl Eq for Repeated {}

impl Hash for Repeated {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.whole.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use datafusion::common::DFSchema;
    use datafusion::logical_expr::{Expr as Logical, col, lit};
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::guard::guarded;

    fn rows() -> RecordBatch {
        let column = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
        let x = column((0..40).map(|i| (i % 9 > 0).then_some(i * 37 % 23)).collect());
        let y = column((0..40).map(|i| (i % 11 > 0).then_some(i % 5 - 2)).collect());
        RecordBatch::try_from_iter_with_nullable([("x", x, true), ("y", y, true)]).unwrap()
    }

    /// The condition as DataFusion runs it, and as it runs here.
    fn both(condition: Logical) -> (Expr, Expr) {
        let schema = rows().schema();
        let logical = DFSchema::try_from(schema.as_ref().clone()).unwrap();
        let plain = SessionContext::new().create_physical_expr(condition, &logical).unwrap();
        let ours = guarded(Arc::clone(&plain), &schema).unwrap();
        (plain, computed_once(ours, &schema).unwrap())
    }

    #[test]
    fn conditions_give_what_they_gave() {
        let seven = || col("x") % lit(7i64);
        let quotient = || col("x") / (col("y") + lit(10i64));
        for (condition, parts) in [
            (seven().between(lit(2i64), lit(4i64)), 1),
            (col("y").gt(lit(0i64)).and(seven().gt(lit(1i64)).or(seven().eq(lit(0i64)))), 1),
            ((seven() + lit(1i64)).gt(lit(2i64)).and((seven() + lit(1i64)).lt(lit(6i64))), 1),
            // A division can fail: it is lifted where it is asked for all rows, and not where it may never be.
            (quotient().between(lit(0i64), lit(1i64)), 1),
            (col("y").gt(lit(0i64)).and(quotient().gt(lit(0i64))).and(quotient().lt(lit(2i64))), 0),
            (col("x").gt(lit(3i64)).and(col("x").lt(lit(9i64))), 0),
        ] {
            let (plain, ours) = both(condition);
            assert_eq!(ours.downcast_ref::<Repeated>().map_or(0, |r| r.parts.len()), parts, "{plain}");
            assert_eq!(ours.to_string(), plain.to_string());
            let values = |e: &Expr| e.evaluate(&rows()).unwrap().into_array(40).unwrap().as_boolean().clone();
            assert_eq!(values(&ours), values(&plain), "{plain}");
            let again = Arc::clone(&ours).with_new_children(ours.children().into_iter().cloned().collect()).unwrap();
            assert_eq!(values(&again), values(&plain), "{plain}");
        }
    }
}
