//! Casts that tell calls apart. DataFusion names a call without the casts in it, so that `SUM(n)` and
//! `SUM(CAST(n AS BIGINT))` are one column; behind a function that does nothing they have names of their own.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, Expr, Query, VisitMut, VisitorMut};

use super::{call, string};

/// Gives the casts inside of calls names. False when there are none.
pub(crate) fn name_casts(query: &mut Query) -> bool {
    let mut naming = Naming { calls: 0, found: false };
    let ControlFlow::Continue(()) = query.visit(&mut naming);
    naming.found
}

struct Naming {
    /// Number of calls around.
    calls: usize,
    found: bool,
}

impl VisitorMut for Naming {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        self.calls += usize::from(matches!(expr, Expr::Function(_)));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Function(_) => self.calls -= 1,
            Expr::Cast { data_type, .. } if self.calls > 0 => {
                let name = string(data_type.to_string());
                let cast = std::mem::replace(expr, Expr::Value(ast::Value::Null.into()));
                *expr = call("$named", vec![cast, name]);
                self.found = true;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
