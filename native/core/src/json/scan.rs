//! The strict scanner: proves that a whole body is one JSON object and finds top-level members on the way.
//!
//! One pass, no recursion: the nesting is a stack of bits (object or array), so a hostile body costs one bit per level
//! and stops at `max_depth`. Rules that a test oracle can state too: bytes that are no UTF-8 are reported first, a
//! broken grammar or too much nesting next (whichever comes first in the body), then a top-level value that is no
//! object, then a repeated key.

use std::ops::Range;

use super::error::{
    JsonError,
    JsonErrorKind::{DuplicateKey, Empty, Malformed, NotObject, NotUtf8, TooDeep},
};
use super::members::Members;
use super::text::{number_end, string_end};

/// Validate `body` and find the values of the top-level `keys` (given unescaped), in the order of `keys`.
///
/// # Errors
/// See the module's rules; offsets are bytes from the start of `body`.
pub fn scan_object(body: &[u8], keys: &[&[u8]], max_depth: usize) -> Result<Vec<Option<Range<usize>>>, JsonError> {
    if let Err(fault) = simdutf8::basic::from_utf8(body) {
        let _ = fault; // the fast check does not say where; the slow one does
        let offset = std::str::from_utf8(body).map_or_else(|e| e.valid_up_to(), |_| 0);
        return Err(JsonError::new(NotUtf8, offset, "the body is not UTF-8"));
    }
    Scanner { bytes: body, at: 0, nesting: Nesting::new(max_depth), members: Members::new(keys) }.run()
}

/// Whether `text` is one JSON object or array, and nothing else.
pub(super) fn is_json(text: &[u8], max_depth: usize) -> bool {
    if !is_bracketed(text) {
        return false;
    }
    let scanner = Scanner { bytes: text, at: 0, nesting: Nesting::new(max_depth), members: Members::new(&[]) };
    // the last two are found when all the rest is good
    scanner.run().map_or_else(|fault| matches!(fault.kind, NotObject | DuplicateKey), |_| true)
}

/// Whether `text` begins and ends as an object or array does.
pub(super) fn is_bracketed(text: &[u8]) -> bool {
    matches!(text.trim_ascii(), [b'{', .., b'}'] | [b'[', .., b']'])
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    nesting: Nesting,
    members: Members<'a>,
}

impl Scanner<'_> {
    fn run(mut self) -> Result<Vec<Option<Range<usize>>>, JsonError> {
        let first = self.skip_whitespace();
        if first.is_none() {
            return Err(JsonError::new(Empty, 0, "the body is empty"));
        }
        let first_at = self.at;
        self.value_and_all_inside()?;
        if self.skip_whitespace().is_some() {
            return Err(self.unexpected("nothing after the top-level value"));
        }
        if first != Some(b'{') {
            return Err(JsonError::new(NotObject, first_at, "the top-level value is not an object"));
        }
        self.members.into_spans()
    }

    fn value_and_all_inside(&mut self) -> Result<(), JsonError> {
        loop {
            // A value starts at `at`. Scalars are passed here; an open bracket only adds a level.
            match self.bytes.get(self.at) {
                Some(b'"') => self.at = string_end(self.bytes, self.at + 1)?.0,
                Some(b'{') => {
                    self.open(true)?;
                    if self.skip_whitespace() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                    self.close();
                }
                Some(b'[') => {
                    self.open(false)?;
                    if self.skip_whitespace() != Some(b']') {
                        continue;
                    }
                    self.close();
                }
                Some(b'-' | b'0'..=b'9') => self.at = number_end(self.bytes, self.at)?,
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => return Err(self.unexpected("a value")),
            }
            if !self.step_to_next_value()? {
                return Ok(());
            }
        }
    }

    /// A value just ended. Leave all that ends with it; false when that was the top-level value.
    #[inline]
    fn step_to_next_value(&mut self) -> Result<bool, JsonError> {
        loop {
            match self.nesting.depth {
                0 => return Ok(false),
                1 => self.members.value_ends(self.at),
                _ => {}
            }
            let in_object = self.nesting.in_object();
            match (self.skip_whitespace(), in_object) {
                (Some(b','), true) => {
                    self.at += 1;
                    self.skip_whitespace();
                    self.key()?;
                    return Ok(true);
                }
                (Some(b','), false) => {
                    self.at += 1;
                    self.skip_whitespace();
                    return Ok(true);
                }
                (Some(b'}'), true) | (Some(b']'), false) => self.close(),
                (_, true) => return Err(self.unexpected("`,` or `}` after a value")),
                (_, false) => return Err(self.unexpected("`,` or `]` after a value")),
            }
        }
    }

    /// `"key" :` up to the first byte of the value.
    #[inline]
    fn key(&mut self) -> Result<(), JsonError> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        let start = self.at + 1;
        let (end, escaped) = string_end(self.bytes, start)?;
        self.at = end;
        if self.skip_whitespace() != Some(b':') {
            return Err(self.unexpected("`:` after a key"));
        }
        self.at += 1;
        self.skip_whitespace();
        if self.nesting.depth == 1 {
            self.members.key(&self.bytes[start..end - 1], escaped, start - 1, self.at);
        }
        Ok(())
    }

    fn open(&mut self, object: bool) -> Result<(), JsonError> {
        if !self.nesting.push(object) {
            let detail = format!("nesting is deeper than {} levels", self.nesting.max_depth);
            return Err(JsonError::new(TooDeep, self.at, detail));
        }
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.nesting.pop();
        self.at += 1;
    }

    #[inline]
    fn literal(&mut self, word: &'static [u8]) -> Result<(), JsonError> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Pass whitespace; give the byte that stands there now.
    #[inline]
    fn skip_whitespace(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    #[cold]
    fn unexpected(&self, wanted: &str) -> JsonError {
        let detail = match self.bytes.get(self.at) {
            None => format!("expected {wanted}, but the body ends"),
            Some(b) => format!("expected {wanted}, got `{}`", b.escape_ascii()),
        };
        JsonError::new(Malformed, self.at, detail)
    }
}

/// The open brackets: one bit each, 1 = object. The newest 64 are in `top`, older ones in `rest`.
struct Nesting {
    depth: usize,
    max_depth: usize,
    top: u64,
    rest: Vec<u64>,
}

impl Nesting {
    fn new(max_depth: usize) -> Self {
        Self { depth: 0, max_depth, top: 0, rest: Vec::new() }
    }

    #[inline]
    fn push(&mut self, object: bool) -> bool {
        if self.depth >= self.max_depth {
            return false;
        }
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.rest.push(self.top);
        }
        self.top = (self.top << 1) | u64::from(object);
        self.depth += 1;
        true
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
        self.top >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.top = self.rest.pop().unwrap_or(0);
        }
    }

    #[inline]
    fn in_object(&self) -> bool {
        self.top & 1 == 1
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
