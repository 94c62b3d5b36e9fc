//! The SQL/JSON functions and their clauses.

use super::{check, over};
use crate::Session;
use crate::testing::batches;

#[test]
fn json_value_has_defaults_and_types() {
    check(&[
        (r#"JSON_VALUE('{"a": true}', '$.a')"#, "true"),
        (r#"JSON_VALUE('{"a": {"b": "x"}}', '$.a.b')"#, "x"),
        (r#"JSON_VALUE('{"a.b": [0.998, 0.996]}', '$.["a.b"][0]' RETURNING DOUBLE)"#, "0.998"),
        (r#"JSON_VALUE('{"a": [0.998, 0.996]}', '$.a[1]' RETURNING DOUBLE)"#, "0.996"),
        (r#"JSON_VALUE('{"a": 7}', '$.a' RETURNING INT) + 1"#, "8"),
        (r#"JSON_VALUE('{"a": 1}', '$.b')"#, "NULL"),
        (r#"JSON_VALUE('{"a": 1}', '$.b' DEFAULT 'none' ON EMPTY)"#, "none"),
        (r#"JSON_VALUE('broken', '$.b' DEFAULT 0 ON EMPTY DEFAULT -1 ON ERROR)"#, "-1"),
        (r#"JSON_VALUE('{"a": {}}', '$.a' NULL ON EMPTY DEFAULT 'err' ON ERROR)"#, "err"),
    ]);
    let batch = batches(&mut Session::new(), r#"SELECT JSON_VALUE('{"a": 7}', '$.a' RETURNING BIGINT)"#).remove(0);
    assert_eq!(batch.schema().field(0).data_type(), &arrow::datatypes::DataType::Int64);
    over(r#"('{"a": 1}'), ('{'), (CAST(NULL AS STRING))"#, "JSON_VALUE(x, '$.a')", &["1", "NULL", "NULL"]);
}

#[test]
fn json_query_wraps() {
    check(&[
        (r#"JSON_QUERY('{"a": {"b": 1}}', '$.a')"#, r#"{"b":1}"#),
        (r#"JSON_QUERY('[1, 2]', '$')"#, "[1,2]"),
        (r#"JSON_QUERY('{"a": 1}', '$.a')"#, "NULL"),
        (r#"JSON_QUERY('{"a": 1}', '$.a' WITH WRAPPER)"#, "[1]"),
        (r#"JSON_QUERY('[{"c": 1}]', '$[0]' WITH CONDITIONAL ARRAY WRAPPER)"#, r#"{"c":1}"#),
        (r#"JSON_QUERY('{"a": [{"c": 1}, {"c": 2}]}', '$.a[*].c')"#, "[1,2]"),
        (r#"JSON_QUERY('{"a": [{"c": 1}, {"c": 2}]}', '$.a[*].c' WITH WRAPPER)"#, "[[1,2]]"),
        (r#"JSON_QUERY('{}', '$.x' EMPTY ARRAY ON EMPTY)"#, "[]"),
        (r#"JSON_QUERY('broken', '$.x' EMPTY OBJECT ON ERROR)"#, "{}"),
    ]);
}

#[test]
fn json_exists_answers() {
    check(&[
        (r#"JSON_EXISTS('{"a": 1}', '$.a')"#, "true"),
        (r#"JSON_EXISTS('{"a": 1}', '$.b')"#, "false"),
        (r#"JSON_EXISTS('broken', 'strict $.b' TRUE ON ERROR)"#, "true"),
        (r#"JSON_EXISTS('broken', 'strict $.b' UNKNOWN ON ERROR)"#, "NULL"),
        (r#"'{"a": 1}' IS JSON"#, "true"),
        (r#"'[1]' IS JSON OBJECT OR 'x' IS NOT JSON"#, "true"),
        (r#"'1' IS JSON SCALAR AND '[1]' IS JSON ARRAY"#, "true"),
        (r#"JSON_QUOTE('a"b')"#, r#""a\"b""#),
    ]);
}
