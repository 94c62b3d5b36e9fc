//! Reading tables to their end.

use crate::server::{OwnServer, Server, execute, rows, server};

fn failure(script: &str) -> String {
    execute(script, 1).error.expect("it must fail").to_string()
}

fn read(server: &Server, table: &str, columns: &str, more: &str) -> Vec<String> {
    let script = format!(
        "CREATE TABLE t ({columns}) {}; CREATE TABLE p WITH ('connector' = 'print') AS SELECT * FROM t;",
        server.with(table, more)
    );
    rows(&script, "p")
}

#[test]
fn values_of_all_types_come_as_they_are() {
    let Some(server) = server() else { return };
    let table = server.table(
        "id int primary key, b boolean, i1 smallint, i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision, \
         d numeric(38, 18), t text, y bytea, day date, at time, ts timestamp, tz timestamptz, js jsonb, u uuid, a int[]",
    );
    server.sql(&format!(
        "INSERT INTO {table} VALUES (1, true, -128, 32767, -2147483648, 9223372036854775807, 0.5, -1e300, \
         -12345678901234567890.123456789012345678, 'äöü ''x''', '\\x00ff', '1969-12-31', '23:59:59.999', \
         '1969-12-31 23:59:59.999', '2024-11-11 01:00:00+01', '{{\"a\": [1, null]}}', \
         '00000000-0000-0000-0000-000000000001', '{{1,NULL,3}}'); INSERT INTO {table} VALUES (2)"
    ));
    let columns = "id INT, b BOOLEAN, i1 TINYINT, i2 SMALLINT, i4 INT, i8 BIGINT, f4 FLOAT, f8 DOUBLE, d DECIMAL(38, 18), \
                   t STRING, y BYTES, `day` DATE, at TIME, ts TIMESTAMP(3), tz TIMESTAMP_LTZ(6), js STRING, u STRING, a STRING";
    assert_eq!(
        read(&server, &table, columns, ""),
        [
            "+I[1, true, -128, 32767, -2147483648, 9223372036854775807, 0.5, -1e300, \
             -12345678901234567890.123456789012345678, äöü 'x', [0, -1], 1969-12-31, 23:59:59.999, \
             1969-12-31T23:59:59.999, 2024-11-11T00:00:00Z, {\"a\": [1, null]}, \
             00000000-0000-0000-0000-000000000001, {1,NULL,3}]",
            &format!("+I[2{}]", ", null".repeat(17)),
        ]
    );
}

#[test]
fn many_rows_come_once_whole_and_in_parts() {
    let Some(server) = server() else { return };
    let table = server.table("id bigint, v text");
    server.sql(&format!("INSERT INTO {table} SELECT i, 'v' || i FROM generate_series(1, 50000) AS i"));
    server.sql(&format!("INSERT INTO {table} VALUES (NULL, 'none'), (-7, 'low'), (99999999, 'high')"));
    let parts = ", 'scan.partition.column' = 'id', 'scan.partition.num' = '7', \
                 'scan.partition.lower-bound' = '1', 'scan.partition.upper-bound' = '50000'";
    for more in ["", parts] {
        let script = format!(
            "CREATE TABLE t (id BIGINT, v STRING) {}; CREATE TABLE p WITH ('connector' = 'print') AS \
             SELECT COUNT(*), COUNT(DISTINCT v), SUM(id), COUNT(id) FROM t;",
            server.with(&table, more)
        );
        assert_eq!(rows(&script, "p"), ["+I[50003, 50003, 1350024992, 50002]"], "{more}");
    }
}

