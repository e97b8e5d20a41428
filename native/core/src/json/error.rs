//! What can be wrong with a JSON body: a kind to switch on, a byte offset, and words for a person.

use std::fmt;

/// The fault, as callers switch on it. `as_str` is the public spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The grammar of RFC 8259 is broken.
    Malformed,
    /// Valid JSON, but the top-level value is no object.
    NotObject,
    /// More nesting than allowed.
    TooDeep,
    /// A top-level key stands twice (compared after unescaping).
    DuplicateKey,
    /// Nothing, or only whitespace.
    Empty,
}

impl JsonErrorKind {
    /// The stable spelling, as Python sees it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::Malformed => "malformed",
            Self::NotObject => "not_object",
            Self::TooDeep => "too_deep",
            Self::DuplicateKey => "duplicate_key",
            Self::Empty => "empty",
        }
    }
}

/// A refused body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Where, in bytes from the start of the body.
    pub offset: usize,
    /// The same in words; names the key or the byte.
    pub detail: String,
}

impl JsonError {
    pub(crate) fn new(kind: JsonErrorKind, offset: usize, detail: impl Into<String>) -> Self {
        Self { kind, offset, detail: detail.into() }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.kind.as_str(), self.offset, self.detail)
    }
}

impl std::error::Error for JsonError {}
