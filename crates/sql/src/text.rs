//! The text of a script: positions of the parser's tokens in bytes, and `${NAME}` variables.

use std::ops::Range;

use datafusion::sql::sqlparser::tokenizer::{Location, Span};

/// A script's text with the start of each line, to turn the parser's lines and columns into byte offsets.
#[derive(Debug)]
pub struct SourceText {
    text: String,
    line_starts: Vec<usize>,
}

impl SourceText {
    /// Takes a script.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        SourceText { text, line_starts }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a byte range; empty when the range does not lie in the text.
    pub fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or("")
    }

    /// Byte offset of a line and column (both count from 1; columns count characters).
    pub fn offset(&self, location: Location) -> usize {
        let line = usize::try_from(location.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(&start) = self.line_starts.get(line) else { return self.text.len() };
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let rest = self.text.get(start..).unwrap_or("");
        start + rest.char_indices().nth(column).map_or(rest.len(), |(i, _)| i)
    }

    /// Byte range of a token's span; `None` when the span is empty (a token that the text does not have).
    pub fn range(&self, span: Span) -> Option<Range<usize>> {
        if span.start.line == 0 {
            return None;
        }
        let start = self.offset(span.start);
        Some(start..self.offset(span.end).max(start))
    }
}

/// Replaces `${NAME}` by the value of `NAME`; names without a value stay as they are.
pub fn substitute<'v>(text: &str, value_of: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let value = variable_name(from).and_then(|name| Some((value_of(name)?, name.len() + 3)));
        let (replacement, used) = value.unwrap_or(("${", 2));
        out.push_str(replacement);
        rest = from.get(used..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

/// The name at the start of `${NAME}…`, if `text` starts so.
pub(crate) fn variable_name(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${")?;
    let name = inner.get(..inner.find('}')?)?;
    (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_unknown_ones_stay() {
        let value = |name: &str| (name == "A").then_some("1");
        assert_eq!(substitute("x ${A}${B} ${ ${A", value), "x 1${B} ${ ${A");
    }

    #[test]
    fn columns_count_characters_and_offsets_count_bytes() {
        let source = SourceText::new("é a\nβγ d");
        assert_eq!(source.offset(Location { line: 1, column: 3 }), 3);
        assert_eq!(source.offset(Location { line: 2, column: 4 }), 10);
        assert_eq!(source.offset(Location { line: 9, column: 1 }), 11);
    }
}
