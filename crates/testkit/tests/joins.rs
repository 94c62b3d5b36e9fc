//! Joins of one script that read the same rows by the same key: the rows are held once, the answers stay what DataFusion
//! says after every epoch, and a job that goes on from a checkpoint with other workers writes the same.
//!
//! `CASES=n` runs more than the default number of scripts, `SEED=n` repeats a run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use sloth_plan::{JobPlan, Kept, NodeKind};
use sloth_sql::{Effect, Query, Session, lower};
use sloth_testkit::changes::{Kind, Table, Tables};
use sloth_testkit::differential::{Asked, Verdict, Ways, examine};
use sloth_testkit::queries::tables;
use sloth_testkit::run::{Setup, run};
use sloth_types::rng::Rng;

const QUERIES: usize = 6;

/// A join on the first column.
fn query(rng: &mut Rng, tables: &[Table]) -> Option<Asked> {
    let one = |rng: &mut Rng| &tables[rng.below(tables.len() as u64) as usize];
    let (a, b, c) = (one(rng), one(rng), one(rng));
    if a.columns[0].1 != b.columns[0].1 || a.columns[0].1 != c.columns[0].1 {
        return None;
    }
    let column = |rng: &mut Rng, t: &Table| t.columns[rng.below(t.columns.len() as u64) as usize].clone();
    let ((x, x_kind), (y, y_kind)) = (column(rng, a), column(rng, b));
    let residual = match (a.columns.get(1), b.columns.get(1)) {
        (Some((l, k)), Some((r, of))) if k == of && rng.chance(0.3) => format!(" AND a.{l} <> b.{r}"),
        _ => String::new(),
    };
    let (ta, tb, tc) = (&a.name, &b.name, &c.name);
    let on = format!("a.c0 = b.c0{residual}");
    let kinds = vec![x_kind, y_kind];
    let (text, kinds) = match rng.below(8) {
        0 | 1 => (format!("SELECT a.{x} AS x, b.{y} AS y FROM {ta} a JOIN {tb} b ON {on}"), kinds),
        2 => {
            let from = format!("{ta} a JOIN {tb} b ON a.c0 = b.c0 JOIN {tc} c ON a.c0 = c.c0");
            (format!("SELECT a.{x} AS x, b.{y} AS y FROM {from}"), kinds)
        }
        3 => (format!("SELECT a.{x} AS x, b.{y} AS y FROM {ta} a LEFT JOIN {tb} b ON {on}"), kinds),
        4 => (format!("SELECT a.{x} AS x, b.{y} AS y FROM {ta} a FULL JOIN {tb} b ON {on}"), kinds),
        // What is filtered comes first.
        5 => {
            let literal = if c.columns[0].1 == Kind::Str { "'a'" } else { "1" };
            let filter = [format!("c.c0 > {literal}"), format!("c.c0 = {literal}"), "1 = 1".to_owned()];
            let filter = &filter[rng.below(3) as usize];
            let from = format!("{ta} a JOIN {tb} b ON {on} JOIN {tc} c ON b.c0 = c.c0 JOIN {ta} d ON d.c0 = c.c0");
            (format!("SELECT a.{x} AS x, b.{y} AS y FROM {from} WHERE {filter}"), kinds)
        }
        6 => (format!("SELECT a.{x} AS x FROM {ta} a WHERE EXISTS (SELECT 1 FROM {tb} b WHERE {on})"), vec![x_kind]),
        _ => {
            (format!("SELECT a.{x} AS x FROM {ta} a WHERE NOT EXISTS (SELECT 1 FROM {tb} b WHERE {on})"), vec![x_kind])
        }
    };
    Some(Asked { engine: format!("{text};"), batch: text, kinds })
}

fn queries(session: &mut Session, script: &str) -> Vec<Query> {
    let statements = session.parse(script).unwrap();
    let effects = statements.iter().map(|statement| session.execute(statement).unwrap());
    effects.filter_map(|e| if let Effect::Run(queries) = e { Some(queries) } else { None }).flatten().collect()
}

