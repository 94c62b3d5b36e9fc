//! The dice: tables, changes, queries.

use sloth_types::rng::Rng;

use super::call::Call;
use super::expr::{Expr, alike, cell, pick};
use super::rel::{Asks, Order, Rel};
use crate::changes::{Change, Kind, Row, Table};

const KINDS: [Kind; 9] =
    [Kind::Int, Kind::Str, Kind::Int, Kind::Str, Kind::Dec(12, 2), Kind::Dbl, Kind::Big, Kind::Bool, Kind::Date];

/// Columns that a relation may have before some are left out.
const WIDTH_MAX: usize = 7;

/// Two or three random tables with the same number of epochs.
pub fn tables(rng: &mut Rng) -> Vec<Table> {
    let epochs = rng.between(4, 9) as usize;
    (0..rng.between(2, 3)).map(|number| table(rng, &format!("r{number}"), epochs)).collect()
}

fn table(rng: &mut Rng, name: &str, epochs: usize) -> Table {
    let mut kinds = vec![*pick(rng, &KINDS[..2])];
    kinds.extend((0..rng.between(1, 3)).map(|_| *pick(rng, &KINDS)));
    let append_only = rng.chance(0.2);
    let splits = rng.between(1, 2) as usize;
    let nulls = if rng.chance(0.3) { 0.0 } else { 0.15 };
    let fresh =
        |rng: &mut Rng| -> Row { kinds.iter().map(|kind| (!rng.chance(nulls)).then(|| cell(rng, *kind))).collect() };
    // Some tables begin empty, some stay so.
    let quiet_until = if rng.chance(0.15) { rng.below(epochs as u64 + 1) as usize } else { 0 };
    let mut there: Vec<Row> = vec![];
    let mut all = vec![];
    for epoch in 0..epochs {
        let mut changes: Vec<Change> = vec![];
        let mut note = |rng: &mut Rng, row: Row, diff: i64| {
            changes.push(Change { row, diff, split: rng.below(splits as u64) as usize });
        };
        let steps = if epoch < quiet_until || rng.chance(0.1) { 0 } else { rng.between(1, 6) };
        if !append_only && rng.chance(0.06) {
            for row in there.drain(..) {
                note(rng, row, -1);
            }
        }
        for _ in 0..steps {
            let old = (!there.is_empty()).then(|| rng.below(there.len() as u64) as usize);
            match (old, rng.below(10)) {
                // As it is there already: a duplicate.
                (Some(old), 0) => {
                    let row = there[old].clone();
                    note(rng, row.clone(), 1);
                    there.push(row);
                }
                (Some(old), 1..=3) if !append_only => note(rng, there.swap_remove(old), -1),
                (Some(old), 4..=6) if !append_only => {
                    let mut row = there[old].clone();
                    note(rng, row.clone(), -1);
                    let column = rng.below(kinds.len() as u64) as usize;
                    row[column] = (!rng.chance(nulls)).then(|| cell(rng, kinds[column]));
                    note(rng, row.clone(), 1);
                    there[old] = row;
                }
                _ if there.len() < 14 => {
                    let row = fresh(rng);
                    note(rng, row.clone(), 1);
                    there.push(row);
                }
                _ => {}
            }
        }
        all.push(changes);
    }
    let columns = kinds.iter().enumerate().map(|(i, kind)| (format!("c{i}"), *kind)).collect();
    Table { name: name.to_owned(), columns, append_only, splits, epochs: all }
}

/// A random query over the tables.
pub fn query(rng: &mut Rng, tables: &[Table]) -> Rel {
    let depth = rng.between(1, 3) as usize;
    let dice = Dice { tables };
    let rel = dice.rel(rng, depth);
    // What is only looked at comes last.
    match rng.below(4) {
        0 => dice.group(rng, Box::new(rel), true),
        _ => rel,
    }
}

struct Dice<'t> {
    tables: &'t [Table],
}

