//! What cannot be maintained exactly yet is refused, with the place in the text and what to write instead.

use arrow::datatypes::DataType;
use datafusion::logical_expr::LogicalPlan;
use sloth_types::{Error, Result};

use super::Lowering;
use super::relation::Relation;

impl Lowering<'_> {
    /// The error for a plan node that has no streaming form yet.
    pub(super) fn refuse(&self, plan: &LogicalPlan) -> Error {
        let (what, word, hint) = match plan {
            LogicalPlan::Join(_) => (
                "joins need retraction",
                "JOIN",
                "Joins, EXISTS and IN with a subquery come with exact incremental SQL; until then denormalise upstream.",
            ),
            LogicalPlan::Sort(_) => (
                "ORDER BY without LIMIT has no meaning for a result that is kept up to date",
                "ORDER BY",
                "Add LIMIT n to keep the first n rows, or sort where the result is shown (a screen tile has `sort` and \
                 `limit`).",
            ),
            _ => ("this query cannot be kept up to date yet", "SELECT", "It comes with exact incremental SQL."),
        };
        self.refuse_text(what, word, hint)
    }

    /// Intervals are computed with, but no table has them.
    pub(super) fn refuse_intervals(&self, relation: &Relation) -> Result<()> {
        let odd = |t: &DataType| matches!(t, DataType::Duration(_) | DataType::Interval(_));
        if !relation.schema.fields().iter().any(|f| odd(f.data_type())) {
            return Ok(());
        }
        Err(self.refuse_text(
            "a result cannot hold an interval",
            "SELECT",
            "Write TIMESTAMPDIFF(SECOND, earlier, later) for the difference of two times.",
        ))
    }

    /// A refusal that points at a word of the current statement.
    pub(super) fn refuse_text(&self, what: &str, word: &str, hint: &str) -> Error {
        let error = Error::unsupported(what).hint(hint);
        let Some(query) = &self.query else { return error };
        match find_word(&query.text, word) {
            Some(at) => error.at(query.span.start + at..query.span.start + at + word.len()),
            None => error.at(query.span.clone()),
        }
    }
}

/// Where a word stands in SQL text, outside of quotes and comments, whatever its case.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let (upper, word) = (text.to_ascii_uppercase(), word.to_ascii_uppercase());
    let mut quote: Option<char> = None;
    let mut comment = false;
    let mut before = ' ';
    for (at, c) in upper.char_indices() {
        if comment {
            comment = c != '\n';
        } else if let Some(q) = quote {
            if c == q {
                quote = None;
            }
        } else if c == '-' && upper[at..].starts_with("--") {
            comment = true;
        } else if matches!(c, '\'' | '`' | '"') && !upper[at..].starts_with(&word) {
            quote = Some(c);
        } else if upper[at..].starts_with(&word) && !(before.is_alphanumeric() || before == '_') {
            let after = upper[at + word.len()..].chars().next().unwrap_or(' ');
            if !(after.is_alphanumeric() || after == '_') {
                return Some(at);
            }
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::find_word;

    #[test]
    fn words_are_found_outside_of_quotes_and_comments() {
        let text = "SELECT 'JOIN' -- JOIN\n, join_x FROM a join b";
        assert_eq!(find_word(text, "JOIN"), Some(text.len() - 6));
        assert_eq!(find_word("SELECT 1", "JOIN"), None);
    }
}