fn plan_of(tables: &[Table], asked: &[Asked]) -> JobPlan {
    let mut session = Session::new();
    tables.iter().for_each(|table| drop(queries(&mut session, &table.ddl())));
    let found: Vec<Query> = asked.iter().flat_map(|one| queries(&mut session, &one.engine)).collect();
    lower(&session, &found).unwrap()
}

/// The operators for several joins at once.
fn gathered(plan: &JobPlan) -> usize {
    let plan = plan.gathered(&|_| Kept::Nowhere);
    plan.nodes.iter().filter(|n| matches!(n.kind, NodeKind::MultiJoin(_))).count()
}

fn arrangements(plan: &JobPlan) -> usize {
    plan.gathered(&|_| Kept::Nowhere)
        .arranged(&|_, _| false)
        .nodes
        .iter()
        .filter(|n| matches!(n.kind, NodeKind::Arrange(_)))
        .count()
}

/// Tables whose first columns agree, and joins of them.
fn script(rng: &mut Rng) -> (Vec<Table>, Vec<Asked>) {
    loop {
        let tables = tables(rng);
        let asked: Vec<Asked> = (0..2 * QUERIES).filter_map(|_| query(rng, &tables)).take(QUERIES).collect();
        if asked.len() == QUERIES {
            return (tables, asked);
        }
    }
}

/// Goes on from each third checkpoint with other workers.
fn restarts(rng: &mut Rng, plan: &JobPlan, tables: &[Table]) {
    let connector = Tables(Arc::new(tables.to_vec()));
    let log = connector.log(plan);
    let given = |setup| Setup { tables: Some(connector.clone()), ..setup };
    let mut plan = plan.clone();
    // Rows that were shared may be apart afterwards, and the other way round.
    plan.settings.share_join_state = rng.chance(0.7);
    plan.settings.gather_joins = rng.chance(0.7);
    let whole = run(&plan, &given(Setup { checkpoints: true, ..Setup::replay(2, &log) }));
    assert!(whole.error.is_none(), "{:?}", whole.error);
    for checkpoint in whole.checkpoints {
        let epoch = checkpoint.cut.epoch;
        if !rng.chance(0.3) {
            continue;
        }
        plan.settings.share_join_state = rng.chance(0.7);
        plan.settings.gather_joins = rng.chance(0.7);
        let workers = rng.between(1, 3) as usize;
        let rest: Vec<_> = log.iter().skip(epoch.0 as usize).cloned().collect();
        let resumed = run(&plan, &given(Setup { from: Some(checkpoint), ..Setup::replay(workers, &rest) }));
        assert!(resumed.error.is_none(), "from {epoch:?}: {:?}", resumed.error);
        for (sink, (all, later)) in whole.sinks.iter().zip(&resumed.sinks).enumerate() {
            let mut expected = all.sequence().unwrap();
            expected.retain(|(at, _)| *at >= epoch);
            assert_eq!(later.sequence().unwrap(), expected, "sink {sink} from {epoch:?} with {workers}");
        }
    }
}

#[test]
fn joins_that_share_rows_follow_the_changes_and_come_back() {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse::<u64>().expect("a number"));
    let (first, cases) = (number("SEED").unwrap_or(70_000), number("CASES").unwrap_or(60));
    let mut shared = 0;
    for seed in first..first + cases {
        let mut rng = Rng::new(seed);
        let (tables, asked) = script(&mut rng);
        let plan = plan_of(&tables, &asked);
        shared += arrangements(&plan);
        for (asked, verdict) in asked.iter().zip(examine(&Arc::new(tables.clone()), &asked, Ways::default())) {
            assert_eq!(verdict, Verdict::Right, "SEED={seed} {}", asked.engine);
        }
        restarts(&mut rng, &plan, &tables);
    }
    println!("{shared} arrangements in {cases} scripts");
    assert!(cases < 10 || shared as u64 > cases, "nothing was shared");
}

