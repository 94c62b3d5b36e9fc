//! Joins with a table that is asked while rows go by.

use std::fmt::Write;

use sloth_plan::explain::explain;
use sloth_testkit::run::{Setup, run};
use sloth_types::Clock;

use crate::server::{OwnServer, Server, execute, plan, rows, server};

/// Orders (id, customer) as CSV lines; the column `proc` is processing time.
fn orders(lines: &str) -> String {
    format!(
        "CREATE TABLE orders (id INT, customer INT, country STRING, proc AS PROCTIME()) WITH ('connector' = 'inline', \
         'format' = 'csv', 'csv.null-literal' = 'null', 'data' = '\n{lines}');\n"
    )
}

fn customers(server: &Server, more: &str) -> String {
    let table = server.table("id int, country text, name text, limits numeric(10, 2)");
    server.sql(&format!(
        "INSERT INTO {table} VALUES (1, 'de', 'Anna', 10.50), (2, 'de', 'Berta', NULL), (2, 'us', 'Bob', 20), (4, NULL, 'Nil', 1)"
    ));
    format!(
        "CREATE TABLE customers (id BIGINT, country STRING, name STRING, limits DECIMAL(10, 2)) {};\n",
        server.with(&table, more)
    )
}

const LINES: &str = "10,1,de\n11,2,de\n12,3,de\n13,null,de\n14,2,us\n15,1,us\n16,4,de\n";

#[test]
fn rows_meet_what_the_table_says() {
    let Some(server) = server() else { return };
    for more in ["", ", 'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '2'"] {
        let script = orders(LINES)
            + &customers(&server, more)
            + "CREATE TABLE p WITH ('connector' = 'print') AS SELECT o.id, c.name, c.limits FROM orders AS o \
               JOIN customers FOR SYSTEM_TIME AS OF o.proc AS c ON o.customer = c.id;";
        let expected = [
            "+I[10, Anna, 10.50]",
            "+I[11, Berta, null]",
            "+I[11, Bob, 20.00]",
            "+I[14, Berta, null]",
            "+I[14, Bob, 20.00]",
            "+I[15, Anna, 10.50]",
            "+I[16, Nil, 1.00]",
        ];
        assert_eq!(rows(&script, "p"), expected, "{more}");
        let left =
            script.replace("JOIN customers", "LEFT JOIN customers").replace(" = c.id;", " = c.id AND c.limits > 15;");
        let expected = [
            "+I[10, null, null]",
            "+I[11, Bob, 20.00]",
            "+I[12, null, null]",
            "+I[13, null, null]",
            "+I[14, Bob, 20.00]",
            "+I[15, null, null]",
            "+I[16, null, null]",
        ];
        assert_eq!(rows(&left, "p"), expected, "{more}");
        // NULL equals nothing, in the stream as in the table.
        let both = script.replace(" = c.id;", " = c.id AND o.country = c.country AND c.name <> 'Bob';");
        assert_eq!(rows(&both, "p"), ["+I[10, Anna, 10.50]", "+I[11, Berta, null]"], "{more}");
    }
}

#[test]
fn the_cut_into_epochs_does_not_show() {
    let Some(server) = server() else { return };
    let mut lines = String::new();
    for id in 0..300 {
        writeln!(lines, "{id},{},de", id % 5).unwrap();
    }
    let cached = ", 'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '3'";
    let query = "CREATE TABLE p WITH ('connector' = 'print') AS SELECT c.name, COUNT(*) AS n, SUM(o.id) AS s FROM orders AS o \
                 LEFT JOIN customers FOR SYSTEM_TIME AS OF o.proc AS c ON o.customer = c.id GROUP BY c.name;";
    for more in ["", cached] {
        let plan = plan(&(orders(&lines) + &customers(&server, more) + query)).unwrap();
        let mut seen = vec![];
        for seed in 0..6 {
            let outcome = run(&plan, &Setup::cut(1 + seed as usize % 3, 17, seed));
            assert!(outcome.error.is_none(), "{:?}", outcome.error);
            let mut rows = outcome.rows("p");
            rows.sort();
            seen.push(rows);
        }
        let expected = [
            "+I[Anna, 60, 8910]",
            "+I[Berta, 60, 8970]",
            "+I[Bob, 60, 8970]",
            "+I[Nil, 60, 9090]",
            "+I[null, 120, 17880]",
        ];
        assert!(seen.iter().all(|rows| rows == &expected), "{seen:?}");
    }
}

