//! One error type for the whole system: what happened, why, and what to do about it.

use std::fmt;
use std::ops::Range;

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user must change the SQL text, an option or a flag.
    Invalid,
    /// The SQL is right, but this version cannot do it exactly, so it refuses.
    Unsupported,
    /// A record could not be decoded and the table's policy is `fail`.
    Data,
    /// An outside system does not answer; trying again later may help.
    Unavailable,
    /// A named limit was reached.
    Limit,
    /// A bug in Sloth.
    Internal,
}

/// An error in the Postgres style: primary message, optional detail and hint, and optionally a place in the SQL text.
#[derive(Clone, Debug)]
pub struct Error(Box<Body>);

#[derive(Clone, Debug)]
struct Body {
    kind: ErrorKind,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    span: Option<Range<usize>>,
}

impl Error {
    /// An error of the given kind; `message` is one sentence without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Body { kind, message: message.into(), detail: None, hint: None, span: None }))
    }
    /// The user must change something.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }
    /// Understood, but not offered.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }
    /// An outside system failed.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }
    /// A record is bad and the policy is `fail`.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }
    /// A bug.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }
    /// Adds the circumstances.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }
    /// Adds what to do, as an imperative sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
    /// Adds the place: a byte range of the SQL text. The first place given stays.
    #[must_use]
    pub fn at(mut self, span: Range<usize>) -> Self {
        self.0.span.get_or_insert(span);
        self
    }
    /// Puts `context` before the message: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }
    /// Who must act.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// The primary message.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// The circumstances, if given.
    pub fn detail_text(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }
    /// What to do, if given.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
    /// The byte range of the SQL text, if given.
    pub fn span(&self) -> Option<Range<usize>> {
        self.0.span.clone()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(detail) = &self.0.detail {
            write!(f, "\n  detail: {detail}")?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Error::internal(error.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::unavailable(error.to_string())
    }
}