/// Inner joins on the first column: one behind the other, or of two joins.
fn chain(rng: &mut Rng, tables: &[Table]) -> Option<Asked> {
    let of: Vec<&Table> = (0..4).map(|_| &tables[rng.below(tables.len() as u64) as usize]).collect();
    if of.iter().any(|t| t.columns[0].1 != of[0].columns[0].1) {
        return None;
    }
    let picked: Vec<_> = of.iter().map(|t| t.columns[rng.below(t.columns.len() as u64) as usize].clone()).collect();
    let [a, b, c, d] = [0, 1, 2, 3].map(|at| &of[at].name);
    let more = [" AND b.c0 <> c.c0", " AND a.c0 = a.c0", ""][rng.below(3) as usize];
    let (from, width) = match rng.below(4) {
        0 => (format!("{a} a JOIN {b} b ON a.c0 = b.c0 JOIN {c} c ON b.c0 = c.c0{more}"), 3),
        1 => (format!("{a} a JOIN {b} b ON a.c0 = b.c0 JOIN {c} c ON a.c0 = c.c0 JOIN {d} d ON d.c0 = b.c0"), 4),
        2 => {
            let parts = [format!("SELECT * FROM {a}"), format!("SELECT DISTINCT c0 FROM {b}")];
            (format!("({}) a JOIN {c} b ON a.c0 = b.c0 JOIN ({}) c ON b.c0 = c.c0", parts[0], parts[1]), 2)
        }
        _ => (format!("{a} a JOIN {b} b ON a.c0 = b.c0 LEFT JOIN {c} c ON b.c0 = c.c0 JOIN {d} d ON d.c0 = b.c0"), 4),
    };
    let names = ["a", "b", "c", "d"];
    let mut picked: Vec<_> = (0..width).map(|at| (names[at], picked[at].clone())).collect();
    if width == 2 {
        picked[1].1 = of[2].columns[0].clone();
    }
    let columns: Vec<String> = picked.iter().enumerate().map(|(at, (t, (c, _)))| format!("{t}.{c} AS x{at}")).collect();
    let text = format!("SELECT {} FROM {from}", columns.join(", "));
    // The same table twice would be shared, and the joins stay as they are.
    let apart = if rng.chance(0.7) { "SET 'sloth.join.share-state' = 'false'; " } else { "" };
    Some(Asked {
        engine: format!("{apart}{text};"),
        batch: text,
        kinds: picked.into_iter().map(|(_, (_, kind))| kind).collect(),
    })
}

#[test]
fn joins_by_one_key_follow_the_changes_and_come_back() {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse::<u64>().expect("a number"));
    let (first, cases) = (number("SEED").unwrap_or(90_000), number("CASES").unwrap_or(60));
    let mut together = 0;
    for seed in first..first + cases {
        let mut rng = Rng::new(seed);
        let (tables, asked) = loop {
            let tables = tables(&mut rng);
            if let Some(asked) = chain(&mut rng, &tables) {
                break (tables, vec![asked]);
            }
        };
        let plan = plan_of(&tables, &asked);
        together += gathered(&plan);
        for (asked, verdict) in asked.iter().zip(examine(&Arc::new(tables.clone()), &asked, Ways::default())) {
            assert_eq!(verdict, Verdict::Right, "SEED={seed} {}", asked.engine);
        }
        restarts(&mut rng, &plan, &tables);
    }
    println!("{together} times several joins as one in {cases} scripts");
    assert!(cases < 10 || together as u64 * 5 > cases, "no joins were put together");
}

/// A table of pairs: so many rows, all of them in one epoch.
fn pairs(name: &str, rows: usize) -> Table {
    let change = |n: usize| sloth_testkit::changes::Change {
        row: vec![Some((n % 1000).to_string()), Some(format!("text of row {n} in {name}")), Some(n.to_string())],
        diff: 1,
        split: 0,
    };
    let columns = [("c0", Kind::Int), ("c1", Kind::Str), ("c2", Kind::Int)];
    Table {
        name: name.to_owned(),
        columns: columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
        append_only: false,
        splits: 1,
        epochs: vec![(0..rows).map(change).collect()],
    }
}

