//! A session: the catalog, the settings, and what statements do to them.

mod create;
mod emission;
mod planner;
mod show;
mod sink;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionConfig, SessionContext};
use sloth_plan::Emission;
use sloth_plan::guard::guarded;
use sloth_plan::repeated::computed_once;
use sloth_types::{Error, Options, Result};

use crate::catalog::{Catalog, Object, Table};
use crate::functions::zone::Zone;
use crate::functions::{DecimalDivision, FlinkSemantics};
use crate::parse::emit::EmitClause;
use crate::parse::lifetime::TtlHint;
use crate::parse::statement::{Drop, Insert, ObjectKind};
use crate::parse::{Statement, StatementKind, parse_script};

/// The setting that names the session's time zone.
const TIME_ZONE: &str = "table.local-time-zone";
const JOIN_ORDER: &str = "table.optimizer.join-reorder-enabled";

/// The setting that says how long idle state is kept.
const STATE_TTL: &str = "table.exec.state.ttl";

/// The one UDF class of the public Nexmark scripts; `count_char` is built in.
const COUNT_CHAR_CLASS: &str = "com.github.nexmark.flink.udf.CountChar";

/// Catalog, settings and DataFusion's session.
pub struct Session {
    catalog: Catalog,
    settings: Options,
    context: SessionContext,
    /// A query was planned, in the time zone of then.
    has_queries: bool,
}

/// What a statement did or asks for.
#[derive(Debug)]
pub enum Effect {
    /// Done; one line for the user.
    Done(String),
    /// Rows for the user.
    Rows(RecordBatch),
    /// Queries to run, together as one job.
    Run(Vec<Query>),
    /// Queries whose plans are to be shown.
    Explain(Vec<Query>),
}

/// A planned query.
#[derive(Clone, Debug)]
pub struct Query {
    /// The table to write; `None` for a query whose result is shown to the user.
    pub sink: Option<Arc<Table>>,
    /// The optimised plan. With a sink, its columns are the sink's [`Table::writable`] columns in order, with their types.
    pub plan: LogicalPlan,
    /// Where the statement stands in the script, in bytes.
    pub span: Range<usize>,
    /// The statement's text.
    pub text: String,
    /// When its results are given out, as the clause or the settings say.
    pub emission: Emission,
    /// The `EMIT` clause.
    pub emit: Option<EmitClause>,
    /// How long state is kept that no watermark frees, in milliseconds; `None` for ever.
    pub state_ttl_ms: Option<i64>,
    /// The same for named inputs.
    pub ttl_hints: Vec<TtlHint>,
}

impl Default for Session {
    fn default() -> Self {
        Session::new()
    }
}

impl Session {
    /// A session with an empty catalog and Flink's dialect.
    pub fn new() -> Session {
        let mut config = SessionConfig::new().with_target_partitions(1).with_information_schema(false);
        let options = config.options_mut();
        options.sql_parser.enable_ident_normalization = false;
        options.sql_parser.parse_float_as_decimal = true;
        options.sql_parser.map_string_types_to_utf8view = false;
        options.sql_parser.collect_spans = true;
        // Subqueries used as values become joins, which can be kept up to date.
        options.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
        // NULL is the smallest value.
        options.sql_parser.default_null_ordering = "nulls_min".to_owned();
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_default_features()
            .with_relation_planners(vec![Arc::new(crate::plan::WindowPlanner)])
            .with_type_planner(Arc::new(crate::plan::FlinkTypes))
            .with_optimizer_rules(crate::optimizer::rules())
            .build();
        let context = SessionContext::new_with_state(state);
        crate::functions::register(&context);
        // The functions are registered just above, so that the rule finds them.
        if let (Ok(semantics), Ok(division)) = (FlinkSemantics::new(&context), DecimalDivision::new(&context)) {
            context.add_analyzer_rule(Arc::new(semantics));
            // A registry refuses rewrites only when it keeps none; this one does.
            let _ = context.state_ref().write().register_function_rewrite(Arc::new(division));
        }
        Session { catalog: Catalog::default(), settings: Options::settings([]), context, has_queries: false }
    }

