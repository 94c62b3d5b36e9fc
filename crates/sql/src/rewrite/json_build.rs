//! The grammar of the SQL/JSON constructors: `JSON_OBJECT(KEY 'a' VALUE x NULL ON NULL)` becomes
//! `$json_object('NULL', '-', 'a', x)`; the second argument says for each value whether it is JSON already (`j`).

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};
use sloth_types::{Error, Result};

use super::tokens::{TokenPass, top_level};
use crate::parse::cursor::is_word;

/// Writes the call without its closing parenthesis.
pub(super) fn rewrite_call(
    pass: &mut TokenPass<'_>,
    word: &Word,
    head: &TokenWithSpan,
    inner: &[TokenWithSpan],
) -> Result<bool> {
    let name = word.value.to_ascii_uppercase();
    let keyed = name.starts_with("JSON_OBJECT");
    let (inner, on_null) = match inner {
        [rest @ .., how, on, null] if is_word(on, "ON") && is_word(null, "NULL") => match () {
            () if is_word(how, "NULL") => (rest, "NULL"),
            () if is_word(how, "ABSENT") => (rest, "ABSENT"),
            () => (inner, ""),
        },
        _ => (inner, if keyed { "NULL" } else { "ABSENT" }),
    };
    let bad = |at: &TokenWithSpan, pass: &TokenPass<'_>| {
        let usage = match keyed {
            true => format!("Write {name}(KEY key VALUE value [NULL ON NULL | ABSENT ON NULL])."),
            false => format!("Write {name}(value [NULL ON NULL | ABSENT ON NULL])."),
        };
        pass.at(Error::invalid(format!("{name} cannot be read")).hint(usage), at)
    };
    if on_null.is_empty() {
        return Err(bad(head, pass));
    }
    let mut members = vec![];
    for part in split_by_comma(inner) {
        let (key, value) = match keyed {
            true => {
                let part = after_key(part);
                let Some(at) = top_level(part).find(|i| is_word(&part[*i], "VALUE")) else {
                    return Err(bad(part.first().unwrap_or(head), pass));
                };
                (part.get(..at).unwrap_or_default(), part.get(at + 1..).unwrap_or_default())
            }
            false => (&[][..], part),
        };
        if value.is_empty() || (keyed && key.is_empty()) {
            return Err(bad(part.first().unwrap_or(head), pass));
        }
        members.push((key, value));
    }
    if name.ends_with("AGG") && members.len() != 1 {
        return Err(bad(head, pass));
    }
    let span = head.span;
    let flags: String = members.iter().map(|(_, value)| if is_json(value) { 'j' } else { '-' }).collect();
    pass.push_word(&format!("${}", name.to_ascii_lowercase()), span);
    pass.push(Token::LParen, span);
    pass.push(Token::SingleQuotedString(on_null.to_owned()), span);
    pass.push(Token::Comma, span);
    pass.push(Token::SingleQuotedString(flags), span);
    for (key, value) in members {
        if keyed {
            pass.push(Token::Comma, span);
            pass.run(key)?;
        }
        pass.push(Token::Comma, span);
        pass.run(value)?;
    }
    Ok(true)
}

/// What follows the word KEY; a column may be called `key` too.
fn after_key(part: &[TokenWithSpan]) -> &[TokenWithSpan] {
    match part {
        [first, rest @ ..] if is_word(first, "KEY") && rest.first().is_some_and(|t| !is_word(t, "VALUE")) => rest,
        _ => part,
    }
}

fn split_by_comma(tokens: &[TokenWithSpan]) -> Vec<&[TokenWithSpan]> {
    if tokens.is_empty() {
        return vec![];
    }
    let commas: Vec<usize> = top_level(tokens).filter(|i| tokens[*i].token == Token::Comma).collect();
    let starts = std::iter::once(0).chain(commas.iter().map(|c| c + 1));
    let ends = commas.iter().copied().chain([tokens.len()]);
    starts.zip(ends).map(|(from, to)| tokens.get(from..to).unwrap_or_default()).collect()
}

/// True for a value that is one call of a JSON constructor.
fn is_json(value: &[TokenWithSpan]) -> bool {
    let [name, open, .., close] = value else { return false };
    ["JSON_OBJECT", "JSON_ARRAY", "JSON_OBJECTAGG", "JSON_ARRAYAGG", "JSON"].iter().any(|w| is_word(name, w))
        && open.token == Token::LParen
        && close.token == Token::RParen
        // The last token closes the first bracket: nothing but the name and the bracket is outside.
        && top_level(value).count() == 2
}
