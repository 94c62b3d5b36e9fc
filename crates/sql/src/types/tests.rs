//! Types: every spelling, its Arrow type, and how it is shown.

use super::parse_type_text;

#[test]
fn every_spelling_has_its_type() {
    for (text, arrow, shown) in [
        ("CHAR(3)", "Utf8", "CHAR(3)"),
        ("VARCHAR", "Utf8", "STRING"),
        ("VARCHAR(2147483647)", "Utf8", "STRING"),
        ("CHARACTER VARYING(5)", "Utf8", "VARCHAR(5)"),
        ("string not null", "Utf8", "STRING NOT NULL"),
        ("BYTES", "Binary", "BYTES"),
        ("VARBINARY(7)", "Binary", "VARBINARY(7)"),
        ("TINYINT", "Int8", "TINYINT"),
        ("INTEGER", "Int32", "INT"),
        ("BIGINT", "Int64", "BIGINT"),
        ("DOUBLE PRECISION", "Float64", "DOUBLE"),
        ("DECIMAL", "Decimal128(10, 0)", "DECIMAL(10, 0)"),
        ("NUMERIC(38, 18)", "Decimal128(38, 18)", "DECIMAL(38, 18)"),
        ("DATE", "Date32", "DATE"),
        ("TIME(3)", "Time32(ms)", "TIME(3)"),
        ("TIMESTAMP", "Timestamp(µs)", "TIMESTAMP(6)"),
        ("TIMESTAMP(3) WITHOUT TIME ZONE", "Timestamp(ms)", "TIMESTAMP(3)"),
        ("TIMESTAMP(9)", "Timestamp(ns)", "TIMESTAMP(9)"),
        ("TIMESTAMP(0) WITH LOCAL TIME ZONE", "Timestamp(ms, \"UTC\")", "TIMESTAMP_LTZ(0)"),
        ("TIMESTAMP_LTZ(3)", "Timestamp(ms, \"UTC\")", "TIMESTAMP_LTZ(3)"),
        ("INT ARRAY", "List(Int32)", "ARRAY<INT>"),
        ("ARRAY<ARRAY<INT NOT NULL>>", "List(List(non-null Int32))", "ARRAY<ARRAY<INT NOT NULL>>"),
        ("ROW(a INT, `b c` STRING 'why')", "Struct(\"a\": Int32, \"b c\": Utf8)", "ROW<`a` INT, `b c` STRING>"),
        ("ROW<a ROW<b INT>>", "Struct(\"a\": Struct(\"b\": Int32))", "ROW<`a` ROW<`b` INT>>"),
    ] {
        let parsed = parse_type_text(text).unwrap();
        assert_eq!(parsed.to_arrow().to_string(), arrow, "{text}");
        assert_eq!(parsed.to_string(), shown, "{text}");
        assert_eq!(parse_type_text(shown).unwrap(), parsed, "{text}");
    }
    let map = parse_type_text("MAP<STRING, ARRAY<INT>>").unwrap();
    assert_eq!(map.to_string(), "MAP<STRING, ARRAY<INT>>");
    for wrong in ["DECIMAL(39, 0)", "DECIMAL(3, 4)", "TIMESTAMP(10)", "ARRAY<INT", "MULTISET<INT>", "`INT`", "INT INT"]
    {
        assert!(parse_type_text(wrong).is_err(), "{wrong}");
    }
}
