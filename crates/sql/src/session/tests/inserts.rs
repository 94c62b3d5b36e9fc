//! INSERT: order, types, partitions, statement sets.

use super::ORDERS;
use crate::testing::{failure_in, plan};
use crate::{Effect, Session};

const SINK: &str = "CREATE TABLE s (a INT, b STRING, c DECIMAL(20, 4), d AS a + 1, e INT METADATA VIRTUAL) WITH ('connector' = 'print');";

fn session() -> Session {
    let mut session = Session::new();
    for statement in session.parse(&format!("{ORDERS}{SINK}")).unwrap() {
        session.execute(&statement).unwrap();
    }
    session
}

#[test]
fn columns_come_in_the_sinks_order_with_its_types() {
    let mut session = session();
    let query = plan(&mut session, "INSERT INTO s (c, a) SELECT amount, id FROM orders");
    let schema = query.plan.schema();
    let columns: Vec<String> = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    assert_eq!(columns, ["a Int32", "b Utf8", "c Decimal128(20, 4)"]);
    assert_eq!(query.sink.unwrap().name, "s");
    let query = plan(&mut session, "INSERT INTO s VALUES (1, 'x', 2.5), (2, 'y', NULL)");
    assert_eq!(query.plan.schema().fields().len(), 3);
}

#[test]
fn partition_values_and_hints_are_taken() {
    let mut session = session();
    let query = plan(
        &mut session,
        "INSERT INTO s /*+ OPTIONS('x' = 'y') */ PARTITION (b = 'p') SELECT id, amount FROM orders /*+ OPTIONS('topic'='t2') */ AS o",
    );
    assert_eq!(query.sink.unwrap().spec.options.get("x"), Some("y"));
    let mut topic = None;
    let mut stack = vec![&query.plan];
    while let Some(plan) = stack.pop() {
        if let datafusion::logical_expr::LogicalPlan::TableScan(scan) = plan {
            let source = scan.source.downcast_ref::<crate::TableSourceRef>().unwrap();
            assert_eq!(scan.table_name.table(), "orders");
            topic = source.0.spec.options.get("topic").map(str::to_owned);
        }
        stack.extend(plan.inputs());
    }
    assert_eq!(topic.as_deref(), Some("t2"));
}

#[test]
fn a_table_made_from_a_query_is_filled_by_it() {
    let mut session = session();
    let query =
        plan(&mut session, "CREATE TABLE made WITH ('connector' = 'print') AS SELECT id, amount AS a FROM orders");
    let sink = query.sink.unwrap();
    assert_eq!(sink.columns[1].sql_type.to_string(), "DECIMAL(10, 2)");
    assert!(session.catalog().table("made").is_some());
    assert!(!query.plan.display_indent().to_string().contains("CAST"));
}

#[test]
fn rows_are_written_field_by_field() {
    let mut session = session();
    let script = "CREATE TABLE n (r ROW<x STRING, y BIGINT>) WITH ('connector' = 'print'); INSERT INTO n SELECT item FROM orders";
    let shown = plan(&mut session, script).plan.display_indent().to_string();
    assert!(shown.contains("named_struct(Utf8(\"x\"), get_field(orders.item, Utf8(\"sku\"))"), "{shown}");
}

#[test]
fn a_statement_set_is_one_job() {
    let mut session = session();
    for script in [
        "EXECUTE STATEMENT SET BEGIN INSERT INTO s SELECT id, 'a', amount FROM orders; INSERT INTO s SELECT id, 'b', amount FROM orders; END;",
        "BEGIN STATEMENT SET; INSERT INTO s SELECT id, 'a', amount FROM orders; INSERT INTO s SELECT id, 'b', amount FROM orders; END;",
    ] {
        let statements = session.parse(script).unwrap();
        assert_eq!(statements.len(), 1);
        match session.execute(&statements[0]).unwrap() {
            Effect::Run(queries) => {
                assert_eq!(queries.len(), 2);
                assert!(queries[1].text.starts_with("INSERT") && queries[1].text.contains("'b'"));
                assert_eq!(&script[queries[1].span.clone()], queries[1].text);
            }
            other => panic!("{other:?}"),
        }
    }
    let statements = session.parse("EXPLAIN PLAN FOR INSERT INTO s SELECT id, 'a', amount FROM orders").unwrap();
    assert!(matches!(session.execute(&statements[0]).unwrap(), Effect::Explain(q) if q.len() == 1));
}

#[test]
fn types_that_do_not_fit_are_pointed_at() {
    let text = failure_in(&mut session(), "INSERT INTO s SELECT id, amount, amount FROM orders");
    assert_eq!(
        text,
        "\
error: column 'b' of 's' is STRING, the query gives DECIMAL(10, 2)
 --> test.sql:1:26
  |
1 | INSERT INTO s SELECT id, amount, amount FROM orders
  |                          ^^^^^^
  |
  = help: Convert it: CAST(… AS STRING)."
    );
    let text = failure_in(&mut session(), "INSERT INTO s SELECT id FROM orders");
    assert!(text.contains("the query has 1 columns, 's' takes 3") && text.contains("a INT, b STRING"), "{text}");
    let text = failure_in(&mut session(), "INSERT INTO s (a, d) SELECT 1, 2");
    assert!(text.contains("column 'd' is computed") && text.contains("^"), "{text}");
    let text = failure_in(&mut session(), "INSERT OVERWRITE s SELECT 1");
    assert!(text.contains("Use INSERT INTO."), "{text}");
}
