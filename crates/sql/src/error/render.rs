//! Draws an error with its place in the script.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use sloth_types::{Error, ErrorKind};

/// Draws `error` with the line of `text` that it points at, a caret under the word, and its hint.
pub fn render_error(text: &str, file_name: &str, error: &Error) -> String {
    let message = error.message();
    let title = match error.kind() {
        ErrorKind::Internal => format!("internal error: {message}"),
        _ => message.to_owned(),
    };
    let Some(span) = error.span() else { return without_place(&title, error) };
    let snippet = Snippet::source(text).path(file_name).annotation(AnnotationKind::Primary.span(clip(text, span)));
    let mut group = Level::ERROR.primary_title(title).element(snippet);
    if let Some(detail) = error.detail_text() {
        group = group.element(Level::NOTE.message(detail.to_owned()));
    }
    if let Some(hint) = error.hint_text() {
        group = group.element(Level::HELP.message(hint.to_owned()));
    }
    Renderer::plain().render(&[group]).to_string()
}

/// An error that points at nothing: the same lines, and no margin for a text that is not shown.
fn without_place(title: &str, error: &Error) -> String {
    let detail = error.detail_text().map(|detail| format!("\n  = note: {detail}"));
    let hint = error.hint_text().map(|hint| format!("\n  = help: {hint}"));
    format!("error: {title}{}{}", detail.unwrap_or_default(), hint.unwrap_or_default())
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
