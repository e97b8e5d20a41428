//! The lenient finder: members of an object without proof that the rest is well formed.
//!
//! For bytes an upstream sent and for bodies that `scan_object` has passed already. It never panics and never loops on
//! broken input; what it finds there is unspecified.

use std::ops::Range;

use super::block::next_structural;
use super::text::{lenient_string_end as string_end, unescape};

/// The span of the value at `path` (unescaped keys, outermost first) inside the object `body`.
#[must_use]
pub fn find_path(body: &[u8], path: &[&[u8]]) -> Option<Range<usize>> {
    let mut span = 0..body.len();
    for key in path {
        let inside = find_member(&body[span.clone()], key)?;
        span = span.start + inside.start..span.start + inside.end;
    }
    Some(span)
}

/// The span of one member's value in the object `object`; the last one when the key stands more than once.
#[must_use]
pub fn find_member(object: &[u8], key: &[u8]) -> Option<Range<usize>> {
    let mut found = None;
    for (name, value) in members(object) {
        if is_key(name, key) {
            found = Some(value);
        }
    }
    found
}

/// True when the raw (maybe escaped) bytes of a key spell `key`.
#[inline]
#[must_use]
pub fn is_key(raw: &[u8], key: &[u8]) -> bool {
    raw == key || (raw.contains(&b'\\') && *unescape(raw) == *key)
}

/// The members of the object that `bytes` starts with: raw key bytes (between the quotes) and span of the value.
#[must_use]
pub fn members(bytes: &[u8]) -> MemberIter<'_> {
    let at = skip_whitespace(bytes, 0);
    let at = if bytes.get(at) == Some(&b'{') { at + 1 } else { bytes.len() };
    MemberIter { bytes, at }
}

/// See [`members`].
#[derive(Debug)]
pub struct MemberIter<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for MemberIter<'a> {
    type Item = (&'a [u8], Range<usize>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut at = skip_whitespace(self.bytes, self.at);
        if self.bytes.get(at) == Some(&b',') {
            at = skip_whitespace(self.bytes, at + 1);
        }
        self.at = self.bytes.len(); // whatever is not a member ends the walk
        if self.bytes.get(at) != Some(&b'"') {
            return None;
        }
        let key_end = string_end(self.bytes, at + 1);
        let key = self.bytes.get(at + 1..key_end.checked_sub(1)?)?;
        at = skip_whitespace(self.bytes, key_end);
        if self.bytes.get(at) != Some(&b':') {
            return None;
        }
        let start = skip_whitespace(self.bytes, at + 1);
        let end = value_end(self.bytes, start);
        if end == start {
            return None;
        }
        self.at = end;
        Some((key, start..end))
    }
}

/// The elements of the array that `bytes` starts with.
pub fn elements(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let first = skip_whitespace(bytes, 0);
    let mut at = if bytes.get(first) == Some(&b'[') { first + 1 } else { bytes.len() };
    std::iter::from_fn(move || {
        at = skip_whitespace(bytes, at);
        if bytes.get(at) == Some(&b',') {
            at = skip_whitespace(bytes, at + 1);
        }
        let start = at;
        at = if bytes.get(start) == Some(&b']') { start } else { value_end(bytes, start) };
        if at == start {
            at = bytes.len();
            return None;
        }
        Some(start..at)
    })
}

/// Index after the value that starts at `start`; `start` itself when none does.
pub(super) fn value_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => string_end(bytes, start + 1),
        Some(b'{' | b'[') => container_end(bytes, start),
        Some(_) => {
            let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b':' | b'"');
            bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
        }
        None => start,
    }
}

fn container_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    loop {
        at = next_structural(bytes, at);
        match bytes.get(at) {
            Some(b'"') => at = string_end(bytes, at + 1),
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(_) => {
                depth -= 1; // never below 0: the first structural byte is the opening one
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
            None => return bytes.len(),
        }
    }
}

#[inline]
pub(super) fn skip_whitespace(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
