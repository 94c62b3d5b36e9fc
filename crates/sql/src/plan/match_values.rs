//! Takes expressions of `DEFINE` and `MEASURES` apart: what they take out of the match becomes numbered values.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DataFusionError, Result, TableReference};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::sql::sqlparser::ast::{self, Ident, VisitMut, VisitorMut};

use super::match_recognize::{Taken, Value, invalid};
use crate::rewrite::{args, function_name};

/// Takes expressions apart.
pub(super) struct Taking<'a> {
    pub(super) variables: Vec<String>,
    pub(super) arguments: Vec<Expr>,
    pub(super) input: &'a LogicalPlan,
    /// What rows are ordered by first.
    pub(super) time: Option<ast::Expr>,
    pub(super) cx: &'a mut dyn RelationPlannerContext,
}

impl Taking<'_> {
    pub(super) fn variable(&self, ident: &Ident) -> Option<usize> {
        self.variables.iter().position(|v| v.eq_ignore_ascii_case(&ident.value))
    }

    pub(super) fn take(&mut self, mut expr: ast::Expr) -> Result<Taken> {
        let mut lift = Lift { taking: self, values: vec![], types: vec![] };
        if let ControlFlow::Break(error) = expr.visit(&mut lift) {
            return Err(error);
        }
        let Lift { values, types, .. } = lift;
        let fields: Vec<(Option<TableReference>, Arc<Field>)> =
            types.into_iter().enumerate().map(|(i, t)| (None, Arc::new(Field::new(name_of(i), t, true)))).collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, std::collections::HashMap::new())?);
        let expr = self.cx.sql_to_expr(expr, &schema)?;
        Ok(Taken { values, schema, expr })
    }

    /// The rows that an expression speaks of, and the expression over the input without the variable's name.
    fn strip(&self, mut expr: ast::Expr) -> Result<(Option<usize>, ast::Expr)> {
        struct Strip<'a, 'b>(&'a Taking<'b>, Vec<Option<usize>>);
        impl VisitorMut for Strip<'_, '_> {
            type Break = ();
            fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
                match expr {
                    ast::Expr::CompoundIdentifier(path) => {
                        let variable = path.first().and_then(|first| self.0.variable(first));
                        self.1.push(variable);
                        if variable.is_some() {
                            path.remove(0);
                        }
                        if let [only] = path.as_slice() {
                            *expr = ast::Expr::Identifier(only.clone());
                        }
                    }
                    ast::Expr::Identifier(_) => self.1.push(None),
                    // COUNT(A.*) counts the rows of A.
                    ast::Expr::Function(ast::Function { args: ast::FunctionArguments::List(list), .. }) => {
                        for arg in &mut list.args {
                            let ast::FunctionArg::Unnamed(given) = arg else { continue };
                            let ast::FunctionArgExpr::QualifiedWildcard(name) = given else { continue };
                            let variable = name.0.last().and_then(|part| self.0.variable(part.as_ident()?));
                            if variable.is_some() {
                                self.1.push(variable);
                                *given = ast::FunctionArgExpr::Wildcard;
                            }
                        }
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            }
        }
        let mut strip = Strip(self, vec![]);
        let _ = expr.visit(&mut strip);
        let mut found = strip.1;
        found.dedup();
        match found.as_slice() {
            [] => Ok((None, expr)),
            [one] => Ok((*one, expr)),
            _ => Err(invalid(
                "one FIRST, LAST or aggregate speaks of rows of several variables",
                "Write one call for each variable, such as SUM(A.x) + SUM(B.x).",
            )),
        }
    }
}

fn name_of(value: usize) -> String {
    format!("$value{value}")
}

struct Lift<'a, 'b> {
    taking: &'a mut Taking<'b>,
    values: Vec<Value>,
    types: Vec<DataType>,
}

impl Lift<'_, '_> {
    fn add(&mut self, value: Value, data_type: DataType) -> ast::Expr {
        let same = self.values.iter().position(|v| *v == value);
        let index = same.unwrap_or_else(|| {
            self.values.push(value);
            self.types.push(data_type);
            self.values.len() - 1
        });
        ast::Expr::Identifier(Ident::with_quote('`', name_of(index)))
    }

