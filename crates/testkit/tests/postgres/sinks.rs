//! Writing tables.

use std::time::Duration;

use sloth_testkit::run::{Setup, run};
use sloth_types::Clock;
use sloth_types::rng::Rng;

use crate::server::{OwnServer, execute, plan, server};

fn write(script: &str, workers: usize) {
    let outcome = execute(script, workers);
    assert!(outcome.error.is_none(), "{}", outcome.error.unwrap());
}

#[test]
fn values_of_all_types_arrive_as_they_are() {
    let Some(server) = server() else { return };
    let table = server.table(
        "id int, b boolean, i1 smallint, i4 int, i8 bigint, f8 double precision, d numeric(38, 18), e numeric, t varchar(20), \
         y bytea, day date, at time, ts timestamp, tz timestamptz, js jsonb, u uuid, a int[], wide bigint",
    );
    let script = format!(
        "CREATE TABLE t (id INT, b BOOLEAN, i1 TINYINT, i4 INT, i8 BIGINT, f8 DOUBLE, d DECIMAL(38, 18), e DECIMAL(5, 1), \
         t STRING, y BYTES, `day` DATE, at TIME, ts TIMESTAMP(3), tz TIMESTAMP_LTZ(3), js STRING, u STRING, a STRING, \
         wide INT) {}; \
         INSERT INTO t SELECT 1, TRUE, CAST(-128 AS TINYINT), -7, 9223372036854775807, -1.5e300, \
         CAST('-12345678901234567890.123456789012345678' AS DECIMAL(38, 18)), CAST(-1000.1 AS DECIMAL(5, 1)), 'äöü', \
         x'00ff', DATE '1969-12-31', TIME '23:59:59', TIMESTAMP '1969-12-31 23:59:59.999', \
         TO_TIMESTAMP_LTZ(1731283200000, 3), '{{\"a\":[1,null]}}', '00000000-0000-0000-0000-000000000001', \
         '{{1,NULL,3}}', 5;
         ",
        server.with(&table, "")
    );
    write(&script, 1);
    assert_eq!(
        server.sql(&format!("SELECT * FROM {table}")),
        [
            "1|t|-128|-7|9223372036854775807|-1.5e+300|-12345678901234567890.123456789012345678|-1000.1|äöü|\\x00ff|1969-12-31|\
          23:59:59|1969-12-31 23:59:59.999|2024-11-11 00:00:00+00|{\"a\": [1, null]}|00000000-0000-0000-0000-000000000001|\
          {1,NULL,3}|5"
        ]
    );
}

#[test]
fn inserts_are_kept_all_and_the_epoch_is_noted() {
    let Some(server) = server() else { return };
    let table = server.table("n bigint, t text");
    let script = format!(
        "CREATE TABLE s (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000000', \
         'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '100000'); \
         CREATE TABLE t (n BIGINT, t STRING) {}; \
         INSERT INTO t SELECT n % 1000, CASE WHEN n % 3 = 0 THEN NULL ELSE 'x' END FROM s;",
        server.with(&table, &format!(", 'sink.id' = '{table}'"))
    );
    let outcome = run(&plan(&script).unwrap(), &Setup { clock: Some(Clock::System), ..Setup::workers(2) });
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(server.sql(&format!("SELECT COUNT(*), COUNT(t), SUM(n) FROM {table}")), ["100000|66667|49950000"]);
    let noted = server.sql(&format!("SELECT epoch >= 0, generation > 0 FROM sloth_epochs WHERE sink = '{table}'"));
    assert_eq!(noted, ["t|t"]);
}

#[test]
fn a_key_makes_updates_and_deletes() {
    let Some(server) = server() else { return };
    let table = server.table("country text, item bigint, n bigint, total numeric(20, 2), PRIMARY KEY (country, item)");
    let mut rng = Rng::new(3);
    let mut present: Vec<(u64, u64, i64)> = vec![];
    let mut lines = String::new();
    for _ in 0..3000 {
        if !present.is_empty() && rng.chance(0.48) {
            let (c, i, a) = present.swap_remove(rng.below(present.len() as u64) as usize);
            lines += &format!("-c{c},{i},{a}.25\n");
        } else {
            let row = (rng.below(3), rng.below(60), rng.between(-50, 50));
            lines += &format!("+c{},{},{}.25\n", row.0, row.1, row.2);
            present.push(row);
        }
    }
    let script = format!(
        "CREATE TABLE s (country STRING, item BIGINT, amount DECIMAL(20, 2)) WITH ('connector' = 'inline', 'format' = 'csv', \
         'scan.changelog' = 'retract', 'data' = '\n{lines}'); \
         CREATE TABLE t (country STRING, item BIGINT, n BIGINT, total DECIMAL(20, 2), PRIMARY KEY (country, item) NOT ENFORCED) {}; \
         INSERT INTO t SELECT country, item, COUNT(*), SUM(amount) FROM s GROUP BY country, item;",
        server.with(&table, ", 'sink.buffer-flush.max-rows' = '7'")
    );
    for seed in 0..3 {
        server.sql(&format!("DELETE FROM {table}"));
        let outcome = run(&plan(&script).unwrap(), &Setup::cut(2, 100, seed));
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        let mut expected = std::collections::BTreeMap::<(u64, u64), (i64, i64)>::new();
        for (c, i, a) in &present {
            let entry = expected.entry((*c, *i)).or_default();
            entry.0 += 1;
            // `-0.25` is a quarter below zero, but `-3.25` is -3 and a quarter less.
            entry.1 += if *a < 0 { a * 100 - 25 } else { a * 100 + 25 };
        }
        let expected: Vec<String> =
            expected.into_iter().map(|((c, i), (n, total))| format!("c{c}|{i}|{n}|{total}")).collect();
        let found =
            server.sql(&format!("SELECT country, item, n, (total * 100)::bigint FROM {table} ORDER BY country, item"));
        assert_eq!(found, expected);
    }
}