#[test]
fn shared_rows_take_the_memory_of_one() {
    let tables = vec![pairs("big", 20_000), pairs("one", 10), pairs("two", 10), pairs("three", 10)];
    let asked: Vec<Asked> = ["one", "two", "three"]
        .iter()
        .map(|other| {
            let text = format!("SELECT a.c1 AS x, b.c2 AS y FROM big a JOIN {other} b ON a.c0 = b.c0");
            Asked { engine: format!("{text};"), batch: text, kinds: vec![Kind::Str, Kind::Int] }
        })
        .collect();
    let mut plan = plan_of(&tables, &asked);
    assert_eq!(arrangements(&plan), 1);
    let connector = Tables(Arc::new(tables));
    let mut bytes = [0, 0];
    for (share, bytes) in [true, false].into_iter().zip(&mut bytes) {
        plan.settings.share_join_state = share;
        let log = connector.log(&plan);
        let outcome = run(&plan, &Setup { tables: Some(connector.clone()), ..Setup::replay(2, &log) });
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        *bytes = outcome.state_bytes;
    }
    println!("state of three joins with the same 20000 rows: {} bytes shared, {} bytes apart", bytes[0], bytes[1]);
    assert!(bytes[0] > 0 && bytes[0] * 5 < bytes[1] * 2, "{bytes:?}");
}

/// Bytes of state when a plan has read the tables, and the rows of its only sink.
fn state_and_rows(plan: &JobPlan, tables: &[Table]) -> (u64, Vec<String>) {
    let connector = Tables(Arc::new(tables.to_vec()));
    let log = connector.log(plan);
    let outcome = run(plan, &Setup { tables: Some(connector), ..Setup::replay(2, &log) });
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    let mut rows = outcome.sinks[0].rows().unwrap();
    rows.sort();
    (outcome.state_bytes, rows)
}

#[test]
fn an_order_that_begins_with_the_filtered_rows_keeps_less() {
    let tables = vec![pairs("big", 5_000), pairs("other", 5_000), pairs("small", 100)];
    let text = "SELECT a.c1 AS x, b.c2 AS y FROM big a JOIN other b ON a.c0 = b.c0 JOIN small c ON b.c0 = c.c0
        WHERE c.c2 = 7";
    let [ordered, written] = ["true", "false"].map(|reorder| {
        let apart = "SET 'table.optimizer.multi-join.enabled' = 'false'";
        let engine = format!("{apart}; SET 'table.optimizer.join-reorder-enabled' = '{reorder}'; {text};");
        let asked = Asked { engine, batch: text.to_owned(), kinds: vec![Kind::Str, Kind::Int] };
        let plan = plan_of(&tables, &[asked]);
        state_and_rows(&plan, &tables)
    });
    println!("state of three inputs: {} bytes in the order chosen, {} as written", ordered.0, written.0);
    assert_eq!((ordered.1.len(), &ordered.1), (25, &written.1));
    assert!(ordered.0 * 2 < written.0);
}

#[test]
fn nothing_is_kept_of_what_lies_between_joins_by_one_key() {
    let tables = vec![pairs("big", 10_000), pairs("other", 10_000), pairs("few", 10)];
    let text =
        "SELECT a.c1 AS x, b.c1 AS y, c.c2 AS z FROM big a JOIN other b ON a.c0 = b.c0 JOIN few c ON b.c0 = c.c0";
    let [together, apart] = ["true", "false"].map(|together| {
        let order = "SET 'table.optimizer.join-reorder-enabled' = 'false'";
        let engine = format!("{order}; SET 'table.optimizer.multi-join.enabled' = '{together}'; {text};");
        let asked = Asked { engine, batch: text.to_owned(), kinds: vec![Kind::Str, Kind::Str, Kind::Int] };
        let plan = plan_of(&tables, &[asked]);
        assert_eq!(gathered(&plan), usize::from(together == "true"));
        state_and_rows(&plan, &tables)
    });
    println!("state of three inputs: {} bytes together, {} join by join", together.0, apart.0);
    assert_eq!((together.1.len(), &together.1), (1000, &apart.1));
    assert!(together.0 * 4 < apart.0);
}
