//! Text columns that a query only groups by are read from Parquet as dictionaries. Nobody may notice: every query gives
//! over a Parquet file what it gives over the same rows as CSV.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;

use sloth_sql::{Effect, Session, lower};
use sloth_testkit::run::{Setup, run};
use sloth_types::rng::Rng;

const COLUMNS: &str = "name STRING, other STRING, k BIGINT, ts TIMESTAMP(3)";
const WATERMARK: &str = "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND";

const QUERIES: [&str; 16] = [
    "SELECT name, COUNT(*), SUM(k) FROM t GROUP BY name",
    "SELECT window_start, name, SUM(k) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
       GROUP BY window_start, window_end, name",
    "SELECT window_start, name, MAX(k) FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '20' SECOND, INTERVAL '1' MINUTE))
       GROUP BY window_start, window_end, name",
    "SELECT window_start, other, MIN(k) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
       WHERE k > 10 GROUP BY window_start, window_end, other",
    "SELECT window_start, name, LISTAGG(other) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
       GROUP BY window_start, window_end, name",
    "SELECT UPPER(name), COUNT(*) FROM t GROUP BY UPPER(name)",
    "SELECT name, COUNT(*) FROM t WHERE name <> 'b' GROUP BY name",
    "SELECT name, COUNT(DISTINCT name), MIN(name), MAX(other) FROM t GROUP BY name",
    "SELECT name, COUNT(*) FILTER (WHERE name = 'b') FROM t GROUP BY name",
    "SELECT name, other, COUNT(*) FROM t GROUP BY name, other",
    "SELECT DISTINCT name FROM t",
    "SELECT DISTINCT other FROM t",
    "SELECT name, k FROM t",
    "SELECT c, COUNT(*) FROM (SELECT name, COUNT(*) AS c FROM t GROUP BY name) GROUP BY c",
    "SELECT n, COUNT(*) FROM (SELECT name AS n, name AS m, k FROM t) GROUP BY n",
    "SELECT name, COUNT(*) FROM (SELECT name FROM t UNION ALL SELECT other FROM t) GROUP BY name",
];

/// Rows whose names are NULL, short, long, and of more than one byte a letter; `other` repeats seldom.
fn csv(rows: i64) -> String {
    let names = ["", "a", "b", "a name of more than sixteen bytes", "é", "数据", "sixteen bytes ok"];
    let mut rng = Rng::new(17);
    (0..rows).fold(String::new(), |mut text, i| {
        let (name, other) = (names[rng.below(names.len() as u64) as usize], rng.below(700));
        let _ = writeln!(text, "{name},o{other},{},2026-11-11 00:{:02}:{:02}", i % 97, i / 60 % 60, i % 60);
        text
    })
}

fn plan(script: &str) -> sloth_plan::JobPlan {
    let mut session = Session::new();
    let mut queries = vec![];
    for statement in session.parse(script).unwrap() {
        if let Effect::Run(more) = session.execute(&statement).unwrap() {
            queries.extend(more);
        }
    }
    lower(&session, &queries).unwrap()
}

#[test]
fn a_query_over_parquet_gives_what_it_gives_over_csv() {
    let folder = std::env::temp_dir().join(format!("sloth-dictionaries-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let data = csv(2500);
    let table = |watermark: &str, options: &str| format!("CREATE TABLE t ({COLUMNS}{watermark}) WITH ({options});\n");
    let parquet = format!("'connector' = 'filesystem', 'format' = 'parquet', 'path' = '{}'", folder.display());
    let null_when_empty = "'csv.null-literal' = ''";
    let inline = format!("'connector' = 'inline', 'format' = 'csv', {null_when_empty}, 'data' = '{data}'");
    let copy =
        format!("{}CREATE TABLE p ({COLUMNS}) WITH ({parquet});\nINSERT INTO p SELECT * FROM t;", table("", &inline));
    assert!(run(&plan(&copy), &Setup::workers(1)).error.is_none());
    let timed = format!(", {WATERMARK}");
    for query in QUERIES {
        let wanted = run(&plan(&format!("{}{query};", table(&timed, &inline))), &Setup::workers(1));
        let over_parquet = plan(&format!("{}{query};", table(&timed, &parquet)));
        for setup in [Setup::workers(1), Setup::workers(3), Setup::cut(3, 400, 5)] {
            let found = run(&over_parquet, &setup);
            assert!(found.error.is_none(), "{query}: {:?}", found.error);
            assert_eq!(found.late_rows, 0, "{query}");
            assert!(!found.sinks[0].rows().unwrap().is_empty(), "{query}");
            assert_eq!(found.sinks[0].rows().unwrap(), wanted.sinks[0].rows().unwrap(), "{query}");
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn a_column_of_two_queries_stays_text_when_one_shows_it() {
    let folder = std::env::temp_dir().join(format!("sloth-dictionaries-two-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let parquet = format!("'connector' = 'filesystem', 'format' = 'parquet', 'path' = '{}'", folder.display());
    let write = format!(
        "CREATE TABLE p ({COLUMNS}) WITH ({parquet});
         INSERT INTO p VALUES ('a', 'x', 1, TIMESTAMP '2026-11-11 00:00:00'), ('b', 'x', 2, TIMESTAMP '2026-11-11 00:00:01');"
    );
    assert!(run(&plan(&write), &Setup::workers(1)).error.is_none());
    let read = format!(
        "CREATE TABLE p ({COLUMNS}) WITH ({parquet});
         CREATE TABLE counts (name STRING, n BIGINT) WITH ('connector' = 'print');
         CREATE TABLE others (other STRING, n BIGINT) WITH ('connector' = 'print');
         CREATE TABLE names (name STRING) WITH ('connector' = 'print');
         BEGIN STATEMENT SET;
         INSERT INTO counts SELECT name, COUNT(*) FROM p GROUP BY name;
         INSERT INTO others SELECT other, COUNT(*) FROM p GROUP BY other;
         INSERT INTO names SELECT name FROM p;
         END;"
    );
    for workers in [1, 3] {
        let found = run(&plan(&read), &Setup::workers(workers));
        assert!(found.error.is_none(), "{:?}", found.error);
        assert_eq!(found.rows("counts").len(), 2);
        assert_eq!(found.rows("others").len(), 1);
        assert_eq!(found.rows("names").len(), 2);
    }
    let _ = std::fs::remove_dir_all(&folder);
}
