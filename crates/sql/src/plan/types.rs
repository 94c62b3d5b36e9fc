//! Types inside expressions: the token pass left them as one quoted word.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion::common::{Result, plan_datafusion_err};
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::DataType;

use crate::types::parse_type_text;

/// Plans types by Flink's rules.
#[derive(Debug)]
pub(crate) struct FlinkTypes;

impl TypePlanner for FlinkTypes {
    fn plan_type_field(&self, sql_type: &DataType) -> Result<Option<FieldRef>> {
        let text = match sql_type {
            DataType::Custom(name, modifiers) if modifiers.is_empty() => match name.0.as_slice() {
                [part] => part.as_ident().map_or_else(|| sql_type.to_string(), |i| i.value.clone()),
                _ => sql_type.to_string(),
            },
            // `x::type` and typed literals come with the parser's own types.
            other => other.to_string(),
        };
        let parsed = parse_type_text(&text).map_err(|_| plan_datafusion_err!("type '{text}' is not known"))?;
        Ok(Some(Arc::new(Field::new("", parsed.to_arrow(), parsed.nullable))))
    }
}
