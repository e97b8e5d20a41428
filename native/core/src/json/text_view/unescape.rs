//! The meaning of a string's raw bytes, and the way back from an offset in it.
//!
//! A tool call's arguments are JSON inside a string in some dialects, and a tool's result often is: what stands in the strings
//! of that JSON is escaped twice. The meaning of such a text is that of its strings.

use wide::u8x16;

use super::super::scan::is_json;
use super::super::text::escape_at;
use super::MAX_DEPTH;

/// Append the meaning of `raw`, which `is_arguments` or any text.
pub fn text_into(raw: &[u8], is_arguments: bool, out: &mut Vec<u8>) {
    let start = out.len();
    if unescape_into(raw, out) && is_escaped_again(&out[start..], is_arguments) {
        let inner = out.split_off(start);
        unescape_into(&inner, out);
    }
}

/// Arguments may be broken JSON; their escapes are good all the same.
fn is_escaped_again(text: &[u8], is_arguments: bool) -> bool {
    memchr::memchr(b'\\', text).is_some() && (is_arguments || is_json(text, MAX_DEPTH))
}

/// Append the meaning of `raw`. Lone surrogates become their three bytes (WTF-8); broken escapes stay as they are. False when
/// there are none.
pub(super) fn unescape_into(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.extend_from_slice(raw);
    let Some(mut at) = memchr::memchr(b'\\', raw) else { return false };
    // a meaning is never longer than its bytes: it is written over them
    let text = &mut out[start..];
    let mut to = at;
    let mut meaning = Vec::with_capacity(4);
    while at < raw.len() {
        // here is a backslash
        let plain = raw.get(at + 1).map_or(0, |&letter| MEANS[usize::from(letter)]);
        if plain == 0 {
            meaning.clear();
            at = escape_at(raw, at, &mut meaning);
            text[to..to + meaning.len()].copy_from_slice(&meaning);
            to += meaning.len();
        } else {
            text[to] = plain;
            (at, to) = (at + 2, to + 1);
        }
        let run = copy_plain(&raw[at..], &mut text[to..]);
        (at, to) = (at + run, to + run);
    }
    out.truncate(start + to);
    true
}

/// Copy up to the first backslash; gives how much that is. What is behind it in `to` may be anything.
#[inline]
fn copy_plain(raw: &[u8], to: &mut [u8]) -> usize {
    let (blocks, rest) = raw.as_chunks::<16>();
    for (index, (block, to)) in blocks.iter().zip(to.as_chunks_mut::<16>().0).enumerate() {
        *to = *block;
        let backslashes = u8x16::from(*block).simd_eq(u8x16::splat(b'\\')).to_bitmask();
        if backslashes != 0 {
            return index * 16 + backslashes.trailing_zeros() as usize;
        }
    }
    let at = blocks.len() * 16;
    let run = rest.iter().position(|&byte| byte == b'\\').unwrap_or(rest.len());
    to[at..at + run].copy_from_slice(&rest[..run]);
    at + run
}

/// What a letter behind a backslash means, where that is one byte; 0 for all others.
const MEANS: [u8; 256] = {
    let mut means = [0; 256];
    let mut pairs: &[(u8, u8)] = &[
        (b'n', b'\n'),
        (b't', b'\t'),
        (b'r', b'\r'),
        (b'b', 8),
        (b'f', 12),
        (b'"', b'"'),
        (b'\\', b'\\'),
        (b'/', b'/'),
    ];
    while let [(letter, meaning), rest @ ..] = pairs {
        means[*letter as usize] = *meaning;
        pairs = rest;
    }
    means
};

/// The way back from the text that [`text_into`] gives to its raw bytes.
#[derive(Debug)]
pub struct WayBack {
    outer: Marks,
    /// The JSON inside.
    inner: Option<(Vec<u8>, Marks)>,
}

