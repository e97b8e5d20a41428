//! The meaning of a string's raw bytes, and the way back from an offset in it.
//!
//! A tool call's arguments are JSON inside a string in some dialects, and a tool's result often is: what stands in the strings
//! of that JSON is escaped twice. The meaning of such a text is that of its strings.

use std::ops::Range;

use super::super::block::StringBlock;
use super::super::scan::{is_bracketed, is_json};
use super::super::text::escape_at;
use super::MAX_DEPTH;

/// So much is copied at once, whatever of it is wanted.
pub(super) const SLACK: usize = 64;

/// Append the meaning of `raw`, which `is_arguments` or any text.
pub fn text_into(raw: &[u8], is_arguments: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + raw.len(), 0);
    let length = write_text(raw, 0..raw.len(), is_arguments, &mut out[start..]);
    out.truncate(start + length);
}

/// Write the meaning of a part of `body` to the beginning of `to`, which is no shorter than it. Gives how long it is; what is
/// behind it may be anything then. Quick while `SLACK` more bytes are there in `body` and in `to`.
pub(super) fn write_text(body: &[u8], raw: Range<usize>, is_arguments: bool, to: &mut [u8]) -> usize {
    let (length, is_escaped) = unescape(body, raw, to);
    if !is_escaped || !is_escaped_again(&to[..length], is_arguments) {
        return length;
    }
    let inner = to[..length].to_vec();
    unescape(&inner, 0..length, to).0
}

/// Arguments may be broken JSON; their escapes are good all the same.
fn is_escaped_again(text: &[u8], is_arguments: bool) -> bool {
    (is_arguments || is_bracketed(text))
        && memchr::memchr(b'\\', text).is_some()
        && (is_arguments || is_json(text, MAX_DEPTH))
}

/// Write the meaning of a part of `body`; gives its length, and whether there are escapes. Lone surrogates become their three
/// bytes (WTF-8); broken escapes stay as they are.
fn unescape(body: &[u8], raw: Range<usize>, to: &mut [u8]) -> (usize, bool) {
    let end = raw.end;
    let (mut at, mut made, mut is_escaped) = (raw.start, 0, false);
    let mut odd = Vec::new();
    'blocks: while at < end {
        let start = at;
        let Some(block) = copy_block(body, at, to, made) else {
            let run = memchr::memchr(b'\\', &body[at..end]).unwrap_or(end - at);
            to[made..made + run].copy_from_slice(&body[at..at + run]);
            (at, made) = (at + run, made + run);
            if at < end {
                is_escaped = true;
                at = escape_at(&body[..end], at, &mut odd);
                made += moved(&mut odd, &mut to[made..]);
            }
            continue;
        };
        let length = (end - start).min(64);
        let mut escapes = block.backslashes() & u64::MAX >> (64 - length);
        is_escaped |= escapes != 0;
        while escapes != 0 {
            let place = escapes.trailing_zeros();
            let escape = start + place as usize;
            made += escape - at;
            let plain = body[..end].get(escape + 1).map_or(0, |&letter| MEANS[usize::from(letter)]);
            if plain == 0 {
                at = escape_at(&body[..end], escape, &mut odd);
                made += moved(&mut odd, &mut to[made..]);
                continue 'blocks;
            }
            to[made] = plain;
            (at, made) = (escape + 2, made + 1);
            escapes &= !(0b11 << place);
            // what follows moves up, as far as nobody knows yet
            if copy_block(body, at, to, made).is_none() {
                continue 'blocks;
            }
        }
        // the last escape may end in the next block
        let stop = at.max(start + length);
        (at, made) = (stop, made + stop - at);
    }
    (made, is_escaped)
}

/// Copy 64 bytes, if both sides have them.
#[inline]
fn copy_block<'a>(body: &'a [u8], at: usize, to: &mut [u8], made: usize) -> Option<StringBlock<'a>> {
    let block = StringBlock::at(body, at)?;
    *to.get_mut(made..)?.first_chunk_mut()? = *block.bytes;
    Some(block)
}

/// Move `from`, which is empty then, to the beginning of `to`; gives how much that was.
fn moved(from: &mut Vec<u8>, to: &mut [u8]) -> usize {
    let length = from.len();
    to[..length].copy_from_slice(from);
    from.clear();
    length
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
        let mut text = vec![0; raw.len()];
        let (length, is_escaped) = unescape(raw, 0..raw.len(), &mut text);
        text.truncate(length);
        let is_again = is_escaped && is_escaped_again(&text, is_arguments);
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
        #[test]
        fn the_meaning_of_a_part_is_that_of_its_bytes_wherever_it_stands(
            parts in prop::collection::vec(prop::sample::select(vec![
                "\\n", "\\\"", "\\\\", "\\u00e9", "\\ud83d\\ude00", "\\u12", "\\x", "x", "plain text", "sixty-four bytes, or a few more, in which no escape stands at all ",
            ]), 0..60),
            before in 0..3usize,
            behind in 0..140usize,
            room in 0..140usize,
        ) {
            let raw = parts.concat().into_bytes();
            let body = [&b"\\\\\\"[..before], &raw, &[b'\\'; 140][..behind]].concat();
            let mut to = vec![b'?'; raw.len() + room];
            let length = write_text(&body, before..before + raw.len(), false, &mut to);
            prop_assert_eq!(&to[..length], &*crate::json::text::unescape(&raw));
        }
    }

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
