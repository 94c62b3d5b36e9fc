//! `MATCH_RECOGNIZE`: from the AST to a [`MatchNode`].
//!
//! An expression of `DEFINE` or `MEASURES` is taken apart: what it takes out of the match (`LAST(A.x, 1)`, `AVG(B.y)`, plain
//! `C.z`) becomes a numbered value, and what is left is an ordinary expression over these values.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, Result, TableReference};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::sql::sqlparser::ast::{
    AfterMatchSkip, EmptyMatchesMode, Ident, MatchRecognizePattern, MatchRecognizeSymbol, RepetitionQuantifier,
    RowsPerMatch, TableFactor,
};
use sloth_plan::pattern::{Pattern, Skip};
use sloth_types::Error;

use super::match_values::Taking;
use crate::rewrite::{interval::interval_ms, within::WITHIN};

/// Finds sequences of rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MatchNode {
    /// The input.
    pub input: LogicalPlan,
    /// Columns that divide the rows.
    pub partition_by: Vec<Expr>,
    /// The time attribute, then what orders rows of the same time.
    pub order_by: Vec<Expr>,
    /// What is looked for.
    pub pattern: Pattern,
    /// Names of the variables, by number.
    pub variables: Vec<String>,
    /// The condition of each variable.
    pub conditions: Vec<Option<Taken>>,
    /// The measures with their names and types.
    pub measures: Vec<(String, DataType, Taken)>,
    /// What conditions and measures take out of rows: expressions and aggregates over the input.
    pub arguments: Vec<Expr>,
    /// A row for each matched row.
    pub all_rows: bool,
    /// Where to go on.
    pub skip: Skip,
    /// The longest time of a match.
    pub within_ms: Option<i64>,
    /// The output.
    pub schema: DFSchemaRef,
}

/// An expression over values that are taken out of a match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Taken {
    /// The values, columns of `schema`.
    pub values: Vec<Value>,
    /// Their names and types.
    pub schema: DFSchemaRef,
    /// The expression.
    pub expr: Expr,
}

/// A value taken out of a match; `argument` is an index into [`MatchNode::arguments`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// `PREV(LAST(A.x, back), before)`.
    Last {
        /// Of this variable's rows; of all rows when `None`.
        variable: Option<usize>,
        /// Rows of the variable before its last.
        back: usize,
        /// Rows of the partition before that.
        before: usize,
        /// What is taken of the row.
        argument: usize,
    },
    /// `FIRST(A.x, forward)`.
    First {
        /// Of this variable's rows; of all rows when `None`.
        variable: Option<usize>,
        /// Rows of the variable after its first.
        forward: usize,
        /// What is taken of the row.
        argument: usize,
    },
    /// An aggregate.
    Aggregate {
        /// Over this variable's rows; over all rows when `None`.
        variable: Option<usize>,
        /// The call.
        argument: usize,
    },
    /// `CLASSIFIER()`.
    Classifier,
    /// `MATCH_NUMBER()`.
    MatchNumber,
}

impl PartialOrd for MatchNode {
    fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for MatchNode {
    fn name(&self) -> &str {
        "MatchRecognize"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        [self.partition_by.clone(), self.order_by.clone(), self.arguments.clone()].concat()
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MatchRecognize: {:?}", self.pattern)
    }
    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let arguments = exprs.split_off(self.partition_by.len() + self.order_by.len());
        let order_by = exprs.split_off(self.partition_by.len());
        let input = inputs.into_iter().next().unwrap_or_else(|| self.input.clone());
        Ok(MatchNode { input, partition_by: exprs, order_by, arguments, ..self.clone() })
    }
}

pub(super) fn invalid(message: impl Into<String>, hint: &str) -> DataFusionError {
    DataFusionError::External(Box::new(Error::invalid(message).hint(hint)))
}

