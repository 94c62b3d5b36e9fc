//! Random queries as trees, and their text in the engine's dialect and in that of the batch engine.
//!
//! The columns of every relation are named `c0`, `c1`, … in order.

use super::call::Call;
use super::expr::Expr;
use crate::changes::{Kind, Table};

/// Whose text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Sloth's.
    Engine,
    /// DataFusion's.
    Batch,
}

/// A column to order by: number, descending, NULL first.
pub type Order = (usize, bool, bool);

/// A condition that asks another relation.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// `[NOT] EXISTS`
    Exists(bool),
    /// `[NOT] IN`, a column of the outer relation among those of a column of the inner one.
    In(bool, usize, usize),
    /// A column of the outer relation compared with an aggregate of the inner one.
    Compare(&'static str, usize, Call),
    /// An aggregate of the inner relation as one more column.
    Value(Call),
    /// A column of the first row of the inner relation in an order by all of its columns, as one more column.
    First(usize, Vec<Order>),
}

/// A relation.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are the SQL clauses of the same names")]
pub enum Rel {
    /// A table of the test.
    Table(usize, Vec<Kind>),
    /// Projection, filter, `DISTINCT`.
    Select { from: Box<Rel>, items: Vec<(Expr, Kind)>, filter: Option<Expr>, distinct: bool },
    /// Aggregates by keys. `sets` is empty or `ROLLUP`, `CUBE`, `GROUPING SETS`.
    Group { from: Box<Rel>, keys: Vec<usize>, sets: &'static str, calls: Vec<Call>, having: Option<Expr> },
    /// A join; the third of a pair says that NULL meets NULL.
    Join { kind: &'static str, left: Box<Rel>, right: Box<Rel>, on: Vec<(usize, usize, bool)>, residual: Option<Expr> },
    /// Rows for which a subquery says yes, or an extra column. `or`: an alternative to the condition.
    Sub {
        from: Box<Rel>,
        inner: Box<Rel>,
        asks: Asks,
        on: Vec<(usize, usize)>,
        residual: Option<Expr>,
        or: Option<Expr>,
    },
    /// `UNION`, `INTERSECT`, `EXCEPT`, with or without `ALL`.
    Set { op: &'static str, left: Box<Rel>, right: Box<Rel> },
    /// The first rows of each group; `rank` is the function, `show` adds its value as a column.
    Top { from: Box<Rel>, rank: &'static str, by: Vec<usize>, order: Vec<Order>, n: u64, show: bool },
    /// `ORDER BY … LIMIT … OFFSET …`
    Limit { from: Box<Rel>, order: Vec<Order>, n: u64, offset: u64 },
    /// One more column over a window.
    Over { from: Box<Rel>, call: Call, by: Vec<usize>, order: Vec<Order>, frame: &'static str },
}

/// Writes a tree down.
struct Writer<'t> {
    tables: &'t [Table],
    dialect: Dialect,
    aliases: usize,
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn columns(alias: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{alias}.c{i}")).collect()
}

fn order_by(order: &[Order], names: &[String]) -> String {
    let item = |(column, descending, nulls_first): &Order| {
        let way = if *descending { "DESC" } else { "ASC" };
        let nulls = if *nulls_first { "FIRST" } else { "LAST" };
        format!("{} {way} NULLS {nulls}", names.get(*column).map_or("?", String::as_str))
    };
    match order.is_empty() {
        true => String::new(),
        false => format!("ORDER BY {}", list(order.iter().map(item))),
    }
}

fn partition(by: &[usize], names: &[String]) -> String {
    match by.is_empty() {
        true => String::new(),
        false => format!("PARTITION BY {}", list(by.iter().filter_map(|k| names.get(*k).cloned()))),
    }
}

impl Rel {
    /// The types of the columns.
    pub fn kinds(&self) -> Vec<Kind> {
        match self {
            Rel::Table(_, kinds) => kinds.clone(),
            Rel::Select { items, .. } => items.iter().map(|(_, kind)| *kind).collect(),
            Rel::Group { from, keys, calls, .. } => {
                let of = from.kinds();
                keys.iter().map(|k| of[*k]).chain(calls.iter().map(|c| c.kind)).collect()
            }
            Rel::Join { left, right, .. } => [left.kinds(), right.kinds()].concat(),
            Rel::Sub { from, asks: Asks::Value(call), .. } | Rel::Over { from, call, .. } => {
                [from.kinds(), vec![call.kind]].concat()
            }
            Rel::Sub { from, inner, asks: Asks::First(column, _), .. } => {
                [from.kinds(), vec![inner.kinds()[*column]]].concat()
            }
            Rel::Top { from, show: true, .. } => [from.kinds(), vec![Kind::Big]].concat(),
            Rel::Sub { from, .. } | Rel::Top { from, .. } | Rel::Limit { from, .. } => from.kinds(),
            Rel::Set { left, .. } => left.kinds(),
        }
    }

    /// As SQL.
    pub fn sql(&self, tables: &[Table], dialect: Dialect) -> String {
        Writer { tables, dialect, aliases: 0 }.query(self)
    }
}

impl Writer<'_> {
    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    /// As an item of `FROM` under a fresh name, and the names of its columns.
    fn from(&mut self, rel: &Rel) -> (String, Vec<String>) {
        let alias = self.alias();
        let text = match rel {
            Rel::Table(index, _) => self.tables.get(*index).map_or("?", |t| t.name.as_str()).to_owned(),
            other => format!("({})", self.query(other)),
        };
        let names = columns(&alias, rel.kinds().len());
        (format!("{text} AS {alias}"), names)
    }

    fn query(&mut self, rel: &Rel) -> String {
        match rel {
            Rel::Table(_, kinds) => {
                let (from, names) = self.from(rel);
                debug_assert_eq!(names.len(), kinds.len());
                format!("SELECT {} FROM {from}", list(named(&names)))
            }
            Rel::Select { from, items, filter, distinct } => {
                let (from, names) = self.from(from);
                let items = list(items.iter().enumerate().map(|(i, (e, _))| format!("{} AS c{i}", e.sql(&names))));
                let distinct = if *distinct { "DISTINCT " } else { "" };
                format!("SELECT {distinct}{items} FROM {from}{}", condition("WHERE", filter.as_ref(), &names))
            }
            Rel::Group { from, keys, sets, calls, having } => self.group(from, keys, sets, calls, having.as_ref()),
            Rel::Join { kind, left, right, on, residual } => {
                let ((left, mut names), (right, more)) = (self.from(left), self.from(right));
                // The twin's parser takes an AND behind DISTINCT FROM for a part of its right side.
                let pair = |(l, r, nulls): &(usize, usize, bool)| match nulls {
                    true => format!("({} IS NOT DISTINCT FROM {})", names[*l], more[*r]),
                    false => format!("{} = {}", names[*l], more[*r]),
                };
                let mut conditions: Vec<String> = on.iter().map(pair).collect();
                names.extend(more);
                conditions.extend(residual.iter().map(|r| r.sql(&names)));
                let on =
                    if conditions.is_empty() { String::new() } else { format!(" ON {}", conditions.join(" AND ")) };
                format!("SELECT {} FROM {left} {kind} JOIN {right}{on}", list(named(&names)))
            }
            Rel::Sub { .. } => self.sub(rel),
            Rel::Set { op, left, right } => self.set(op, left, right),
            Rel::Top { from, rank, by, order, n, show } => {
                let (inner, names) = self.from(from);
                let over = format!("{rank}() OVER ({} {})", partition(by, &names), order_by(order, &names));
                let alias = self.alias();
                let mut outer = columns(&alias, names.len());
                let inner = format!("SELECT {}, {over} AS rn FROM {inner}", list(named(&names)));
                if *show {
                    outer.push(format!("{alias}.rn"));
                }
                format!("SELECT {} FROM ({inner}) AS {alias} WHERE {alias}.rn <= {n}", list(named(&outer)))
            }
            Rel::Limit { from, order, n, offset } => {
                let (from, names) = self.from(from);
                let offset = if *offset > 0 { format!(" OFFSET {offset}") } else { String::new() };
                format!("SELECT {} FROM {from} {} LIMIT {n}{offset}", list(named(&names)), order_by(order, &names))
            }
            Rel::Over { from, call, by, order, frame } => {
                let (from, names) = self.from(from);
                let over = format!(" OVER ({} {} {frame})", partition(by, &names), order_by(order, &names));
                let call = call.sql(self.dialect, &names, &over);
                format!("SELECT {}, {call} AS c{} FROM {from}", list(named(&names)), names.len())
            }
        }
    }

    fn group(&mut self, from: &Rel, keys: &[usize], sets: &str, calls: &[Call], having: Option<&Expr>) -> String {
        let (from, names) = self.from(from);
        let keys: Vec<String> = keys.iter().map(|k| names[*k].clone()).collect();
        let calls: Vec<String> = calls.iter().map(|c| c.sql(self.dialect, &names, "")).collect();
        let items: Vec<String> = keys.iter().chain(&calls).cloned().collect();
        let grouping = match (keys.is_empty(), sets) {
            (true, _) => String::new(),
            (false, "") => format!(" GROUP BY {}", keys.join(", ")),
            (false, "GROUPING SETS") if keys.len() == 1 => format!(" GROUP BY GROUPING SETS (({}), ())", keys[0]),
            (false, "GROUPING SETS") => {
                let each = list(keys.iter().map(|k| format!("({k})")));
                format!(" GROUP BY GROUPING SETS ({each}, ({}), ())", keys.join(", "))
            }
            (false, sets) => format!(" GROUP BY {sets}({})", keys.join(", ")),
        };
        let having = condition("HAVING", having, &items);
        format!("SELECT {} FROM {from}{grouping}{having}", list(named(&items)))
    }

    fn sub(&mut self, rel: &Rel) -> String {
        let Rel::Sub { from, inner, asks, on, residual, or } = rel else { return String::new() };
        let ((from, names), (inner, of_inner)) = (self.from(from), self.from(inner));
        let both = [names.clone(), of_inner.clone()].concat();
        let mut conditions: Vec<String> = on.iter().map(|(o, i)| format!("{} = {}", of_inner[*i], names[*o])).collect();
        conditions.extend(residual.iter().map(|r| r.sql(&both)));
        let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
        let ask = |what: &str| format!("(SELECT {what} FROM {inner}{filter})");
        let condition = match asks {
            Asks::Exists(yes) => format!("{}EXISTS {}", not(*yes), ask("1")),
            // DataFusion's joins for IN know NULL in the simplest cases only. In a WHERE these say the same.
            Asks::In(yes, outer, column) if self.dialect == Dialect::Batch => {
                let equal = format!("{} = {}", of_inner[*column], names[*outer]);
                let equal = if *yes { equal } else { format!("({equal}) IS NOT FALSE") };
                let word = if filter.is_empty() { " WHERE" } else { " AND" };
                format!("{}EXISTS (SELECT 1 FROM {inner}{filter}{word} {equal})", not(*yes))
            }
            Asks::In(yes, outer, column) => format!("{} {}IN {}", names[*outer], not(*yes), ask(&of_inner[*column])),
            Asks::Compare(op, outer, call) => {
                format!("{} {op} {}", names[*outer], ask(&call.sql(self.dialect, &of_inner, "")))
            }
            Asks::First(column, order) => {
                let (column, order) = (&of_inner[*column], order_by(order, &of_inner));
                let value = match self.dialect {
                    Dialect::Engine => format!("(SELECT {column} FROM {inner}{filter} {order} LIMIT 1)"),
                    Dialect::Batch => ask(&format!("FIRST_VALUE({column} {order})")),
                };
                return format!("SELECT {}, {value} AS c{} FROM {from}", list(named(&names)), names.len());
            }
            Asks::Value(call) => {
                let value = ask(&call.sql(self.dialect, &of_inner, ""));
                return format!("SELECT {}, {value} AS c{} FROM {from}", list(named(&names)), names.len());
            }
        };
        let or = or.as_ref().map_or(String::new(), |e| format!(" OR {}", e.sql(&names)));
        format!("SELECT {} FROM {from} WHERE {condition}{or}", list(named(&names)))
    }

    fn set(&mut self, op: &str, left: &Rel, right: &Rel) -> String {
        let numbered = self.dialect == Dialect::Batch && matches!(op, "INTERSECT ALL" | "EXCEPT ALL");
        if !numbered {
            return format!("({}) {op} ({})", self.query(left), self.query(right));
        }
        // DataFusion does not count equal rows: with a number they are no longer equal.
        let side = |writer: &mut Self, rel: &Rel| {
            let (from, names) = writer.from(rel);
            format!(
                "(SELECT {}, ROW_NUMBER() OVER (PARTITION BY {}) AS rn FROM {from})",
                list(named(&names)),
                names.join(", ")
            )
        };
        let (a, b) = (side(self, left), side(self, right));
        let alias = self.alias();
        let names = columns(&alias, left.kinds().len());
        format!("SELECT {} FROM ({a} {} {b}) AS {alias}", list(named(&names)), op.trim_end_matches(" ALL"))
    }
}

fn not(yes: bool) -> &'static str {
    if yes { "" } else { "NOT " }
}

fn named(names: &[String]) -> impl Iterator<Item = String> + '_ {
    names.iter().enumerate().map(|(i, name)| format!("{name} AS c{i}"))
}

fn condition(word: &str, filter: Option<&Expr>, names: &[String]) -> String {
    filter.map_or(String::new(), |f| format!(" {word} {}", f.sql(names)))
}