#[test]
fn inserts_into_a_table_with_a_key_replace_also_within_an_epoch() {
    let Some(server) = server() else { return };
    let table = server.table("id uuid PRIMARY KEY, v int");
    let only = server.table("id int PRIMARY KEY");
    let id = |n: u32| format!("00000000-0000-0000-0000-{n:012}");
    let lines = format!("{0},1\n{1},2\n{0},3\n{1},4\n{0},5\n", id(1), id(2));
    let script = format!(
        "CREATE TABLE s (id STRING, v INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '\n{lines}'); \
         CREATE TABLE t (id STRING, v INT, PRIMARY KEY (id) NOT ENFORCED) {}; \
         CREATE TABLE o (id INT, PRIMARY KEY (id) NOT ENFORCED) {}; \
         EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT id, v FROM s; INSERT INTO o SELECT v % 2 FROM s; END;",
        server.with(&table, ""),
        server.with(&only, "")
    );
    write(&script, 1);
    let expected = [format!("{}|5", id(1)), format!("{}|4", id(2))];
    assert_eq!(server.sql(&format!("SELECT * FROM {table} ORDER BY id")), expected);
    assert_eq!(server.sql(&format!("SELECT * FROM {only} ORDER BY id")), ["0", "1"]);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let Some(server) = server() else { return };
    let table = server.table("k int, n bigint CHECK (n < 2)");
    let source = "CREATE TABLE s (k INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '\n1\n1\n');";
    let failure = |script: &str| execute(script, 1).error.expect("it must fail").to_string();
    let query = "INSERT INTO t SELECT k, COUNT(*) FROM s GROUP BY k;";
    let script = format!("{source} CREATE TABLE t (k INT, n BIGINT) {}; {query}", server.with(&table, ""));
    let error = failure(&script);
    assert!(error.contains("PRIMARY KEY"), "{error}");
    let keyed = script.replace("n BIGINT)", "n BIGINT, PRIMARY KEY (k) NOT ENFORCED)");
    let error = failure(&keyed);
    assert!(error.contains("Upserts need a PRIMARY KEY or UNIQUE constraint"), "{error}");
    server.sql(&format!("ALTER TABLE {table} ADD PRIMARY KEY (k)"));
    let error = failure(&keyed);
    assert!(error.contains("violates check constraint"), "{error}");
    assert_eq!(server.sql(&format!("SELECT COUNT(*) FROM {table}")), ["0"]);
    let error =
        failure(&script.replace(query, "INSERT INTO t SELECT k, 1 FROM s WHERE k = 1;").replace(&table, "nowhere"));
    assert!(error.contains("Create the table in Postgres first"), "{error}");
}

/// The server dies in the middle and comes back. Inserts without a key are the hard case: a transaction of which it is not
/// known whether it was committed must neither be lost nor made twice.
#[test]
fn a_sink_outlives_the_server() {
    if server().is_none() {
        return;
    }
    let own = OwnServer::start("sinks");
    let table = own.server.table("n bigint");
    let script = format!(
        "CREATE TABLE s (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '2000', \
         'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '8000'); \
         CREATE TABLE t (n BIGINT) {}; INSERT INTO t SELECT n FROM s;",
        own.server.with(&table, ", 'sink.max-retries' = '20'")
    );
    let setup = Setup { clock: Some(Clock::System), ..Setup::workers(1) };
    let job = std::thread::spawn(move || run(&plan(&script).unwrap(), &setup));
    std::thread::sleep(Duration::from_millis(600));
    for round in 0..3 {
        std::thread::sleep(Duration::from_millis(300 + 37 * round));
        own.kill();
        own.start_again();
    }
    // Sessions that are ended by an administrator come back, too.
    for _ in 0..5 {
        own.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sloth' AND pid <> pg_backend_pid()");
        std::thread::sleep(Duration::from_millis(60));
    }
    let outcome = job.join().unwrap();
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(own.server.sql(&format!("SELECT COUNT(*), COUNT(DISTINCT n) FROM {table}")), ["8000|8000"]);
}
