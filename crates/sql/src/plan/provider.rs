//! What DataFusion's planner asks: which tables, views and functions exist.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DataFusionError, Result, TableReference, config::ConfigOptions};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::{
    AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, TableType, WindowUDF,
};
use sloth_types::Options;

use super::FlinkTypes;
use crate::catalog::{Catalog, Object, Table};
use crate::rewrite::tokens::hinted_name;

/// The leaf of a plan: a table of the catalog. Downcast a `TableScan`'s source to it.
#[derive(Debug)]
pub struct TableSourceRef(pub Arc<Table>);

impl TableSource for TableSourceRef {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }
}

/// A view: the planner inlines its plan.
#[derive(Debug)]
pub(crate) struct ViewSource {
    pub(crate) plan: LogicalPlan,
}

impl TableSource for ViewSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.plan.schema().inner())
    }
    fn table_type(&self) -> TableType {
        TableType::View
    }
    fn get_logical_plan(&'_ self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }
}

/// The names in scope while a statement is planned.
pub(crate) struct Names<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) state: &'a SessionState,
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let (name, hint) = hinted_name(name.table());
        match self.catalog.require(name).map_err(|e| DataFusionError::External(Box::new(e)))? {
            Object::Table(table) if hint.is_empty() => Ok(Arc::new(TableSourceRef(Arc::clone(table)))),
            Object::Table(table) => Ok(Arc::new(TableSourceRef(Arc::new(with_options(table, &hint))))),
            Object::View(view) => Ok(Arc::new(ViewSource { plan: view.plan.clone() })),
        }
    }
    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }
    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }
    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state.relation_planners()
    }
    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(FlinkTypes))
    }
    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.state.scalar_functions().get(name).cloned()
    }
    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }
    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }
    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }
    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }
    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }
    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().filter(|name| !name.starts_with('$')).cloned().collect()
    }
    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }
    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }
    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}

/// The table with the options of a hint over its own.
pub(crate) fn with_options(table: &Table, hint: &[(String, String)]) -> Table {
    let mut table = table.clone();
    let mut options: Options = table.spec.options.clone();
    for (key, value) in hint {
        options.set(key, value);
    }
    table.spec.options = options;
    table
}