    /// An expression over a row (or an aggregate over rows) as an argument: the variable, its index, its type.
    fn argument(&mut self, expr: ast::Expr) -> Result<(Option<usize>, usize, DataType)> {
        let (variable, expr) = self.taking.strip(expr)?;
        let schema = Arc::clone(self.taking.input.schema());
        let expr = self.taking.cx.sql_to_expr(expr, &schema)?;
        let data_type = expr.get_type(&schema)?;
        let known = self.taking.arguments.iter().position(|a| *a == expr);
        let index = known.unwrap_or_else(|| {
            self.taking.arguments.push(expr);
            self.taking.arguments.len() - 1
        });
        Ok((variable, index, data_type))
    }

    /// The replacement of an expression, if it takes something out of the match.
    fn lift(&mut self, expr: &ast::Expr) -> Result<Option<ast::Expr>> {
        match expr {
            ast::Expr::Identifier(ident) if !ident.value.starts_with("$value") => {
                let (variable, argument, data_type) = self.argument(expr.clone())?;
                Ok(Some(self.add(Value::Last { variable, back: 0, before: 0, argument }, data_type)))
            }
            ast::Expr::CompoundIdentifier(_) => {
                let (variable, argument, data_type) = self.argument(expr.clone())?;
                Ok(Some(self.add(Value::Last { variable, back: 0, before: 0, argument }, data_type)))
            }
            ast::Expr::Function(function) => self.lift_call(expr, function),
            _ => Ok(None),
        }
    }

    fn lift_call(&mut self, expr: &ast::Expr, function: &ast::Function) -> Result<Option<ast::Expr>> {
        let name = function_name(function).unwrap_or_default();
        let given = args(function);
        match (name.as_str(), given.as_slice()) {
            ("CLASSIFIER", []) => Ok(Some(self.add(Value::Classifier, DataType::Utf8))),
            ("MATCH_NUMBER", []) => Ok(Some(self.add(Value::MatchNumber, DataType::Int64))),
            ("FIRST" | "LAST" | "PREV", [inner]) => self.navigate(&name, inner, None).map(Some),
            ("FIRST" | "LAST" | "PREV", [inner, offset]) => {
                let offset = literal(offset)
                    .ok_or_else(|| invalid(format!("{name}: the offset must be a number"), "Write LAST(A.x, 1)."))?;
                self.navigate(&name, inner, Some(offset)).map(Some)
            }
            ("MATCH_ROWTIME" | "MATCH_PROCTIME", _) => {
                let time = self.taking.time.clone();
                let time =
                    time.ok_or_else(|| invalid(format!("{name} needs an ORDER BY"), "Order by the time attribute."))?;
                let (variable, argument, data_type) = self.argument(time)?;
                Ok(Some(self.add(Value::Last { variable, back: 0, before: 0, argument }, data_type)))
            }
            _ if self.taking.cx.context_provider().get_aggregate_meta(&name.to_ascii_lowercase()).is_some() => {
                let (variable, argument, data_type) = self.argument(expr.clone())?;
                Ok(Some(self.add(Value::Aggregate { variable, argument }, data_type)))
            }
            _ => Ok(None),
        }
    }

    fn navigate(&mut self, name: &str, inner: &ast::Expr, offset: Option<usize>) -> Result<ast::Expr> {
        if name == "PREV" {
            // PREV(LAST(A.x, 1), 2): physically before the row that LAST finds.
            let (inner, back) = match inner {
                ast::Expr::Function(f) if function_name(f).as_deref() == Some("LAST") => {
                    let given = args(f);
                    let back = given.get(1).and_then(|e| literal(e)).unwrap_or(0);
                    (given.first().map_or_else(|| inner.clone(), |e| (*e).clone()), back)
                }
                other => (other.clone(), 0),
            };
            let (variable, argument, data_type) = self.argument(inner)?;
            return Ok(self.add(Value::Last { variable, back, before: offset.unwrap_or(1), argument }, data_type));
        }
        let (variable, argument, data_type) = self.argument(inner.clone())?;
        let offset = offset.unwrap_or(0);
        let value = match name {
            "FIRST" => Value::First { variable, forward: offset, argument },
            _ => Value::Last { variable, back: offset, before: 0, argument },
        };
        Ok(self.add(value, data_type))
    }
}

fn literal(expr: &ast::Expr) -> Option<usize> {
    match expr {
        ast::Expr::Value(v) => match &v.value {
            ast::Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

impl VisitorMut for Lift<'_, '_> {
    type Break = DataFusionError;

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<DataFusionError> {
        match self.lift(expr) {
            Ok(Some(new)) => *expr = new,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}