#[test]
fn a_decimal_is_rounded_to_the_declared_scale_and_must_fit() {
    let Some(server) = server() else { return };
    let table = server.table("d numeric");
    server.sql(&format!("INSERT INTO {table} VALUES (1.005), (-1.005), (0.0049), (99.99)"));
    let columns = "d DECIMAL(4, 2)";
    assert_eq!(read(&server, &table, columns, ""), ["+I[-1.01]", "+I[0.00]", "+I[1.01]", "+I[99.99]"]);
    server.sql(&format!("INSERT INTO {table} VALUES (100)"));
    let script = format!(
        "CREATE TABLE t ({columns}) {}; CREATE TABLE p WITH ('connector' = 'print') AS SELECT * FROM t;",
        server.with(&table, "")
    );
    assert!(failure(&script).contains("numeric field overflow"), "{}", failure(&script));
    server.sql(&format!("DELETE FROM {table}; INSERT INTO {table} VALUES ('NaN')"));
    assert!(failure(&script).contains("NaN or infinity"), "{}", failure(&script));
}

#[test]
fn what_is_wrong_is_said() {
    let Some(server) = server() else { return };
    let table = server.table("id int");
    let script = |with: &str| format!("CREATE TABLE t (id INT, x INT) {with}; SELECT * FROM t;");
    let error = failure(&script(&server.with(&table, "")));
    assert!(error.contains("has no column 'x'") && error.contains("Its columns: id."), "{error}");
    let error = failure(&script(&server.with("no_such_table", "")));
    assert!(error.contains("no_such_table") && error.contains("Create the table in Postgres first"), "{error}");
    let error = failure(&script(&server.with(&table, ", 'password' = 'wrong'")));
    assert!(error.contains("password authentication failed") && error.contains("Check 'username'"), "{error}");
    let error = failure(&script(&server.with(&table, ", 'connection.max-retry-timeout' = 'soon'")));
    assert!(error.contains("expected a duration"), "{error}");
    let jdbc = "WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h/d', 'table-name' = 't')";
    assert!(failure(&script(jdbc)).contains("it names no Postgres"), "{}", failure(&script(jdbc)));
    let map = script(&server.with(&table, "")).replace("x INT", "x MAP<STRING, INT>");
    assert!(failure(&map).contains("Declare the column STRING"), "{}", failure(&map));
}

#[test]
fn the_connector_is_flinks_jdbc_too() {
    let Some(server) = server() else { return };
    let table = server.table("\"Odd Name\" int");
    server.sql(&format!("INSERT INTO {table} VALUES (7)"));
    let place = server.url.rsplit_once('@').unwrap().1;
    let script = format!(
        "CREATE TABLE t (`Odd Name` INT) WITH ('connector' = 'jdbc', 'url' = 'jdbc:postgresql://{place}', \
         'table-name' = 'public.{table}', 'username' = 'sloth', 'password' = 'sloth', 'driver' = 'org.postgresql.Driver'); \
         CREATE TABLE p WITH ('connector' = 'print') AS SELECT `Odd Name` FROM t;"
    );
    assert_eq!(rows(&script, "p"), ["+I[7]"]);
}

#[test]
fn tls_trusts_whom_it_is_told_to_trust() {
    let Some(plain) = server() else { return };
    let own = OwnServer::start_with("tls", &["--tls"]);
    let table = own.server.table("id int");
    own.server.sql(&format!("INSERT INTO {table} VALUES (7)"));
    let script = |server: &Server, parameters: &str| {
        let there = Server { url: format!("{}?{parameters}", server.url) };
        format!(
            "CREATE TABLE t (id INT) {}; CREATE TABLE p WITH ('connector' = 'print') AS SELECT * FROM t;",
            there.with(&table, "")
        )
    };
    let trusting = format!("sslmode=verify-full&sslrootcert={}", own.file("ca.crt"));
    assert_eq!(rows(&script(&own.server, &trusting), "p"), ["+I[7]"]);
    let error = failure(&script(&own.server, "sslmode=require"));
    assert!(error.contains("TLS with Postgres") && error.contains("sslrootcert"), "{error}");
    let error = failure(&script(&plain, &trusting));
    assert!(error.contains("has no TLS"), "{error}");
    // The server says whether the connection is encrypted.
    let named = Server { url: format!("{}?{trusting}", own.server.url) };
    assert_eq!(named.sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), ["t"]);
}
