//! What a description may say, and what its errors say.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use super::ScreenSpec;
use crate::hub::ScreenTable;

fn tables() -> Vec<ScreenTable> {
    let table = |name: &str, columns: &[(&str, DataType)]| ScreenTable {
        name: name.into(),
        schema: Arc::new(Schema::new(columns.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>())),
        rows_max: 600,
        keys_max: 10_000,
    };
    let money = DataType::Decimal128(20, 2);
    vec![
        table("total_sales", &[("sales", money.clone())]),
        table(
            "sales_by_category",
            &[
                ("window_start", DataType::Timestamp(TimeUnit::Millisecond, None)),
                ("category", DataType::Utf8),
                ("sales", money),
            ],
        ),
    ]
}

fn parse(tiles: &str) -> sloth_types::Result<ScreenSpec> {
    ScreenSpec::parse(&format!("title: T\ngrid: {{columns: 12, rows: 8}}\ntiles:\n{tiles}"), &tables())
}

fn error(tiles: &str) -> String {
    parse(tiles).expect_err(tiles).to_string()
}

#[test]
fn a_description_is_served_as_it_was_written() {
    let yaml = "
  - type: number
    table: total_sales
    value: sales
    style: flip
    prefix: ¥
    at: {column: 1, row: 1, width: 12, height: 2}
  - type: pie
    title: Categories
    table: sales_by_category
    label: category
    value: sales
    latest: window_start
    sort: {by: sales}
    limit: 5
  - {type: table, table: sales_by_category, columns: [{column: category, title: Kind}]}
";
    let spec = serde_json::to_value(parse(yaml).unwrap()).unwrap();
    assert_eq!(spec["locale"], "zh-CN");
    assert_eq!(spec["grid"]["columns"], 12);
    assert_eq!(spec["tiles"][0]["at"]["width"], 12);
    assert_eq!(spec["tiles"][0]["prefix"], "¥");
    assert!(spec["tiles"][0].get("suffix").is_none());
    assert_eq!(spec["tiles"][1]["sort"], serde_json::json!({"by": "sales", "order": "desc"}));
    assert_eq!(spec["tiles"][2]["columns"][0]["title"], "Kind");
}

#[test]
fn json_is_as_good_as_yaml() {
    let text = r#"{"title": "T", "locale": "en", "tiles": [{"type": "feed", "table": "sales_by_category"}]}"#;
    let spec = serde_json::to_value(ScreenSpec::parse(text, &tables()).unwrap()).unwrap();
    assert_eq!(spec["locale"], "en");
}

#[test]
fn errors_name_the_tile_the_line_and_the_way_out() {
    let cases = [
        (
            "  - {type: nunber, table: total_sales}",
            "line 4: tile 1: there is no tile type 'nunber'",
            "Did you mean 'number'?",
        ),
        (
            "  - {type: number, title: All, table: total_sale, value: sales}",
            "tile 1 'All': table 'total_sale'",
            "Did you mean 'total_sales'?",
        ),
        ("  - {type: number, table: total_sales, value: sale}", "has no column 'sale'", "Did you mean 'sales'?"),
        (
            "  - {type: number, table: total_sales, value: gmv}",
            "'value': table 'total_sales' has no column 'gmv'",
            "Its columns: sales.",
        ),
        ("  - {type: number, table: total_sales}", "needs 'value'", "Add 'value: COLUMN'"),
        (
            "  - {type: map, table: sales_by_category, label: category, value: category}",
            "'category' is not a number",
            "CAST",
        ),
        (
            "  - {type: number, table: total_sales, value: sales, style: flop}",
            "no style 'flop'",
            "Did you mean 'flip'?",
        ),
        (
            "  - {type: line, table: total_sales, x: sales, y: sales, label: sales}",
            "'line' has no 'label'",
            "It takes: x, y",
        ),
        ("  - {type: feed, table: total_sales, limit: 0}", "'limit' is 0", "Leave it out"),
        (
            "  - {type: feed, table: total_sales, at: {column: 12, row: 1, width: 2, height: 1}}",
            "outside the grid of 12 columns",
            "count from 1",
        ),
        (
            "  - {type: feed, table: total_sales, at: {column: 0, row: 1, width: 2, height: 1}}",
            "outside the grid",
            "count from 1",
        ),
        (
            "  - {type: table, table: total_sales, columns: [{column: salez}]}",
            "no column 'salez'",
            "Did you mean 'sales'?",
        ),
        ("  - {type: table, table: sales_by_category, sort: {by: categry}}", "'sort'", "Did you mean 'category'?"),
        ("  - {type: number, table: total_sales, value: sales, decimals: 11}", "'decimals' is above 10", ""),
        ("  - {type: number, table: total_sales, value: sales, style: gauge, max: 0}", "'max' must be", ""),
    ];
    for (tile, what, way_out) in cases {
        let text = error(tile);
        assert!(text.contains(what) && text.contains(way_out), "{tile}\n{text}");
    }
}

#[test]
fn unknown_fields_and_wrong_types_are_refused_with_their_place() {
    let text = error("  - {type: number, table: total_sales, value: sales, colour: red}");
    assert!(text.contains("colour") && text.contains("4"), "{text}");
    let text = error("  - {type: number, table: total_sales, value: sales, limit: many}");
    assert!(text.contains("many") || text.contains("limit") || text.contains("line 4"), "{text}");
    let text = ScreenSpec::parse("title: T\ntheme: {accent: cyan}\ntiles: []", &tables()).unwrap_err().to_string();
    assert!(text.contains("'accent' is 'cyan', not a colour"), "{text}");
    assert!(ScreenSpec::parse("title: T\nlocale: fr\ntiles: []", &tables()).is_err());
    assert!(ScreenSpec::parse("tiles: []", &tables()).unwrap_err().to_string().contains("title"));
    assert!(ScreenSpec::parse("title: T\ngrid: {columns: 0, rows: 3}\ntiles: []", &tables()).is_err());
}

#[test]
fn without_a_description_every_table_is_listed() {
    let spec = serde_json::to_value(ScreenSpec::automatic(&tables())).unwrap();
    let shown: Vec<_> = spec["tiles"].as_array().unwrap().iter().map(|t| t["table"].as_str().unwrap()).collect();
    assert_eq!(shown, ["total_sales", "sales_by_category"]);
}
