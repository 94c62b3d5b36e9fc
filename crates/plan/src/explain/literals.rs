//! Literals in the names that the planner gives to columns: `count(Int64(1))` is `count(*)` for people.

/// Types whose literals stand for themselves.
const PLAIN: [&str; 12] =
    ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64", "Boolean", "Utf8"];

/// A text of a plan in which literals look as they do in SQL.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, literal, after)) = first_literal(rest) {
        plain.push_str(before);
        match literal {
            "1" if before.ends_with("count(") && after.starts_with(')') => plain.push('*'),
            literal => match literal.strip_prefix('"').and_then(|literal| literal.strip_suffix('"')) {
                Some(text) => plain.extend(["'", text, "'"]),
                None => plain.push_str(literal),
            },
        }
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// The first literal, without its type, what stands before it and what follows.
fn first_literal(text: &str) -> Option<(&str, &str, &str)> {
    let mut opened = text.match_indices('(');
    opened.find_map(|(at, _)| {
        let (before, inside) = (text.get(..at)?, text.get(at + 1..)?);
        let name = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        let (before, of_type) = before.split_at_checked(name)?;
        if !PLAIN.contains(&of_type) {
            return None;
        }
        let end = match inside.strip_prefix('"') {
            // Texts stand there as they are: the first quote with a bracket behind it is the end.
            Some(inside) => inside.find("\")")? + 2,
            None => inside.find(')')?,
        };
        Some((before, inside.get(..end)?, inside.get(end + 1..)?))
    })
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn literals_look_as_in_sql() {
        for (planned, shown) in [
            ("computes: count(Int64(1)), max(a)", "computes: count(*), max(a)"),
            ("count(Int64(1))@2 > Int64(10)", "count(*)@2 > 10"),
            ("count(Int64(12))", "count(12)"),
            (r#"$end(Utf8("HOP"),ts,Int64(60000))"#, "$end('HOP',ts,60000)"),
            (r#"concat(Utf8("a) b"), Utf8(NULL))"#, "concat('a) b', NULL)"),
            ("MyInt64(1) + Boolean(true) * Float64(-1.5)", "MyInt64(1) + true * -1.5"),
            ("nothing (of it", "nothing (of it"),
            ("Int64(1", "Int64(1"),
        ] {
            assert_eq!(plain(planned), shown);
        }
    }
}
