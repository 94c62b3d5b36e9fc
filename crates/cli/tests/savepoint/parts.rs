//! Statements that change while the operators that they have in common with what they were keep their state.

use std::collections::BTreeMap;

use crate::changing::{Job, TABLES, TOTALS, WINDOWS};
use crate::{assert_same, finish};

const MORE: &str = "
CREATE TABLE tops (bids BIGINT, auctions BIGINT, best BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/tops', 'format' = 'debezium-json');
CREATE TABLE met (auction BIGINT, one BIGINT, other BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/met', 'format' = 'csv');
CREATE TABLE sums (auction BIGINT, pairs BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/sums', 'format' = 'debezium-json');
CREATE TABLE three (auction BIGINT, one BIGINT, other BIGINT, third BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/three', 'format' = 'csv');
CREATE TABLE best (auction BIGINT, price BIGINT, n BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/best', 'format' = 'debezium-json');
CREATE TABLE leaders (auction BIGINT, one BIGINT, other BIGINT, bids BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/leaders', 'format' = 'debezium-json');
";
/// Stands on the groups of [`TOTALS`].
const TOPS: &str = "INSERT INTO tops SELECT bids, COUNT(*), MAX(best)
FROM (SELECT auction, COUNT(*) AS bids, MAX(price) AS best FROM bids GROUP BY auction) GROUP BY bids;\n";
const MET: &str = "INSERT INTO met SELECT a.auction, a.price, b.price
FROM (SELECT * FROM bids WHERE MOD(n, 97) = 0) a JOIN (SELECT * FROM bids WHERE MOD(n, 49) = 0) b
ON a.auction = b.auction;\n";
/// Stands on the pairs of [`MET`].
const SUMS: &str = "INSERT INTO sums SELECT auction, COUNT(*), SUM(one + other) FROM (
SELECT a.auction, a.price AS one, b.price AS other
FROM (SELECT * FROM bids WHERE MOD(n, 97) = 0) a JOIN (SELECT * FROM bids WHERE MOD(n, 49) = 0) b
ON a.auction = b.auction) GROUP BY auction;\n";
/// Reads the pairs of [`MET`], or carries them out with its own.
const THREE: &str = "INSERT INTO three SELECT m.auction, m.one, m.other, c.price FROM (
SELECT a.auction, a.price AS one, b.price AS other
FROM (SELECT * FROM bids WHERE MOD(n, 97) = 0) a JOIN (SELECT * FROM bids WHERE MOD(n, 49) = 0) b
ON a.auction = b.auction) m
JOIN (SELECT * FROM bids WHERE MOD(n, 1999) = 0) c ON m.auction = c.auction;\n";
/// Stands on the rows of [`THREE`].
const THIRDS: &str = "INSERT INTO lows SELECT auction, COUNT(*), MIN(one + other + third) FROM (
SELECT m.auction, m.one, m.other, c.price AS third FROM (
SELECT a.auction, a.price AS one, b.price AS other
FROM (SELECT * FROM bids WHERE MOD(n, 97) = 0) a JOIN (SELECT * FROM bids WHERE MOD(n, 49) = 0) b
ON a.auction = b.auction) m
JOIN (SELECT * FROM bids WHERE MOD(n, 1999) = 0) c ON m.auction = c.auction) GROUP BY auction;\n";
const BEST: &str = "INSERT INTO best SELECT auction, price, n FROM (
SELECT auction, price, n, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, n) AS place FROM bids)
WHERE place <= 3;\n";
/// Stands on the pairs of [`MET`] and the groups of [`TOTALS`].
const LEADERS: &str = "INSERT INTO leaders SELECT m.auction, m.one, m.other, t.bids FROM (
SELECT a.auction, a.price AS one, b.price AS other
FROM (SELECT * FROM bids WHERE MOD(n, 97) = 0) a JOIN (SELECT * FROM bids WHERE MOD(n, 49) = 0) b
ON a.auction = b.auction) m
JOIN (SELECT auction, COUNT(*) AS bids, MAX(price) AS best FROM bids GROUP BY auction) t
ON m.auction = t.auction AND m.one < t.best;\n";

fn script(job: &Job, name: &str, files: &str, statements: &[&str]) -> std::path::PathBuf {
    let sql = format!("{TABLES}{MORE}EXECUTE STATEMENT SET BEGIN\n{}END;\n", statements.concat());
    job.place.script(name, files, &sql)
}

