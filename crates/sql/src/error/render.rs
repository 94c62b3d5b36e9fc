//! Draws an error with its place in the script.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use sloth_types::{Error, ErrorKind};

/// Draws `error` with the line of `text` that it points at, a caret under the word, and its hint.
pub fn render_error(text: &str, file_name: &str, error: &Error) -> String {
    let message = error.message();
    let title = match error.kind() {
        ErrorKind::Internal => format!("internal error: {message}"),
        _ => message.to_owned(),
    };
    let mut report: Vec<Group<'_>> = Vec::new();
    let mut group = match error.span() {
        Some(span) => {
            let span = clip(text, span);
            let snippet = Snippet::source(text).path(file_name).annotation(AnnotationKind::Primary.span(span));
            Level::ERROR.primary_title(title).element(snippet)
        }
        None => Group::with_title(Level::ERROR.primary_title(title)),
    };
    if let Some(detail) = error.detail_text() {
        group = group.element(Level::NOTE.message(detail.to_owned()));
    }
    if let Some(hint) = error.hint_text() {
        group = group.element(Level::HELP.message(hint.to_owned()));
    }
    report.push(group);
    Renderer::plain().render(&report).to_string()
}

/// A range inside the text, on character boundaries and not over the end of its line.
fn clip(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    let end = floor(span.end.max(start));
    let line_end = text.get(start..end).and_then(|t| t.find('\n')).map_or(end, |i| start + i);
    start..line_end
}
