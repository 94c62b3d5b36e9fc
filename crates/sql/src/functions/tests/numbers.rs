//! Numbers, conditions, collections.

use super::check;
use crate::Session;
use crate::testing::batches;

#[test]
fn numbers_keep_their_types() {
    check(&[
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("MOD(7, 3)", "1"),
        ("7 % 3", "1"),
        ("ROUND(2.345, 2)", "2.35"),
        ("ROUND(-2.5, 0)", "-3"),
        ("ROUND(125, -1)", "130"),
        ("TRUNCATE(42.345, 2)", "42.34"),
        ("ROUND(125.55, -1)", "130"),
        ("ROUND(99.96, 1)", "100.0"),
        ("ROUND(2.345, 1 + 1)", "2.350"),
        ("FLOOR(-1.5)", "-2"),
        ("CEIL(1.2)", "2"),
        ("FLOOR(CAST(1.7 AS DOUBLE))", "1.0"),
        ("POWER(2, 3)", "8.0"),
        ("LOG(2, 8)", "3.0"),
        ("LOG(E())", "1.0"),
        ("SIGN(-5)", "-1"),
        ("ABS(-5)", "5"),
        ("GREATEST(1, 3, 2)", "3"),
        ("GREATEST(1, CAST(NULL AS INT))", "NULL"),
        ("LEAST(1, 3, 2)", "1"),
        ("1e2", "100.0"),
    ]);
}

#[test]
fn decimal_arithmetic_has_flinks_types() {
    check(&[
        ("TYPEOF(1.5)", "DECIMAL(2, 1) NOT NULL"),
        ("0.908 * CAST(100 AS BIGINT)", "90.800"),
        ("CAST(10 AS DECIMAL(10, 2)) / CAST(3 AS DECIMAL(10, 2))", "3.3333333333333"),
        ("CAST(1 AS DECIMAL(5, 0)) / 3", "0.33333333333"),
        ("CAST(10 AS DECIMAL(10, 2)) / 0.5", "20.000000"),
    ]);
    let batch = batches(&mut Session::new(), "SELECT CAST(1 AS DECIMAL(10, 2)) / CAST(3 AS DECIMAL(10, 2))").remove(0);
    assert_eq!(batch.schema().field(0).data_type(), &arrow::datatypes::DataType::Decimal128(23, 13));
}

#[test]
fn conditions_and_types() {
    check(&[
        ("IF(1 > 2, 'a', 'b')", "b"),
        ("IFNULL(CAST(NULL AS INT), 3)", "3"),
        ("NULLIF(1, 1)", "NULL"),
        ("COALESCE(CAST(NULL AS STRING), 'x')", "x"),
        ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
        ("'abc' LIKE 'a%'", "true"),
        ("1 BETWEEN 0 AND 2", "true"),
        ("CAST(NULL AS INT) IS NULL", "true"),
        ("1 IS DISTINCT FROM CAST(NULL AS INT)", "true"),
        ("TYPEOF(CAST(1 AS TINYINT))", "TINYINT NOT NULL"),
        ("TYPEOF(TIMESTAMP '2020-01-01 00:00:00')", "TIMESTAMP(3) NOT NULL"),
    ]);
}

#[test]
fn arrays_maps_and_rows() {
    check(&[
        ("ARRAY[10, 20, 30][2]", "20"),
        ("CARDINALITY(ARRAY[1, 2])", "2"),
        ("ELEMENT(ARRAY[7])", "7"),
        ("MAP['a', 1, 'b', 2]['b']", "2"),
        ("ARRAY_CONTAINS(ARRAY[1, 2], 2)", "true"),
        ("CAST(ROW(1, 'x') AS ROW<a INT, b STRING>)", "{a: 1, b: x}"),
        ("CARDINALITY(MAP['a', 1])", "1"),
    ]);
}

#[test]
fn random_values_are_in_range_and_follow_the_epoch() {
    let run = || {
        crate::testing::rows(
            &mut Session::new(),
            "SELECT x, RAND(), RAND_INTEGER(10), UUID() FROM (VALUES (1), (2)) AS t(x)",
        )
    };
    sloth_types::clock::set_epoch_now_ms(1_000);
    let first = run();
    for row in &first {
        let fields: Vec<&str> = row.split('|').collect();
        assert!((0.0..1.0).contains(&fields[1].parse::<f64>().unwrap()));
        assert!((0..10).contains(&fields[2].parse::<i32>().unwrap()));
        assert_eq!((fields[3].len(), &fields[3][14..15]), (36, "4"));
    }
    assert_ne!(first[0].split('|').nth(1), first[1].split('|').nth(1));
    assert_ne!(run(), first, "draws go on within an epoch");
    sloth_types::clock::set_epoch_now_ms(2_000);
    assert_ne!(run(), first);
    sloth_types::clock::set_epoch_now_ms(1_000);
    assert_eq!(run(), first, "an epoch that runs again draws the same");
}