impl WayBack {
    /// Of the text of `raw`.
    #[must_use]
    pub fn new(raw: &[u8], is_arguments: bool) -> Self {
        let mut text = Vec::with_capacity(raw.len());
        let is_again = unescape_into(raw, &mut text) && is_escaped_again(&text, is_arguments);
        let inner = is_again.then(|| {
            let marks = Marks::of(&text);
            (text, marks)
        });
        Self { outer: Marks::of(raw), inner }
    }

    /// The bytes of `raw` that mean bytes `start..end` of the text. An escape that is only partly meant is taken whole: nothing
    /// of what was found stays.
    #[must_use]
    pub fn span(&self, raw: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
        if let Some((inner, marks)) = &self.inner {
            (start, end) = raw_span(inner, marks.before(start), start, end);
        }
        raw_span(raw, self.outer.before(start), start, end)
    }
}

/// Raw bytes `..at` mean `meant` bytes of text.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    at: usize,
    meant: usize,
}

/// Some on the way through a long text, so that its thousandth finding is as near as its first.
#[derive(Debug)]
struct Marks(Vec<Mark>);

const STRIDE: usize = 4096;

impl Marks {
    fn of(raw: &[u8]) -> Self {
        let mut marks = Vec::new();
        let mut mark = Mark::default();
        let mut scratch = Vec::with_capacity(4);
        while raw.len() - mark.at > STRIDE {
            let next = mark.at + STRIDE;
            while mark.at < next {
                let run = memchr::memchr(b'\\', &raw[mark.at..next]).unwrap_or(next - mark.at);
                (mark.at, mark.meant) = (mark.at + run, mark.meant + run);
                if mark.at < next {
                    scratch.clear();
                    mark.at = escape_at(raw, mark.at, &mut scratch);
                    mark.meant += scratch.len();
                }
            }
            marks.push(mark);
        }
        Self(marks)
    }

    fn before(&self, meant: usize) -> Mark {
        let after = self.0.partition_point(|mark| mark.meant <= meant);
        after.checked_sub(1).and_then(|last| self.0.get(last)).copied().unwrap_or_default()
    }
}

fn raw_span(raw: &[u8], from: Mark, start: usize, end: usize) -> (usize, usize) {
    let Mark { mut at, mut meant } = from;
    let mut from = None;
    let mut scratch = Vec::with_capacity(4);
    loop {
        let run = memchr::memchr(b'\\', &raw[at..]).unwrap_or(raw.len() - at);
        if from.is_none() && start < meant + run {
            from = Some(at + (start - meant));
        }
        if end <= meant + run {
            let to = at + (end - meant);
            return (from.unwrap_or(to), to);
        }
        at += run;
        meant += run;
        if at >= raw.len() {
            return (from.unwrap_or(raw.len()), raw.len());
        }
        scratch.clear();
        let next = escape_at(raw, at, &mut scratch);
        if from.is_none() && start < meant + scratch.len() {
            from = Some(at);
        }
        (at, meant) = (next, meant + scratch.len());
        if end <= meant {
            return (from.unwrap_or(at), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn marks_change_no_way_back(
            part in prop::collection::vec(prop::sample::select(vec!["\\n", "\\u00e9", "\\\\n", "\\\\", "\\\\u0041", "abc", "é", "\\ud83d\\ude00", "\\\""]), 1..30),
            shift in 0..9usize,
        ) {
            let part = part.concat().into_bytes();
            let raw = [&b"xxxxxxxxx"[..shift], &part.repeat(10_000 / part.len())].concat();
            for is_arguments in [false, true] {
                let mut text = Vec::new();
                text_into(&raw, is_arguments, &mut text);
                let way = WayBack::new(&raw, is_arguments);
                let inner = way.inner.as_ref().map(|(inner, _)| (inner.clone(), Marks(Vec::new())));
                let plain = WayBack { outer: Marks(Vec::new()), inner };
                let near_marks = way.outer.0.iter().flat_map(|mark| mark.meant - 7..mark.meant + 7);
                for start in near_marks.chain(text.len() - 5..text.len()) {
                    for length in [0, 1, 5] {
                        prop_assert_eq!(way.span(&raw, start, start + length), plain.span(&raw, start, start + length));
                    }
                }
            }
        }
    }
}
