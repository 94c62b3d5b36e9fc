//! Cutting scripts into statements.

use super::{StatementKind, parse_script};

#[test]
fn comments_strings_and_semicolons_do_not_confuse_the_cutting() {
    let text = "-- one; two\nSET 'a' = 'x;y'; /* ; */ SELECT ';' FROM t ; ;\n SHOW TABLES";
    let statements = parse_script(text).unwrap();
    let texts: Vec<&str> = statements.iter().map(|s| s.text()).collect();
    assert_eq!(texts, ["SET 'a' = 'x;y'", "SELECT ';' FROM t", "SHOW TABLES"]);
    assert_eq!(&text[statements[1].span.clone()], "SELECT ';' FROM t");
    assert!(matches!(&statements[0].kind, StatementKind::Set(Some((k, v))) if k == "a" && v == "x;y"));
    assert!(parse_script(" -- nothing\n").unwrap().is_empty());
}

#[test]
fn explain_and_sets_nest() {
    let set = "EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END; SELECT 1";
    let statements = parse_script(set).unwrap();
    assert_eq!(statements.len(), 2);
    let StatementKind::Explain(inner) = &statements[0].kind else { panic!() };
    assert!(matches!(&inner.kind, StatementKind::StatementSet(members) if members.len() == 2));
    assert!(parse_script("EXECUTE STATEMENT SET BEGIN SELECT 1; END").is_err());
}

#[test]
fn names_may_have_quotes_and_databases() {
    let statements = parse_script("DESCRIBE default_catalog.`default_database`.`my table`; DESC \"Other\"").unwrap();
    assert!(matches!(&statements[0].kind, StatementKind::Describe(name) if name.value == "my table"));
    assert!(matches!(&statements[1].kind, StatementKind::Describe(name) if name.value == "Other"));
}