/// A view that counts how many rows it has given.
fn counted(server: &Server) -> (String, String) {
    let table = server.table("id int primary key");
    server.sql(&format!(
        "INSERT INTO {table} SELECT generate_series(1, 1000); CREATE SEQUENCE seq_{table}; \
         CREATE VIEW view_{table} AS SELECT id, nextval('seq_{table}') AS n FROM {table}"
    ));
    (format!("view_{table}"), format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM seq_{table}"))
}

#[test]
fn a_cache_spares_the_table() {
    let Some(server) = server() else { return };
    let lines: String = (0..2000).map(|i| format!("{i},{},x\n", 1 + i % 20)).collect();
    let query = "CREATE TABLE p WITH ('connector' = 'print') AS SELECT COUNT(*) AS n FROM orders AS o \
                 JOIN v FOR SYSTEM_TIME AS OF o.proc AS c ON o.customer = c.id;";
    let mut fetched = vec![];
    for more in ["", ", 'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.expire-after-write' = '1 h'"] {
        let (view, count) = counted(&server);
        let script =
            orders(&lines) + &format!("CREATE TABLE v (id INT, n BIGINT) {};", server.with(&view, more)) + query;
        let outcome = run(&plan(&script).unwrap(), &Setup::cut(1, 20, 1));
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        assert_eq!(outcome.rows("p"), ["+I[2000]"]);
        fetched.push(server.sql(&count)[0].parse::<i64>().unwrap());
    }
    // A view with a function that changes something is scanned whole: what counts is how often it was asked.
    assert!(fetched[1] * 5 <= fetched[0] && fetched[1] > 0, "{fetched:?}");
}

#[test]
fn computed_columns_names_and_types_of_the_table_are_seen() {
    let Some(server) = server() else { return };
    let table = server.table("\"Key\" uuid primary key, price numeric(10, 2), at timestamptz");
    server.sql(&format!(
        "INSERT INTO {table} VALUES ('00000000-0000-0000-0000-00000000000a', 2.50, '2024-01-01 00:00:00+00')"
    ));
    let script = format!(
        "CREATE TABLE o (k STRING, n INT, proc AS PROCTIME()) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '\n\
         00000000-0000-0000-0000-00000000000a,3\n00000000-0000-0000-0000-00000000000b,4\n'); \
         CREATE TABLE t (`Key` STRING, price DECIMAL(10, 2), twice AS price * 2, `at` TIMESTAMP_LTZ(3)) {}; \
         CREATE TABLE p WITH ('connector' = 'print') AS SELECT o.n, c.twice * o.n AS total, c.`at`, c.`Key` FROM o \
         LEFT JOIN t FOR SYSTEM_TIME AS OF o.proc AS c ON c.`Key` = o.k;",
        server.with(&table, "")
    );
    assert_eq!(
        rows(&script, "p"),
        ["+I[3, 15.00, 2024-01-01T00:00:00Z, 00000000-0000-0000-0000-00000000000a]", "+I[4, null, null, null]"]
    );
}

#[test]
fn explain_says_that_the_job_cannot_be_repeated() {
    let with = "WITH ('connector' = 'postgres', 'url' = 'postgres://u@h/d', 'table-name' = 'c', \
                'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '100')";
    let script = orders(LINES)
        + &format!("CREATE TABLE c (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {with};")
        + "CREATE TABLE p WITH ('connector' = 'print') AS SELECT o.id, c.name FROM orders AS o \
           LEFT JOIN c FOR SYSTEM_TIME AS OF o.proc ON o.customer = c.id;";
    let text = explain(&plan(&script).unwrap());
    for line in [
        "not repeatable: depends on a live lookup (table c)",
        "LookupJoin Left with c",
        "asks table c for rows with id = ",
        "not repeatable: a live lookup, the table may say something else in a replay",
        "state: a cache of answers, at most 100 rows",
        "changelog: append-only",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let with = "WITH ('connector' = 'postgres', 'url' = 'postgres://u@h/d', 'table-name' = 'c')";
    let tables = orders(LINES)
        + &format!(
            "CREATE TABLE c (id BIGINT, name STRING) {with}; CREATE VIEW w AS SELECT id, name FROM c WHERE id > 3;"
        );
    for (query, expected) in [
        (
            "SELECT 1 FROM orders AS o JOIN w FOR SYSTEM_TIME AS OF o.proc ON o.customer = w.id",
            "a lookup in more than the table 'c'",
        ),
        (
            "SELECT 1 FROM orders AS o JOIN c FOR SYSTEM_TIME AS OF o.proc ON o.customer = c.id + 1",
            "without a column that equals something",
        ),
    ] {
        let error = plan(&format!("{tables} {query};")).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let script =
        tables + "SELECT o.id, c.name FROM orders AS o JOIN c FOR SYSTEM_TIME AS OF o.proc ON o.customer = c.id;";
    let script = script.replace("postgres://u@h/d'", "postgres://u@127.0.0.1:1/d', 'lookup.max-retries' = '1'");
    let error = execute(&script, 1).error.unwrap().to_string();
    assert!(
        error.contains("no connection with Postgres at 127.0.0.1:1/d") && error.contains("tried 2 times"),
        "{error}"
    );
}

/// The server dies in the middle and comes back: nothing is lost, nothing twice.
#[test]
fn lookups_outlive_the_server() {
    if server().is_none() {
        return;
    }
    let own = OwnServer::start("lookups");
    let table = own.server.table("id bigint primary key, name text");
    own.server.sql(&format!("INSERT INTO {table} SELECT i, 'n' || i FROM generate_series(0, 99) AS i"));
    let script = format!(
        "CREATE TABLE o (id BIGINT, proc AS PROCTIME()) WITH ('connector' = 'datagen', 'rows-per-second' = '1000', \
         'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '2999'); \
         CREATE TABLE c (id BIGINT, name STRING) {}; \
         CREATE TABLE p WITH ('connector' = 'print') AS SELECT COUNT(*) AS n, COUNT(DISTINCT o.id) AS d, COUNT(c.name) AS c \
         FROM (SELECT id, id % 100 AS k, proc FROM o) AS o LEFT JOIN c FOR SYSTEM_TIME AS OF o.proc ON o.k = c.id;",
        own.server.with(&table, ", 'lookup.max-retries' = '20'")
    );
    let job = std::thread::spawn(move || {
        run(&plan(&script).unwrap(), &Setup { clock: Some(Clock::System), ..Setup::workers(2) })
    });
    std::thread::sleep(std::time::Duration::from_millis(900));
    own.kill();
    std::thread::sleep(std::time::Duration::from_millis(500));
    own.start_again();
    let outcome = job.join().unwrap();
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.rows("p"), ["+I[3000, 3000, 3000]"]);
}