impl Dice<'_> {
    fn rel(&self, rng: &mut Rng, depth: usize) -> Rel {
        if depth == 0 || rng.chance(0.08) {
            let index = rng.below(self.tables.len() as u64) as usize;
            return Rel::Table(index, self.tables[index].columns.iter().map(|(_, kind)| *kind).collect());
        }
        let part = |rng: &mut Rng| Box::new(self.rel(rng, depth - 1));
        let rel = match rng.below(20) {
            0..=3 => {
                let from = part(rng);
                self.select(rng, from, None)
            }
            4..=6 => {
                let from = part(rng);
                self.group(rng, from, false)
            }
            7..=11 => {
                let (left, right) = (part(rng), part(rng));
                self.join(rng, left, right, depth)
            }
            12..=14 => {
                let (from, inner) = (part(rng), part(rng));
                self.sub(rng, from, inner)
            }
            15..=16 => {
                let (left, right) = (part(rng), part(rng));
                let left = Box::new(self.select(rng, left, None));
                let right = Box::new(self.select(rng, right, Some(&left.kinds())));
                let ops = ["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"];
                Rel::Set { op: pick::<&'static str>(rng, &ops), left, right }
            }
            17 => {
                let from = part(rng);
                self.top(rng, from)
            }
            18 => {
                let from = part(rng);
                let order = self.order(rng, &from, &[]);
                let offset = if rng.chance(0.3) { rng.below(3) } else { 0 };
                Rel::Limit { from, order, n: rng.below(6), offset }
            }
            _ => {
                let from = part(rng);
                self.over(rng, from)
            }
        };
        match rel.kinds().len() > WIDTH_MAX {
            true => self.select(rng, Box::new(rel), None),
            false => rel,
        }
    }

    /// A projection, to some columns of its own choice or to columns of the kinds that are `wanted`.
    fn select(&self, rng: &mut Rng, from: Box<Rel>, wanted: Option<&[Kind]>) -> Rel {
        let scope = from.kinds();
        let own: Vec<Kind> = match wanted {
            Some(kinds) => kinds.to_vec(),
            None => (0..rng.between(1, 4)).map(|_| *pick(rng, &scope)).filter(|k| *k != Kind::Approx).collect(),
        };
        let own = if own.is_empty() { vec![Kind::Int] } else { own };
        let items = own.into_iter().map(|kind| (Expr::random(rng, kind, &scope, 2), kind)).collect();
        let filter = rng.chance(0.5).then(|| Expr::random(rng, Kind::Bool, &scope, 3));
        Rel::Select { from, items, filter, distinct: rng.chance(0.2) }
    }

    fn some_columns(&self, rng: &mut Rng, of: &Rel, most: i64) -> Vec<usize> {
        let mut columns = vec![];
        for _ in 0..rng.between(0, most) {
            let column = rng.below(of.kinds().len() as u64) as usize;
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }

    fn group(&self, rng: &mut Rng, from: Box<Rel>, looked_at: bool) -> Rel {
        let scope = from.kinds();
        let keys = self.some_columns(rng, &from, 2);
        let calls: Vec<Call> = (0..rng.between(1, 3)).map(|_| Call::aggregate(rng, &scope, looked_at)).collect();
        let sets = match rng.below(16) {
            _ if keys.is_empty() => "",
            0 => "ROLLUP",
            1 => "CUBE",
            2 => "GROUPING SETS",
            _ => "",
        };
        let given: Vec<Kind> = keys.iter().map(|k| scope[*k]).chain(calls.iter().map(|c| c.kind)).collect();
        let having = rng.chance(0.25).then(|| Expr::random(rng, Kind::Bool, &given, 2));
        Rel::Group { from, keys, sets, calls, having }
    }

    /// Pairs of columns that can be compared.
    fn pairs(&self, rng: &mut Rng, left: &Rel, right: &Rel, most: i64) -> Vec<(usize, usize)> {
        let (l, r) = (left.kinds(), right.kinds());
        let like = |a: Kind, b: Kind| alike(a, b) || matches!((a, b), (Kind::Int, Kind::Big) | (Kind::Big, Kind::Int));
        let all: Vec<(usize, usize)> = (0..l.len())
            .flat_map(|a| (0..r.len()).map(move |b| (a, b)))
            .filter(|(a, b)| l[*a] != Kind::Approx && like(l[*a], r[*b]))
            .collect();
        let mut chosen = vec![];
        for _ in 0..most {
            if !all.is_empty() {
                let pair = *pick(rng, &all);
                if !chosen.contains(&pair) {
                    chosen.push(pair);
                }
            }
        }
        chosen
    }

    fn join(&self, rng: &mut Rng, left: Box<Rel>, right: Box<Rel>, depth: usize) -> Rel {
        let kinds = ["INNER", "INNER", "LEFT", "RIGHT", "FULL"];
        let most = rng.between(1, 2);
        // Without an equality only small inputs meet.
        let free = depth == 1 && rng.chance(0.12);
        let on = if free { vec![] } else { self.pairs(rng, &left, &right, most) };
        let scope = [left.kinds(), right.kinds()].concat();
        let residual = rng.chance(if on.is_empty() { 0.7 } else { 0.25 });
        let residual = residual.then(|| Expr::random(rng, Kind::Bool, &scope, 2));
        let kind = match on.is_empty() && residual.is_none() {
            true => "CROSS",
            false => *pick(rng, &kinds),
        };
        let on = on.into_iter().map(|(l, r)| (l, r, rng.chance(0.08))).collect();
        Rel::Join { kind, left, right, on, residual }
    }

    fn sub(&self, rng: &mut Rng, from: Box<Rel>, inner: Box<Rel>) -> Rel {
        let (outer, scope) = (from.kinds(), inner.kinds());
        let fallback = Asks::Exists(rng.chance(0.5));
        let asks = match rng.below(9) {
            0 | 1 => fallback,
            8 => Asks::First(rng.below(scope.len() as u64) as usize, self.order(rng, &inner, &[])),
            2 | 3 => match self.pairs(rng, &from, &inner, 1).first() {
                Some((o, i)) => Asks::In(rng.chance(0.5), *o, *i),
                None => fallback,
            },
            4 | 5 => {
                let column = rng.below(outer.len() as u64) as usize;
                let op = *pick(rng, &["=", "<", ">=", "<>"]);
                Call::giving(rng, outer[column], &scope).map_or(fallback, |call| Asks::Compare(op, column, call))
            }
            _ => Asks::Value(Call::aggregate(rng, &scope, false)),
        };
        let correlated = !matches!(asks, Asks::In(..)) && rng.chance(0.75) || rng.chance(0.2);
        let on = if correlated { self.pairs(rng, &from, &inner, 1) } else { vec![] };
        let both = [outer.clone(), scope].concat();
        let aggregate = matches!(asks, Asks::Compare(..) | Asks::Value(_) | Asks::First(..));
        let residual = (!aggregate && rng.chance(0.15)).then(|| Expr::random(rng, Kind::Bool, &both, 1));
        let or = (!matches!(asks, Asks::Value(_) | Asks::First(..)) && rng.chance(0.15))
            .then(|| Expr::random(rng, Kind::Bool, &outer, 1));
        Rel::Sub { from, inner, asks, on, residual, or }
    }

    /// An order by all columns except some, in random ways: rows that are equal in it are equal.
    fn order(&self, rng: &mut Rng, of: &Rel, except: &[usize]) -> Vec<Order> {
        let mut columns: Vec<usize> = (0..of.kinds().len()).filter(|c| !except.contains(c)).collect();
        let mut order = vec![];
        while !columns.is_empty() {
            let column = columns.swap_remove(rng.below(columns.len() as u64) as usize);
            order.push((column, rng.chance(0.5), rng.chance(0.5)));
        }
        order
    }

    fn top(&self, rng: &mut Rng, from: Box<Rel>) -> Rel {
        let by = self.some_columns(rng, &from, 1);
        let mut order = self.order(rng, &from, &by);
        if order.is_empty() {
            order.push((0, false, false));
        }
        let rank = *pick(rng, &["ROW_NUMBER", "ROW_NUMBER", "RANK", "DENSE_RANK"]);
        if rank != "ROW_NUMBER" {
            // Ties are welcome.
            order.truncate(1 + rng.below(2) as usize);
        }
        Rel::Top { from, rank, by, order, n: 1 + rng.below(3), show: rng.chance(0.5) }
    }

    fn over(&self, rng: &mut Rng, from: Box<Rel>) -> Rel {
        let scope = from.kinds();
        let by = self.some_columns(rng, &from, 1);
        let mut order = self.order(rng, &from, &by);
        if order.is_empty() {
            order.push((0, false, false));
        }
        if rng.chance(0.4) {
            return Rel::Over { call: Call::window(rng, &scope), from, by, order, frame: "" };
        }
        let mut call = Call::aggregate(rng, &scope, false);
        call.filter = None;
        let frames = [
            "",
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
            "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
            "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
            "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
            "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
            "ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING",
            "ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING",
            "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
        ];
        let frame = *pick(rng, &frames);
        if frame.is_empty() && rng.chance(0.5) {
            order.clear();
        } else if !frame.starts_with("ROWS") {
            order.truncate(1);
        }
        Rel::Over { from, call, by, order, frame }
    }
}
