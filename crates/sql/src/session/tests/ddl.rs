//! CREATE, DROP, SHOW, DESCRIBE.

use arrow::datatypes::{DataType, TimeUnit};

use super::ORDERS;
use crate::testing::failure;
use crate::{ColumnKind, Effect, Object, Session};

fn run(session: &mut Session, script: &str) -> Vec<Effect> {
    let statements = session.parse(script).unwrap();
    statements.iter().map(|s| session.execute(s).unwrap()).collect()
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Rows(batch) => {
            arrow::util::pretty::pretty_format_batches(std::slice::from_ref(batch)).unwrap().to_string()
        }
        Effect::Done(text) => text.clone(),
        _ => panic!("a plan"),
    }
}

#[test]
fn a_table_keeps_columns_keys_watermark_and_options() {
    let mut session = Session::new();
    run(&mut session, ORDERS);
    let table = session.catalog().table("orders").unwrap();
    let names: Vec<&str> = table.schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["id", "user", "amount", "item", "tags", "attrs", "lines", "total", "proc", "kts", "part", "ts"]);
    assert!(!table.schema.field(0).is_nullable(), "a key is never null");
    let stamp = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Millisecond, zone.map(Into::into));
    assert_eq!(table.schema.field(8).data_type(), &stamp(Some("UTC")));
    assert_eq!(table.schema.field(11).data_type(), &stamp(None));
    assert_eq!(table.spec.schema.fields().len(), 10, "computed columns are not the connector's");
    assert_eq!(table.spec.metadata.len(), 2);
    assert_eq!((table.spec.metadata[0].key.as_str(), table.spec.metadata[0].read_only), ("timestamp", true));
    assert_eq!((table.spec.metadata[1].key.as_str(), table.spec.metadata[1].read_only), ("part", false));
    assert_eq!(table.primary_key, ["id"]);
    assert_eq!(table.spec.options.get("topic"), Some("o"));
    assert_eq!(table.watermark.as_ref().unwrap().column, "ts");
    assert!(matches!(table.columns[7].kind, ColumnKind::Computed(_)));
    assert_eq!(table.span, 0..ORDERS.trim_end().len() - 1);
}

#[test]
fn describe_and_show_create_tell_it_all() {
    let mut session = Session::new();
    run(&mut session, ORDERS);
    assert_eq!(
        shown(&run(&mut session, "DESCRIBE orders")[0]),
        "\
+--------+-------------------------------------+-------+---------+-----------------------------------+--------------------------+
| name   | type                                | null  | key     | extras                            | watermark                |
+--------+-------------------------------------+-------+---------+-----------------------------------+--------------------------+
| id     | BIGINT                              | false | PRI(id) |                                   |                          |
| user   | BIGINT                              | true  |         |                                   |                          |
| amount | DECIMAL(10, 2)                      | true  |         |                                   |                          |
| item   | ROW<`sku` STRING, `qty` INT>        | true  |         |                                   |                          |
| tags   | ARRAY<STRING>                       | true  |         |                                   |                          |
| attrs  | MAP<STRING, BIGINT>                 | true  |         |                                   |                          |
| lines  | ARRAY<ROW<`sku` STRING, `qty` INT>> | true  |         |                                   |                          |
| total  | DECIMAL(31, 2)                      | true  |         | AS amount * 2                     |                          |
| proc   | TIMESTAMP_LTZ(3) *PROCTIME*         | true  |         | AS PROCTIME()                     |                          |
| kts    | TIMESTAMP_LTZ(3)                    | true  |         | METADATA FROM 'timestamp' VIRTUAL |                          |
| part   | INT                                 | true  |         | METADATA                          |                          |
| ts     | TIMESTAMP(3) *ROWTIME*              | true  |         |                                   | ts - INTERVAL '4' SECOND |
+--------+-------------------------------------+-------+---------+-----------------------------------+--------------------------+"
    );
    let created = match &run(&mut session, "SHOW CREATE TABLE orders")[0] {
        Effect::Rows(batch) => arrow::util::display::array_value_to_string(batch.column(0), 0).unwrap(),
        _ => panic!(),
    };
    assert!(created.contains("'properties.sasl.password' = '****'"), "{created}");
    // What it shows makes the same table again.
    let mut again = Session::new();
    run(&mut again, &created);
    let (a, b) = (session.catalog().table("orders").unwrap(), again.catalog().table("orders").unwrap());
    assert_eq!((&a.schema, &a.primary_key, &a.comment), (&b.schema, &b.primary_key, &b.comment));
}