fn assert_undisturbed(job: &Job, tables: &[&str], statements: &[&str]) {
    let expected = script(job, "expected", "expected", statements);
    finish(&expected, &["--var", "rate=100000000"]);
    for table in tables {
        assert_same(table, &job.place.rows("job", table), &job.place.rows("expected", table));
    }
}

fn assert_says(log: &str, words: &[&str]) {
    words.iter().for_each(|words| assert!(log.contains(words), "{words:?} is not in {log}"));
}

/// Of each row of `before`, or of `after` for the same window and auction, there is one.
fn assert_each_once(found: &BTreeMap<String, i64>, before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) {
    let key = |row: &String| row.split(',').take(2).collect::<Vec<_>>().join(",");
    let by_key = |rows: &BTreeMap<String, i64>| -> BTreeMap<String, String> {
        rows.keys().map(|row| (key(row), row.clone())).collect()
    };
    let (old, new) = (by_key(before), by_key(after));
    let (mut olds, mut news) = (0, 0);
    for (row, times) in found {
        let key = key(row);
        assert_eq!(*times, 1, "{row}");
        match (old.get(&key) == Some(row), new.get(&key) == Some(row)) {
            (true, _) => olds += 1,
            (_, true) => news += 1,
            _ => panic!("{row} is neither {:?} nor {:?}", old.get(&key), new.get(&key)),
        }
    }
    assert_eq!(found.len(), old.len(), "windows are missing");
    assert!(olds > 0 && news > 0, "{olds} rows from before the change, {news} from after it");
}

#[test]
fn windows_stay_open_when_what_is_made_of_them_changes() {
    let job = Job::new("above-windows");
    let windows = &WINDOWS.replace("'10' SECOND", "'1' SECOND");
    job.run_a_while(&script(&job, "one", "job", &[TOTALS, windows]), "2", &[]);
    let changed = windows.replace("COUNT(*), SUM(price)", "COUNT(*) * 10, SUM(price) + 1");
    let two = script(&job, "two", "job", &[&changed, TOTALS]);
    job.run_a_while(&two, "3", &["--upgrade"]);
    let log = job.place.log(&two);
    assert_says(
        &log,
        &[
            "changed   windows ",
            "is given new rows only",
            "kept      WindowAggregate",
            "new       Map",
            "kept      totals ",
        ],
    );
    job.finish(&two, "1", &[]);
    assert_undisturbed(&job, &["totals"], &[TOTALS, windows]);
    let before = job.place.rows("expected", "windows");
    std::fs::remove_dir_all(job.place.0.join("expected")).unwrap();
    assert_undisturbed(&job, &["totals"], &[TOTALS, &changed]);
    assert_each_once(&job.place.rows("job", "windows"), &before, &job.place.rows("expected", "windows"));
}

#[test]
fn groups_and_ranks_are_told_to_what_is_made_of_them_now() {
    let job = Job::new("above-groups");
    job.run_a_while(&script(&job, "one", "job", &[TOTALS, WINDOWS, BEST]), "2", &[]);
    let left = ["totals", "best"].map(|table| job.place.rows("job", table));
    let changed = TOTALS.replace("MAX(price)", "MAX(price) * 2").replace(';', " HAVING COUNT(*) > 150;");
    let best = BEST.replacen("price,", "price * 2,", 1);
    let two = script(&job, "two", "job", &[&changed, WINDOWS, &best]);
    job.run_a_while(&two, "3", &["--upgrade"]);
    let log = job.place.log(&two);
    assert_says(
        &log,
        &["changed   totals ", "all rows that stand", "kept      GroupAggregate by auction, ", "kept      windows "],
    );
    assert_says(&log, &["changed   best ", "kept      Rank ROW_NUMBER <= 3 by auction, "]);
    assert!(!log.contains("from its beginning"), "{log}");
    job.finish(&two, "1", &[]);
    let expected = script(&job, "expected", "expected", &[&changed, WINDOWS, &best]);
    finish(&expected, &["--var", "rate=100000000"]);
    for (table, left) in ["totals", "best"].into_iter().zip(left) {
        // What was written stays; the new result stands beside it.
        let mut all = job.place.rows("job", table);
        left.iter().for_each(|(row, times)| *all.entry(row.clone()).or_default() -= times);
        all.retain(|_, times| *times != 0);
        assert_same(table, &all, &job.place.rows("expected", table));
    }
    assert_same("windows", &job.place.rows("job", "windows"), &job.place.rows("expected", "windows"));
}

