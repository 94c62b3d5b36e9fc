//! Which order is chosen for what is known.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;

use crate::session::{Effect, Session};

const TABLES: &str = "
CREATE TABLE lineitem (l_order INT, l_part INT, l_price INT) WITH ('connector' = 'datagen');
CREATE TABLE orders (o_key INT, o_customer INT, o_status STRING, PRIMARY KEY (o_key) NOT ENFORCED) WITH ('connector' = 'datagen');
CREATE TABLE customer (c_key INT, c_nation INT, c_name STRING, PRIMARY KEY (c_key) NOT ENFORCED) WITH ('connector' = 'datagen');
CREATE TABLE part (p_key INT, p_name STRING, PRIMARY KEY (p_key) NOT ENFORCED) WITH ('connector' = 'datagen');
CREATE TABLE a (x INT, y INT, at TIMESTAMP(3)) WITH ('connector' = 'datagen');
CREATE TABLE b (x INT, y INT, at TIMESTAMP(3)) WITH ('connector' = 'datagen');
CREATE TABLE c (x INT, y INT, at TIMESTAMP(3)) WITH ('connector' = 'datagen');
";

/// The tables from the first one on.
fn order(script: &str) -> Vec<String> {
    let mut session = Session::new();
    let mut found = vec![];
    for statement in session.parse(&format!("{TABLES}{script};")).unwrap() {
        let Effect::Run(queries) = session.execute(&statement).unwrap() else { continue };
        for query in queries {
            let visit = |node: &LogicalPlan| {
                if let LogicalPlan::TableScan(scan) = node {
                    found.push(scan.table_name.table().to_owned());
                }
                Ok(TreeNodeRecursion::Continue)
            };
            query.plan.apply(visit).unwrap();
        }
    }
    found
}

#[test]
fn what_others_refer_to_is_joined_first() {
    let query =
        "SELECT c_name, l_price FROM lineitem JOIN orders ON l_order = o_key JOIN customer ON o_customer = c_key";
    assert_eq!(order(query), ["orders", "customer", "lineitem"]);
    let good = "SELECT c_name, l_price FROM customer, orders, lineitem WHERE l_order = o_key AND o_customer = c_key";
    assert_eq!(order(good), ["customer", "orders", "lineitem"]);
    let off = format!("SET 'table.optimizer.join-reorder-enabled' = 'false'; {query}");
    assert_eq!(order(&off), ["lineitem", "orders", "customer"]);
}

#[test]
fn filtered_inputs_come_first() {
    let filtered = "SELECT p_name, o_status FROM lineitem JOIN orders ON l_order = o_key
        JOIN part ON l_part = p_key WHERE p_name = 'bolt'";
    assert_eq!(order(filtered), ["lineitem", "part", "orders"]);
    assert_eq!(order(&filtered.replace("p_name = 'bolt'", "l_price > 3")), ["lineitem", "orders", "part"]);
    let chain = "SELECT a.y FROM a JOIN b ON a.x = b.x JOIN c ON b.y = c.y WHERE c.x = 1";
    assert_eq!(order(chain), ["b", "c", "a"]);
}

#[test]
fn what_is_grouped_has_a_key() {
    let query =
        "SELECT a.y FROM a JOIN b ON a.x = b.x JOIN (SELECT x, COUNT(*) AS n FROM c GROUP BY x) AS g ON a.x = g.x";
    assert_eq!(order(query), ["a", "c", "b"]);
}

#[test]
fn the_written_order_stays_where_nothing_is_known() {
    for query in [
        "SELECT a.y FROM a JOIN b ON a.x = b.x JOIN c ON b.y = c.y",
        "SELECT a.y FROM a JOIN b ON a.x < b.x JOIN c ON b.y < c.y",
        "SELECT a.y FROM a LEFT JOIN b ON a.x = b.x LEFT JOIN c ON b.y = c.y AND c.x = 1",
    ] {
        assert_eq!(order(query), ["a", "b", "c"], "{query}");
    }
}

#[test]
fn joins_on_times_stay_where_they_are() {
    let query = "SELECT a.y FROM a JOIN b ON a.x = b.x AND a.at BETWEEN b.at - INTERVAL '1' MINUTE AND b.at
        JOIN c ON b.y = c.y WHERE c.x = 1";
    assert_eq!(order(query), ["a", "b", "c"]);
}