#[test]
fn like_copies_what_it_is_told() {
    let mut session = Session::new();
    run(&mut session, ORDERS);
    run(
        &mut session,
        "CREATE TABLE a WITH ('topic' = 'p') LIKE orders;
         CREATE TABLE b (extra INT) WITH ('connector' = 'print') LIKE orders (EXCLUDING ALL);
         CREATE TABLE c WITH ('connector' = 'print') LIKE orders (EXCLUDING OPTIONS EXCLUDING GENERATED EXCLUDING WATERMARKS)",
    );
    let table = |name: &str| session.catalog().table(name).unwrap();
    assert_eq!(
        (table("a").spec.options.get("topic"), table("a").spec.options.get("connector")),
        (Some("p"), Some("kafka"))
    );
    assert!(table("a").watermark.is_some() && table("a").column("total").is_some());
    assert_eq!(table("b").schema.fields().len(), 9);
    assert_eq!(table("b").spec.options.get("topic"), None);
    assert!(
        table("c").watermark.is_none() && table("c").column("total").is_none() && table("c").column("kts").is_some()
    );
}

#[test]
fn tables_and_views_come_and_go() {
    let mut session = Session::new();
    let effects = run(
        &mut session,
        "CREATE TEMPORARY TABLE t (a INT) WITH ('connector' = 'datagen');
         CREATE TABLE IF NOT EXISTS t (b INT) WITH ('connector' = 'datagen');
         CREATE TEMPORARY VIEW v (x) COMMENT 'c' AS SELECT a + 1 FROM t;
         SHOW TABLES; SHOW VIEWS;
         DROP VIEW v; DROP TABLE IF EXISTS v; DROP TABLE t; SHOW TABLES;
         USE CATALOG x; ADD JAR 'a.jar';
         CREATE TEMPORARY SYSTEM FUNCTION count_char AS 'com.github.nexmark.flink.udf.CountChar' LANGUAGE JAVA",
    );
    let texts: Vec<String> = effects.iter().map(shown).collect();
    assert_eq!(texts[1], "table t exists already");
    assert!(texts[3].contains("| t ") && texts[3].contains("| v "));
    assert!(!texts[4].contains("| t "));
    assert_eq!(texts[6], "table v did not exist");
    assert!(!texts[8].contains("| t "));
    assert_eq!(texts[11], "function count_char is built in");
    assert!(session.catalog().get("t").is_none());
}

#[test]
fn settings_are_kept_and_reset() {
    let mut session = Session::new();
    run(&mut session, "SET 'a.b' = 'it''s'; SET execution.runtime-mode = batch;");
    assert_eq!(session.settings().get("a.b"), Some("it's"));
    assert_eq!(session.settings().get("execution.runtime-mode"), Some("batch"));
    assert!(shown(&run(&mut session, "SET")[0]).contains("a.b"));
    run(&mut session, "RESET 'a.b'");
    assert_eq!(session.settings().get("a.b"), None);
    run(&mut session, "RESET");
    assert_eq!(session.settings().iter().count(), 0);
}

#[test]
fn a_view_of_a_view_is_inlined_and_checked_when_created() {
    let mut session = Session::new();
    run(&mut session, ORDERS);
    run(
        &mut session,
        "CREATE VIEW v AS SELECT *, item.qty AS qty FROM orders; CREATE VIEW w AS SELECT qty, ts FROM v WHERE qty > 1",
    );
    assert!(matches!(session.catalog().get("w"), Some(Object::View(_))));
    let text = crate::testing::plan_text(&mut session, "SELECT qty FROM w");
    assert!(text.contains("TableScan: orders projection=[item]"), "{text}");
}

#[test]
fn computed_columns_may_use_columns_declared_later() {
    let mut session = Session::new();
    run(
        &mut session,
        "CREATE TABLE t (ts AS TO_TIMESTAMP_LTZ(millis, 3), d AS DATE_FORMAT(ts, 'yyyy'), millis BIGINT, WATERMARK FOR ts AS ts) WITH ('connector' = 'x')",
    );
    let table = session.catalog().table("t").unwrap();
    assert_eq!(table.columns[1].sql_type.to_string(), "STRING");
    assert_eq!(table.columns[0].sql_type.to_string(), "TIMESTAMP_LTZ(3)");
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    assert_eq!(
        failure("CREATE FUNCTION f AS 'org.example.F'"),
        "\
error: class 'org.example.F' cannot be loaded: there is no Java here
 --> test.sql:1:22
  |
1 | CREATE FUNCTION f AS 'org.example.F'
  |                      ^^^^^^^^^^^^^^^
  |
  = help: Use the built-in functions; SHOW FUNCTIONS lists them."
    );
}
