//! The optimiser: DataFusion's rules that are safe for streams, in DataFusion's order, and our own for filters and for the
//! order of joins.
//!
//! Left out, each because it may change what a stream means:
//! * limit push-down, filter push-down across aggregates, windows and distinct, null filters on join keys: they change
//!   what a stateful node sees;
//! * empty-relation propagation and filter elimination: a source that is not read has no watermark;
//! * `single_distinct_to_groupby`: it doubles the state of `COUNT(DISTINCT …)`;
//! * group keys by constants: the key of a result is what the user wrote;
//! * leaf-expression extraction: the lowering prunes nested fields itself.

mod join_order;
mod projected_exists;
mod push_filters;
mod quantified;

use std::sync::Arc;

use datafusion::optimizer::OptimizerRule;
use datafusion::optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::eliminate_duplicated_expr::EliminateDuplicatedExpr;
use datafusion::optimizer::eliminate_outer_join::EliminateOuterJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::optimize_unions::OptimizeUnions;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;

pub use join_order::JoinOrder;
pub use projected_exists::ProjectedExists;
pub use push_filters::PushFilters;
pub use quantified::QuantifiedSubqueries;

/// The rules, in the order in which they run.
pub(crate) fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        // Instead of DataFusion's rule for ANY and ALL: its comparisons hide the keys from a join, and it leaves IN as a
        // value to a mark that is false where SQL says NULL.
        Arc::new(QuantifiedSubqueries),
        Arc::new(OptimizeUnions::new()),
        Arc::new(SimplifyExpressions::new()),
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(ProjectedExists),
        Arc::new(DecorrelatePredicateSubquery::new()),
        // With `enable_physical_uncorrelated_scalar_subquery` off: every subquery used as a value becomes a join.
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(DecorrelateLateralJoin::new()),
        // Conditions first reach the joins they belong to, so that cross joins find their keys.
        Arc::new(PushFilters),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateDuplicatedExpr::new()),
        // An inner join needs less state, and its result grows only.
        Arc::new(EliminateOuterJoin::new()),
        Arc::new(EliminateCrossJoin::new()),
        Arc::new(PushFilters),
        // All conditions are at their joins now, and no projection lies between these yet.
        Arc::new(JoinOrder),
        Arc::new(CommonSubexprEliminate::new()),
        Arc::new(OptimizeProjections::new()),
    ]
}