/// Plans the table factor.
pub(super) fn plan_match(factor: &TableFactor, cx: &mut dyn RelationPlannerContext) -> Result<MatchNode> {
    let TableFactor::MatchRecognize {
        table,
        partition_by,
        order_by,
        measures,
        rows_per_match,
        after_match_skip,
        pattern,
        symbols,
        ..
    } = factor
    else {
        return Err(invalid("no MATCH_RECOGNIZE", "This is a bug."));
    };
    let input = cx.plan((**table).clone())?;
    let mut variables = vec![];
    let pattern = pattern_of(pattern, &mut variables)?;
    if pattern.matches_nothing() {
        return Err(invalid(
            "the pattern can match no row at all",
            "Let at least one variable be required: write A+ instead of A*.",
        ));
    }
    let time = order_by.first().map(|by| by.expr.clone());
    let mut taking = Taking { variables, arguments: vec![], input: &input, time, cx };
    let mut within_ms = None;
    let mut conditions = vec![None; taking.variables.len()];
    for symbol in symbols {
        if symbol.symbol.value == WITHIN {
            within_ms = Some(interval_ms(&symbol.definition).map_err(|e| DataFusionError::External(Box::new(e)))?);
            continue;
        }
        let Some(variable) = taking.variable(&symbol.symbol) else {
            return Err(invalid(
                format!("DEFINE speaks of '{}', which is not in the pattern", symbol.symbol.value),
                "Use the variable in PATTERN, or leave its definition out.",
            ));
        };
        conditions[variable] = Some(taking.take(symbol.definition.clone())?);
    }
    let mut outputs = vec![];
    for measure in measures {
        let taken = taking.take(measure.expr.clone())?;
        let data_type = taken.expr.get_type(&taken.schema)?;
        outputs.push((taking.cx.normalize_ident(measure.alias.clone()), data_type, taken));
    }
    let schema = Arc::clone(input.schema());
    let partition_by =
        partition_by.iter().map(|e| taking.cx.sql_to_expr(e.clone(), &schema)).collect::<Result<Vec<_>>>()?;
    let mut order = vec![];
    for by in order_by {
        if by.options.asc == Some(false) {
            return Err(invalid("rows are matched in ascending order of time", "Leave DESC out."));
        }
        order.push(taking.cx.sql_to_expr(by.expr.clone(), &schema)?);
    }
    for column in partition_by.iter().chain(&order) {
        if !matches!(column, Expr::Column(_)) {
            return Err(invalid(
                format!("PARTITION BY and ORDER BY of MATCH_RECOGNIZE take columns, not '{column}'"),
                "Compute the expression in a view or subquery first.",
            ));
        }
    }
    if order.is_empty() {
        return Err(invalid("MATCH_RECOGNIZE needs an order", "Write ORDER BY and the table's time attribute."));
    }
    let all_rows = match rows_per_match {
        None | Some(RowsPerMatch::OneRow) => false,
        Some(RowsPerMatch::AllRows(Some(EmptyMatchesMode::WithUnmatched))) => {
            return Err(invalid("WITH UNMATCHED ROWS is not offered", "Leave it out: only matched rows are given."));
        }
        Some(RowsPerMatch::AllRows(_)) => true,
    };
    let named = |ident: &Ident| {
        taking.variable(ident).ok_or_else(|| {
            invalid(format!("AFTER MATCH SKIP to '{ident}', which is not in the pattern"), "Name one of its variables.")
        })
    };
    let skip = match after_match_skip {
        None | Some(AfterMatchSkip::PastLastRow) => Skip::PastLastRow,
        Some(AfterMatchSkip::ToNextRow) => Skip::ToNextRow,
        Some(AfterMatchSkip::ToFirst(v)) => Skip::ToFirst(named(v)?),
        Some(AfterMatchSkip::ToLast(v)) => Skip::ToLast(named(v)?),
    };
    let schema = output_schema(&input, &partition_by, &outputs, all_rows)?;
    let Taking { variables, arguments, .. } = taking;
    Ok(MatchNode {
        partition_by,
        order_by: order,
        pattern,
        variables,
        conditions,
        measures: outputs,
        arguments,
        all_rows,
        skip,
        within_ms,
        schema,
        input,
    })
}

