//! The identities of operators are part of the formats: by them jobs find their state again. Here they are pinned, together
//! with what changes them and what does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::path::Path;

use sloth_plan::{JobPlan, NodeKind};
use sloth_sql::{Effect, Session, lower};

const TABLES: &str = "
CREATE TABLE orders (
  id BIGINT, buyer STRING, item STRING, price DECIMAL(10, 2), n INT, at TIMESTAMP_LTZ(3), more ROW<a INT, b STRING>,
  clock AS PROCTIME(), twice AS n * 2, WATERMARK FOR at AS at - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'orders', 'properties.bootstrap.servers' = 'a:9092', 'format' = 'json');
CREATE TABLE items (name STRING, price DECIMAL(10, 2), at TIMESTAMP_LTZ(3), PRIMARY KEY (name) NOT ENFORCED,
  WATERMARK FOR at AS at)
WITH ('connector' = 'upsert-kafka', 'topic' = 'items', 'properties.bootstrap.servers' = 'a:9092', 'key.format' = 'json',
  'value.format' = 'json');
";

/// The plans that are pinned: at least one of every kind of operator.
const PINNED: &[(&str, &str)] = &[
    ("projection", "SELECT id, UPPER(buyer), CAST(n AS BIGINT) + 1, at FROM orders WHERE price > 5.5 AND item IN ('a', 'b')"),
    ("group", "SELECT buyer, COUNT(*), SUM(price) FILTER (WHERE n > 3), COUNT(DISTINCT item) FROM orders GROUP BY buyer"),
    ("total", "SELECT COUNT(*) FROM orders"),
    ("grouping sets", "SELECT buyer, item, COUNT(*) FROM orders GROUP BY ROLLUP (buyer, item)"),
    ("tumble", "SELECT window_start, buyer, SUM(n) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(at), INTERVAL '1' MINUTE))
                GROUP BY window_start, window_end, buyer"),
    ("hop by clock", "SELECT window_start, COUNT(*)
                FROM TABLE(HOP(TABLE orders, DESCRIPTOR(clock), INTERVAL '1' SECOND, INTERVAL '5' SECOND))
                GROUP BY window_start, window_end"),
    ("session", "SELECT window_start, buyer, COUNT(*)
                FROM TABLE(SESSION(TABLE orders PARTITION BY buyer, DESCRIPTOR(at), INTERVAL '1' MINUTE))
                GROUP BY window_start, window_end, buyer"),
    ("join", "SELECT a.id, b.id FROM orders a LEFT JOIN orders b ON a.buyer = b.buyer AND a.n < b.n"),
    ("interval join", "SELECT a.id, b.id FROM orders a JOIN orders b
                ON a.buyer = b.buyer AND a.at BETWEEN b.at - INTERVAL '1' MINUTE AND b.at"),
    ("temporal join", "SELECT o.id, i.price FROM orders o JOIN items FOR SYSTEM_TIME AS OF o.at AS i ON o.item = i.name"),
    ("top", "SELECT buyer, id, place FROM (SELECT buyer, id, ROW_NUMBER() OVER (PARTITION BY buyer ORDER BY price DESC) AS place
                FROM orders) WHERE place <= 3"),
    ("over", "SELECT id, SUM(n) OVER (PARTITION BY buyer ORDER BY at ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM orders"),
    ("match", "SELECT * FROM orders MATCH_RECOGNIZE (PARTITION BY buyer ORDER BY at MEASURES A.id AS one, LAST(B.id) AS other
                PATTERN (A B+? C) WITHIN INTERVAL '1' HOUR DEFINE A AS A.n > 1, B AS B.n > A.n)"),
    ("union", "SELECT id FROM orders UNION ALL SELECT n FROM orders"),
    ("set", "SELECT item FROM orders EXCEPT SELECT name FROM items"),
    ("values", "SELECT a + 1 FROM (VALUES (1), (2)) AS t(a)"),
    ("unnest", "SELECT id, part FROM orders CROSS JOIN UNNEST(SPLIT(item, ',')) AS t(part)"),
    ("recursive", "WITH RECURSIVE up(n) AS (SELECT n FROM orders UNION SELECT n - 1 FROM up WHERE n > 0) SELECT n FROM up"),
];

fn plan(script: &str) -> JobPlan {
    let mut session = Session::new();
    let mut queries = vec![];
    for statement in session.parse(script).unwrap() {
        if let Effect::Run(more) = session.execute(&statement).unwrap() {
            queries.extend(more);
        }
    }
    lower(&session, &queries).unwrap()
}

fn is_kept(kind: &NodeKind) -> bool {
    !matches!(kind, NodeKind::Map(_) | NodeKind::Union | NodeKind::WindowAssign(_))
}

/// The identities of a query over the tables, without those of operators that have nothing to be found again.
fn ids(query: &str) -> Vec<u64> {
    of(&format!("{TABLES}\n{query};"))
}

fn of(script: &str) -> Vec<u64> {
    let plan = plan(script);
    plan.identities().into_iter().zip(&plan.nodes).filter(|(_, n)| is_kept(&n.kind)).map(|(id, _)| id).collect()
}

#[test]
fn identities_are_what_they_were() {
    let mut found = String::new();
    for (name, query) in PINNED {
        let ids: Vec<String> = ids(query).iter().map(|id| format!("{id:016x}")).collect();
        writeln!(found, "{name}: {}", ids.join(" ")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identities.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let pinned = std::fs::read_to_string(&path).unwrap();
    assert_eq!(found, pinned, "jobs of earlier releases would not find their state; UPDATE_EXPECT=1 accepts that");
}

const GROUP: &str = "SELECT buyer, COUNT(*) AS orders, SUM(n) FROM orders WHERE n > 3 GROUP BY buyer";

#[test]
fn what_only_tunes_or_names_changes_nothing() {
    let base = ids(GROUP);
    let renamed = "SELECT b, c, s FROM
        (SELECT buyer AS b, COUNT(*) AS c, SUM(n) AS s FROM orders AS o WHERE n > 3 GROUP BY buyer)";
    assert_eq!(ids(renamed), base);
    let ttl = |time: &str| format!("SET 'table.exec.state.ttl' = '{time}'; {GROUP}");
    assert_eq!(ids(&ttl("1 h")), ids(&ttl("2 h")));
    let elsewhere = TABLES
        .replace("a:9092", "b:9092")
        .replace("'format' = 'json'", "'format' = 'json', 'scan.startup.mode' = 'earliest-offset'");
    assert_eq!(of(&format!("{elsewhere}\n{GROUP};")), base);
}

#[test]
fn another_query_beside_it_changes_nothing() {
    let statements = |list: &[&str]| {
        let sinks = "CREATE TABLE a (b STRING, c BIGINT, s BIGINT) WITH ('connector' = 'print');
            CREATE TABLE d (x BIGINT, y STRING, z INT, m INT) WITH ('connector' = 'print');";
        of(&format!("{TABLES}{sinks}\nEXECUTE STATEMENT SET BEGIN {} END;", list.concat()))
    };
    let group = format!("INSERT INTO a {GROUP};");
    let one = statements(&[&group]);
    // It reads other columns of the same table, before and behind those of the first.
    let other = "INSERT INTO d SELECT id, item, twice, more.a FROM orders WHERE price > 1;";
    for both in [statements(&[&group, other]), statements(&[other, &group])] {
        for id in &one {
            assert!(both.contains(id), "{one:x?} is not in {both:x?}");
        }
        assert_eq!(both.len(), one.len() + 1);
    }
}

#[test]
fn what_the_state_depends_on_changes_it() {
    let queries = [
        GROUP,
        "SELECT buyer, COUNT(*) AS orders, SUM(n) FROM orders WHERE n > 4 GROUP BY buyer",
        "SELECT buyer, COUNT(*) AS orders, SUM(n) FROM orders WHERE n >= 3 GROUP BY buyer",
        "SELECT item, COUNT(*) AS orders, SUM(n) FROM orders WHERE n > 3 GROUP BY item",
        "SELECT buyer, COUNT(*) AS orders, MAX(n) FROM orders WHERE n > 3 GROUP BY buyer",
        "SELECT buyer, COUNT(*) AS orders, SUM(DISTINCT n) FROM orders WHERE n > 3 GROUP BY buyer",
        "SELECT buyer, COUNT(*) AS orders, SUM(CAST(n AS DOUBLE)) FROM orders WHERE n > 3 GROUP BY buyer",
        "SELECT UPPER(buyer), COUNT(*) AS orders, SUM(n) FROM orders WHERE n > 3 GROUP BY UPPER(buyer)",
    ];
    let all: Vec<Vec<u64>> = queries.iter().map(|q| ids(q)).collect();
    for (i, one) in all.iter().enumerate() {
        for other in all.iter().skip(i + 1) {
            // They share the source and nothing else.
            assert_eq!(one.iter().filter(|id| other.contains(id)).count(), 1, "{i}: {one:x?} {other:x?}");
        }
    }
    let base = of(&format!("{TABLES}\n{GROUP};"));
    for (from, to) in [("'topic' = 'orders'", "'topic' = 'other'"), ("'5' SECOND", "'6' SECOND"), ("n INT", "n BIGINT")]
    {
        let changed = of(&format!("{}\n{GROUP};", TABLES.replace(from, to)));
        assert!(changed.iter().all(|id| !base.contains(id)) || from == "n INT", "{to}");
        assert_ne!(changed.last(), base.last(), "{to}");
    }
}

#[test]
fn what_stands_twice_has_two_identities() {
    let script = format!(
        "{TABLES} CREATE TABLE a (b STRING, c BIGINT, s BIGINT) WITH ('connector' = 'print');
         EXECUTE STATEMENT SET BEGIN INSERT INTO a {GROUP}; INSERT INTO a {GROUP}; END;"
    );
    let mut ids = of(&script);
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}
