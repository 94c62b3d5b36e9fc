//! Conditions that guard others: in `b <> 0 AND a / b > 1` the division is done only where the left side lets it be.
//!
//! DataFusion evaluates both sides of AND and OR for all rows of a batch, unless the left side decides nearly all of them. A right
//! side that can fail (a division, a cast of a text) is therefore asked only for the rows that the left side leaves open.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::kernels::boolean::{and_kleene, or_kleene};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Literal, case};
use datafusion::physical_plan::PhysicalExpr;

use crate::inputs::{Expr, Inputs};

/// Functions that give a value or NULL for every argument; all others may fail.
const NEVER_FAIL: [&str; 17] = [
    "get_field",
    "lower",
    "upper",
    "character_length",
    "octet_length",
    "substr",
    "replace",
    "split_index",
    "concat",
    "btrim",
    "ltrim",
    "rtrim",
    "date_format",
    "$extract",
    "strpos",
    "starts_with",
    "ends_with",
];

/// The expression with a [`Guard`] in the place of each AND and OR whose right side can fail.
///
/// # Errors
/// When an expression does not fit the schema.
pub fn guarded(expr: Expr, schema: &Schema) -> Result<Expr> {
    expr.transform_up(|e| {
        let Some(binary) = e.downcast_ref::<BinaryExpr>() else { return Ok(Transformed::no(e)) };
        if !matches!(binary.op(), Operator::And | Operator::Or) || !can_fail(binary.right(), schema)? {
            return Ok(Transformed::no(e));
        }
        let (left, right) = (Arc::clone(binary.left()), Arc::clone(binary.right()));
        Ok(Transformed::yes(Arc::new(Guard::new(left, *binary.op(), right)) as _))
    })
    .data()
}

/// What an aggregate with a filter adds up: a value that can fail is asked for only where the filter lets it be.
///
/// # Errors
/// When an expression does not fit the schema.
pub fn only_where(filter: Option<&Expr>, value: Expr, schema: &Schema) -> Result<Expr> {
    match filter {
        Some(filter) if can_fail(&value, schema)? => case(None, vec![(Arc::clone(filter), value)], None),
        _ => Ok(value),
    }
}

/// False when the expression has a value, or NULL, whatever the row.
pub(crate) fn can_fail(expr: &Expr, schema: &Schema) -> Result<bool> {
    let own = if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        match binary.op() {
            Operator::Divide | Operator::Modulo => {
                !binary.data_type(schema)?.is_floating() && !is_positive(binary.right())
            }
            // Whole numbers wrap; a decimal that has digits to spare cannot overflow.
            Operator::Plus | Operator::Minus | Operator::Multiply => {
                matches!(binary.data_type(schema)?, DataType::Decimal128(38.., _) | DataType::Decimal256(..))
            }
            _ => false,
        }
    } else if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        !is_lossless(&cast.expr().data_type(schema)?, cast.cast_type())
    } else if let Some(function) = expr.downcast_ref::<ScalarFunctionExpr>() {
        !NEVER_FAIL.contains(&function.fun().name())
    } else {
        false
    };
    if own {
        return Ok(true);
    }
    for child in expr.children() {
        if can_fail(child, schema)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A divisor that divides everything: -1 does not divide the smallest number.
fn is_positive(divisor: &Expr) -> bool {
    let value = divisor.downcast_ref::<Literal>().map(Literal::value);
    value.is_some_and(|v| {
        !v.is_null() && v.to_string().bytes().any(|b| (b'1'..=b'9').contains(&b)) && !v.to_string().starts_with('-')
    })
}

fn is_lossless(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    let width = |t: &DataType| t.primitive_width().unwrap_or(0);
    match (from, to) {
        _ if from == to => true,
        // Bytes need not be a text.
        (from, Utf8) => !from.is_binary(),
        (Date32, Timestamp(..)) | (Timestamp(..), Date32) => true,
        _ if from.is_signed_integer() && to.is_signed_integer() => width(to) >= width(from),
        _ if from.is_numeric() && to.is_floating() => true,
        // The longest whole number has 19 digits.
        (Decimal128(p, s), Decimal128(wider, scale)) => {
            scale >= s && i16::from(*wider) - i16::from(*scale) >= i16::from(*p) - i16::from(*s)
        }
        (from, Decimal128(p, s)) if from.is_signed_integer() => i16::from(*p) - i16::from(*s) >= 19,
        _ => false,
    }
}

/// AND or OR whose right side is evaluated only for rows that the left side does not decide.
#[derive(Debug)]
pub struct Guard {
    left: Expr,
    op: Operator,
    right: Expr,
    /// What the right side reads.
    inputs: Inputs,
    /// The right side over these.
    inner: Expr,
}

impl Guard {
    fn new(left: Expr, op: Operator, right: Expr) -> Guard {
        let mut inputs = Inputs::default();
        let inner = inputs.read_by(&right);
        Guard { left, op, right, inputs, inner }
    }

    /// AND or OR.
    pub fn op(&self) -> &Operator {
        &self.op
    }

    /// The left and the right side.
    pub(crate) fn sides(&self) -> (&Expr, &Expr) {
        (&self.left, &self.right)
    }

    /// The values of the right side at the rows that are picked, NULL elsewhere.
    fn right_at(&self, open: &BooleanArray, rows: &RecordBatch) -> Result<ColumnarValue> {
        match open.has_false() {
            true => self.inner.evaluate_selection(&self.inputs.of(rows)?, open),
            false => self.right.evaluate(rows),
        }
    }
}

fn booleans(value: ColumnarValue, rows: usize) -> Result<BooleanArray> {
    let array = value.into_array(rows)?;
    match array.as_boolean_opt() {
        Some(values) => Ok(values.clone()),
        None => exec_err!("a side of AND or OR has the type {}", array.data_type()),
    }
}

impl PhysicalExpr for Guard {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let left = booleans(self.left.evaluate(batch)?, rows)?;
        let is_and = self.op == Operator::And;
        // NULL decides nothing: NULL AND false is false.
        let deciding = if is_and { !left.values() } else { left.values().clone() };
        let decided = left.nulls().map_or(deciding.clone(), |valid| &deciding & valid.inner());
        let open = BooleanArray::new(!&decided, None);
        if !open.has_true() {
            return Ok(ColumnarValue::Array(Arc::new(left)));
        }
        let right = booleans(self.right_at(&open, batch)?, rows)?;
        let both = if is_and { and_kleene(&left, &right)? } else { or_kleene(&left, &right)? };
        Ok(ColumnarValue::Array(Arc::new(both)))
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        let nullable = self.left.nullable(schema)? || self.right.nullable(schema)?;
        Ok(Arc::new(Field::new(self.to_string(), DataType::Boolean, nullable)))
    }

    fn children(&self) -> Vec<&Expr> {
        vec![&self.left, &self.right]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Expr>) -> Result<Expr> {
        match <[Expr; 2]>::try_from(children) {
            Ok([left, right]) => Ok(Arc::new(Guard::new(left, self.op, right))),
            Err(others) => exec_err!("AND and OR have two sides, not {}", others.len()),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As the operator is shown that it stands for.
impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BinaryExpr::new(Arc::clone(&self.left), self.op, Arc::clone(&self.right)).fmt(f)
    }
}

impl PartialEq for Guard {
    fn eq(&self, other: &Guard) -> bool {
        self.op == other.op && self.left.eq(&other.left) && self.right.eq(&other.right)
    }
}

impl Eq for Guard {}

impl Hash for Guard {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.op.hash(state);
        self.left.hash(state);
        self.right.hash(state);
    }
}