    /// Cuts a script into statements. Spans are byte ranges of the whole text.
    ///
    /// # Errors
    /// At the first statement that cannot be parsed.
    pub fn parse(&self, text: &str) -> Result<Vec<Statement>> {
        parse_script(text)
    }

    /// Runs a statement: DDL changes the catalog, queries are planned.
    ///
    /// # Errors
    /// When a name or type is wrong; the error points into the script.
    pub fn execute(&mut self, statement: &Statement) -> Result<Effect> {
        let done = |text: String| Ok(Effect::Done(text));
        match &statement.kind {
            StatementKind::CreateTable(create) => self.create_table(statement, create),
            StatementKind::CreateView(create) => self.create_view(statement, create),
            StatementKind::CreateFunction(create) => {
                if create.class == COUNT_CHAR_CLASS && create.name.value == "count_char" {
                    return done("function count_char is built in".to_owned());
                }
                Err(Error::unsupported(format!("class '{}' cannot be loaded: there is no Java here", create.class))
                    .hint("Use the built-in functions; SHOW FUNCTIONS lists them.")
                    .at(create.class_span.clone()))
            }
            StatementKind::Drop(drop) => self.drop_object(drop),
            StatementKind::Show(what) => self.show(*what),
            StatementKind::Describe(name) => self.describe(name),
            StatementKind::ShowCreate(name) => self.show_create(name),
            StatementKind::Set(None) => self.show_settings(),
            StatementKind::Set(Some((key, value))) => {
                self.check_zone(key, value).map_err(|e| e.at(statement.span.clone()))?;
                self.set(key, value).map_err(|e| e.at(statement.span.clone()))?;
                done(format!("'{key}' set to '{value}'"))
            }
            StatementKind::Reset(key) => {
                self.reset(key.as_deref());
                done(key.as_ref().map_or_else(|| "all settings reset".to_owned(), |key| format!("'{key}' reset")))
            }
            StatementKind::Insert(_) | StatementKind::StatementSet(_) | StatementKind::Query(_) => {
                let queries = self.queries(statement)?;
                self.has_queries = true;
                Ok(Effect::Run(queries))
            }
            StatementKind::Explain(inner) => Ok(Effect::Explain(self.queries(inner)?)),
            StatementKind::Nothing(why) => done(why.clone()),
        }
    }

    fn queries(&self, statement: &Statement) -> Result<Vec<Query>> {
        match &statement.kind {
            StatementKind::StatementSet(members) => {
                members.iter().map(|m| self.queries(m)).collect::<Result<Vec<_>>>().map(|q| q.concat())
            }
            StatementKind::Insert(insert) => Ok(vec![self.plan_insert(statement, insert)?]),
            StatementKind::Query(query) => {
                let plan = self.plan_root(statement, query)?;
                let plan = self.optimize(statement, &plan)?;
                Ok(vec![self.query(statement, None, plan)?])
            }
            _ => Err(Error::invalid("only queries and INSERT can be planned").at(statement.span.clone())),
        }
    }

    fn plan_insert(&self, statement: &Statement, insert: &Insert) -> Result<Query> {
        let (sink, plan) = sink::plan_insert(self, statement, insert)?;
        let plan = self.optimize(statement, &plan)?;
        self.query(statement, Some(sink), plan)
    }

    fn query(&self, statement: &Statement, sink: Option<Arc<Table>>, plan: LogicalPlan) -> Result<Query> {
        let emission = match &statement.emit {
            Some(clause) => clause.emission,
            None => emission::of_settings(&self.settings).map_err(|e| e.at(statement.span.clone()))?,
        };
        let (span, text) = (statement.span.clone(), statement.text().to_owned());
        let ttl = self.settings.duration(STATE_TTL).map_err(|e| e.at(statement.span.clone()))?;
        let state_ttl_ms = ttl.map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        let (emit, ttl_hints) = (statement.emit.clone(), statement.ttl_hints.clone());
        Ok(Query { sink, plan, span, text, emission, emit, state_ttl_ms, ttl_hints })
    }

