//! One error type for the whole system: what happened, why, and what to do about it.

use std::fmt;
use std::io;
use std::ops::Range;

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user must change the SQL text, a setting or a flag, or something of the machine: the rights to a file, say.
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
    /// What a file system has refused: `what` says what, of which file, as in `'/data/log' cannot be written`. As long as nobody
    /// changes anything some of it will be refused again; a full disk may have room later, and a broken one may work again.
    pub fn of_file(what: impl fmt::Display, error: &(dyn std::error::Error + 'static)) -> Self {
        refused(format!("{what}: {error}"), error)
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
        refused(error.to_string(), &error)
    }
}

fn refused(text: String, error: &(dyn std::error::Error + 'static)) -> Error {
    match refusal(error).and_then(advice) {
        Some(advice) => Error::invalid(text).hint(advice),
        None => Error::unavailable(text),
    }
}

/// What the system has said, if it was the system that has refused.
fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind)
}

/// What to do about a refusal that does not pass by itself.
fn advice(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind;
    match kind {
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            Some("A file stands where a directory is wanted: move it away, or give another path.")
        }
        ErrorKind::IsADirectory => {
            Some("A directory stands where a file is wanted: move it away, or give another path.")
        }
        ErrorKind::PermissionDenied => {
            Some("Give the user who runs Sloth the right to read and write there, or give another path.")
        }
        ErrorKind::ReadOnlyFilesystem => Some("Mount the file system for writing, or give another path."),
        ErrorKind::InvalidFilename => Some("The file system takes no such name: give a shorter path."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        let of = |code: i32| Error::of_file("'x' cannot be written", &io::Error::from_raw_os_error(code));
        // ENOTDIR, EACCES, EPERM, EROFS, ENAMETOOLONG, EISDIR, EEXIST.
        for code in [20, 13, 1, 30, 36, 21, 17] {
            let error = of(code);
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.message().starts_with("'x' cannot be written: ") && error.hint_text().is_some(), "{error}");
        }
        // EIO, ENOSPC, EDQUOT, EMFILE, EINTR, ESTALE.
        for code in [5, 28, 122, 24, 4, 116] {
            assert_eq!(of(code).kind(), ErrorKind::Unavailable, "{}", of(code));
        }
    }

    #[test]
    fn what_the_system_has_said_is_found_below_what_libraries_say() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no luck")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let of = |code: i32| Error::of_file("x", &Outer(io::Error::from_raw_os_error(code))).kind();
        assert_eq!((of(30), of(28)), (ErrorKind::Invalid, ErrorKind::Unavailable));
    }
}
