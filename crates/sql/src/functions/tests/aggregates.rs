//! SUM and AVG with Flink's types; the other aggregates under their Flink names.

use arrow::datatypes::DataType;

use crate::Session;
use crate::testing::{batches, rows};

fn aggregate(call: &str, values: &str) -> (String, DataType) {
    let script = format!("SELECT {call} FROM (VALUES {values}) AS t(x)");
    let mut session = Session::new();
    let batch = batches(&mut session, &script).remove(0);
    (rows(&mut session, &script).remove(0), batch.schema().field(0).data_type().clone())
}

#[test]
fn sums_and_averages_have_flinks_types() {
    let cast = |t: &str| format!("(CAST(1 AS {t})), (CAST(2 AS {t})), (CAST(4 AS {t})), (CAST(NULL AS {t}))");
    for (call, t, value, data_type) in [
        ("SUM(x)", "TINYINT", "7", DataType::Int8),
        ("SUM(x)", "INT", "7", DataType::Int32),
        ("SUM(x)", "BIGINT", "7", DataType::Int64),
        ("SUM(x)", "FLOAT", "7.0", DataType::Float32),
        ("SUM(x)", "DECIMAL(10, 2)", "7.00", DataType::Decimal128(38, 2)),
        ("AVG(x)", "INT", "2", DataType::Int32),
        ("AVG(x)", "BIGINT", "2", DataType::Int64),
        ("AVG(x)", "DOUBLE", "2.3333333333333335", DataType::Float64),
        ("AVG(x)", "DECIMAL(10, 2)", "2.333333", DataType::Decimal128(38, 6)),
        ("COUNT(x)", "INT", "3", DataType::Int64),
        ("MAX(x)", "INT", "4", DataType::Int32),
    ] {
        assert_eq!(aggregate(call, &cast(t)), (value.to_owned(), data_type), "{call} of {t}");
    }
}

#[test]
fn sums_wrap_and_nothing_sums_to_null() {
    assert_eq!(aggregate("SUM(x)", "(CAST(100 AS TINYINT)), (CAST(100 AS TINYINT))").0, "-56");
    assert_eq!(aggregate("SUM(x)", "(CAST(NULL AS INT))").0, "NULL");
    assert_eq!(aggregate("AVG(x)", "(-1), (-2)").0, "-1");
}

#[test]
fn distinct_filter_and_groups() {
    assert_eq!(aggregate("SUM(DISTINCT x)", "(1), (1), (2)").0, "3");
    assert_eq!(aggregate("AVG(DISTINCT x)", "(2), (2), (4)").0, "3");
    assert_eq!(aggregate("COUNT(DISTINCT x)", "(1), (1), (2)").0, "2");
    assert_eq!(aggregate("SUM(x) FILTER (WHERE x > 1)", "(1), (2), (3)").0, "5");
    assert_eq!(aggregate("LISTAGG(CAST(x AS STRING))", "(1), (2)").0, "1,2");
    assert_eq!(aggregate("LISTAGG(CAST(x AS STRING), '-')", "(1), (2)").0, "1-2");
    assert_eq!(aggregate("APPROX_COUNT_DISTINCT(x)", "(1), (1), (2)").0, "2");
    let script = "SELECT k, SUM(v), AVG(v) FROM (VALUES ('a', 1), ('b', 2), ('a', 4)) AS t(k, v) GROUP BY k ORDER BY k";
    assert_eq!(rows(&mut Session::new(), script), ["a|5|2", "b|2|2"]);
}

#[test]
fn windows_of_rows_slide() {
    let script = "SELECT v, SUM(v) OVER (ORDER BY v ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (VALUES (1), (2), (4)) AS t(v)";
    assert_eq!(rows(&mut Session::new(), script), ["1|1", "2|3", "4|6"]);
}