    fn drop_object(&mut self, drop: &Drop) -> Result<Effect> {
        let Drop { object, name, if_exists } = drop;
        let word = match object {
            ObjectKind::Table => "table",
            ObjectKind::View => "view",
            ObjectKind::Function => return Ok(Effect::Done("built-in functions stay".to_owned())),
        };
        match self.catalog.get(&name.value) {
            Some(found) if found.kind() == word => {
                self.catalog.remove(&name.value);
                Ok(Effect::Done(format!("{word} {} dropped", name.value)))
            }
            Some(found) => Err(Error::invalid(format!("'{}' is a {}, not a {word}", name.value, found.kind()))
                .hint(format!("Write DROP {} {}.", found.kind().to_uppercase(), name.value))
                .at(name.span.clone())),
            None if *if_exists => Ok(Effect::Done(format!("{word} {} did not exist", name.value))),
            None => Err(self.catalog.not_found(&name.value).at(name.span.clone())),
        }
    }

    /// All queries of a script are one job, with one time zone.
    fn check_zone(&self, key: &str, value: &str) -> Result<()> {
        let (new, old) = (Zone::parse(value), Zone::parse(self.time_zone()));
        // A name that is none is refused by `set`.
        if key != TIME_ZONE || !self.has_queries || new.is_none() || new == old {
            return Ok(());
        }
        Err(Error::unsupported(format!("queries before this one are in the time zone '{}'", self.time_zone()))
            .hint("SET 'table.local-time-zone' once, before the first query."))
    }

    /// Changes a setting.
    ///
    /// # Errors
    /// When the value is not valid for a setting that the front end itself uses.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        if key == TIME_ZONE {
            Zone::parse(value).ok_or_else(|| {
                Error::invalid(format!("'{value}' is no time zone"))
                    .hint("Write a name such as 'Asia/Shanghai', an offset such as 'GMT+08:00', or 'UTC'.")
            })?;
            self.set_zone(Some(value.to_owned()));
        }
        if key == JOIN_ORDER {
            let chosen = value.parse().map_err(|_| {
                Error::invalid(format!("'{key}' = '{value}' is neither true nor false"))
                    .hint("With 'false' joins are carried out in the order in which they are written.")
            })?;
            self.context.state_ref().write().config_mut().options_mut().optimizer.join_reordering = chosen;
        }
        self.settings.set(key, value);
        Ok(())
    }

    fn reset(&mut self, key: Option<&str>) {
        let kept = self.settings.iter().filter(|(k, _)| key.is_some_and(|key| key != *k));
        self.settings = Options::settings(kept.map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<Vec<_>>());
        if self.settings.get(TIME_ZONE).is_none() {
            self.set_zone(None);
        }
        if self.settings.get(JOIN_ORDER).is_none() {
            self.context.state_ref().write().config_mut().options_mut().optimizer.join_reordering = true;
        }
    }

    fn set_zone(&mut self, zone: Option<String>) {
        let state = self.context.state_ref();
        let mut state = state.write();
        state.config_mut().options_mut().execution.time_zone = zone;
        // What functions see when rows are there.
        let options = Arc::clone(state.config_options());
        state.execution_props_mut().config_options = Some(options);
    }

    /// The session's time zone by name.
    pub fn time_zone(&self) -> &str {
        self.settings.get(TIME_ZONE).unwrap_or("UTC")
    }

    /// What was SET.
    pub fn settings(&self) -> &Options {
        &self.settings
    }

    /// Tables and views.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Tables and views, to add or remove some from outside.
    pub fn catalog_mut(&mut self) -> &mut Catalog {
        &mut self.catalog
    }

    /// Compiles an expression over batches of `schema`.
    ///
    /// # Errors
    /// When the expression does not fit the schema.
    pub fn physical_expr(&self, expr: &Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        let compiled = self.context.state_ref().read().create_physical_expr(expr.clone(), schema);
        let compiled = compiled.and_then(crate::functions::fields::masked);
        let compiled = compiled.and_then(|compiled| guarded(compiled, schema.as_arrow()));
        compiled.and_then(|compiled| computed_once(compiled, schema.as_arrow())).map_err(|e| {
            let source = crate::text::SourceText::new("");
            crate::error::explain(&source, &(0..0), e)
        })
    }

    /// DataFusion's session: functions, rules, configuration.
    pub fn state(&self) -> SessionState {
        self.context.state()
    }

    fn add(&mut self, name: &str, object: Object) {
        self.catalog.insert(name, object);
    }
}