#[test]
fn new_statements_stand_on_what_goes_on() {
    let job = Job::new("on-top");
    let old = [TOTALS, MET];
    job.run_a_while(&script(&job, "one", "job", &old), "2", &[]);
    let all = [SUMS, TOPS, MET, LEADERS, TOTALS];
    let two = script(&job, "two", "job", &all);
    // The change is cut short again and again, before and behind the first checkpoint.
    for round in 0..8 {
        let mut running = crate::start(&two, &job.options(["1", "2", "3"][round % 3], "rate=6000", &["--upgrade"]));
        crate::pause(30 + 60 * round as u64);
        running.kill().unwrap();
        running.wait().unwrap();
    }
    job.run_a_while(&two, "3", &["--upgrade"]);
    job.finish(&two, "2", &[]);
    assert_undisturbed(&job, &["sums", "tops", "leaders", "met", "totals"], &all);
    let log = job.place.log(&two);
    assert!(!log.contains("from its beginning"), "nothing is read again: {log}");
}

#[test]
fn joins_that_are_carried_out_as_one_stay_one() {
    let job = Job::new("as-one");
    let one = script(&job, "one", "job", &[THREE, TOTALS]);
    job.run_a_while(&one, "2", &[]);
    // What stands on all of it is told; what would read from within begins anew.
    let two = script(&job, "two", "job", &[THREE, TOTALS, THIRDS, SUMS]);
    job.run_a_while(&two, "3", &["--upgrade"]);
    let log = job.place.log(&two);
    assert_says(
        &log,
        &["kept      three ", "new       lows ", "'lows' is given all rows that stand", "new       sums "],
    );
    assert!(log.contains("begins with nothing; reads 'bids' from its beginning"), "{log}");
    job.finish(&two, "1", &[]);
    assert_undisturbed(&job, &["three", "lows", "sums", "totals"], &[THREE, TOTALS, THIRDS, SUMS]);
}

#[test]
fn joins_go_on_below_a_join_that_is_new() {
    let job = Job::new("below");
    job.run_a_while(&script(&job, "one", "job", &[MET, TOTALS]), "2", &[]);
    let two = script(&job, "two", "job", &[MET, TOTALS, THREE]);
    job.run_a_while(&two, "3", &["--upgrade"]);
    let three = script(&job, "three", "job", &[TOTALS, THREE, THIRDS]);
    job.run_a_while(&three, "2", &["--upgrade"]);
    job.finish(&three, "1", &[]);
    assert_undisturbed(&job, &["three", "lows", "totals"], &[TOTALS, THREE, THIRDS]);
}

#[test]
fn what_is_still_to_be_told_is_told_after_another_change() {
    let job = Job::new("told-later");
    let one = script(&job, "one", "job", &[TOTALS, MET]);
    job.run_a_while(&one, "2", &[]);
    let two = script(&job, "two", "job", &[TOTALS, MET, SUMS]);
    let three = script(&job, "three", "job", &[TOPS, TOTALS, MET, SUMS]);
    let often = ["--upgrade", "--set", "execution.checkpointing.interval=1 h"];
    let mut running =
        crate::start(&two, &[&["--state", &job.state, "-p", "2", "--var", "rate=6000"], &often[..]].concat());
    let before = crate::newest(&job.state, "plans");
    crate::await_segments(&job.state, &crate::newest(&job.state, "log"), 2);
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(crate::newest(&job.state, "plans") >= before);
    job.run_a_while(&three, "3", &["--upgrade"]);
    job.finish(&three, "1", &[]);
    assert_undisturbed(&job, &["sums", "tops", "met", "totals"], &[TOPS, TOTALS, MET, SUMS]);
}

#[test]
fn a_part_that_went_on_can_be_undone_and_begun_anew() {
    let job = Job::new("part-undone");
    let one = script(&job, "one", "job", &[TOTALS, WINDOWS]);
    job.run_a_while(&one, "2", &[]);
    let changed = TOTALS.replace("MAX(price)", "MAX(price) * 2");
    let two = script(&job, "two", "job", &[TOPS, &changed, WINDOWS]);
    job.run_a_while(&two, "3", &["--upgrade", "--rebuild", "totals"]);
    assert_says(
        &job.place.log(&two),
        &["rebuilt   totals ", "new       tops ", "kept      windows ", "    rebuilt   GroupAggregate"],
    );
    job.run_a_while(&one, "1", &["--rollback"]);
    assert_says(&job.place.log(&one), &["restored  totals ", "dropped   tops ", "kept      windows "]);
    job.finish(&one, "2", &[]);
    assert_undisturbed(&job, &["windows"], &[TOTALS, WINDOWS]);
}
