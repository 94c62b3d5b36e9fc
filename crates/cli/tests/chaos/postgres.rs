//! Into Postgres: inserts and upserts in transactions, with jobs that are killed and with a database that crashes.

use std::collections::BTreeMap;

use sloth_connectors::postgres::run_sql;
use sloth_types::Clock;

use crate::servers::OwnServer;
use crate::{Place, assert_same, dice, finish, pause, rows_of, sleep_through_a_takeover, start, told, wait_until};

const ROWS: usize = 120_000;

/// All rows, and what changes with them by key: counts, and the top of each key, from which rows fall out again.
const JOB: &str = "
SET 'execution.checkpointing.interval' = '300 ms';
CREATE TABLE numbers (n BIGINT, k BIGINT, v BIGINT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '15000', 'number-of-rows' = '120000', 'fields.n.kind' = 'sequence',
  'fields.n.start' = '1', 'fields.n.end' = '120000', 'fields.k.min' = '1', 'fields.k.max' = '200',
  'fields.v.min' = '1', 'fields.v.max' = '1000000'
);
CREATE TABLE picked (n BIGINT, k BIGINT, v BIGINT)
WITH ('connector' = 'postgres', 'url' = '${URL}', 'table-name' = 'picked_${STAMP}');
CREATE TABLE totals (k BIGINT, rows_seen BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED)
WITH ('connector' = 'postgres', 'url' = '${URL}', 'table-name' = 'totals_${STAMP}');
CREATE TABLE best (n BIGINT, k BIGINT, v BIGINT, PRIMARY KEY (n) NOT ENFORCED)
WITH ('connector' = 'postgres', 'url' = '${URL}', 'table-name' = 'best_${STAMP}');
EXECUTE STATEMENT SET BEGIN
INSERT INTO picked SELECT n, k, v FROM numbers WHERE MOD(n, 2) = 0;
INSERT INTO totals SELECT k, COUNT(*), SUM(v) FROM numbers GROUP BY k;
INSERT INTO best SELECT n, k, v FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, n) AS place FROM numbers
) WHERE place <= 3;
END;
";

/// The same rows, undisturbed.
const EXPECTED: &str = "
CREATE TABLE numbers (n BIGINT, k BIGINT, v BIGINT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '100000000', 'number-of-rows' = '120000', 'fields.n.kind' = 'sequence',
  'fields.n.start' = '1', 'fields.n.end' = '120000', 'fields.k.min' = '1', 'fields.k.max' = '200',
  'fields.v.min' = '1', 'fields.v.max' = '1000000'
);
CREATE TABLE everything (n BIGINT, k BIGINT, v BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}', 'format' = 'csv');
INSERT INTO everything SELECT n, k, v FROM numbers;
";

struct Database {
    url: String,
    stamp: String,
}

impl Database {
    fn new(url: &str) -> Database {
        let stamp = format!("{}_{}", Clock::System.now_ms(), std::process::id());
        let database = Database { url: url.to_owned(), stamp };
        database.sql("CREATE TABLE picked_${STAMP} (n bigint, k bigint, v bigint)");
        database.sql("CREATE TABLE totals_${STAMP} (k bigint PRIMARY KEY, rows_seen bigint, total bigint)");
        database.sql("CREATE TABLE best_${STAMP} (n bigint PRIMARY KEY, k bigint, v bigint)");
        database
    }

    fn fill(&self, sql: &str) -> String {
        sql.replace("${URL}", &self.url).replace("${STAMP}", &self.stamp)
    }

    /// The rows of a query, each with its number.
    fn sql(&self, sql: &str) -> BTreeMap<String, i64> {
        let mut found = BTreeMap::new();
        for row in run_sql(&self.url, &self.fill(sql)).unwrap() {
            let row: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
            *found.entry(row.join(",")).or_default() += 1;
        }
        found
    }

    /// Compares with the rows that the generator gives.
    fn assert_whole(&self, place: &Place) {
        let expected = place.script("expected", EXPECTED);
        finish(&expected, None);
        let everything = rows_of(&place.0.join("expected"));
        assert_eq!(everything.len(), ROWS);
        let (mut picked, mut totals) = (BTreeMap::new(), BTreeMap::<u64, (u64, u64)>::new());
        let mut by_key = BTreeMap::<u64, Vec<(std::cmp::Reverse<u64>, u64)>>::new();
        for line in everything.keys() {
            let numbers: Vec<u64> = line.split(',').map(|n| n.parse().unwrap()).collect();
            let (n, k, v) = (numbers[0], numbers[1], numbers[2]);
            if n % 2 == 0 {
                picked.insert(line.clone(), 1);
            }
            let total = totals.entry(k).or_default();
            *total = (total.0 + 1, total.1 + v);
            by_key.entry(k).or_default().push((std::cmp::Reverse(v), n));
        }
        let totals = totals.into_iter().map(|(k, (count, sum))| (format!("{k},{count},{sum}"), 1)).collect();
        let mut best = BTreeMap::new();
        for (k, mut rows) in by_key {
            rows.sort_unstable();
            best.extend(rows.iter().take(3).map(|(v, n)| (format!("{n},{k},{}", v.0), 1)));
        }
        assert_same("picked", &self.sql("SELECT n, k, v FROM picked_${STAMP}"), &picked);
        assert_same("totals", &self.sql("SELECT k, rows_seen, total FROM totals_${STAMP}"), &totals);
        assert_same("best", &self.sql("SELECT n, k, v FROM best_${STAMP}"), &best);
    }
}

