//! The top-level members a scan has met: spans of the wanted ones, and whether a key came twice.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::error::{JsonError, JsonErrorKind::DuplicateKey};
use super::text::unescape;

/// Up to here a repeated key is sought by comparing with each, marks first; past it in a (keyed) hash set, so that a body
/// of a hundred thousand keys costs no quadratic time. A Responses answer has some thirty keys.
const LINEAR_KEYS: usize = 64;

pub(super) struct Members<'a> {
    wanted: &'a [&'a [u8]],
    spans: Vec<Option<Range<usize>>>,
    /// Index into `wanted` and start of the value being read, when it is wanted.
    open: Option<(usize, usize)>,
    marks: Vec<u64>,
    seen: Vec<Cow<'a, [u8]>>,
    seen_many: HashSet<Cow<'a, [u8]>>,
    duplicate: Option<(usize, String)>,
}

impl<'a> Members<'a> {
    pub(super) fn new(wanted: &'a [&'a [u8]]) -> Self {
        Self {
            wanted,
            spans: vec![None; wanted.len()],
            open: None,
            marks: Vec::with_capacity(LINEAR_KEYS),
            seen: Vec::with_capacity(LINEAR_KEYS),
            seen_many: HashSet::new(),
            duplicate: None,
        }
    }

    /// A top-level key: its bytes between the quotes, its offset, and where its value starts.
    pub(super) fn key(&mut self, raw: &'a [u8], escaped: bool, key_at: usize, value_at: usize) {
        let name = if escaped { unescape(raw) } else { Cow::Borrowed(raw) };
        self.open = self.wanted.iter().position(|wanted| **wanted == *name).map(|index| (index, value_at));
        let shown = self.duplicate.is_none().then(|| name.clone());
        if !self.remember(name)
            && let Some(name) = shown
        {
            self.duplicate = Some((key_at, String::from_utf8_lossy(&name).into_owned()));
        }
    }

    #[inline]
    pub(super) fn value_ends(&mut self, end: usize) {
        if let Some((index, start)) = self.open.take() {
            self.spans[index] = Some(start..end);
        }
    }

    pub(super) fn into_spans(self) -> Result<Vec<Option<Range<usize>>>, JsonError> {
        match self.duplicate {
            None => Ok(self.spans),
            Some((offset, name)) => {
                Err(JsonError::new(DuplicateKey, offset, format!("the top-level key `{name}` stands twice")))
            }
        }
    }

    /// False when the key was there before.
    fn remember(&mut self, name: Cow<'a, [u8]>) -> bool {
        if self.seen.len() < LINEAR_KEYS {
            let mark = mark(&name);
            let new = !(self.marks.contains(&mark) && self.seen.contains(&name));
            self.marks.push(mark);
            self.seen.push(name);
            return new;
        }
        if self.seen_many.is_empty() {
            self.seen_many.extend(self.seen.iter().cloned());
        }
        self.seen_many.insert(name)
    }
}

/// Equal keys have equal marks: the length, the first three bytes and the last four.
fn mark(name: &[u8]) -> u64 {
    let start = name.iter().take(3).fold(name.len() as u64, |mark, byte| mark << 8 | u64::from(*byte));
    name.iter().rev().take(4).fold(start, |mark, byte| mark << 8 | u64::from(*byte))
}
