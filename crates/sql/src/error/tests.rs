//! Errors as users see them.

use crate::Session;
use crate::testing::{failure, failure_in};

const TABLE: &str = "CREATE TABLE bid (auction BIGINT, price DECIMAL(10, 2), channel STRING, ts TIMESTAMP(3)) WITH ('connector' = 'datagen');\n";

fn of(query: &str) -> String {
    failure(&format!("{TABLE}{query}"))
}

#[test]
fn unknown_columns_tables_and_functions_are_pointed_at() {
    assert_eq!(
        of("SELECT auction,\n       prise\nFROM bid"),
        "\
error: column 'prise' does not exist
 --> test.sql:3:8
  |
3 |        prise
  |        ^^^^^
  |
  = help: Did you mean 'price'?"
    );
    assert_eq!(
        of("SELECT auction FROM bids"),
        "\
error: table 'bids' does not exist
 --> test.sql:2:21
  |
2 | SELECT auction FROM bids
  |                     ^^^^
  |
  = help: Did you mean 'bid'?"
    );
    assert_eq!(
        of("SELECT lenght(channel) FROM bid"),
        "\
error: function 'lenght' does not exist
 --> test.sql:2:8
  |
2 | SELECT lenght(channel) FROM bid
  |        ^^^^^^
  |
  = help: Did you mean 'length'?"
    );
    assert!(of("SELECT b.auction FROM bid").contains("^^^^^^^^^"), "{}", of("SELECT b.auction FROM bid"));
    assert!(of("SELECT Auction FROM bid").contains("Did you mean 'auction'?"));
}

#[test]
fn syntax_errors_are_pointed_at() {
    assert_eq!(
        of("SELECT auction, FROM bid"),
        "\
error: expected an expression, found 'FROM'
 --> test.sql:2:17
  |
2 | SELECT auction, FROM bid
  |                 ^^^^"
    );
    assert_eq!(
        failure("CREATE TABLE t (\n  a INTT\n) WITH ('connector' = 'x')"),
        "\
error: expected a type, found 'INTT'
 --> test.sql:2:5
  |
2 |   a INTT
  |     ^^^^"
    );
    for (script, message) in [
        ("SELECT 'abc", "unterminated string literal"),
        ("SELEC 1", "expected a statement such as CREATE TABLE, INSERT INTO or SELECT, found 'SELEC'"),
        ("CREATE TABLE t (a INT", "expected ',' or ')' after the column, found the end of the statement"),
        ("CREATE TABLE t (a INT) WITH (connector = 'x')", "expected an option's name in single quotes"),
        ("CREATE TABLE t (a INT, PRIMARY KEY (a)) WITH ('connector' = 'x')", "Write PRIMARY KEY (…) NOT ENFORCED."),
        ("CREATE TABLE t (a DECIMAL(50, 2))", "out of range"),
        ("SELECT CAST(1 AS NUMBER)", "expected a type, found 'NUMBER'"),
        ("EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1;", "no END"),
        ("SELECT * FROM ${TABLE}", "--var TABLE=VALUE"),
        ("DELETE FROM t", "DELETE is not supported"),
    ] {
        let text = failure(script);
        assert!(text.contains(message) && text.contains('^'), "{script}:\n{text}");
    }
}

#[test]
fn definitions_are_checked() {
    for (script, message) in [
        ("CREATE TABLE t (a INT, a INT) WITH ('connector' = 'x')", "declared twice"),
        ("CREATE TABLE t (a INT, WATERMARK FOR b AS b) WITH ('connector' = 'x')", "column 'b' is not declared"),
        ("CREATE TABLE t (a INT, WATERMARK FOR a AS a) WITH ('connector' = 'x')", "is no timestamp"),
        ("CREATE TABLE t (a INT, b AS c + 1) WITH ('connector' = 'x')", "column 'c' does not exist"),
        ("CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'x')", "column 'b' is not declared"),
        ("CREATE TABLE t WITH ('connector' = 'x') LIKE s", "table 's' does not exist"),
        (
            "CREATE TABLE t (a INT) WITH ('connector' = 'x'); CREATE VIEW v AS SELECT *, a FROM t",
            "column 't.a' appears twice",
        ),
        ("CREATE VIEW v (x) AS SELECT 1, 2", "names 1 columns, its query has 2"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'x'); CREATE VIEW t AS SELECT 1", "table 't' exists already"),
        ("DROP TABLE t", "does not exist"),
        ("SET 'table.local-time-zone' = 'Mars'", "no time zone"),
    ] {
        let text = failure(script);
        assert!(text.contains(message) && text.contains('^'), "{script}:\n{text}");
    }
}

#[test]
fn planners_noise_is_gone() {
    for query in [
        "SELECT auction, COUNT(*) FROM bid",
        "SELECT channel + 1 FROM bid",
        "SELECT SUM(channel) FROM bid",
        "SELECT DATE_FORMAT(ts) FROM bid",
        "SELECT * FROM bid WHERE price",
        "SELECT auction FROM bid UNION ALL SELECT auction, price FROM bid",
        "SELECT auction FROM bid a, bid b",
        "SELECT MAX(price) FROM bid WHERE MAX(price) > 1",
        "SELECT COUNT(*), TUMBLE_START(ts, INTERVAL '1' MINUTE) FROM bid GROUP BY TUMBLE(ts, INTERVAL '2' MINUTE)",
    ] {
        let text = of(query);
        assert!(text.starts_with("error: ") && text.contains('^'), "{query}\n{text}");
        for noise in [
            "Schema error",
            "Error during planning",
            "backtrace",
            "$window",
            "Utf8",
            "Int64",
            "DataFusion",
            "bug report",
        ] {
            assert!(!text.contains(noise), "{query}: '{noise}' in\n{text}");
        }
    }
}

#[test]
fn an_error_in_the_second_statement_points_there() {
    let mut session = Session::new();
    let text = failure_in(&mut session, &format!("-- comment\n{TABLE}\n/* more */ SELECT x FROM bid; SELECT 1"));
    assert!(text.contains("test.sql:4:19"), "{text}");
}