#[test]
fn tables_of_postgres_have_every_row_of_a_killed_job_once() {
    let Ok(url) = std::env::var("SLOTH_POSTGRES") else {
        println!("skipped: SLOTH_POSTGRES is not set; start a server with scripts/postgres start");
        return;
    };
    let (place, database) = (Place::new("postgres"), Database::new(&url));
    let script = place.script("job", &database.fill(JOB));
    let mut dice = dice("postgres", 10);
    assert!(dice.kill_again_and_again(&script, &place.state()) > 0);
    // One that sleeps in the middle of its work, with a transaction that is open perhaps, and wakes up too late.
    let before = told(&script).matches("resuming job").count();
    let mut old = start(&script, Some(&place.state()), 2);
    wait_until("the job goes on", || told(&script).matches("resuming job").count() > before);
    pause(dice.between(0, 600));
    let mut job = sleep_through_a_takeover(&old, &script, || start(&script, Some(&place.state()), 2));
    old.wait().unwrap();
    let said = || std::fs::read_to_string(script.with_extension("log")).unwrap();
    assert!(job.wait().unwrap().success(), "{}", said());
    finish(&script, Some(&place.state()));
    database.assert_whole(&place);
}

#[test]
fn a_job_outlives_a_database_that_crashes() {
    let Some(server) = OwnServer::start("postgres", "SLOTH_POSTGRES") else { return };
    let (place, database) = (Place::new("postgres-crash"), Database::new(&server.address));
    let script = place.script("job", &database.fill(JOB));
    let mut dice = dice("postgres-crash", 3);
    let mut job = start(&script, Some(&place.state()), 2);
    for round in 0..dice.kills {
        pause(dice.between(500, 1500));
        server.kill();
        pause(dice.between(0, 700));
        server.start_again();
        // Sometimes both end at once.
        if round % 2 == 1 {
            let _ = job.kill();
            job.wait().unwrap();
            job = start(&script, Some(&place.state()), 2);
        }
    }
    let said = || std::fs::read_to_string(script.with_extension("log")).unwrap();
    assert!(job.wait().unwrap().success(), "{}", said());
    database.assert_whole(&place);
}

/// Rows meet the name that a table has for their key: it is changed all the time.
const LOOKUP: &str = "
SET 'execution.checkpointing.interval' = '250 ms';
CREATE TABLE numbers (n BIGINT, k BIGINT, proc AS PROCTIME()) WITH (
  'connector' = 'datagen', 'rows-per-second' = '8000', 'number-of-rows' = '60000', 'fields.n.kind' = 'sequence',
  'fields.n.start' = '1', 'fields.n.end' = '60000', 'fields.k.min' = '1', 'fields.k.max' = '5'
);
CREATE TABLE names (k BIGINT, name BIGINT) WITH ('connector' = 'postgres', 'url' = '${URL}', 'table-name' = 'names_${STAMP}');
CREATE TABLE named (name BIGINT, rows_seen BIGINT, total BIGINT, PRIMARY KEY (name) NOT ENFORCED)
WITH ('connector' = 'postgres', 'url' = '${URL}', 'table-name' = 'named_${STAMP}');
CREATE TABLE picked (n BIGINT, k BIGINT, v BIGINT)
WITH ('connector' = 'postgres', 'url' = '${URL}', 'table-name' = 'picked_${STAMP}');
CREATE VIEW both AS SELECT n, numbers.k, name FROM numbers JOIN names FOR SYSTEM_TIME AS OF numbers.proc
ON numbers.k = names.k;
EXECUTE STATEMENT SET BEGIN
INSERT INTO named SELECT name, COUNT(*), SUM(n) FROM both GROUP BY name;
INSERT INTO picked SELECT n, k, name FROM both;
END;
";

#[test]
fn what_a_changing_table_has_answered_is_committed_once() {
    let Ok(url) = std::env::var("SLOTH_POSTGRES") else {
        println!("skipped: SLOTH_POSTGRES is not set; start a server with scripts/postgres start");
        return;
    };
    let (place, database) = (Place::new("postgres-lookup"), Database::new(&url));
    database.sql("CREATE TABLE names_${STAMP} (k bigint PRIMARY KEY, name bigint)");
    database.sql("CREATE TABLE named_${STAMP} (name bigint PRIMARY KEY, rows_seen bigint, total bigint)");
    database.sql("INSERT INTO names_${STAMP} SELECT k, k FROM generate_series(1, 5) AS k");
    let script = place.script("job", &database.fill(LOOKUP));
    let mut dice = dice("postgres-lookup", 10);
    let mut killed = 0;
    for round in 0..dice.kills {
        let mut job = start(&script, Some(&place.state()), round % 3 + 1);
        // Never the same answer before and after.
        for _ in 0..dice.between(1, 12) {
            pause(dice.between(20, 120));
            database.sql("UPDATE names_${STAMP} SET name = name + 5");
        }
        killed += usize::from(job.try_wait().unwrap().is_none());
        let _ = job.kill();
        job.wait().unwrap();
        database.sql("UPDATE names_${STAMP} SET name = name + 5");
    }
    assert!(killed > 0);
    finish(&script, Some(&place.state()));
    // Both statements are committed by themselves, each of them is whole, and both tell the same.
    let whole = "SELECT COUNT(*), COUNT(DISTINCT n), SUM(n) FROM picked_${STAMP}";
    assert_eq!(database.sql(whole), BTreeMap::from([("60000,60000,1800030000".to_owned(), 1)]));
    let named = database.sql("SELECT name, rows_seen, total FROM named_${STAMP}");
    let picked = database.sql("SELECT v, COUNT(*), SUM(n) FROM picked_${STAMP} GROUP BY v");
    assert!(named.len() > 20, "{named:?}");
    assert_same("named", &named, &picked);
}
