//! Plans of queries: windows in both syntaxes, filters, nested fields, UNNEST, grouping sets.

use super::ORDERS;
use crate::testing::{failure_in, plan, plan_text, rows};
use crate::{Session, WindowTvf};

fn session() -> Session {
    let mut session = Session::new();
    for statement in session.parse(ORDERS).unwrap() {
        session.execute(&statement).unwrap();
    }
    session
}

fn shape(script: &str) -> String {
    plan_text(&mut session(), script)
}

#[test]
fn legacy_windows_become_markers() {
    assert_eq!(
        shape("SELECT TUMBLE_START(ts, INTERVAL '5' MINUTE) AS s, SUM(amount) AS total FROM orders GROUP BY TUMBLE(ts, INTERVAL '5' MINUTE)"),
        "\
Projection: $window_start(Utf8(\"TUMBLE\"),orders.ts,Int64(300000)) AS s, sum(orders.amount) AS total
  Aggregate: groupBy=[[$window_start(Utf8(\"TUMBLE\"), orders.ts, Int64(300000)), $window_end(Utf8(\"TUMBLE\"), orders.ts, Int64(300000)), $window_time(Utf8(\"TUMBLE\"), orders.ts, Int64(300000))]], aggr=[[sum(orders.amount)]]
    TableScan: orders projection=[amount, ts]"
    );
    let hop = shape(
        "SELECT HOP_END(ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE), HOP_ROWTIME(ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE), COUNT(*)
         FROM orders GROUP BY id, HOP(ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) HAVING COUNT(*) > 1",
    );
    assert!(hop.contains("$window_end(Utf8(\"HOP\"), orders.ts, Int64(60000), Int64(300000))"), "{hop}");
    let session = shape(
        "SELECT SESSION_PROCTIME(proc, INTERVAL '10' SECOND) FROM orders GROUP BY SESSION(proc, INTERVAL '10' SECOND)",
    );
    assert!(session.contains("$window_time(Utf8(\"SESSION\"), orders.proc, Int64(10000))"), "{session}");
}

#[test]
fn window_functions_become_nodes_and_keep_their_time() {
    let text = shape(
        "SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
         WHERE id > 3 AND window_start > TIMESTAMP '2020-01-01 00:00:00' GROUP BY window_start, window_end",
    );
    assert!(text.contains("WindowTvf: TUMBLE(size=10 s) time=orders.ts"), "{text}");
    // The condition on the row moves below the window, the one on the window does not.
    assert!(text.contains("Filter: orders.id > Int64(3)\n") && text.contains("Filter: window_start >"), "{text}");
    assert!(text.contains("TableScan: orders projection=[id, ts]"), "{text}");
    for (call, shown) in [
        ("HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)", "HOP(slide=5 s, size=10 s)"),
        (
            "HOP(DATA => TABLE orders, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' SECOND, SIZE => INTERVAL '10' SECOND)",
            "HOP(slide=5 s, size=10 s)",
        ),
        (
            "CUMULATE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '1' HOUR)",
            "CUMULATE(step=1 min, max=1 h)",
        ),
        (
            "TUMBLE((SELECT id, ts FROM orders), DESCRIPTOR(ts), INTERVAL '1' DAY, INTERVAL '8' HOUR)",
            "TUMBLE(size=1 d, offset=8 h)",
        ),
        ("TUMBLE((TABLE orders), DESCRIPTOR(proc), INTERVAL '1' SECOND)", "time=orders.proc"),
        ("SESSION(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' SECOND)", "SESSION(gap=1 s)"),
        (
            "SESSION(TABLE orders PARTITION BY id, `user`, DESCRIPTOR(ts), INTERVAL '1' SECOND)",
            "partition_by=orders.id, orders.user",
        ),
        (
            "SESSION(DATA => TABLE orders PARTITION BY (id), TIMECOL => DESCRIPTOR(ts), GAP => INTERVAL '1' SECOND)",
            "partition_by=orders.id",
        ),
    ] {
        let text = shape(&format!("SELECT window_start, window_end, window_time, id FROM TABLE({call})"));
        assert!(text.contains(shown), "{call}: {text}");
    }
}

#[test]
fn a_filter_after_sessions_stays_there() {
    let text = shape(
        "SELECT window_start FROM TABLE(SESSION(TABLE orders PARTITION BY id, DESCRIPTOR(ts), INTERVAL '1' SECOND)) WHERE amount > 1",
    );
    assert!(text.find("Filter").unwrap() < text.find("WindowTvf").unwrap(), "{text}");
}

#[test]
fn filters_never_cross_an_aggregate() {
    let text = shape("SELECT * FROM (SELECT id, COUNT(*) AS n FROM orders GROUP BY id) WHERE id > 5");
    assert!(text.find("Filter").unwrap() < text.find("Aggregate").unwrap(), "{text}");
    let text = shape("SELECT id FROM orders WHERE FALSE");
    assert!(text.contains("TableScan"), "{text}");
}

#[test]
fn windows_of_windows_plan() {
    let query = plan(
        &mut session(),
        "CREATE VIEW w1 AS SELECT window_start AS s1, window_end AS e1, window_time AS rowtime, id, SUM(amount) AS a
           FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY id, window_start, window_end, window_time;
         SELECT window_start, SUM(a) FROM TABLE(TUMBLE(TABLE w1, DESCRIPTOR(rowtime), INTERVAL '1' HOUR)) GROUP BY window_start, window_end",
    );
    let mut windows = 0;
    let mut stack = vec![&query.plan];
    while let Some(plan) = stack.pop() {
        if let datafusion::logical_expr::LogicalPlan::Extension(e) = plan {
            let window = e.node.as_any().downcast_ref::<WindowTvf>().unwrap();
            assert!(window.time_index().is_some());
            windows += 1;
        }
        stack.extend(plan.inputs());
    }
    assert_eq!(windows, 2);
}

#[test]
fn nested_fields_work_in_every_clause() {
    let text = shape(
        "SELECT item.sku, o.item.qty, SUM(o.amount) FROM orders o WHERE item.qty > 1 GROUP BY item.sku, o.item.qty HAVING o.item.qty < 9",
    );
    assert!(text.contains("AS sku") && text.contains("AS qty"), "{text}");
    let mut session = Session::new();
    let nested = "SELECT t.r.b.c, r.a FROM (SELECT CAST(ROW(1, ROW('x')) AS ROW<a INT, b ROW<c STRING>>) AS r) AS t";
    assert_eq!(rows(&mut session, nested), ["x|1"]);
}

#[test]
fn arrays_and_maps_unnest() {
    let mut session = Session::new();
    let base = "(SELECT * FROM (VALUES (1, ARRAY['a', 'b']), (2, CAST(NULL AS ARRAY<STRING>))) AS v (k, tags))";
    assert_eq!(
        rows(&mut session, &format!("SELECT k, tag FROM {base} AS t CROSS JOIN UNNEST(t.tags) AS u (tag)")),
        ["1|a", "1|b"]
    );
    assert_eq!(
        rows(&mut session, &format!("SELECT k, u.tag FROM {base} t, UNNEST(tags) AS u (tag) WHERE tag = 'b'")),
        ["1|b"]
    );
    assert_eq!(
        rows(&mut session, &format!("SELECT k, tag FROM {base} t LEFT JOIN UNNEST(tags) AS u (tag) ON TRUE")),
        ["1|a", "1|b", "2|NULL"]
    );
    let map = "SELECT k, v FROM (SELECT MAP['a', 1] AS m) AS t CROSS JOIN UNNEST(m) AS u (k, v)";
    assert_eq!(rows(&mut session, map), ["a|1"]);
    let lines = "SELECT id, l.sku, qty FROM orders CROSS JOIN UNNEST(lines) AS l";
    assert!(shape(lines).contains("Unnest"), "{}", shape(lines));
}

#[test]
fn grouping_sets_unions_and_distinct_plan() {
    let text = shape(
        "SELECT window_start, window_end, `user`, SUM(amount) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' HOUR))
         GROUP BY window_start, window_end, GROUPING SETS ((`user`), ())",
    );
    assert!(
        text.contains("GROUPING SETS ((window_start, window_end, orders.user), (window_start, window_end))"),
        "{text}"
    );
    let cube = shape("SELECT id, COUNT(*) FROM orders GROUP BY CUBE(id)");
    assert!(cube.contains("GROUPING SETS"), "{cube}");
    assert!(shape("SELECT id FROM orders UNION ALL SELECT `user` FROM orders").starts_with("Union"));
    let distinct = shape("SELECT COUNT(DISTINCT id), COUNT(*) FILTER (WHERE id > 1) FROM orders");
    assert_eq!(distinct.matches("Aggregate").count(), 1, "{distinct}");
    assert!(
        shape("WITH x AS (SELECT id FROM orders) SELECT * FROM x WHERE id = 1")
            .contains("Filter: orders.id = Int64(1)")
    );
}

#[test]
fn columns_without_a_name_get_flinks() {
    let query = plan(&mut session(), "SELECT id, id + 1, item.qty, COUNT(*) FROM orders GROUP BY id, item.qty");
    let names: Vec<&str> = query.plan.schema().fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["id", "EXPR$1", "qty", "EXPR$3"]);
}

#[test]
fn wrong_windows_are_explained() {
    for (script, expected) in [
        ("SELECT 1 FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(id), INTERVAL '1' HOUR))", "no timestamp"),
        ("SELECT 1 FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' HOUR))", "Write HOP("),
        ("SELECT 1 FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MONTH))", "no fixed length"),
        ("SELECT 1 FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), 10))", "INTERVAL '10' SECOND"),
        (
            "SELECT 1 FROM TABLE(CUMULATE(TABLE orders, DESCRIPTOR(ts), INTERVAL '7' MINUTE, INTERVAL '1' HOUR))",
            "multiple",
        ),
        (
            "SELECT 1 FROM TABLE(TUMBLE(TABLE orders PARTITION BY id, DESCRIPTOR(ts), INTERVAL '1' HOUR))",
            "no PARTITION BY",
        ),
        ("SELECT TUMBLE(ts, INTERVAL '1' HOUR) FROM orders", "Use it in GROUP BY"),
        ("SELECT COUNT(*) FROM orders GROUP BY TUMBLE(ts)", "Write TUMBLE("),
        ("SELECT * FROM orders FOR SYSTEM_TIME AS OF ts", "stands where there is no join"),
    ] {
        let text = failure_in(&mut session(), script);
        assert!(text.contains(expected) && text.contains('^'), "{script}:\n{text}");
    }
}