fn output_schema(
    input: &LogicalPlan,
    partition_by: &[Expr],
    measures: &[(String, DataType, Taken)],
    all_rows: bool,
) -> Result<DFSchemaRef> {
    let mut fields: Vec<(Option<TableReference>, Arc<Field>)> = match all_rows {
        true => input.schema().iter().map(|(_, f)| (None, Arc::clone(f))).collect(),
        false => partition_by
            .iter()
            .map(|e| Ok((None, Arc::new(e.to_field(input.schema())?.1.as_ref().clone()))))
            .collect::<Result<_>>()?,
    };
    for (name, data_type, _) in measures {
        fields.push((None, Arc::new(Field::new(name, data_type.clone(), true))));
    }
    Ok(Arc::new(DFSchema::new_with_metadata(fields, std::collections::HashMap::new())?))
}

/// From the parser's pattern to ours; variables are numbered as they are met.
fn pattern_of(pattern: &MatchRecognizePattern, variables: &mut Vec<String>) -> Result<Pattern> {
    let mut symbol = |symbol: &MatchRecognizeSymbol, excluded| match symbol {
        MatchRecognizeSymbol::Named(ident) => {
            let known = variables.iter().position(|v| v.eq_ignore_ascii_case(&ident.value));
            let variable = known.unwrap_or_else(|| {
                variables.push(ident.value.clone());
                variables.len() - 1
            });
            Ok(Pattern::Variable { variable, excluded })
        }
        _ => Err(invalid("^ and $ have no meaning in a pattern over a stream", "Leave them out.")),
    };
    Ok(match pattern {
        MatchRecognizePattern::Symbol(s) => symbol(s, false)?,
        MatchRecognizePattern::Exclude(s) => symbol(s, true)?,
        MatchRecognizePattern::Permute(symbols) => {
            let parts = symbols.iter().map(|s| symbol(s, false)).collect::<Result<Vec<_>>>()?;
            Pattern::Alternation(permutations(&parts).into_iter().map(Pattern::Sequence).collect())
        }
        MatchRecognizePattern::Concat(parts) => {
            Pattern::Sequence(parts.iter().map(|p| pattern_of(p, variables)).collect::<Result<_>>()?)
        }
        MatchRecognizePattern::Group(inner) => pattern_of(inner, variables)?,
        MatchRecognizePattern::Alternation(parts) => {
            Pattern::Alternation(parts.iter().map(|p| pattern_of(p, variables)).collect::<Result<_>>()?)
        }
        MatchRecognizePattern::Repetition(of, quantifier) => {
            // `A+?`: the parser reads the question mark as a second quantifier; in `(A+)?` a group stands between.
            let (of, quantifier, greedy) = match (of.as_ref(), quantifier) {
                (MatchRecognizePattern::Repetition(of, inner), RepetitionQuantifier::AtMostOne) => (of, inner, false),
                _ => (of, quantifier, true),
            };
            let (min, max) = match quantifier {
                RepetitionQuantifier::ZeroOrMore => (0, None),
                RepetitionQuantifier::OneOrMore => (1, None),
                RepetitionQuantifier::AtMostOne => (0, Some(1)),
                RepetitionQuantifier::Exactly(n) => (*n, Some(*n)),
                RepetitionQuantifier::AtLeast(n) => (*n, None),
                RepetitionQuantifier::AtMost(n) => (0, Some(*n)),
                RepetitionQuantifier::Range(n, m) => (*n, Some(*m)),
            };
            if max.is_some_and(|max| max < min || max == 0) || max.unwrap_or(min) > 10_000 {
                return Err(invalid(
                    format!("'{quantifier}' is no sensible number of repetitions"),
                    "Write {n,m} with n <= m.",
                ));
            }
            Pattern::Repetition { of: Box::new(pattern_of(of, variables)?), min, max, greedy }
        }
    })
}

fn permutations(parts: &[Pattern]) -> Vec<Vec<Pattern>> {
    if parts.is_empty() {
        return vec![vec![]];
    }
    let mut out = vec![];
    for (i, first) in parts.iter().enumerate() {
        let rest: Vec<Pattern> = parts.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, p)| p.clone()).collect();
        for tail in permutations(&rest) {
            out.push(std::iter::once(first.clone()).chain(tail).collect());
        }
    }
    out
}
